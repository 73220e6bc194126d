"""N7: return and withdraw; what may still move, and what a resubmission replaces."""

from __future__ import annotations

import pytest

from tests.rules.conftest import At
from tests.rules.found import named, places
from tests.world import World

A = {"persons": 60, "villages": 60}
B = {"persons": 40, "villages": 40}
WHOLE = {"persons": 100, "villages": 100}
BACK = {"reason_code": "inconsistent", "text": "与系统不符"}


def both(at: At) -> World:
    """Both counties are accepted; the city is drafting."""
    world = at("up1")
    for unit, figures in (("A", A), ("B", B)):
        world.report(unit, figures)
        world.accept(unit)
    return world


def test_a_submission_is_withdrawn_only_before_the_parent_acts(at: At) -> None:
    world = at("up1")
    refused = world.refused("illegal_transition", lambda: world.act("a", "A", "withdraw"))
    assert refused.refusal.params == {"action": "withdraw", "state": "up1.drafting"}
    world.report("A", A)
    view = world.act("a", "A", "withdraw", {"reason": "填错"})
    assert (view.state, view.figures) == ("up1.drafting", {})
    assert view.draft is not None
    world.act("a", "A", "submit")  # the working copy is still there
    world.accept("A")
    refused = world.refused("illegal_transition", lambda: world.act("a", "A", "withdraw"))
    assert refused.refusal.params["state"] == "up1.accepted"


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"reason_code": "double_counted", "text": "x"}, "reason_code", "unknown_reason_code"),
        ({"reason_code": "other", "text": ""}, "text", "empty"),
        ({"text": "x"}, "reason_code", "missing"),
    ],
)
def test_a_return_names_its_reason(at: At, wrong: dict[str, str], field: str, code: str) -> None:
    world = at("up1")
    world.report("A", A)
    refused = world.refused("invalid", lambda: world.act("city", "A", "return", wrong))
    assert places(refused) == [(code, field)]


def test_a_return_deletes_nothing(at: At) -> None:
    world = at("up1")
    world.report("A", A)
    view = world.act("city", "A", "return", BACK)
    assert (view.state, view.figures["up1"]) == ("up1.returned", A)
    assert [event.kind for event in world.history("A")] == ["submitted", "returned"]


def test_an_accepted_child_is_returned_while_its_parent_is_drafting(at: At) -> None:
    world = both(at)
    world.act("city", "A", "return", BACK)
    assert [world.state(unit) for unit in "AB"] == ["up1.returned", "up1.accepted"]
    world.act("city", "C", "draft", {"figures": WHOLE})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert named(refused, "unit", "state") == [("children_done", "A", "up1.returned")]


@pytest.mark.parametrize("stage", ["submitted", "accepted"])
def test_nothing_moves_below_a_parent_that_has_sent(at: At, stage: str) -> None:
    world = both(at)
    world.report("C", WHOLE)
    if stage == "accepted":
        world.act("region", "C", "accept")
    refused = world.refused("guard_failed", lambda: world.act("city", "A", "return", BACK))
    assert named(refused, "unit", "state") == [("parent_open", "C", f"up1.{stage}")]


def test_a_returned_parent_may_return_children_and_waits_for_them(at: At) -> None:
    world = both(at)
    world.report("C", WHOLE)
    world.act("region", "C", "return", BACK)
    world.act("city", "A", "return", BACK)
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert named(refused, "unit") == [("children_done", "A")]
    world.report("A", {**A, "persons": 55})
    world.accept("A")
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert refused.codes == ["sums_exact"]
    world.report("C", {**WHOLE, "persons": 95})
    world.act("region", "C", "accept")
    assert world.plan("region", "C").figures["up1"]["persons"] == 95


def test_the_root_may_return_what_it_accepted_until_the_round_closes(at: At) -> None:
    world = both(at)
    world.report("C", WHOLE)
    world.act("region", "C", "accept")
    world.act("region", "C", "return", BACK)
    assert world.state("C") == "up1.returned"


def test_a_return_takes_back_the_settled_number_with_the_next_submission(at: At) -> None:
    world = at("up1")
    world.report("A", A)
    settled = {"figures": {"persons": 50}, "reasons": {"persons": "field_check"}}
    world.act("city", "A", "accept", settled)
    world.act("city", "A", "return", BACK)
    view = world.act("a", "A", "submit")  # unchanged: the unit insists
    assert view.figures["up1"] == A
    assert [one.side for one in view.numbers] == ["reported", "reported"]
    assert world.accept("A").figures["up1"] == A
    submitted = [event for event in world.history("A") if event.kind == "accepted"]
    assert submitted[0].parts["figures"] == {"persons": 50}  # the first decision is still told


def test_a_resubmission_may_be_taken_back_too(at: At) -> None:
    world = at("up1")
    world.report("A", A)
    world.act("city", "A", "return", BACK)
    world.report("A", {**A, "persons": 1})
    world.act("a", "A", "withdraw")
    assert world.state("A") == "up1.returned"  # what the parent asked is still to be answered
    world.act("a", "A", "submit")
    assert [event.kind for event in world.history("A")] == [
        "submitted",
        "returned",
        "submitted",
        "withdrawn",
        "submitted",
    ]
