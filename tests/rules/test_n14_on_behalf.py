"""N14, F3, 代报: a parent's people may type and send for a unit; whoever did does not review it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.contract.audit import audit
from tests.rules.conftest import At
from tests.world import World

A = {"persons": 60, "villages": 60}
WHY = {"on_behalf_of": {"reason": "县里断网"}}


@pytest.fixture
def up1(at: At) -> World:
    """The first up is open; the city has a second admin."""
    world = at("up1")
    world.user("other", "admin", "C")
    return world


def typed(world: World, who: str = "clerk", **figures: int) -> None:
    world.act(who, "A", "draft", {"figures": {**A, **figures}, **WHY})


def told(world: World, who: str) -> dict[str, tuple[bool, bool]]:
    actions = world.plan(who, "A").actions
    return {one.name: (one.allowed, one.on_behalf_of) for one in actions}


def test_the_parent_types_and_sends_and_another_takes_it(world: World) -> None:
    """On both databases; the event says on whose behalf, by whom, and why."""
    world.user("other", "admin", "C")
    world.cycle()
    world.open("up1")
    typed(world, "city")
    world.act("city", "A", "submit", {**WHY, "note": "电话报数"})
    [event] = world.history("A")
    assert event.actor == world.readers["city"].user_id
    assert event.parts["on_behalf_of"] == {"by": "C"}
    assert {"of": "on_behalf_of", "text": "县里断网"} in event.parts["texts"]
    refused = world.refused("guard_failed", lambda: world.act("city", "A", "accept"))
    assert refused.codes == ["separate_hands"]
    world.act("other", "A", "accept")
    audit(world.site)


def test_it_has_to_be_said(up1: World) -> None:
    up1.refused("forbidden", lambda: up1.act("clerk", "A", "draft", {"figures": A}))
    up1.refused("forbidden", lambda: up1.act("a", "A", "draft", {"figures": A, **WHY}))
    typed(up1)
    up1.refused("forbidden", lambda: up1.act("clerk", "A", "submit"))
    up1.refused("forbidden", lambda: up1.act("a", "A", "submit", WHY))
    spoilt: tuple[Any, ...] = (True, {}, {"reason": ""})
    for said in spoilt:
        body = {"on_behalf_of": said}
        up1.refused("invalid", partial(up1.act, "clerk", "A", "submit", body))
    up1.refused("invalid", lambda: up1.act("city", "A", "accept", WHY))


@pytest.mark.parametrize("who", ["region", "b", "auditor"])
def test_nobody_but_the_parent(up1: World, who: str) -> None:
    code = "not_found" if who == "b" else "forbidden"
    up1.refused(code, lambda: up1.act(who, "A", "draft", {"figures": A, **WHY}))
    up1.refused(code, lambda: up1.act(who, "A", "submit", WHY))


@pytest.mark.parametrize("action", ["withdraw", "acknowledge"])
def test_nothing_else_is_done_on_behalf(up1: World, action: str) -> None:
    typed(up1)
    up1.act("clerk", "A", "submit", WHY)
    up1.refused("forbidden", lambda: up1.act("clerk", "A", action))
    up1.act("a", "A", "withdraw")  # the unit itself may


def test_what_may_be_done_is_told_truly_to_both(up1: World) -> None:
    assert told(up1, "a")["draft"] == (True, False)
    assert told(up1, "clerk")["draft"] == (True, True)
    assert told(up1, "clerk")["submit"] == (False, True)
    typed(up1)
    assert told(up1, "clerk")["submit"] == told(up1, "city")["submit"] == (True, True)
    assert told(up1, "a")["submit"] == (True, False)
    assert told(up1, "region")["submit"] == (False, False)
    up1.act("clerk", "A", "submit", WHY)
    assert told(up1, "clerk")["draft"] == (False, True)
    assert told(up1, "city")["accept"] == (True, False)


def test_the_copy_typed_on_behalf_is_seen_by_the_unit_and_by_those_who_may_type_it(
    up1: World,
) -> None:
    typed(up1)
    for who in ("a", "clerk", "city", "other"):
        draft = up1.plan(who, "A").draft
        assert draft is not None
        assert draft["on_behalf_of"] == {"reason": "县里断网"}
    assert up1.plan("auditor", "A").draft is None
    assert up1.plan("region", "A").draft is None
    up1.act("a", "A", "draft", {"figures": A})  # its own again
    assert up1.plan("clerk", "A").draft is None
    own = up1.plan("a", "A").draft
    assert own is not None
    assert "on_behalf_of" not in own


def test_a_units_own_copy_is_its_own_to_send(up1: World) -> None:
    """The parent neither sees it nor sends it; it may type another in its place, and the unit sees."""
    up1.act("a", "A", "draft", {"figures": A})
    assert told(up1, "clerk")["submit"] == (False, True)
    refused = up1.refused("guard_failed", lambda: up1.act("clerk", "A", "submit", WHY))
    assert refused.codes == ["typed_on_behalf"]
    typed(up1, persons=61)
    up1.act("clerk", "A", "submit", WHY)
    assert up1.plan("a", "A").figures["up1"]["persons"] == 61


def test_a_copy_typed_on_behalf_may_be_sent_by_the_unit_and_stays_the_typists_too(
    up1: World,
) -> None:
    typed(up1, "city")
    up1.act("a", "A", "submit")
    assert "on_behalf_of" not in up1.history("A")[-1].parts
    with up1.refused("guard_failed"):
        up1.act("city", "A", "accept")
    up1.act("other", "A", "accept")


def test_a_stand_in_may_report_on_behalf_and_is_one_hand_with_the_delegator(up1: World) -> None:
    up1.user("deputy", "sysadmin", None)
    up1.delegate("city", "deputy", "C")
    typed(up1, "deputy")
    up1.act("deputy", "A", "submit", WHY)
    for who in ("deputy", "city"):
        refused = up1.refused("guard_failed", partial(up1.act, who, "A", "accept"))
        assert refused.codes == ["separate_hands"]
    up1.act("other", "A", "accept")


def test_gates_and_sums_hold_as_for_the_unit_itself(up1: World) -> None:
    body: dict[str, Any] = {"figures": {"persons": 1}, **WHY}
    up1.act("clerk", "A", "draft", body)
    refused = up1.refused("invalid", lambda: up1.act("clerk", "A", "submit", WHY))
    assert refused.codes == ["missing_figure"]
    typed(up1)
    up1.act("clerk", "A", "submit", WHY)
    up1.act("city", "A", "accept")
    up1.act("region", "C", "draft", {"figures": A, **WHY})
    refused = up1.refused("guard_failed", lambda: up1.act("region", "C", "submit", WHY))
    assert refused.codes == ["children_done"]
