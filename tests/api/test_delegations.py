"""N14, F9 over HTTP: delegations, and reporting on behalf."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response

from tests.api.conftest import RONGAN, World

DAY = (dt.datetime.now(dt.UTC) + dt.timedelta(days=20)).date().isoformat()


def delegate(world: World, who: str | None, key: str | None = None, **body: Any) -> Response:
    told = {"to_user": "system", "unit": "450200", "to": DAY, **body}
    return world.ask(who, "POST", "/delegations", json=told, key=key)


def end(world: World, who: str, delegation: str) -> Response:
    return world.ask(who, "POST", f"/delegations/{delegation}/end", json={})


@pytest.fixture
def made(world: World) -> Iterator[dict[str, Any]]:
    """The city's admin lets the system's act in their place."""
    answer = delegate(world, "city", reason="出差")
    assert answer.status_code == 201, answer.text
    yield answer.json()
    end(world, "city", answer.json()["id"])


def test_it_is_answered_with_a_receipt_and_listed(world: World, made: dict[str, Any]) -> None:
    assert made["event"] == made["id"]
    assert len(made["chain"]) == 64
    told = {name: made[name] for name in ("from_user", "to_user", "in_place_of", "unit", "role")}
    assert told == {
        "from_user": "city",
        "to_user": "system",
        "in_place_of": ["city"],
        "unit": "450200",
        "role": "admin",
    }
    assert (made["status"], made["reason"], made["onward"]) == ("in_force", "出差", False)
    assert made["to"].startswith(DAY) or made["to"] > made["from"]
    for who in ("city", "system"):
        page = world.get(who, "/delegations").json()
        assert page["items"][-1]["id"] == made["id"]
        assert page["next"] is None
    assert world.get("rongan", "/delegations").json() == {"items": [], "next": None}


def test_the_stand_in_acts_at_once_and_the_history_says_in_whose_place(
    world: World, cycle: str, made: dict[str, Any]
) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    world.act("rongan", cycle, "450224", "submit")
    world.act("system", cycle, "450224", "accept")
    events = world.get("city", f"/cycles/{cycle}/plans/450224/history").json()["items"]
    assert (events[-1]["grant"], len(events[-1]["delegators"])) == (made["id"], 1)
    assert end(world, "city", made["id"]).json()["status"] == "ended"
    assert world.get("system", f"/cycles/{cycle}/plans/450224").status_code == 404
    refused = end(world, "city", made["id"])
    assert refused.status_code == 409
    assert [guard["name"] for guard in refused.json()["guards"]] == ["delegation_runs"]


@pytest.mark.parametrize(
    ("who", "body", "status", "code"),
    [
        (None, {}, 401, "unauthorized"),
        ("system", {}, 403, "forbidden"),
        ("city", {"unit": "450224"}, 403, "forbidden"),
        ("city", {"unit": "999"}, 403, "forbidden"),
        ("city", {"to_user": "nobody"}, 422, "unknown_user"),
        ("city", {"to_user": "city"}, 422, "delegates_to_self"),
        ("city", {"to": "2001-01-01"}, 422, "ends_before_it_begins"),
        ("city", {"role": "sysadmin"}, 422, "unknown_option"),
        ("city", {"more": 1}, 422, "unknown_field"),
    ],
)
def test_refusals(world: World, who: str | None, body: Any, status: int, code: str) -> None:
    answer = delegate(world, who, **body)
    assert answer.status_code == status
    problem = answer.json()
    assert code in (problem["code"], *(one["code"] for one in problem.get("errors", [])))
    assert "nobody" not in answer.text  # a name that somebody typed is told to nobody


def test_a_stranger_does_not_find_it(world: World, made: dict[str, Any]) -> None:
    assert end(world, "rongan", made["id"]).status_code == 404
    assert end(world, "city", "no-such-id").status_code == 404


def test_a_page_of_them(world: World) -> None:
    ids = [delegate(world, "auditor", to_user="rongshui").json()["id"] for _ in range(3)]
    first = world.get("auditor", "/delegations?limit=2").json()
    rest = world.get("auditor", f"/delegations?limit=2&cursor={first['next']}").json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids
    assert rest["next"] is None
    for one in ids:
        end(world, "auditor", one)


def test_the_same_key_delegates_once(world: World) -> None:
    one, two = (delegate(world, "city", key="once").json() for _ in range(2))
    assert one["id"] == two["id"]
    other = delegate(world, "city", key="once", reason="another")
    assert other.json()["code"] == "key_reused"
    end(world, "city", one["id"])


def test_a_parent_reports_on_behalf_where_it_says_so(world: World, cycle: str) -> None:
    why = {"on_behalf_of": {"reason": "no network"}}
    path = f"/cycles/{cycle}/plans/450224"
    plain = world.ask("clerk", "PUT", f"{path}/draft", version=0, json={"figures": RONGAN})
    assert plain.status_code == 403
    world.act("clerk", cycle, "450224", "draft", {"figures": RONGAN, **why})
    told = world.get("clerk", path).json()
    assert told["draft"]["on_behalf_of"] == why["on_behalf_of"]
    actions = {one["name"]: one for one in told["actions"]}
    assert actions["submit"]["allowed"]
    assert actions["submit"]["on_behalf_of"]
    world.act("clerk", cycle, "450224", "submit", why)
    world.act("city", cycle, "450224", "accept")
