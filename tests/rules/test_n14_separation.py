"""N14: nobody reviews what they typed or submitted, at whichever desk they sit."""

from __future__ import annotations

import pytest

from tests.rules.conftest import At
from tests.world import World

A = {"persons": 60, "villages": 60}
BACK = {"reason_code": "other", "text": "x"}


def two_desks(at: At) -> World:
    """Somebody who is planner of the county and admin of its city."""
    world = at("up1")
    world.user("both", "planner", "A")
    world.user("both", "admin", "C")
    return world


@pytest.mark.parametrize("review", ["accept", "return"])
def test_who_submitted_does_not_review(at: At, review: str) -> None:
    world = two_desks(at)
    world.act("a", "A", "draft", {"figures": A})
    world.act("both", "A", "submit")
    refused = world.refused(
        "guard_failed", lambda: world.act("both", "A", review, BACK if review == "return" else None)
    )
    assert refused.codes == ["separate_hands"]
    world.act("city", "A", review, BACK if review == "return" else None)


def test_who_typed_does_not_review_even_where_another_sent_it(at: At) -> None:
    world = two_desks(at)
    world.act("both", "A", "draft", {"figures": {**A, "persons": 1}})
    world.act("a", "A", "draft", {"figures": A})  # typed anew, but both had a part in it
    world.act("a", "A", "submit")
    refused = world.refused("guard_failed", lambda: world.act("both", "A", "accept"))
    assert refused.codes == ["separate_hands"]
    told = {one.name: one for one in world.plan("both", "A").actions}
    assert [guard.name for guard in told["accept"].guards] == ["separate_hands"]


def test_a_submission_taken_back_and_sent_by_a_colleague_stays_ones_own(at: At) -> None:
    world = two_desks(at)
    world.act("a", "A", "draft", {"figures": A})
    world.act("both", "A", "submit")
    world.act("a", "A", "withdraw")
    world.act("a", "A", "submit")
    refused = world.refused("guard_failed", lambda: world.act("both", "A", "accept"))
    assert refused.codes == ["separate_hands"]


def test_who_typed_in_an_earlier_round_may_review_in_this_one(at: At) -> None:
    world = two_desks(at)
    world.act("both", "A", "draft", {"figures": A})
    world.act("a", "A", "submit")
    world.act("city", "A", "accept")
    world.report("B", A)
    world.accept("B")
    world.report("C", {"persons": 120, "villages": 120})
    world.accept("C")
    world.close("up1")
    world.down("down1", {"A": A, "B": A})
    world.open("up2")
    world.report("A", A)
    world.act("both", "A", "accept")


def test_who_reviews_is_recorded_with_the_grant_they_used(at: At) -> None:
    world = two_desks(at)
    world.act("a", "A", "draft", {"figures": A})
    world.act("a", "A", "submit")
    world.act("both", "A", "accept")
    submitted, accepted = world.history("A")
    assert submitted.actor == world.readers["a"].user_id
    assert accepted.actor == world.readers["both"].user_id
    grants = {grant.role: grant.id for grant in world.readers["both"].grants}
    assert accepted.grant == grants["admin"]
