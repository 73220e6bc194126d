"""Planted names, texts, passwords and tokens are found nowhere they do not belong.

Not in the log at its most talkative, in the addresses and headers of answers, in refusals, in numbers,
nor in a leaf of the ledger, which is for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from planflow.services.people import add_user, shell_token
from planflow.services.site import open_site
from planflow.store.tables import EventRow, table
from tests.api.conftest import RONGAN, RONGSHUI
from tests.api.test_listening import served

NAME = "planted-name-韦某某"
PASSWORD = "planted-password-1"
WRONG = "planted-wrong-password"
TEXT = "planted-text-家庭困难"
DOCUMENT = "planted-document〔2019〕1号"
QUERY = "planted-query"
KEY = "planted-idempotency-key"
BEARER = "planted-bearer-token"


@dataclass
class Trace:
    """All that came back, and what must not be in it."""

    refusals: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def keep(self, answer: httpx.Response) -> None:
        self.heads.append(str(answer.headers))
        if answer.status_code >= 400:
            answer.read()
            self.refusals.append(answer.text)


@dataclass
class Left:
    """What the run left behind."""

    trace: Trace
    log: str
    numbers: str
    leaves: bytes
    tokens: list[str]


def act(http: httpx.Client, cycle: str, unit: str, name: str, body: Any) -> httpx.Response:
    place = f"/cycles/{cycle}/plans/{unit}"
    version = http.get(place).headers["ETag"]
    method = "PUT" if name == "draft" else "POST"
    heads = {"If-Match": version, "Idempotency-Key": f"{KEY}-{unit}-{name}"}
    return http.request(method, f"{place}/{name}", json=body, headers=heads)


def negotiate(http: httpx.Client, tokens: dict[str, str]) -> None:
    """Texts wherever one may be given, requests that are right and wrong in every way."""
    body = {"id": "planted", "protocol": "exit-plan", "year": 2019, "root": "450200"}
    no_task = [{"unit": "450202", "reason": TEXT}]

    def be(who: str) -> None:
        http.headers["Authorization"] = f"Bearer {tokens[who]}"

    be("city")
    http.post(
        "/cycles", json=body | {"leaf_level": "county", "no_task": no_task}
    ).raise_for_status()
    http.post("/cycles/planted/rounds/up1/open", json={}).raise_for_status()
    why = {"persons": {"reason_code": "field_check", "text": TEXT}}
    for unit, figures in (("450224", RONGAN), ("450225", RONGSHUI)):
        be("rongan" if unit == "450224" else NAME)
        wrong = {"figures": {"persons": TEXT}, "reasons": {"persons": TEXT * 500}}
        assert act(http, "planted", unit, "draft", wrong).status_code == 422
        act(http, "planted", unit, "draft", {"figures": figures, "reasons": why}).raise_for_status()
        act(http, "planted", unit, "submit", {"note": TEXT}).raise_for_status()
        assert (
            act(http, "planted", unit, "withdraw", {"reason": TEXT, "x": TEXT}).status_code == 422
        )
        assert act(http, "planted", unit, "accept", {"note": TEXT}).status_code == 403
    be("city")
    back = {"reason_code": "inconsistent", "text": TEXT}
    act(http, "planted", "450224", "return", back).raise_for_status()
    paper = {"act": "accepted", "figures": {"persons": 9}, "document_no": DOCUMENT}
    act(http, "planted", "450200", "paper", paper | {"dated": "2019-01-04"}).raise_for_status()
    terms = {"to_user": NAME, "unit": "450200", "to": "2019-01-01", "reason": TEXT}
    assert (
        http.post("/delegations", json=terms).status_code == 403
    )  # a token of the shell manages none
    assert http.post("/cycles", content=TEXT.encode()).status_code == 422
    http.get("/cycles/planted/events", params={"document_no": DOCUMENT, "actor": QUERY})
    http.get("/units", params={"parent": QUERY, "token": tokens["city"]})
    http.get(f"/units/{QUERY}", params={"limit": QUERY})
    http.get("/cycles/planted/plans", params={"state": QUERY, "as_of": QUERY})
    http.get("/ledger/checkpoint", params={"log": QUERY})


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder: Path = tmp_path_factory.mktemp("planted")
    trace, tokens, numbers = Trace(), {}, ""
    with served(folder, PLANFLOW_LOG_LEVEL="debug", PLANFLOW_BODY_SECONDS="30") as one:
        site = open_site(one.place)
        add_user(site, NAME, PASSWORD, "planner", "450225")
        for who in ("city", "rongan", NAME):
            tokens[who] = shell_token(site, who).access_token
        with httpx.Client(base_url=f"http://{one.host}:{one.port}/api/v1", trust_env=False) as http:
            http.event_hooks["response"] = [trace.keep]
            for password, status in ((WRONG, 401), (PASSWORD, 200)):
                form = {"username": NAME, "password": password}
                answer = http.post("/auth/token", data=form)
                assert answer.status_code == status
            tokens["again"] = answer.json()["access_token"]
            tokens["renewing"] = answer.json()["refresh_token"]
            http.post("/auth/refresh", data={"refresh_token": BEARER})
            http.post("/auth/token", data={"username": NAME, "password": PASSWORD, "otp": KEY})
            used = http.post("/auth/refresh", data={"refresh_token": tokens["renewing"]}).json()
            tokens |= {"renewed": used["access_token"], "next": used["refresh_token"]}
            http.get("/units", headers={"Authorization": f"Bearer {BEARER}"})
            http.get("/units", headers={"Authorization": f"Basic {BEARER}"})
            negotiate(http, tokens)
            del http.headers["Authorization"]
            numbers = http.get(f"http://{one.host}:{one.port}/metrics").text
        leaves = site.records.read(
            lambda tx: b"\n".join(
                bytes(row[0]) for row in tx.connection.execute(select(table(EventRow).c.leaf))
            )
        )
        site.close()
    return Left(trace, one.log.read_text("utf-8"), numbers, leaves, list(tokens.values()))


SECRETS = (NAME, PASSWORD, WRONG, TEXT, KEY, BEARER)


def test_the_run_left_something_everywhere(left: Left) -> None:
    assert len(left.trace.refusals) >= 15
    assert left.log.count('"planflow.access"') >= 30
    assert "planflow_requests_total" in left.numbers
    assert left.leaves.count(b'"submitted"') == 2


@pytest.mark.parametrize("where", ["log", "numbers", "leaves", "heads", "refusals"])
def test_nothing_planted_is_found(left: Left, where: str) -> None:
    found = getattr(left, where, None) or getattr(left.trace, where)
    text = found.decode() if isinstance(found, bytes) else "".join(found)
    planted = [*SECRETS, *left.tokens]
    if where != "refusals":
        # What somebody asked for and was not found is told to them, and to nobody else.
        planted += [QUERY, DOCUMENT]
    assert [one for one in planted if one in text] == []
    assert [one for one in planted if one.encode("unicode_escape").decode() in text] == []
