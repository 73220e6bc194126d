"""Checks come in the contract's order: 401, 404, 403, replay, 428, 412, 422, 409."""

from __future__ import annotations

from typing import Any

import pytest

from planflow_api.routes.acts import ACTS, Act
from tests.api.conftest import RONGAN, World

NONSENSE = b'{"figures": 1.5'


def send(world: World, who: str | None, cycle: str, unit: str, act: str, **how: Any) -> Any:
    method = "PUT" if act in {"draft", "headline"} else "POST"
    return world.ask(who, method, f"/cycles/{cycle}/plans/{unit}/{act}", **how)


def on(act: Act, unit: str) -> str:
    """The path of an act on a unit's plan, about a thing that is none."""
    return act.path.format(**{"unit": unit, act.subject or "none": "none"})


def code(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    return str(problem["code"])


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_every_act_asks_who_before_anything_else(world: World, act: Act) -> None:
    path = f"/cycles/none/plans{on(act, 'none')}"
    answer = world.ask(None, act.method, path, content=NONSENSE)
    assert code(answer, 401) == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = world.ask(None, act.method, path, headers={"Authorization": "Bearer none"})
    assert code(answer, 401) == "unauthorized"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/units?limit=x"),
        ("GET", "/units/none"),
        ("GET", "/protocols"),
        ("GET", "/protocols/none"),
        ("POST", "/cycles"),
        ("GET", "/cycles/none"),
        ("POST", "/cycles/none/rounds/none/open"),
        ("POST", "/cycles/none/rounds/none/close"),
        ("GET", "/cycles/none/plans?limit=x"),
        ("GET", "/cycles/none/plans/none?as_of=x"),
        ("GET", "/cycles/none/plans/none/history?limit=x"),
    ],
)
def test_every_other_call_asks_who_first_too(world: World, method: str, path: str) -> None:
    assert code(world.ask(None, method, path, content=b""), 401) == "unauthorized"


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_what_is_unknown_or_out_of_sight_is_not_there(world: World, cycle: str, act: Act) -> None:
    for who, where, unit in (
        ("city", "none", "450224"),
        ("city", cycle, "none"),
        ("rongan", cycle, "450225"),
        ("rongan", cycle, "450200"),
        ("system", cycle, "450224"),
    ):
        path = f"/cycles/{where}/plans{on(act, unit)}"
        assert code(world.ask(who, act.method, path, content=NONSENSE), 404) == "not_found"


@pytest.mark.parametrize("act", [act for act in ACTS if not act.subject], ids=lambda a: a.name)
def test_an_auditor_sees_and_may_do_nothing(world: World, cycle: str, act: Act) -> None:
    path = f"/cycles/{cycle}/plans{on(act, '450224')}"
    answer = world.ask("auditor", act.method, path, content=NONSENSE)
    assert code(answer, 403) == "forbidden"


def test_a_replay_comes_before_the_version_and_the_rules(world: World, cycle: str) -> None:
    how = {"key": "one", "json": {}}
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    version = world.version(cycle, "450224")
    first = send(world, "rongan", cycle, "450224", "submit", version=version, **how)
    assert first.status_code == 200, first.text
    for old in (version, None, 999):
        again = send(world, "rongan", cycle, "450224", "submit", version=old, **how)
        assert again.status_code == 200, again.text
        assert again.json()["event"] == first.json()["event"]
        assert again.json()["chain"] == first.json()["chain"]
        assert again.headers["ETag"] == first.headers["ETag"]
    other = send(world, "rongan", cycle, "450224", "submit", key="one", json={"note": "other"})
    assert code(other, 422) == "key_reused"
    fresh = send(world, "rongan", cycle, "450224", "submit", version=version, key="two", json={})
    assert code(fresh, 412) == "stale_version"


@pytest.mark.parametrize("match", [None, "*", "x", '"x"', '""', '"1", "2"', '"-1"', '"1.0"'])
def test_a_version_is_needed_before_the_body_is_read(
    world: World, cycle: str, match: str | None
) -> None:
    headers = {"If-Match": match} if match is not None else {}
    answer = send(world, "rongan", cycle, "450224", "draft", content=NONSENSE, headers=headers)
    assert code(answer, 428) == "version_required"
    # What was sent and cannot be read is not told to be missing.
    assert ("cannot be read" in answer.json()["detail"]) == (match is not None)


def test_a_version_sent_twice_is_none(world: World, cycle: str) -> None:
    path = f"/api/v1/cycles/{cycle}/plans/450224/draft"
    headers = [*world.signed("rongan").items(), ("If-Match", '"0"'), ("If-Match", '"0"')]
    answer = world.http.put(path, headers=headers, content=NONSENSE)
    assert code(answer, 428) == "version_required"


def test_a_stale_version_comes_before_the_body(world: World, cycle: str) -> None:
    answer = send(world, "rongan", cycle, "450224", "draft", version=7, content=NONSENSE)
    assert code(answer, 412) == "stale_version"
    assert answer.json()["got"] == 7


def test_the_body_comes_before_the_state(world: World, cycle: str) -> None:
    # Nothing was submitted, so nothing can be accepted; but the body is looked at first.
    answer = send(world, "city", cycle, "450224", "accept", version=0, content=NONSENSE)
    assert code(answer, 422) == "invalid"
    [error] = answer.json()["errors"]
    assert error["code"] == "malformed_json"
    assert error["text"]
    answer = send(world, "city", cycle, "450224", "accept", version=0)
    assert code(answer, 409) == "illegal_transition"
    assert answer.json()["action"] == "accept"
