"""N1, N2: ragged trees, and an open cycle's tree that changes by an event with a document number.

A unit keeps its identity apart from its code. Units join in the current round with earlier rounds
"none"; a split or merge maps every figure to its successors, sums exact; any earlier tree can be read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from planflow.domain.parsing import parse
from planflow.domain.tree_commands import ChangeTree
from planflow.errors import Refusal
from planflow.services import plans
from planflow.services.site import open_site
from planflow.services.views import PlanView
from tests.conftest import Park, peopled
from tests.contract.audit import audit
from tests.databases import Databases, settings
from tests.world import FIGURES, World, total

NEW = """\
code,name,level,parent,attributes
S1,甲东县,county,C,poor_county
S2,甲西县,county,C,
M,甲乙县,county,C,poor_county
N,新县,county,C,
N1,新乡,township,N,
FAR,远县,county,R,
BIG,新市,city,R,
"""
PEOPLE = {"s1": ("admin", "S1"), "s2": ("admin", "S2"), "m": ("admin", "M"), "n": ("admin", "N")}
DOCUMENT = "桂民复〔2019〕12号"
Change = dict[str, Any]


def grown(world: World, *people: str) -> World:
    """A cycle, and then units, with some people, that are not in its tree."""
    if not world.name:
        world.cycle()
    world.units(NEW)
    for who in people:
        world.user(who, *PEOPLE[who])
    return world


def split(*shares: Change, weights: tuple[int | None, int | None] = (2, 1)) -> Change:
    """County A becomes S1 and S2."""
    into = [{"unit": unit, "weight": one} for unit, one in zip(("S1", "S2"), weights, strict=True)]
    return {"split": {"unit": "A", "into": into, "shares": list(shares)}}


def share(round_name: str, side: str, indicator: str, s1: int, s2: int, **more: str) -> Change:
    """A number's parts for S1 and S2."""
    one = {"round": round_name, "side": side, "indicator": indicator, **more}
    return {**one, "amounts": {"S1": s1, "S2": s2}}


MERGE: Change = {"merge": {"units": ["A", "B"], "into": "M"}}
JOIN: Change = {"join": {"unit": "N", "parent": "C"}}


def figures(world: World, unit: str) -> Mapping[str, Mapping[str, int]]:
    """A unit's numbers in force by round."""
    return world.plan("region", unit).figures


def added(world: World, *units: str) -> dict[str, dict[str, int]]:
    """Numbers in force of several units, added up by round."""
    plans = [figures(world, unit) for unit in units]
    return {name: total(plan[name] for plan in plans if name in plan) for name in plans[0]}


# Ragged trees


RAGGED = """\
code,name,level,parent,attributes
R,自治区,region,,
C,市,city,R,
A,甲县,county,C,poor_county
A1,东乡,township,A,
A1v,一村,village,A1,
B,乙县,county,C,
T,直管镇,township,C,
Tv,二村,village,T,
D,无县市,city,R,
V,直管村,village,D,
"""
RAGGED_PEOPLE = {
    "v1": ("admin", "A1v"),
    "a1": ("admin", "A1"),
    "aa": ("admin", "A"),
    "bb": ("admin", "B"),
    "t": ("admin", "T"),
    "tv": ("admin", "Tv"),
    "d": ("admin", "D"),
    "v": ("admin", "V"),
}
LEAVES = {
    "A1v": {"persons": 7, "villages": 1},
    "B": {"persons": 40, "villages": 4},
    "Tv": {"persons": 3, "villages": 0},
    "V": {"persons": 5, "villages": 1},
}


def test_levels_may_be_skipped_and_leaves_stand_at_any_level(world: World) -> None:
    """A city without counties, a township right below a city, leaves of three levels in one cycle."""
    world.units(RAGGED)
    for who, (role, unit) in RAGGED_PEOPLE.items():
        world.user(who, role, unit)
    world.cycle(leaf_level="village")
    world.up("up1", LEAVES)
    world.down("down1", LEAVES)
    assert world.plan("region", "R").figures["up1"] == {"persons": 55, "villages": 6}
    assert world.plan("region", "C").figures["up1"] == {"persons": 50, "villages": 5}
    assert world.state("V") == "down1.acknowledged"  # a leaf signs, and that is all
    assert world.state("D") == "down1.distributed"


def test_a_subtree_may_be_cut_at_a_level_of_its_own(world: World) -> None:
    world.units(RAGGED)
    world.cycle(
        leaf_level="village",
        cuts=[{"unit": "A", "leaf_level": "township"}, {"unit": "T", "leaf_level": "township"}],
    )
    assert set(world.places()) == {"R", "C", "A", "A1", "B", "Z", "T", "D", "V"}
    audit(world.site)


@pytest.mark.parametrize(
    ("cuts", "code"),
    [
        ([{"unit": "X", "leaf_level": "county"}], "unit_not_in_tree"),
        ([{"unit": "A1v", "leaf_level": "village"}], "unit_not_in_tree"),  # below the leaf level
        ([{"unit": "A", "leaf_level": "hamlet"}], "unknown_level"),
        ([{"unit": "A", "leaf_level": "city"}], "cut_above_unit"),
        ([{"unit": "A", "leaf_level": "county"}] * 2, "duplicate_unit"),
    ],
)
def test_a_cut_names_a_unit_of_the_tree_once_and_a_level_at_or_below_it(
    world: World, cuts: list[dict[str, str]], code: str
) -> None:
    world.units(RAGGED)
    watch = world.refused("invalid", lambda: world.cycle(leaf_level="township", cuts=cuts))
    assert watch.codes == [code]


# Split


def test_a_split_by_weight_keeps_every_sum(world: World) -> None:
    """60 persons go 40 to 20, in each of four rounds; the poor county keeps its exit."""
    grown(world).play_until("adjust")
    before = figures(world, "A")
    promise = world.promise("A", "villages", 4)
    before_city = figures(world, "C")
    world.change_tree(split())
    assert added(world, "S1", "S2") == before
    assert figures(world, "C") == before_city
    assert figures(world, "S1")["down2"] == {"persons": 40, "villages": 40, "county_exit": 1}
    assert figures(world, "S2")["down2"] == {"persons": 20, "villages": 20, "county_exit": 0}
    parts = [world.plan("region", unit).commitments[0] for unit in ("S1", "S2")]
    assert [(one.from_, one.to, one.status) for one in parts] == [
        (40, 43, "open"),
        (20, 21, "open"),
    ]
    old = world.plan("region", "A")
    assert [(one.id, one.status) for one in old.commitments] == [(promise, "handed_over")]
    assert (old.handed_to, parts[0].id != parts[1].id) == (["S1", "S2"], True)
    assert world.plan("region", "S1").taken_from == ["A"]
    audit(world.site)
    for unit, one in zip(("S1", "S2"), parts, strict=True):
        world.act("city", unit, "fulfil", None, one.id)
    world.report("C", {"villages": 104})
    world.accept("C")
    world.close("adjust")
    assert figures(world, "R")["adjust"] == {"persons": 100, "villages": 104, "county_exit": 1}
    audit(world.site)


def test_a_split_by_shares_says_each_number_of_each_round(world: World) -> None:
    grown(world, "s1", "s2").play_until("down1")
    shares = [
        share("up1", "reported", "persons", 59, 1),
        share("up1", "reported", "villages", 30, 30),
        share("up1", "reported", "county_exit", 1, 0),
    ]
    world.change_tree(split(*shares, weights=(None, None)))
    assert figures(world, "S1")["up1"] == {"persons": 59, "villages": 30, "county_exit": 1}
    assert figures(world, "S2")["up1"] == {"persons": 1, "villages": 30, "county_exit": 0}
    world.down("down1", {"S1": FIGURES["A"], "S2": FIGURES["B"], "B": FIGURES["B"]})
    audit(world.site)


def test_what_the_parent_settled_and_what_a_silent_unit_reported_go_along(world: World) -> None:
    grown(world)
    world.open("up1")
    world.report("A", FIGURES["A"])
    settled = {"figures": {"persons": 50}, "reasons": {"persons": "overall_balance"}}
    world.act("city", "A", "accept", settled)
    world.change_tree(split())
    assert added(world, "S1", "S2") == {"up1": {**FIGURES["A"], "persons": 50}}
    assert {world.state("S1"), world.state("S2")} == {"up1.accepted"}
    reasons = {n.reason_code for n in world.plan("region", "S2").numbers if n.side == "settled"}
    assert reasons == {"overall_balance"}
    world.user("a", "admin", "C")
    with world.refused("guard_failed") as watch:  # who typed for A does not review its successors
        world.act("a", "S1", "return", {"reason_code": "incomplete", "text": "材料不全"})
    assert watch.codes == ["separate_hands"]


def test_the_round_goes_on_with_the_successors_and_without_the_one_they_succeed(
    world: World,
) -> None:
    grown(world, "s1", "s2")
    world.open("up1")
    world.report("A", FIGURES["A"])
    world.change_tree(split())
    with world.refused("guard_failed") as watch:
        world.act("a", "A", "withdraw")
    assert watch.codes == ["has_task"]
    with world.refused("guard_failed") as watch:
        world.close("up1")
    waited = {one.params["unit"] for one in watch.refusal.findings}
    assert waited == {"C", "S1", "S2", "B"}
    for unit in ("S1", "S2"):
        world.accept(unit)
    world.report("B", FIGURES["B"])
    world.accept("B")
    world.report("C", total(FIGURES.values()))
    world.accept("C")
    world.close("up1")
    assert figures(world, "R")["up1"]["persons"] == 100
    assert {one.unit for one in world.get().no_task} == {"Z"}
    audit(world.site)


def test_further_numbers_go_along_on_their_own_basis(world: World) -> None:
    """N3: a stretch target is reported, and issued, beside the task; each adds up by itself."""
    grown(world)
    world.open("up1")
    stretch = {"figures": FIGURES["A"], "also": {"stretch": {"persons": 91}}}
    world.act("a", "A", "draft", stretch)
    world.act("a", "A", "submit")
    world.accept("A")
    world.change_tree(split())
    found = {
        unit: [n.value for n in world.plan("region", unit).numbers if n.basis == "stretch"]
        for unit in ("S1", "S2")
    }
    assert found == {"S1": [61], "S2": [30]}
    world.change_tree({"merge": {"units": ["S1", "S2"], "into": "M"}})
    merged = [n.value for n in world.plan("region", "M").numbers if n.basis == "stretch"]
    assert merged == [91]
    audit(world.site)


def test_a_returned_report_is_answered_by_the_successors(world: World) -> None:
    """N7: each answers its part of what was returned; only the line the return is about is open."""
    grown(world, "s1", "s2")
    world.open("up1")
    world.report("A", FIGURES["A"])
    back = {"reason_code": "incomplete", "text": "材料不全", "lines": ["persons"]}
    world.act("city", "A", "return", back)
    world.change_tree(split())
    assert world.state("S1") == "up1.returned"
    mine = figures(world, "S1")["up1"]
    world.act("s1", "S1", "draft", {"figures": {**mine, "villages": 1}})
    with world.refused("guard_failed") as watch:
        world.act("s1", "S1", "submit")
    assert watch.codes == ["line_locked"]
    world.act("s1", "S1", "draft", {"figures": {**mine, "persons": 39}})
    assert world.act("s1", "S1", "submit").state == "up1.submitted"
    audit(world.site)


DEEP = """\
code,name,level,parent,attributes
A1,东乡,township,A,
A2,西乡,township,A,
A3,北乡,township,A,
"""
DEEP_FIGURES = {
    "A1": {"persons": 20, "villages": 20},
    "A2": {"persons": 30, "villages": 30},
    "A3": {"persons": 10, "villages": 10},
    "B": {"persons": 40, "villages": 40},
}


def deep(world: World, *people: str) -> World:
    """Three townships below A; everything up to the second down was played."""
    world.units(DEEP)
    for who, unit in (("aa", "A"), ("a1", "A1"), ("a2", "A2"), ("a3", "A3")):
        world.user(who, "admin", unit)
    world.cycle(leaf_level="township")
    grown(world, *people)
    for name in ("up1", "down1", "up2", "down2"):
        world.play(name, DEEP_FIGURES)
    return world


def with_children(*lists: list[str]) -> Change:
    """County A becomes S1 and S2, which take its townships."""
    into = [
        {"unit": unit, "weight": 1, "children": list(codes)}
        for unit, codes in zip(("S1", "S2"), lists, strict=True)
    ]
    return {"split": {"unit": "A", "into": into}}


def test_children_go_to_a_successor_and_its_figures_are_their_sums(world: World) -> None:
    deep(world, "s1", "s2")
    before = figures(world, "A")
    world.change_tree(with_children(["A1", "A3"], ["A2"]))
    assert added(world, "S1", "S2") == before
    assert figures(world, "S1")["down2"] == {"persons": 30, "villages": 30}
    assert world.tree()["A3"].parent == "S1"
    assert world.plan("s1", "A3").figures["up1"] == DEEP_FIGURES["A3"]
    with world.refused("not_found"):
        world.plan("s2", "A3")
    world.open("adjust")
    world.report("A3", {"persons": 9}, {"persons": "criteria_not_met"})
    world.act("s1", "A3", "accept")
    world.report("S1", {"persons": 29})
    world.accept("S1")
    world.report("C", {"persons": 99})
    world.accept("C")
    world.close("adjust")
    assert figures(world, "R")["adjust"]["persons"] == 99
    audit(world.site)


def test_a_commitment_in_parts_goes_on_from_the_successors(world: World) -> None:
    """The city's promise was passed on to county A and by it to its townships (N10)."""
    deep(world)
    promise = world.promise("C", "villages", 8)
    world.act("city", "C", "distribute", {"allocations": [{"unit": "A", "amount": 8}]}, promise)
    part = world.plan("region", "A").commitments[0].id
    shares = [{"unit": "A1", "amount": 3}, {"unit": "A2", "amount": 4}]
    world.act("aa", "A", "distribute", {"allocations": shares, "reserve": 1}, part)
    world.change_tree(with_children(["A1", "A3"], ["A2"]))
    parts = [world.plan("region", unit).commitments[0] for unit in ("S1", "S2")]
    assert [(one.from_, one.to, one.reserve) for one in parts] == [(30, 34, 1), (30, 34, 0)]
    world.open("adjust")
    world.act("region", "C", "fulfil", None, promise)
    world.close("adjust")
    assert figures(world, "R")["adjust"]["villages"] == 108
    audit(world.site)


# Merge


def test_a_merge_adds_up_every_number_of_every_round(world: World) -> None:
    grown(world, "m").play_until("adjust")
    world.promise("A", "villages", 4)
    before, city = added(world, "A", "B"), figures(world, "C")
    world.change_tree(MERGE)
    assert figures(world, "M") == before
    assert figures(world, "C") == city
    held = world.plan("region", "M").commitments
    assert [(one.from_, one.to, one.status) for one in held] == [(100, 104, "open")]
    assert world.plan("region", "M").taken_from == ["A", "B"]
    world.act("city", "M", "fulfil", None, held[0].id)
    world.report("M", {"persons": 97}, {"persons": "criteria_not_met"})
    world.accept("M")
    world.report("C", {"persons": 97, "villages": 104})
    world.accept("C")
    world.close("adjust")
    assert figures(world, "R")["adjust"] == {"persons": 97, "villages": 104, "county_exit": 1}
    audit(world.site)


def test_a_merge_with_townships_is_exact_below_as_well(world: World) -> None:
    """B has no townships: its figures would stand beside the sums of A's. With none there is a sum."""
    deep(world)
    with world.refused("guard_failed") as watch:
        world.change_tree(MERGE)
    assert set(watch.codes) == {"sums_exact"}
    world.change_tree(with_children(["A1", "A3"], ["A2"]))
    world.change_tree({"merge": {"units": ["S1", "S2"], "into": "M"}})
    assert figures(world, "M") == figures(world, "A")
    assert {one.unit for one in world.tree().values() if one.parent == "M"} == {"A1", "A2", "A3"}
    audit(world.site)


def test_units_at_different_stages_are_not_merged(world: World) -> None:
    grown(world)
    world.open("up1")
    world.report("A", FIGURES["A"])
    with world.refused("guard_failed") as watch:
        world.change_tree(MERGE)
    assert watch.codes == ["stages_differ"]


# Join, rename, leave without task


def test_a_unit_joins_in_the_current_round_and_has_no_earlier_one(world: World) -> None:
    """Its round is the one that is open: it answers what its parent was issued, and is waited for."""
    grown(world, "n").play_until("up2")
    world.change_tree(JOIN)
    plan = world.plan("region", "N")
    assert (plan.state, plan.figures, plan.version) == ("up2.drafting", {}, 0)
    world.up("up2", {**FIGURES, "N": {"persons": 5, "villages": 1}})
    assert figures(world, "R")["up2"]["persons"] == 105
    assert figures(world, "N") == {"up2": {"persons": 5, "villages": 1}}
    world.down("down2", {**FIGURES, "N": {"persons": 5, "villages": 1}})
    audit(world.site)


def test_a_unit_that_joins_between_rounds_waits_for_the_next(world: World) -> None:
    grown(world, "n")
    world.open("up1", body={"silence": {"county": "zero"}, "windows": {"county": LONG_AGO}})
    for unit in ("A", "B"):
        world.report(unit, FIGURES[unit])
        world.accept(unit)
    world.report("C", total(FIGURES.values()))
    world.accept("C")
    world.close("up1")
    world.change_tree(JOIN)
    assert world.state("N") == "waiting"
    assert figures(world, "N") == {}
    world.down("down1", {**FIGURES, "N": {"persons": 0, "villages": 0}})
    assert world.state("N") == "down1.acknowledged"


LONG_AGO = {"due_at": "2199-01-01"}


def test_an_issue_names_the_unit_that_joined_once_it_is_made_anew(world: World) -> None:
    grown(world, "n").play_until("down1")
    world.issue("R", {"C": total(FIGURES.values())})
    world.act("city", "C", "acknowledge")
    world.issue("C", FIGURES)
    world.change_tree(JOIN)
    for who, unit in (("a", "A"), ("b", "B")):
        world.act(who, unit, "acknowledge")
    with world.refused("guard_failed") as watch:
        world.close("down1")
    assert [one.params["unit"] for one in watch.refusal.findings] == ["N"]
    more = {**FIGURES, "N": {"persons": 0, "villages": 0}}
    world.issue("C", more, reason="新县成立", document_no="柳扶〔2019〕9号")
    world.act("n", "N", "acknowledge")
    world.close("down1")
    audit(world.site)


def test_a_renamed_unit_stays_the_same_with_another_code(world: World) -> None:
    """As 柳江 did: 450221 became 450206. Its people, plan and history go along."""
    grown(world).play_until("up2")
    before = world.plan("region", "A")
    world.change_tree({"rename": {"unit": "A", "code": "A206", "name": "甲区"}})
    plan = world.plan("a", "A206")
    assert (plan.name, plan.figures, plan.version) == ("甲区", before.figures, before.version)
    with world.refused("not_found"):
        world.plan("region", "A")
    assert world.units("code,name,level,parent,attributes\nA206,甲区,county,C,poor_county\n") == (
        world.units("code,name,level,parent,attributes\nA206,甲区,county,C,poor_county\n")
    )
    world.act("a", "A206", "draft", {"figures": FIGURES["A"]})
    world.act("a", "A206", "submit")
    assert [one.kind for one in world.history("A206")][-1] == "submitted"
    audit(world.site)


def test_a_code_that_was_given_up_may_be_given_anew_in_another_cycle(world: World) -> None:
    grown(world)
    world.change_tree({"rename": {"unit": "A", "code": "A206"}})
    world.cycle("second")
    assert "A206" in world.places()
    with world.refused("not_found"):
        world.plan("region", "A")


def test_an_exercise_leaves_the_register_as_it_is(world: World) -> None:
    world.cycle("drill", practice=True)
    world.change_tree({"rename": {"unit": "A", "code": "A206"}})
    assert world.plan("a", "A206").unit == "A206"
    world.cycle("real")
    assert "A" in world.places()
    audit(world.site)


def test_a_unit_that_never_acted_may_be_left_without_task(world: World) -> None:
    grown(world)
    world.open("up1")
    world.change_tree({"no_task": {"unit": "B", "reason": "撤销"}})
    assert {one.unit for one in world.get().no_task} == {"Z", "B"}
    world.up("up1", {"A": FIGURES["A"]})
    with world.refused("guard_failed") as watch:
        world.change_tree({"no_task": {"unit": "A", "reason": "撤销"}})
    assert watch.codes == ["has_not_acted"]
    with world.refused("guard_failed") as watch:
        world.change_tree({"no_task": {"unit": "B", "reason": "撤销"}})
    assert watch.codes == ["has_task"]
    audit(world.site)


# Events


def test_the_act_is_one_event_in_each_stream_it_touches_all_at_one_time(world: World) -> None:
    """F1, N18: the cycle's, the one that hands over, those that take over; each cites the others."""
    grown(world).play_until("adjust")
    made = world.change_tree(split(), dated="2019-06-30", reason="行政区划调整")
    last = {unit: world.history(unit)[-1] for unit in ("A", "S1", "S2")}
    assert {one.kind for one in last.values()} == {"handed_over", "taken_over"}
    assert {one.recorded_at for one in last.values()} == {last["A"].recorded_at}
    assert set(last["A"].cites) == {made.event, last["S1"].id, last["S2"].id}
    assert set(last["S2"].cites) == {made.event, last["A"].id}
    assert last["S1"].parts["terms"] == {"document_no": DOCUMENT, "dated": "2019-06-30"}
    taken = {one["round"]: one["issued"] for one in last["S1"].parts["rounds"]}
    assert taken["down2"] == {"persons": 40, "villages": 40, "county_exit": 1}
    assert world.history("C")[-1].kind != "handed_over"


def test_the_same_call_sent_again_happens_once(world: World) -> None:
    grown(world)
    first = world.change_tree(split(), key="k")
    again = world.change_tree(split(), key="k")
    assert (again.event, again.version, again.tree) == (first.event, first.version, first.tree)


# Earlier trees


def test_any_earlier_tree_can_be_read(world: World) -> None:
    grown(world, "m").play_until("up2")
    start = world.site.clock()
    world.change_tree({"rename": {"unit": "A", "code": "A206", "name": "甲区"}})
    renamed = world.site.clock()
    world.change_tree({"merge": {"units": ["A206", "B"], "into": "M"}})
    assert set(world.tree()) == {"R", "C", "M", "Z"}
    assert set(world.tree(as_of=renamed)) == {"R", "C", "A206", "B", "Z"}
    assert {code: one.name for code, one in world.tree(as_of=start).items()}["A"] == "甲县"
    assert world.tree(as_of=dt.datetime(2001, 1, 1, tzinfo=dt.UTC)) == {}
    assert set(world.tree("a", as_of=start)) == {"A"}  # what stands today in the reader's scope
    assert set(world.tree("m")) == {"M"}


def test_a_plan_of_an_earlier_time_stands_in_the_tree_of_that_time(world: World) -> None:
    grown(world).play_until("up2")
    start = world.site.clock()
    world.change_tree({"rename": {"unit": "A", "code": "A206", "name": "甲区"}})
    then = tree_then(world, "A", start)
    assert (then.unit, then.name, then.figures["up1"]) == ("A", "甲县", FIGURES["A"])
    assert tree_then(world, "A206", world.site.clock()).name == "甲区"
    assert tree_then(world, "A206", start) == then  # by its code of today


def test_a_plan_is_not_found_before_its_unit_came_into_the_tree(world: World) -> None:
    grown(world, "m").play_until("up2")
    start = world.site.clock()
    world.change_tree(MERGE)
    for unit, moment in (("M", start), ("A", dt.datetime(2001, 1, 1, tzinfo=dt.UTC))):
        with pytest.raises(Refusal) as refused:
            tree_then(world, unit, moment)
        assert refused.value.code == "not_found"
    assert tree_then(world, "M", world.site.clock()).unit == "M"


def tree_then(world: World, unit: str, moment: dt.datetime) -> PlanView:
    """A plan as it stood at an instant."""
    return plans.get_plan(world.site, world.readers["region"], world.name, unit, moment)


def test_another_process_sees_the_change_at_once(databases: Databases, world: World) -> None:
    """Places are kept in memory under the tree's version, which the cycle's row tells."""
    grown(world, "m").play_until("up2")
    other = open_site(settings(world.site.database.engine.url.render_as_string(False)))
    try:
        there = world.at(other)
        assert there.plan("region", "A").state == "up2.drafting"
        assert there.plan("region", "C").state == "up2.drafting"
        world.change_tree(MERGE)
        assert there.plan("region", "M").figures["down1"] == total(FIGURES.values())
        there.up("up2", {"M": total(FIGURES.values())})
    finally:
        other.close()
    audit(world.site)


# Refused


BAD: list[tuple[str, Change, list[str]]] = [
    ("unknown unit", {"join": {"unit": "X", "parent": "C"}}, ["unknown_unit"]),
    ("parent not there", {"join": {"unit": "N", "parent": "X"}}, ["unit_not_in_tree"]),
    ("joined twice", {"join": {"unit": "A", "parent": "C"}}, ["unit_in_tree"]),
    ("joins elsewhere", {"join": {"unit": "N", "parent": "R"}}, ["registered_elsewhere"]),
    ("joins beside", {"join": {"unit": "N", "parent": "A"}}, ["level_not_below"]),
    (
        "not in the tree",
        {"split": {"unit": "X", "into": [{"unit": "S1"}, {"unit": "S2"}]}},
        ["unit_not_in_tree"],
    ),
    (
        "unknown heir",
        {"split": {"unit": "A", "into": [{"unit": "X"}, {"unit": "S2"}]}},
        ["unknown_unit"],
    ),
    (
        "heir in the tree",
        {"split": {"unit": "A", "into": [{"unit": "B"}, {"unit": "S2"}]}},
        ["unit_in_tree"],
    ),
    (
        "heir named twice",
        {"split": {"unit": "A", "into": [{"unit": "S2"}, {"unit": "S2"}]}},
        ["changed_twice"],
    ),
    (
        "another parent",
        {"split": {"unit": "A", "into": [{"unit": "FAR"}, {"unit": "S2"}]}},
        ["not_siblings"],
    ),
    (
        "another level",
        {"split": {"unit": "A", "into": [{"unit": "BIG"}, {"unit": "S2"}]}},
        ["not_siblings"],
    ),
    (
        "the root",
        {"split": {"unit": "R", "into": [{"unit": "S1"}, {"unit": "S2"}]}},
        ["root_stays"],
    ),
    ("not siblings", {"merge": {"units": ["A", "C"], "into": "M"}}, ["not_siblings"]),
    ("merged with itself", {"merge": {"units": ["A", "A"], "into": "M"}}, ["changed_twice"]),
    ("weight for one", split(weights=(1, None)), ["missing"]),
    ("no share", split(weights=(None, None)), ["share_missing"] * 3),
    ("no such number", split(share("down2", "issued", "persons", 1, 1)), ["unknown_number"]),
    ("unknown round", split(share("up9", "issued", "persons", 1, 1)), ["unknown_round"]),
    ("unknown indicator", split(share("up1", "reported", "cows", 1, 1)), ["unknown_indicator"]),
    (
        "not a child",
        {"split": {"unit": "A", "into": [{"unit": "S1", "children": ["B"]}, {"unit": "S2"}]}},
        ["unknown_unit"],
    ),
    ("nothing changes", {"rename": {"unit": "A", "name": "甲县"}}, ["no_rename"]),
    ("code in the tree", {"rename": {"unit": "A", "code": "B"}}, ["unit_in_tree"]),
    ("code of another", {"rename": {"unit": "A", "code": "FAR"}}, ["code_taken"]),
    ("root's code", {"rename": {"unit": "R", "code": "R2"}}, ["root_stays"]),
    ("root's task", {"no_task": {"unit": "R", "reason": "x"}}, ["root_without_task"]),
    ("two in one", {**JOIN, "rename": {"unit": "A", "name": "x"}}, ["one_change"]),
    ("none in one", {}, ["one_change"]),
    (
        "an exit no part may have",
        split(share("up1", "reported", "county_exit", 0, 1)),
        ["not_applicable"],
    ),
]


@pytest.fixture(scope="module")
def played(park: Park) -> Iterator[World]:
    """A world after the first up, on which only what is refused is tried."""
    databases = park["sqlite"]
    world = grown(peopled(open_site(settings(databases.peopled())), databases))
    world.play_until("down1")
    yield world
    world.site.close()


@pytest.mark.parametrize(("what", "change", "codes"), BAD, ids=[one[0] for one in BAD])
def test_a_change_that_does_not_fit_the_tree_is_refused(
    played: World, what: str, change: Change, codes: list[str]
) -> None:
    watch = played.refused("invalid", lambda: played.change_tree(change))
    assert watch.codes == codes, what


def test_shares_that_do_not_add_up_are_named_with_the_difference(world: World) -> None:
    grown(world).play_until("down1")
    with world.refused("guard_failed") as watch:
        world.change_tree(split(share("up1", "reported", "persons", 30, 29)))
    named = {"indicator": "persons", "round": "up1", "side": "reported", "basis": "task"}
    fields = {"expected": 60, "got": 59, "difference": -1}
    assert watch.refusal.findings[0].code == "shares_exact"
    assert watch.refusal.findings[0].params == {**named, **fields}


def test_only_the_roots_admin_changes_the_tree_and_by_a_document(world: World) -> None:
    grown(world)
    world.refused("forbidden", lambda: world.change_tree(JOIN, who="city"))
    world.refused("forbidden", lambda: world.change_tree(JOIN, who="auditor"))
    world.refused("not_found", lambda: world.change_tree(JOIN, who="system"))
    for number in ("", "  "):
        with world.refused("invalid") as watch:
            world.change_tree(JOIN, document_no=number)
        assert watch.codes == ["empty"]


def test_a_unit_and_one_below_it_change_in_two_acts(world: World) -> None:
    grown(world)
    rename = {"rename": {"unit": "C", "code": "C2"}}
    with world.refused("invalid") as watch:
        world.change_tree(rename, MERGE)
    assert set(watch.codes) == {"changed_twice"}
    with world.refused("invalid") as watch:
        world.change_tree(rename, JOIN)
    assert watch.codes == ["changed_twice"]


def test_children_are_named_to_one_successor_each(world: World) -> None:
    deep(world)
    for lists, code in (
        ((["A1"], ["A2"]), "child_unnamed"),
        ((["A1", "A2", "A3"], ["A2"]), "duplicate_unit"),
    ):
        with world.refused("invalid") as watch:
            world.change_tree(with_children(*lists))
        assert set(watch.codes) == {code}
    shares = [share("down2", "issued", "persons", 50, 10)]
    change = with_children(["A1", "A3"], ["A2"])
    change["split"]["shares"] = shares
    with world.refused("guard_failed") as watch:
        world.change_tree(change)
    assert set(watch.codes) == {"sums_exact"}


def test_sums_that_were_sent_up_do_not_get_another_unit_below_them(world: World) -> None:
    """A split moves no sum and is possible then; a unit that joins would move it."""
    grown(world)
    world.open("up1")
    for unit in ("A", "B"):
        world.report(unit, FIGURES[unit])
        world.accept(unit)
    world.report("C", total(FIGURES.values()))
    with world.refused("guard_failed") as watch:
        world.change_tree(JOIN)
    assert watch.codes == ["parent_open"]
    world.change_tree(split())
    world.accept("C")
    world.close("up1")
    assert figures(world, "R")["up1"] == total(FIGURES.values())
    audit(world.site)


def test_a_promise_whose_parts_were_passed_on_is_settled_first(world: World) -> None:
    deep(world)
    promise = world.promise("A", "villages", 2)
    world.act("aa", "A", "distribute", {"allocations": [{"unit": "A1", "amount": 2}]}, promise)
    with world.refused("guard_failed") as watch:
        world.change_tree(with_children(["A1", "A3"], ["A2"]))
    assert watch.codes == ["promise_passed_on"]


def test_two_open_promises_for_one_indicator_do_not_become_one_unlike(world: World) -> None:
    grown(world).play_until("adjust")
    world.promise("A", "villages", 8)
    body = {"indicator": "villages", "from": 40, "to": 41, "funded": False}
    body |= {"settle_in": "adjust", "reason": "请示答复"}
    world.act("city", "B", "commitments", body)
    with world.refused("guard_failed") as watch:
        world.change_tree(MERGE)
    assert watch.codes == ["one_open_promise"]


def test_a_settled_cycle_keeps_its_tree(world: World) -> None:
    grown(world).play_until("adjust")
    world.close("adjust")
    with world.refused("guard_failed") as watch:
        world.change_tree(JOIN)
    assert watch.codes == ["not_settled"]


def test_a_change_is_whole_or_not_at_all(world: World) -> None:
    """The second of two changes is wrong: nothing of the first is written."""
    grown(world).play_until("down1")
    with world.refused("invalid") as watch:
        world.change_tree(split(), {"rename": {"unit": "B", "code": "FAR"}})
    assert watch.codes == ["code_taken"]
    assert set(world.tree()) == {"R", "C", "A", "B", "Z"}


@pytest.mark.parametrize(
    "body", [{"changes": []}, {"changes": [{"split": {"unit": "A", "into": []}}]}]
)
def test_an_act_without_changes_or_a_split_into_nothing_is_refused(
    played: World, body: Change
) -> None:
    watch = played.refused("invalid", lambda: played.change_tree(*body["changes"]))
    assert watch.codes == ["missing"]


def test_a_body_that_is_none_is_refused_with_the_field() -> None:
    with pytest.raises(Refusal) as caught:
        parse(ChangeTree, b'{"document_no": "1", "changes": [{"join": {"unit": "N"}}]}')
    assert [one.where for one in caught.value.findings] == ["changes.0.join.parent"]
