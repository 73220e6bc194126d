"""Who may what: every role at every relation for every action, written out."""

from __future__ import annotations

import itertools

import pytest

from planflow.access.grants import Grant
from planflow.access.scope import Standing, runs_the_site, scope, units_read
from planflow.access.table import (
    ACTS,
    ON_CYCLES,
    ROLES,
    cycle_grant,
    grant_for,
    may_read,
    relation,
    sees_draft,
)
from planflow.engine import guards
from planflow.engine.machine import MOVES

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


def test_where_a_unit_stands() -> None:
    wanted = {
        "R/C": "own",
        "R": "parent",
        "R/C/A": "descendant",
        "R/D": "sibling",
        "R/D/E": "foreign",
        "X": "foreign",
        "": "foreign",
        "R/C1": "sibling",
    }
    assert {place: relation(place, PLAN, PARENT) for place in wanted} == wanted
    assert relation("R", "R/C/A", "R/C") == "ancestor"
    assert relation("X", "R", None) == "foreign"  # two roots are no siblings


def test_the_stages_are_those_of_the_machine() -> None:
    """The table tells where an act can be done at all, and the machine says the same."""
    first = {"withdraw": {"withdraw", "withdraw_returned"}, "issue": {"issue", "originate"}}
    first |= {"decide": {"present", "decide"}, "confirm": first["issue"]}
    for name, action in guards.ACTIONS.items():
        moves = first.get(name, {action.trigger})
        sources = {
            source
            for kind in MOVES.values()
            for trigger, stages, _ in kind
            for source in stages
            if trigger in moves
        }
        assert set(ACTS[name].stages) == sources, name
    assert set(ACTS) == set(guards.ACTIONS)


def test_an_act_on_a_cycle_is_of_an_admin_at_its_root() -> None:
    for role, place in itertools.product(ROLES, ("R", "R/C", "")):
        may = (role, place) == ("admin", "R")
        for action in ON_CYCLES:
            assert (cycle_grant([Standing("g", role, place)], action, "R") == "g") == may


def test_a_scope_is_the_subtrees_of_reading_roles() -> None:
    mine = [Standing("a", "auditor", "R/C"), Standing("b", "planner", "R/D/E")]
    keeps = [Standing("s", "sysadmin", ""), Standing("k", "secadmin", "R")]
    found = scope([*mine, *keeps])
    assert found.paths == ("R/C", "R/D/E")
    assert [p for p in ("R", "R/C", "R/C/A", "R/D", "R/D/E", "R/C1", "") if found.has(p)] == [
        *("R/C", "R/C/A", "R/D/E"),
    ]
    assert not scope(keeps)
    assert found
    assert units_read([Grant("a", "auditor", "u"), Grant("s", "sysadmin", None)]) == {"u"}
    assert units_read([Grant("k", "secadmin", "u")]) == frozenset()
    assert runs_the_site([Grant("k", "secadmin", None)])
    assert not runs_the_site([Grant("a", "admin", "u")])


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
