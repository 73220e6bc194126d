"""Schemathesis over the whole OpenAPI, against a real server with real tokens.

No answer is one of ours to be sorry for (5xx), and none is outside what the document says. Negotiations
are played first, so that every operation succeeds at least 20 times; then every refusal that the document
declares is brought about at every operation, those of time, load and our own defects by a service beside
it that is put in trouble; then Schemathesis makes up requests of its own, put where something stands,
with everybody's tokens and the versions of real plans.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

from planflow.config import Settings
from planflow.services.site import open_site
from planflow.store import copying
from tests.api.provider import SECRET, running
from tests.api.test_server import free_port
from tests.e2e.served import service
from tests.openapi import identity, play, refusals
from tests.openapi.asker import CHECKS, Asker

LEAST = 20
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108 - a folder of one's own is made in it
_numbers = count(1)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Power cuts are not what this is about: where there is memory enough, no disk is waited for.
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with TemporaryDirectory(prefix="planflow-", dir=MEMORY if roomy else None) as name:
        made = Path(name)
        (made / "protocols").mkdir()
        (made / "protocols" / "two-persons.yaml").write_text(play.TWO, "utf-8")
        yield made


@pytest.fixture(scope="module")
def asker(folder: Path) -> Iterator[Asker]:
    url = f"sqlite:///{folder / 'planflow.db'}"
    site = open_site(Settings(database_url=SecretStr(url)), migrate=True)
    play.people_it(site)
    site.close()
    with running(free_port()) as issuer, service(url, **environment(folder, issuer)) as base_url:
        made = Asker(base_url)
        for name, _, _ in play.USERS:
            made.sign_in(name)
        yield made


def environment(folder: Path, issuer: str) -> dict[str, str]:
    return {
        "PLANFLOW_RATE_ACTOR": "0",
        "PLANFLOW_RATE_ADDRESS": "0",
        # All come from one address, and stay signed in for as long as a run takes.
        "PLANFLOW_FREE_ATTEMPTS_OF_ADDRESS": "1000000",
        "PLANFLOW_TOKEN_MINUTES": "600",
        "PLANFLOW_LANG": "zh",
        "PLANFLOW_PROTOCOLS": str(folder / "protocols"),
        "PLANFLOW_OIDC_ISSUER": issuer,
        "PLANFLOW_OIDC_CLIENT_SECRET": SECRET,
    }


def played(it: Asker, times: int) -> dict[str, list[str]]:
    """Negotiations, and what there is to be named afterwards."""
    known: dict[str, list[str]] = {
        "unit": ["450000", "450200", "450224", "450225", "T", "D"],
        "round": ["up1", "down1", "up2", "down2", "adjust"],
        "version": [str(number) for number in range(12)],
        "protocol": ["exit-plan", "two-persons"],
        "path": ["0/000.p/1", "0/000", "entries/000.p/2"],
        "cycle": [],
        "event": [],
        "account": [],
    }
    for _ in range(times):
        number = next(_numbers)
        play.small(it, number)
        play.exit_plan(it, f"exit-{number}")
        play.budget(it, f"budget-{number}")
        known["account"].append(identity.come_and_go(it, number))
        identity.reading(it)
        events = list(play.reading(it, f"exit-{number}"))
        it.ask("auditor", "event_proof", {"event": events[0]})
        known["event"] += events
        known["cycle"] += [f"exit-{number}", f"budget-{number}"]
    known |= {"code": known["unit"], "name": known["protocol"], "log": [*known["cycle"], "site"]}
    known |= {"parent": known["unit"], "from": known["round"], "to": known["round"]}
    return known


def made_up(it: Asker, known: dict[str, list[str]], total: int, number: int) -> None:
    """Requests that Schemathesis makes up from the document, right ones and wrong ones: so many."""
    chance, end = random.Random(number), it.counts.total() + total
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    while it.counts.total() < end:
        # Some operations have fewer cases than they are asked for: what is missing goes round again.
        each = -(-(end - it.counts.total()) // (len(modes) * len(it.operations)))
        for name, operation in it.operations.items():
            for mode in modes:
                try:
                    cases = operation.as_strategy(generation_mode=mode)
                    cases_of(it, name, cases, known, each, chance)()
                except Exception as error:
                    # An operation without parameters cannot be asked in a wrong way.
                    if "Unsatisfiable" not in type(error).__name__:
                        raise


def cases_of(
    it: Asker, name: str, cases: Any, known: dict[str, list[str]], each: int, chance: random.Random
) -> Callable[[], None]:
    @seed(chance.randrange(1 << 30))
    @settings(
        max_examples=each,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        it.nudge(case, known, chance)
        it.send(name, case)

    return ask


def refused(it: Asker, known: dict[str, list[str]], folder: Path) -> Asker:
    """Bring about every refusal that the document declares; who was asked beside the service."""
    cycle = known["cycle"][0]
    place = {"cycle": cycle, "unit": "450200", "round": "up1", "code": "450224", "grant": "none"}
    place |= {"name": "exit-plan", "path": "0/000.p/1", "account": known["account"][0]}
    place["event"] = known["event"][0]
    for unit, many in (("450200", "commitments"), ("450224", "corrections"), ("450000", "papers")):
        found = it.ask("region", "get_plan", {"cycle": cycle, "unit": unit}).json()[many][0]
        place[many[:-1]] = found["id"]
    place["delegation"] = play.stood_in(it)
    made = it.ask("city", "make_service_token", body=identity.PROGRAM).json()
    place["token"], it.tokens[refusals.PROGRAM] = made["id"], made["token"]
    with in_trouble(it, folder) as beside:
        refusals.Refusals(it, beside, place).brought_about()
    del it.tokens[refusals.PROGRAM]
    return beside


@contextmanager
def in_trouble(it: Asker, folder: Path) -> Iterator[Asker]:
    """A service that can be put in trouble, on a copy of the database and the ledger's folder."""
    copying.copy(folder / "planflow.db", folder / "beside.db")
    kept = shutil.copytree(os.environ["PLANFLOW_LEDGER_FOLDER"], folder / "ledger")
    narrow = environment(folder, "https://provider.example")
    narrow |= {"PLANFLOW_BODY_SECONDS": "0.1", "PLANFLOW_SECOND_FACTOR_ROLES": "sysadmin"}
    narrow |= {"PLANFLOW_LEDGER_FOLDER": str(kept)}
    url = f"sqlite:///{folder / 'beside.db'}"
    with service(url, "tests.openapi.troubled:create_app", **narrow) as address:
        beside = it.beside(address)
        beside.sign_in("system")
        beside.tokens[refusals.HALF] = beside.tokens["system"]
        yield beside


def again(it: Asker, cycle: str) -> None:
    """What exists already, a key used twice, an act out of turn."""
    body = {"id": cycle, "protocol": "exit-plan", "year": 2019, "root": "450000"}
    body |= {"leaf_level": "county"}
    it.ask("region", "create_cycle", body=body, status=409)
    key = {"Idempotency-Key": cycle}
    for number, status in ((1, 201), (2, 422)):
        made = body | {"id": f"again-{cycle}-{number}"}
        it.ask("region", "create_cycle", body=made, headers=key, status=status)
    who, place = "city", {"cycle": cycle, "unit": "450224"}
    match = {"If-Match": f'"{it.version(who, cycle, "450224")}"'}
    why = {"reason_code": "inconsistent", "text": "x"}
    it.ask(who, "return", place, headers=match, body=why, status=409)
    it.ask("region", "close_round", {"cycle": cycle, "round": "up1"}, body={}, status=409)
    promise = {"indicator": "villages", "from": 1, "to": 2, "funded": True, "settle_in": "adjust"}
    match = {"If-Match": f'"{it.version(who, cycle, "450200")}"'}
    place = {"cycle": cycle, "unit": "450200"}
    promise |= {"reason": "x"}
    it.ask("region", "commitments", place, headers=match, body=promise, status=409)


def check(it: Asker, beside: Asker) -> None:
    """Print what was asked and answered, and hold it against the document."""
    counts, codes = it.counts + beside.counts, it.codes + beside.codes
    good = dict.fromkeys(it.operations, 0)
    for (name, status), times in it.counts.items():
        good[name] += times if status < 300 else 0
    print(f"\n{it.counts.total()} requests, {beside.counts.total()} of a service in trouble")
    print(f"{table(it, counts)}\ncodes {dict(sorted(codes.items()))}")
    pairs = {(name, status) for name in it.operations for status in statuses(it, name)}
    least, scarce = min((times, name) for name, times in good.items())
    print(
        f"{len(good)} operations, each with success {least} times at least ({scarce}); "
        f"{len(pairs)} pairs of operation and status declared, {len(pairs - counts.keys())} not seen"
    )
    assert not [one for one, times in it.counts.items() if one[1] >= 500 and times]
    assert {name: times for name, times in good.items() if times < LEAST} == {}
    assert pairs - counts.keys() == set()
    assert declared(it) - codes.keys() == set()


def statuses(it: Asker, name: str) -> set[int]:
    """What the document says that an operation may answer."""
    return {int(status) for status in it.operations[name].definition.raw["responses"]}


def table(it: Asker, counts: Counter[tuple[str, int]]) -> str:
    """What was asked how often, and answered how."""
    lines = []
    for name in sorted(it.operations):
        found = sorted((status, times) for (one, status), times in counts.items() if one == name)
        lines.append(f"{name:22} " + ", ".join(f"{status}: {times}" for status, times in found))
    return "\n".join(lines)


def declared(it: Asker) -> set[str]:
    """Codes that the document names, of all operations."""
    return {
        code
        for operation in it.operations.values()
        for answer in operation.definition.raw["responses"].values()
        for code in answer["description"].split("`")[1::2]
    }


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (418, "application/json", b"{}"),
        (500, "application/problem+json", b"{}"),
        (200, "text/html", b"<p>"),
        (200, "application/json", b'{"code": 1}'),
        (404, "application/problem+json", b'{"status": "x"}'),
    ],
)
def test_an_answer_outside_the_document_is_found(
    asker: Asker, status: int, kind: str, content: bytes
) -> None:
    case = asker.operations["get_unit"].Case(path_parameters={"code": "x"})
    answer = requests.Response()
    answer.status_code, answer._content = status, content
    answer.headers["Content-Type"] = kind
    answer.request = requests.Request("GET", "http://x/api/v1/units/x").prepare()
    with pytest.raises((Failure, FailureGroup)):
        case.validate_response(answer, checks=CHECKS)


def test_what_a_run_did_not_reach_is_found(asker: Asker) -> None:
    """The check can fail: by a status not seen, a success too rare, a code not told, a fault of ours."""

    def run(
        *, without: tuple[str, int] = ("", 0), rare: str = "", told: str = "", bad: int = 0
    ) -> None:
        pairs = {(name, status) for name in asker.operations for status in statuses(asker, name)}
        well, beside = asker.beside(asker.base_url), asker.beside(asker.base_url)
        well.counts = Counter({one: LEAST for one in pairs - {without} if one[1] < 500})
        beside.counts = Counter({one: 1 for one in pairs - {without} if one[1] >= 500})
        well.codes = Counter(declared(asker) - {told})
        for name, status in list(well.counts):
            if name == rare and status < 300:
                well.counts[name, status] -= 1
        well.counts["get_plan", 503] += bad
        check(well, beside)

    run()
    spoilt: list[dict[str, Any]] = [
        {"without": ("confirm", 412)},
        {"without": ("list_units", 503)},
        {"rare": "waive"},
        {"told": "key_running"},
        {"bad": 1},
    ]
    for how in spoilt:
        with pytest.raises(AssertionError):
            run(**how)


def everything(it: Asker, folder: Path, requests_made: int, number: int) -> None:
    """The whole run: what is known to be good, what is known to be refused, then what is made up."""
    began = time.monotonic()
    known = played(it, LEAST)
    beside = refused(it, known, folder)
    again(it, known["cycle"][0])
    identity.refused(it)
    played_out, at = it.counts.total(), time.monotonic()
    made_up(it, known, requests_made - played_out, number)
    took = time.monotonic() - at
    rate = (it.counts.total() - played_out) / took
    print(f"\nplayed in {at - began:.0f} s; made up in {took:.0f} s, {rate:.0f} a second")
    check(it, beside)


def test_every_operation_answers_as_the_document_says(asker: Asker, folder: Path) -> None:
    """5,000 requests: no 5xx, none outside the document, every operation and every status seen."""
    everything(asker, folder, 5_000, number=1)
    assert asker.counts.total() >= 5_000


@pytest.mark.soak
def test_every_operation_answers_as_the_document_says_for_long(asker: Asker, folder: Path) -> None:
    """The same with 100,000 requests, or as many as `PLANFLOW_SOAK_REQUESTS` says."""
    number = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
    many = int(os.environ.get("PLANFLOW_SOAK_REQUESTS", "100000"))
    everything(asker, folder, many, number)
    assert asker.counts.total() >= many
