"""N6: when a unit may act, and what keeps a round from closing."""

from __future__ import annotations

from tests.rules.conftest import At
from tests.rules.found import named

A = {"persons": 60, "villages": 60}


def test_children_must_be_done_before_their_parent_sends(at: At) -> None:
    world = at("up1")
    world.act("city", "C", "draft", {"figures": A})  # writing may begin before they are done
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert named(refused, "unit", "state") == [
        ("children_done", "A", "up1.drafting"),
        ("children_done", "B", "up1.drafting"),
    ]
    world.report("A", A)
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert named(refused, "unit", "state")[0] == ("children_done", "A", "up1.submitted")


def test_there_must_be_a_working_copy_of_this_round(at: At) -> None:
    world = at("up1")
    refused = world.refused("guard_failed", lambda: world.act("a", "A", "submit"))
    assert refused.codes == ["has_draft"]
    world = at("up2")  # the one of up1 is of no use now
    assert world.plan("a", "A").draft is None
    refused = world.refused("guard_failed", lambda: world.act("a", "A", "submit"))
    assert refused.codes == ["has_draft"]


def test_a_unit_acts_only_while_its_round_is_open(at: At) -> None:
    world = at("up1")
    world.up("up1")
    for act in (
        lambda: world.act("city", "A", "return", {"reason_code": "other", "text": "x"}),
        lambda: world.act("region", "C", "return", {"reason_code": "other", "text": "x"}),
    ):
        refused = world.refused("guard_failed", act)
        assert named(refused, "round") == [("round_open", "up1")]


def test_figures_go_down_one_level_after_the_other(at: At) -> None:
    world = at("down1")
    refused = world.refused("illegal_transition", lambda: world.issue("C", {"A": A, "B": A}))
    assert refused.refusal.params["state"] == "down1.awaiting"
    world.issue("R", {"C": A})
    refused = world.refused("illegal_transition", lambda: world.issue("C", {"A": A, "B": A}))
    assert refused.refusal.params["state"] == "down1.issued"  # it has not signed


def test_a_round_closes_when_everybody_is_done_else_they_are_named(at: At) -> None:
    world = at("up1")
    world.report("A", A)
    refused = world.refused("guard_failed", lambda: world.close("up1"))
    assert named(refused, "unit", "state") == [
        ("units_done", "C", "up1.drafting"),
        ("units_done", "A", "up1.submitted"),
        ("units_done", "B", "up1.drafting"),
    ]
    world = at("down1")
    refused = world.refused("guard_failed", lambda: world.close("down1"))
    assert named(refused, "unit", "state")[0] == ("units_done", "R", "down1.awaiting")
    world.issue("R", {"C": A})
    world.act("city", "C", "acknowledge")
    refused = world.refused("guard_failed", lambda: world.close("down1"))
    assert ("units_done", "C", "down1.acknowledged") in named(refused, "unit", "state")


def test_only_the_first_few_of_many_are_named_and_the_rest_counted(at: At) -> None:
    world = at("")
    lines = [f"N{n:02},N{n},county,C" for n in range(30)]
    world.units("code,name,level,parent\n" + "\n".join(lines))
    world.cycle("c2")
    world.open("up1")
    refused = world.refused("guard_failed", lambda: world.close("up1"))
    assert refused.codes == ["units_done"] * 20 + ["more_units_unfinished"]
    assert refused.refusal.findings[-1].params == {"count": 13}
