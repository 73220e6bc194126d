"""Who may what: every role at every relation for every action, written out."""

from __future__ import annotations

import itertools

import pytest

from planflow.access.scope import Standing
from planflow.access.table import (
    ACTS,
    ROLES,
    grant_for,
    may_read,
    sees_draft,
)

# Region over city over county; the plan is the city's.
PLACES = {"own": "R/C", "parent": "R", "child": "R/C/A", "beside": "R/D", "nowhere": ""}
PLAN, PARENT = "R/C", "R"

MAY = {
    ("own", "planner"): {"draft", "submit", "withdraw", "acknowledge", "corrections"},
    ("own", "admin"): {
        *("draft", "submit", "withdraw", "acknowledge", "issue", "distribute"),
        *("present", "decide", "corrections", "approve", "reject", "confirm", "paper", "attest"),
    },
    ("parent", "admin"): {
        *("accept", "return", "commitments", "fulfil", "waive", "headline", "extensions"),
        *("corrections", "approve", "reject"),
    },
}


def standing(role: str, place: str) -> Standing:
    return Standing(f"{role}@{place}", role, PLACES[place])


EVERYWHERE = list(itertools.product(ROLES, PLACES))


@pytest.mark.parametrize(("role", "place"), EVERYWHERE)
def test_a_role_at_a_place_may_just_this(role: str, place: str) -> None:
    one = standing(role, place)
    allowed = {name for name in ACTS if grant_for([one], name, PLAN, PARENT)}
    assert allowed == MAY.get((place, role), set())


@pytest.mark.parametrize(("role", "place"), EVERYWHERE)
def test_a_plan_is_read_at_its_unit_and_above(role: str, place: str) -> None:
    reads = role in ("planner", "admin", "auditor") and place in ("own", "parent")
    assert may_read([standing(role, place)], PLAN) == reads


@pytest.mark.parametrize(("role", "place"), EVERYWHERE)
def test_a_working_copy_is_seen_by_its_own_unit_only(role: str, place: str) -> None:
    sees = role in ("planner", "admin") and place == "own"
    assert sees_draft([standing(role, place)], PLAN, PARENT, on_behalf=False) == sees


@pytest.mark.parametrize(("role", "place"), EVERYWHERE)
def test_one_typed_on_behalf_is_seen_at_the_parent_too(role: str, place: str) -> None:
    sees = role in ("planner", "admin") and place in ("own", "parent")
    assert sees_draft([standing(role, place)], PLAN, PARENT, on_behalf=True) == sees


@pytest.mark.parametrize(("role", "place"), EVERYWHERE)
def test_only_the_parent_may_on_behalf_and_only_type_and_send(role: str, place: str) -> None:
    one = standing(role, place)
    allowed = {name for name in ACTS if grant_for([one], name, PLAN, PARENT, on_behalf=True)}
    at_parent = role in ("planner", "admin") and place == "parent"
    assert allowed == ({"draft", "submit"} if at_parent else set())


def test_nobody_acts_on_behalf_of_the_root() -> None:
    admin = Standing("g", "admin", "R")
    assert grant_for([admin], "draft", "R", None, on_behalf=True) is None


def test_the_root_stands_in_for_its_own_parent_for_its_headline_and_its_time() -> None:
    admin = Standing("g", "admin", "R")
    allowed = {name for name in ACTS if grant_for([admin], name, "R", None)}
    assert allowed == MAY["own", "admin"] | {"headline", "extensions"}


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_correction_that_waits_is_decided_at_one_desk(action: str) -> None:
    for place, desk, may in (
        ("own", "R/C", True),
        ("parent", "R/C", False),
        ("own", "R", False),
        ("parent", "R", True),
    ):
        grant = grant_for([standing("admin", place)], action, PLAN, PARENT, desk)
        assert bool(grant) == may, (place, desk)
        assert grant_for([standing("planner", place)], action, PLAN, PARENT, desk) is None


def test_the_grant_that_allows_is_the_one_recorded() -> None:
    grants = [Standing("reads", "auditor", "R"), Standing("acts", "admin", "R")]
    assert grant_for(grants, "accept", PLAN, PARENT) == "acts"
    assert grant_for(grants, "submit", PLAN, PARENT) is None


def test_an_own_grant_comes_before_a_delegated_one_and_clean_hands_before_both() -> None:
    own = Standing("own", "admin", "R")
    one, two = (Standing(who, "admin", "R", (who,)) for who in ("x", "y"))
    assert grant_for([one, own, two], "accept", PLAN, PARENT) == "own"
    assert grant_for([one, two], "accept", PLAN, PARENT, avoid=("x",)) == "y"
    assert grant_for([one], "accept", PLAN, PARENT, avoid=("x",)) == "x"  # the guard says why not


def test_a_code_that_begins_like_another_is_another_unit() -> None:
    assert not may_read([Standing("g", "admin", "R/C")], "R/C1")
    assert not may_read([Standing("g", "admin", "R/C1")], "R/C")
    assert grant_for([Standing("g", "admin", "R/C")], "draft", "R/C1", "R") is None
