"""Schemathesis over the whole OpenAPI, against a real server with real tokens.

No answer is one of ours to be sorry for (5xx), and none is outside what the document says. Negotiations
are played first, so that every operation succeeds; then Schemathesis makes up requests of its own, put
where something stands, with everybody's tokens and the versions of real plans.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

from planflow.config import Settings
from planflow.services.site import open_site
from tests.api.provider import SECRET, running
from tests.api.test_server import free_port
from tests.e2e.served import service
from tests.openapi import identity, play
from tests.openapi.asker import CHECKS, FORMS, Asker

LEAST = 20
# What a run cannot bring about at will: our own defects, a database that is away, a slow line.
RARE = {"internal", "database_busy", "database_unavailable", "database_readonly", "too_slow"}
RARE |= {"not_ready", "too_many_requests", "key_running", "receipt_pending"}
_numbers = count(1)


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    folder = tmp_path_factory.mktemp("schemathesis")
    protocols = folder / "protocols"
    protocols.mkdir()
    (protocols / "two-persons.yaml").write_text(play.TWO, "utf-8")
    url = f"sqlite:///{folder / 'planflow.db'}"
    site = open_site(Settings(database_url=SecretStr(url)), migrate=True)
    play.people_it(site)
    site.close()
    free = {"PLANFLOW_RATE_ACTOR": "0", "PLANFLOW_RATE_ADDRESS": "0", "PLANFLOW_LANG": "zh"}
    # All come from one address, and stay signed in for as long as a run takes.
    free |= {"PLANFLOW_FREE_ATTEMPTS_OF_ADDRESS": "1000000", "PLANFLOW_TOKEN_MINUTES": "600"}
    with running(free_port()) as issuer:
        free |= {"PLANFLOW_OIDC_ISSUER": issuer, "PLANFLOW_OIDC_CLIENT_SECRET": SECRET}
        with service(url, PLANFLOW_PROTOCOLS=str(protocols), **free) as base_url:
            made = Asker(base_url)
            for name, _, _ in play.USERS:
                made.sign_in(name)
            yield made


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
        known["event"] += play.reading(it, f"exit-{number}")
        known["cycle"] += [f"exit-{number}", f"budget-{number}"]
    known |= {"code": known["unit"], "name": known["protocol"], "log": [*known["cycle"], "site"]}
    known |= {"parent": known["unit"], "from": known["round"], "to": known["round"]}
    return known


def repeated(it: Asker, known: dict[str, list[str]], least: int) -> None:
    """Acts that may be done again until each has succeeded so often: working copies, readings."""
    for _ in range(least):
        for event in known["event"][:1]:
            it.ask("auditor", "event_proof", {"event": event})
        for _ in play.reading(it, known["cycle"][0]):
            pass
        identity.reading(it)
        it.sign_in("auditor")


def made_up(it: Asker, known: dict[str, list[str]], each: int, number: int) -> None:
    """Requests that Schemathesis makes up from the document, right ones and wrong ones."""
    chance = random.Random(number)
    for name, operation in it.operations.items():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
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


def provoked(it: Asker, known: dict[str, list[str]]) -> None:
    """At every operation what it may be refused with: by its head, by who asks, by what was said."""
    cycle = known["cycle"][0]
    subjects = {}
    for unit, many in (("450200", "commitments"), ("450224", "corrections"), ("450000", "papers")):
        found = it.ask("region", "get_plan", {"cycle": cycle, "unit": unit}).json()[many][0]
        subjects[many[:-1]] = {"unit": unit, many[:-1]: found["id"]}
    for name, operation in it.operations.items():
        names = [part.name for part in operation.path_parameters]
        about: dict[str, str] = next((subjects[one] for one in names if one in subjects), {})
        place = {"cycle": cycle, "unit": "450200", "account": known["account"][0], **about}
        path = {one: place.get(one, "none") for one in names}
        nowhere = dict.fromkeys(path, "none")
        get, act = operation.method.upper() == "GET", "428" in operation.definition.raw["responses"]
        version = {"If-Match": f'"{it.version("region", cycle, place["unit"])}"'} if act else {}
        body = {} if get or name in FORMS else {"body": {}, "media_type": "application/json"}
        signed = it.signed("region")

        def send(where: dict[str, str], *heads: dict[str, str], **more: Any) -> None:
            headers = {key: value for head in heads for key, value in head.items()}
            it.send(name, operation.Case(path_parameters=where, headers=headers, **more))  # noqa: B023

        send(path, {"Cookie": "x" * 20_000})
        send(path, query={"x": "x" * 9_000})
        if not body:
            send(path, {"Content-Length": "0", "Transfer-Encoding": "chunked"})
        if name in {*FORMS, "healthz", "readyz", "metrics"}:
            continue
        send(path, **body)
        send(nowhere, signed, version, **body)
        if get:
            send(path, signed, query={"limit": "x", "as_of": "x", "epoch": "x", "format": "x"})
            continue
        large = {"body": {"x": "x" * (5 << 20)}, "media_type": "application/json"}
        send(path, signed, **large)
        wrong = {"body": {"x": 1}, "media_type": "application/json"}
        for who in ("auditor", "region", "city", "secadmin"):
            send(path, it.signed(who), version, **body)
            send(path, it.signed(who), version, **wrong)
        if act:
            send(path, signed, **body)
            send(path, signed, {"If-Match": '"999"'}, **body)


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


# No request of a client's can bring these about at will.
UNPROVOKED = {"400", "408", "429", "500", "503"}


def check(it: Asker, least: int) -> None:
    """Print what was asked and answered, and hold it against the document."""
    total = sum(it.counts.values())
    good = dict.fromkeys(it.operations, 0)
    for (name, status), times in it.counts.items():
        good[name] += times if status < 300 else 0
    print(f"\n{total} requests\n{it.table()}\ncodes {dict(sorted(it.codes.items()))}")
    unseen = {
        name: sorted(
            status
            for status in operation.definition.raw["responses"]
            if status not in UNPROVOKED and not it.counts[name, int(status)]
        )
        for name, operation in it.operations.items()
    }
    unseen = {name: statuses for name, statuses in unseen.items() if statuses}
    print(f"declared and not seen in this run: {unseen}")
    assert not [one for one in it.counts if one[1] >= 500]
    assert {name: times for name, times in good.items() if times < least} == {}
    assert declared(it) - set(it.codes) - RARE == set()


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


def test_every_operation_answers_as_the_document_says(asker: Asker) -> None:
    known = played(asker, 2)
    repeated(asker, known, 3)
    provoked(asker, known)
    again(asker, known["cycle"][0])
    identity.refused(asker)
    made_up(asker, known, each=3, number=1)
    check(asker, least=2)


@pytest.mark.soak
def test_every_operation_answers_as_the_document_says_for_long(asker: Asker) -> None:
    number = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
    known = played(asker, LEAST)
    repeated(asker, known, LEAST)
    provoked(asker, known)
    again(asker, known["cycle"][0])
    identity.refused(asker)
    made_up(asker, known, each=100_000 // (2 * len(asker.operations)), number=number)
    check(asker, least=LEAST)
