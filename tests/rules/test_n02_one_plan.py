"""N2: one plan per unit per cycle; its states are those of the rounds; who takes part, and how."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest

from tests.rules.conftest import At
from tests.rules.found import named, places


def test_a_plan_waits_before_the_first_round(at: At) -> None:
    world = at("")
    assert {unit: world.state(unit) for unit in "RCABZ"} == dict.fromkeys("RCABZ", "waiting")
    refused = world.refused(
        "illegal_transition", lambda: world.act("a", "A", "draft", {"figures": {}})
    )
    assert refused.refusal.params == {"action": "draft", "state": "waiting"}


def test_opening_a_round_is_one_event_for_everybody_with_a_task(at: At) -> None:
    world = at("")
    world.open("up1")
    states = {unit: world.state(unit) for unit in "RCABZ"}
    assert states == {**dict.fromkeys("RCAB", "up1.drafting"), "Z": "waiting"}
    assert all(world.history(unit) == [] for unit in "RCABZ")
    assert world.plan("region", "A").version == 0


def test_a_unit_without_task_has_no_act_and_keeps_nobody_waiting(at: At) -> None:
    world = at("up1")
    world.up("up1")
    assert world.state("Z") == "waiting"
    assert world.get().no_task[0].unit == "Z"
    assert [one.name for one in world.plan("city", "Z").actions if one.allowed] == []


def test_a_state_between_rounds_is_the_last_one(at: At) -> None:
    world = at("down1")
    assert world.state("A") == "down1.awaiting"
    world.down("down1")
    assert world.get().open_round is None
    assert {unit: world.state(unit) for unit in "RCA"} == {
        "R": "down1.distributed",
        "C": "down1.distributed",
        "A": "down1.acknowledged",
    }
    refused = world.refused(
        "guard_failed", lambda: world.issue("R", {"C": {"persons": 1, "villages": 1}})
    )
    assert named(refused, "round") == [("round_open", "down1")]


def test_the_last_round_settles_every_plan(at: At) -> None:
    world = at("adjust")
    world.close("adjust")
    assert {world.state(unit) for unit in "RCABZ"} == {"settled"}
    assert world.get().settled


def test_the_root_has_no_up_act_and_its_figure_is_the_sum_written_at_close(at: At) -> None:
    world = at("up1")
    refused = world.refused(
        "guard_failed", lambda: world.act("region", "R", "draft", {"figures": {}})
    )
    assert refused.codes == ["not_root"]
    assert world.history("R") == []
    world.up("up1")
    assert [event.kind for event in world.history("R")] == ["totalled"]
    assert world.plan("region", "R").figures["up1"] == {
        "persons": 100,
        "villages": 100,
        "county_exit": 1,
    }
    assert world.state("R") == "up1.accepted"


def test_the_roots_issue_goes_straight_to_distributed(at: At) -> None:
    world = at("down1")
    world.issue("R", {"C": {"persons": 5, "villages": 2}}, total={"persons": 5, "villages": 2})
    assert world.state("R") == "down1.distributed"
    refused = world.refused("illegal_transition", lambda: world.act("region", "R", "acknowledge"))
    assert refused.refusal.params["state"] == "down1.distributed"


def test_a_leaf_ends_at_acknowledged(at: At) -> None:
    world = at("down1")
    world.issue("R", {"C": {"persons": 5, "villages": 2}})
    world.act("city", "C", "acknowledge")
    world.issue("C", {"A": {"persons": 5, "villages": 1}, "B": {"persons": 0, "villages": 1}})
    world.act("b", "B", "acknowledge")
    world.user("head-b", "admin", "B")
    refused = world.refused("guard_failed", lambda: world.issue("B", {"A": {}}))
    assert refused.codes == ["has_children"]
    world.act("a", "A", "acknowledge")
    world.close("down1")


def test_a_unit_whose_only_child_has_no_task_is_a_leaf(at: At) -> None:
    world = at("")
    world.cycle("c2", no_task=[{"unit": unit, "reason": "无"} for unit in "ABZ"])
    world.open("up1")
    world.report("C", {"persons": 7, "villages": 1})  # nothing below it to add up to
    world.accept("C")
    world.close("up1")
    world.open("down1")
    world.issue("R", {"C": {"persons": 7, "villages": 1}})
    world.act("city", "C", "acknowledge")
    refused = world.refused("guard_failed", lambda: world.issue("C", {}))
    assert refused.codes == ["has_children"]
    world.close("down1")


def test_the_tree_may_be_cut_right_below_the_root(at: At) -> None:
    world = at("")
    world.cycle("c2", leaf_level="city", no_task=[])
    assert list(world.places()) == ["R", "C"]
    world.open("up1")
    world.report("C", {"persons": 7, "villages": 1})
    world.accept("C")
    world.close("up1")
    assert world.plan("region", "R").figures["up1"] == {"persons": 7, "villages": 1}


def test_somebody_below_the_root_must_take_part(at: At) -> None:
    world = at("")
    for terms in (
        {"leaf_level": "region", "no_task": []},
        {"leaf_level": "city", "no_task": [{"unit": "C", "reason": "无"}]},
    ):
        refused = world.refused("invalid", partial(world.cycle, "c2", **terms))
        assert places(refused) == [("nobody_below", "leaf_level")]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ("region, county", ("root_not_in_round", "root")),
        ("region, city", ("nobody_in_round", "leaf_level")),
    ],
)
def test_in_every_round_the_root_and_somebody_below_it_take_part(
    at: At, levels: str, said: tuple[str, str]
) -> None:
    """The lint asks for the protocol's highest level; a cycle's root may be lower."""
    world = at("")
    text = re.sub(r"\n    durations: .*", "", world.site.protocols["exit-plan"])
    text = text.replace("    kind: down\n", f"    kind: down\n    levels: [{levels}]\n", 1)
    world.site = replace(world.site, protocols={"exit-plan": text})
    world.cycle("c2", no_task=[])
    world.user("cadmin", "admin", "C")
    refused = world.refused(
        "invalid", partial(world.cycle, "c3", who="cadmin", root="C", no_task=[])
    )
    assert places(refused) == [said]


def test_rounds_open_once_and_in_order(at: At) -> None:
    world = at("up1")
    refused = world.refused("illegal_transition", lambda: world.open("up1"))
    assert refused.refusal.params == {"action": "open", "state": "up1.open"}
    refused = world.refused("guard_failed", lambda: world.open("down1"))
    assert named(refused, "previous") == [("previous_round_closed", "up1")]
    world.up("up1")
    refused = world.refused("illegal_transition", lambda: world.open("up1"))
    assert refused.refusal.params == {"action": "open", "state": "up1.closed"}
    refused = world.refused("illegal_transition", lambda: world.close("up1"))
    assert refused.refusal.params == {"action": "close", "state": "up1.closed"}
    refused = world.refused("illegal_transition", lambda: world.close("down1"))
    assert refused.refusal.params == {"action": "close", "state": "down1.waiting"}
