"""N13: after a round is closed, one person proposes a correction and another approves it.

It covers every level whose sums it touches, in one transaction, or is refused naming the level.
Nothing is overwritten: what stood before stays beside what stands now.
"""

from __future__ import annotations

from typing import Any

import pytest

from planflow.services import plans
from planflow.services.views import PlanView
from tests.contract.audit import audit
from tests.rules.budget import APPROVED, ASKED
from tests.rules.conftest import At
from tests.timed import timed
from tests.world import World

LEAVES = {"A": {"persons": 60, "villages": 60, "county_exit": 1}, "B": {"persons": 40}}
LESS = {"round": "up1", "figures": {"persons": 55}, "reason": "漏计一个村"}
ALSO_B: dict[str, Any] = {"also": [{"unit": "B", "figures": {"persons": 45}}]}


def with_deputies(world: World) -> World:
    """A second admin in the region and in the city: somebody else has to approve."""
    world.user("region2", "admin", "R")
    world.user("city2", "admin", "C")
    return world


def propose(world: World, unit: str = "A", who: str = "", **body: Any) -> str:
    """Propose; the id of what waits."""
    plan = world.act(who or world.hand(unit), unit, "corrections", {**LESS, **body})
    return plan.corrections[-1].id


def approve(world: World, which: str, unit: str = "A", who: str = "region2") -> PlanView:
    return world.act(who, unit, "approve", None, which)


def figures(world: World, name: str, indicator: str = "persons") -> dict[str, int]:
    plans = {unit: world.plan("region", unit) for unit in "RCAB"}
    return {unit: plan.figures[name][indicator] for unit, plan in plans.items()}


def refused(world: World, unit: str = "A", who: str = "", **body: Any) -> list[dict[str, Any]]:
    """Parameters of the guards that refuse a proposal, after the database was compared."""
    watch = world.refused("guard_failed", lambda: propose(world, unit, who, **body))
    return [{"code": one.code, **one.params} for one in watch.refusal.findings]


# Up rounds


def test_a_correction_moves_every_level_above_in_one_act(at: At) -> None:
    world = with_deputies(at("down1"))
    which = propose(world, reason_code="field_check", document_no="柳扶〔2019〕3号")
    assert figures(world, "up1") == {"R": 100, "C": 100, "A": 60, "B": 40}  # nothing stands yet
    plan = approve(world, which)
    assert figures(world, "up1") == {"R": 95, "C": 95, "A": 55, "B": 40}
    own = [n for n in plan.numbers if (n.round, n.indicator) == ("up1", "persons")]
    assert [(n.side, n.value) for n in own] == [("reported", 60), ("corrected", 55)]
    people = [world.readers[who].user_id for who in ("a", "region2")]
    assert (own[-1].hands, own[-1].reason_code) == (people, "field_check")
    assert own[-1].document_no == "柳扶〔2019〕3号"
    [shown] = plan.corrections
    assert (shown.kind, shown.status, shown.top) == ("correction", "approved", "R")
    assert shown.figures == {"A": {"persons": 55}}
    assert shown.was == {"A": {"persons": 60}}
    audit(world.site)


def test_each_plan_touched_has_an_event_and_they_cite_each_other(at: At) -> None:
    world = with_deputies(at("down1"))
    before = {unit: len(world.history(unit)) for unit in "RCAB"}
    approve(world, propose(world))
    history = {unit: world.history(unit)[before[unit] :] for unit in "RCAB"}
    kinds = {unit: [one.kind for one in events] for unit, events in history.items()}
    assert kinds["A"] == ["correction_proposed", "corrected"]
    assert [kinds[unit] for unit in "RCB"] == [["corrected"], ["corrected"], []]
    proposed, own = history["A"]
    assert own.cites == [proposed.id]
    assert [history[unit][0].cites for unit in "RC"] == [[own.id], [own.id]]
    told = {one["unit"]: one["event"] for one in own.parts["others"]}
    assert told == {unit: history[unit][0].id for unit in "RC"}
    assert {history[unit][-1].recorded_at for unit in "RCA"} == {own.recorded_at}


def test_a_sibling_that_moves_the_other_way_keeps_the_levels_above(at: At) -> None:
    world = with_deputies(at("down1"))
    which = propose(world, who="city", **ALSO_B)
    assert world.plan("city", "A").corrections[0].top == "C"
    world.refused("forbidden", lambda: approve(world, which))  # the region does not decide on this
    approve(world, which, who="city2")
    assert figures(world, "up1") == {"R": 100, "C": 100, "A": 55, "B": 45}


def test_a_level_that_does_not_add_up_is_named(at: At) -> None:
    world = with_deputies(at("down1"))
    pinned: dict[str, Any] = {"also": [{"unit": "C", "figures": {"persons": 100}}]}
    assert refused(world, who="city", **pinned) == [
        {"code": "level_exact", "unit": "C", "name": "市", "level": "city"}
        | {"indicator": "persons", "expected": 95, "got": 100, "difference": 5}
    ]
    alone = refused(world, "C", figures={"persons": 99})
    assert [(one["code"], one["unit"], one["expected"]) for one in alone] == [
        ("level_exact", "C", 100)
    ]


def test_a_settled_number_and_its_difference_to_the_report_stay(at: At) -> None:
    world = at("up1")
    for unit in "AB":
        world.report(unit, {"persons": 50, "villages": 50})
        world.accept(unit)
    world.report("C", {"persons": 100, "villages": 100})
    settled = {"figures": {"persons": 90}, "reasons": {"persons": "overall_balance"}}
    world.act("region", "C", "accept", settled)
    world.close("up1")
    with_deputies(world)
    approve(world, propose(world, figures={"persons": 47}))
    assert figures(world, "up1") == {"R": 87, "C": 87, "A": 47, "B": 50}


def test_what_is_entered_at_a_level_moves_the_levels_above_alone(at: At) -> None:
    world = with_deputies(at("down1", deep=True))
    which = propose(world, "A", who="county", figures={"county_exit": 0})
    approve(world, which)
    found = {unit: world.plan("region", unit).figures["up1"] for unit in ("R", "C", "A", "A1")}
    assert {unit: one.get("county_exit") for unit, one in found.items()} == {
        **{"R": 0, "C": 0, "A": 0},
        "A1": None,
    }


def test_four_levels_move_at_once(at: At) -> None:
    world = with_deputies(at("down1", deep=True))
    approve(world, propose(world, "A1", figures={"persons": 27}), "A1")
    found = {u: world.plan("region", u).figures["up1"]["persons"] for u in ("R", "C", "A", "A1")}
    assert found == {"R": 107, "C": 107, "A": 67, "A1": 27}
    audit(world.site)


# Down rounds


def down(at: At) -> World:
    """The second up is open; in the first down the city held a reserve."""
    world = at("down1")
    world.issue("R", {"C": {"persons": 100, "villages": 100}})
    world.act("city", "C", "acknowledge")
    parts = {"A": {"persons": 50, "villages": 60}, "B": {"persons": 40, "villages": 40}}
    world.issue("C", parts, reserve={"persons": 10})
    for unit in "ab":
        world.act(unit, unit.upper(), "acknowledge")
    world.close("down1")
    world.open("up2")
    return with_deputies(world)


def test_a_reserve_takes_what_an_issued_figure_moves_by(at: At) -> None:
    world = down(at)
    also = [{"unit": "C", "reserve": {"persons": 15}}]
    which = propose(world, who="city", round="down1", figures={"persons": 45}, also=also)
    watch = world.refused("guard_failed", lambda: approve(world, which, who="city"))
    assert watch.codes == ["separate_hands"]
    approve(world, which, who="city2")
    assert figures(world, "down1") == {"R": 100, "C": 100, "A": 45, "B": 40}
    split = world.plan("city", "C").splits["down1"]
    assert (split.total["persons"], split.reserve) == (100, {"persons": 15})
    audit(world.site)


def test_a_split_that_loses_something_is_refused_by_level(at: At) -> None:
    world = down(at)
    also = [{"unit": "C", "figures": {"persons": 100}, "reserve": {"persons": 12}}]
    found = refused(world, who="city", round="down1", figures={"persons": 45}, also=also)
    assert [(one["code"], one["unit"], one["expected"], one["got"]) for one in found] == [
        ("level_exact", "C", 97, 100)
    ]


def test_without_a_reserve_the_roots_total_moves_and_its_admin_decides(at: At) -> None:
    world = down(at)
    which = propose(world, who="city", round="down1", figures={"persons": 45})
    assert world.plan("region", "A").corrections[-1].top == "R"
    watch = world.refused("guard_failed", lambda: approve(world, which, who="region"))
    assert watch.codes == ["separate_hands"]  # it issued what is corrected
    approve(world, which)
    assert figures(world, "down1") == {"R": 95, "C": 95, "A": 45, "B": 40}


def test_a_reserve_is_held_by_who_issued(at: At) -> None:
    world = down(at)
    body = {**LESS, "round": "down1", "reserve": {"persons": 1}}
    watch = world.refused("invalid", lambda: world.act("a", "A", "corrections", body))
    assert watch.codes == ["no_reserve"]


# Later rounds that rest on it


def adjusting(at: At) -> World:
    return with_deputies(at("adjust"))


def test_an_adjust_in_which_nobody_acted_moves_along(at: At) -> None:
    world = adjusting(at)
    approve(world, propose(world, who="city", round="down2"))
    assert figures(world, "down2") == figures(world, "adjust")
    assert figures(world, "adjust") == {"R": 95, "C": 95, "A": 55, "B": 40}
    assert world.plan("a", "A").headline["persons"].value == 55
    world.close("adjust")
    assert world.get().settled
    audit(world.site)


def test_a_level_that_acted_in_the_adjust_is_named(at: At) -> None:
    world = adjusting(at)
    world.report("A", {"persons": 59}, {"persons": "criteria_not_met"})
    found = refused(world, who="city", round="down2")
    assert [(one["code"], one["unit"], one["round"]) for one in found] == [
        ("rests_on_it", "A", "adjust")
    ]


def test_a_proposal_is_judged_again_when_it_is_approved(at: At) -> None:
    world = adjusting(at)
    which = propose(world, who="city", round="down2")
    world.report("A", {"persons": 59}, {"persons": "criteria_not_met"})
    watch = world.refused("guard_failed", lambda: approve(world, which))
    assert watch.codes == ["rests_on_it"]
    told = {one.name: one for one in world.plan("region2", "A").actions}
    assert [guard.name for guard in told["approve"].guards] == ["rests_on_it"]
    world.act("region2", "A", "reject", {"reason": "请在微调中更正"}, which)
    assert world.plan("a", "A").corrections[0].status == "rejected"


def test_a_settled_cycle_is_corrected_in_its_last_round(at: At) -> None:
    world = adjusting(at)
    world.close("adjust")
    found = refused(world, who="city", round="down2")
    assert [(one["unit"], one["round"]) for one in found] == [("R", "adjust")]
    approve(world, propose(world, who="city", round="adjust", figures={"persons": 58}))
    assert figures(world, "adjust") == {"R": 98, "C": 98, "A": 58, "B": 40}
    assert world.state("A") == "settled"
    audit(world.site)


def test_the_bound_of_an_adjust_holds_unless_a_resolution_stands_above_it(at: At) -> None:
    world = adjusting(at)
    world.close("adjust")
    far: dict[str, Any] = {"round": "adjust", "figures": {"persons": 0}}
    found = refused(world, who="city", **far)
    assert [(one["code"], one["limit"], one["got"]) for one in found] == [("bounded", 50, 40)]
    cited: dict[str, Any] = {"document_no": "人发9号", "dated": "2019-09-30", "cites": ["人发1号"]}
    approve(world, propose(world, who="city", **far, **cited))
    assert figures(world, "adjust") == {"R": 40, "C": 40, "A": 0, "B": 40}


def test_a_figure_that_an_open_promise_amends_is_pinned(at: At) -> None:
    world = adjusting(at)
    world.promise("C", "persons", 8)
    found = refused(world, who="city", round="down2")
    assert [(one["code"], one["unit"]) for one in found] == [("promise_open", "C")]


def test_a_silence_that_copied_the_figure_is_named(at: At) -> None:
    world = with_deputies(at("down1"))
    issued = {"A": {"persons": 60, "villages": 60}, "B": {"persons": 40, "villages": 4}}
    world.down("down1", issued)
    world = timed(world)
    terms = {"windows": {"county": {"due_at": "2100-03-05"}}, "silence": {"county": "last_issued"}}
    world.open("up2", body=terms)
    world.clock.set("2100-03-09 09:00")
    found = refused(world, who="city", round="down1")
    assert [(one["code"], one["unit"], one["round"]) for one in found] == [
        ("rests_on_it", "A", "up2")
    ]


def test_a_silent_units_number_is_corrected_like_any_other(at: At) -> None:
    world = timed(with_deputies(at("")))
    terms = {"windows": {"county": {"due_at": "2100-03-05"}}, "silence": {"county": "zero"}}
    world.open("up1", body=terms)
    world.report("B", {"persons": 40, "villages": 40})
    world.accept("B")
    world.clock.set("2100-03-09 09:00")
    world.report("C", {"persons": 40, "villages": 40})
    world.accept("C")
    world.silenced("up1")
    approve(world, propose(world, figures={"persons": 7}))
    assert figures(world, "up1") == {"R": 47, "C": 47, "A": 7, "B": 40}
    sides = [n.side for n in world.plan("a", "A").numbers if n.indicator == "persons"]
    assert sides == ["silence", "corrected"]
    audit(world.site)


# A budget: ceilings, and a decision that the issued total comes from


def test_a_ceiling_below_what_was_reported_is_named(second_up: World) -> None:
    world = second_up
    world.user("t2", "admin", "T")
    world.report("D1", {"basic": 70, "project": 50})
    body = {"round": "down1", "figures": {"project": 45}, "reason": "重复下达"}
    watch = world.refused("guard_failed", lambda: world.act("d1", "D1", "corrections", body))
    params = [(one.code, one.params["unit"]) for one in watch.refusal.findings]
    assert params == [("rests_on_it", "D1")] * len(params)
    assert {one.params["round"] for one in watch.refusal.findings} == {"up2"}


def test_a_correction_keeps_within_the_ceiling_itself(undecided: World) -> None:
    body = {"round": "up2", "figures": {"project": 51}, "reason": "漏列"}
    watch = undecided.refused(
        "guard_failed", lambda: undecided.act("d1", "D1", "corrections", body)
    )
    assert "within_ceiling" in watch.codes


def decided(world: World) -> World:
    """The legislature has approved, and all of it was issued."""
    world.act("t", "T", "decide", APPROVED)
    world.close("legislature")
    world.user("t2", "admin", "T")
    return world


def test_a_decision_not_yet_issued_is_amended_alone(undecided: World) -> None:
    world = decided(undecided)
    body = {"round": "legislature", "figures": {"project": 100}, "reason": "决议", **RESOLUTION}
    which = world.act("t", "T", "corrections", body).corrections[-1].id
    watch = world.refused("guard_failed", lambda: world.act("t", "T", "approve", None, which))
    assert watch.codes == ["separate_hands"]
    world.act("t2", "T", "approve", None, which)
    plan = world.plan("t", "T")
    assert plan.figures["legislature"] == {"basic": 150, "project": 100}
    assert plan.figures["up2"]["project"] == 110


def test_an_amendment_in_mid_year_moves_the_decision_along(undecided: World) -> None:
    world = decided(undecided)
    world.down("down2", ASKED)
    body = {"round": "down2", "figures": {"project": 40}, "reason": "年中调整预算"}
    plain = world.refused("guard_failed", lambda: world.act("d1", "D1", "corrections", body))
    assert plain.codes == ["total_decided"]
    alone = {**body, **RESOLUTION, "round": "legislature", "figures": {"project": 100}}
    watch = world.refused("guard_failed", lambda: world.act("t", "T", "corrections", alone))
    assert watch.codes == ["rests_on_it"]
    which = world.act("d1", "D1", "corrections", {**body, **RESOLUTION}).corrections[-1].id
    world.act("t2", "D1", "approve", None, which)
    root = world.plan("t", "T").figures
    assert (root["down2"]["project"], root["legislature"]["project"]) == (100, 100)
    assert world.plan("t", "D").figures["down2"]["project"] == 60
    audit(world.site)


# Amendments by resolution


RESOLUTION: dict[str, Any] = {
    "document_no": "人发〔2019〕8号",
    "dated": "2019-08-30",
    "cites": ["人发〔2019〕1号"],
}


def test_an_amendment_cites_and_is_called_one(at: At) -> None:
    world = with_deputies(at("down1"))
    plan = approve(world, propose(world, **RESOLUTION))
    assert plan.corrections[0].kind == "amendment"
    assert plan.corrections[0].cites == ["人发〔2019〕1号"]
    number = next(one for one in plan.numbers if one.side == "amended")
    assert (number.value, number.document_no) == (55, "人发〔2019〕8号")


@pytest.mark.parametrize("lacks", ["document_no", "dated"])
def test_an_amendment_names_its_document_and_date(at: At, lacks: str) -> None:
    world = at("down1")
    body = {**LESS, **RESOLUTION}
    del body[lacks]
    watch = world.refused("invalid", lambda: world.act("a", "A", "corrections", body))
    assert [(one.code, one.where) for one in watch.refusal.findings] == [("missing", lacks)]


# What may be proposed at all


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"round": "nothing"}, "unknown_round"),
        ({"figures": {"nothing": 1}}, "unknown_indicator"),
        ({"figures": {"persons": -1}}, "below_minimum"),
        ({"figures": {"persons": 60}}, "nothing_corrected"),
        ({"reason_code": "nothing"}, "unknown_reason_code"),
        ({"reserve": {"persons": -1}}, "below_minimum"),
        ({"also": [{"unit": "nothing", "figures": {}}]}, "unknown_unit"),
        ({"also": [{"unit": "B", "figures": {"persons": 65}}]}, "unknown_unit"),  # out of sight
        ({"also": [{"unit": "A", "figures": {"persons": 65}}]}, "duplicate_unit"),
        ({"reason": ""}, "empty"),
    ],
)
def test_what_is_no_correction_is_refused(at: At, body: dict[str, Any], code: str) -> None:
    world = at("down1")
    watch = world.refused("invalid", lambda: world.act("a", "A", "corrections", {**LESS, **body}))
    assert code in watch.codes


def test_only_a_closed_round_is_corrected(at: At) -> None:
    world = at("up1")
    assert [one["code"] for one in refused(world)] == ["correctable"]
    world = at("down1")
    assert [one["code"] for one in refused(world, round="down1")] == ["correctable"]


def test_one_correction_waits_at_a_time(at: At) -> None:
    world = with_deputies(at("down1"))
    which = propose(world)
    assert [one["code"] for one in refused(world, figures={"persons": 54})] == ["nothing_proposed"]
    world.act("region2", "A", "reject", {"reason": "不符"}, which)
    watch = world.refused("guard_failed", lambda: approve(world, which))
    assert watch.codes == ["holds_proposal"]
    again = propose(world, figures={"persons": 54})
    world.refused("illegal_transition", lambda: approve(world, which))
    approve(world, again)
    world.refused("not_found", lambda: approve(world, "none"))


def test_a_second_correction_stands_on_the_first(at: At) -> None:
    world = with_deputies(at("down1"))
    approve(world, propose(world))
    which = propose(world, figures={"persons": 50})
    assert world.plan("a", "A").corrections[-1].was == {"A": {"persons": 55}}
    approve(world, which)
    assert figures(world, "up1") == {"R": 90, "C": 90, "A": 50, "B": 40}


def test_figures_that_moved_since_are_not_corrected_blindly(at: At) -> None:
    world = with_deputies(at("down1"))
    world.user("region3", "admin", "R")
    which = propose(world)
    other = propose(
        world,
        "B",
        who="city",
        figures={"persons": 41},
        also=[
            {"unit": "A", "figures": {"persons": 59}},
        ],
    )
    approve(world, other, "B", who="city2")
    watch = world.refused("guard_failed", lambda: approve(world, which))
    assert watch.codes == ["figures_moved"]


def test_two_counties_are_corrected_side_by_side(at: At) -> None:
    world = with_deputies(at("down1"))
    first, second = propose(world), propose(world, "B", figures={"persons": 43})
    approve(world, first)
    approve(world, second, "B")
    assert figures(world, "up1") == {"R": 98, "C": 98, "A": 55, "B": 43}


def test_an_earlier_time_still_shows_what_stood_then(at: At) -> None:
    world = with_deputies(at("down1"))
    then = world.history("A")[-1].recorded_at
    approve(world, propose(world))
    before = plans.get_plan(world.site, world.readers["a"], "c1", "A", then)
    assert before.figures["up1"]["persons"] == 60
    assert before.corrections == []


def test_a_page_of_plans_tells_the_same_as_each_plan(at: At) -> None:
    world = with_deputies(at("down1"))
    propose(world)
    propose(world, "B", who="city", figures={"persons": 43})
    for who in ("region", "region2", "city", "a", "auditor"):
        page = plans.list_plans(world.site, world.readers[who], "c1", None, None, None)
        for one in page.items:
            assert one == world.plan(who, one.unit), (who, one.unit)
