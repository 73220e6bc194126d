"""The world that other tests stand in: it plays a cycle, and sees when something was written."""

import pytest

from tests.world import World, difference


def test_a_whole_cycle_can_be_played(world: World) -> None:
    world.play_until("down2")
    assert world.get().open_round == "down2"
    world.play_all()
    assert world.get().settled
    assert {name: one.value for name, one in world.plan("region", "R").headline.items()} == {
        "persons": 97,
        "villages": 108,
        "county_exit": 1,
    }
    assert [event.seq for event in world.history("C")] == list(range(1, 16))


def test_a_refusal_must_be_the_one_expected_and_leave_nothing(world: World) -> None:
    world.cycle()
    world.open("up1")
    seen = world.refused("guard_failed", lambda: world.act("a", "A", "submit"))
    assert seen.codes == ["has_draft"]
    with pytest.raises(AssertionError, match="expected the refusal stale_version"):
        world.refused("stale_version", lambda: world.act("a", "A", "submit"))
    draft = {"figures": {"persons": 1}}
    with pytest.raises(AssertionError, match="was not refused"):
        world.refused("invalid", lambda: world.act("a", "A", "draft", draft))

    def writes_then_fails() -> None:
        world.act("a", "A", "draft", draft)
        world.act("a", "A", "submit")

    with pytest.raises(AssertionError, match="yet the database changed"):
        world.refused("invalid", writes_then_fails)


def test_a_difference_names_the_rows(world: World) -> None:
    world.cycle()
    before = world.snapshot()
    world.open("up1")
    assert set(difference(before, world.snapshot())) == {
        "cycle",
        "cycle_state",
        "event",
        "event_part",
        "ledger_queue",
    }
