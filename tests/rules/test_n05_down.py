"""N5: down, nothing is created or lost; every child named; superseding; reserve."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.conftest import At
from tests.rules.found import named, places, sums
from tests.world import REASON, World

DOCUMENT = {"reason": "更正", "document_no": "桂扶〔2019〕2号"}


def allocation(unit: str, persons: int, villages: int, **more: int) -> dict[str, Any]:
    figures = {"persons": persons, "villages": villages, **more}
    return {"unit": unit, "figures": figures, "reasons": dict.fromkeys(figures, REASON)}


def issued(at: At, persons: int = 90, villages: int = 95, name: str = "down1") -> World:
    """The city was issued figures and signed for them."""
    world = at(name)
    world.issue("R", {"C": {"persons": persons, "villages": villages}})
    world.act("city", "C", "acknowledge")
    return world


def split(world: World, *allocations: dict[str, Any], **more: Any) -> None:
    world.act("city", "C", "issue", {"allocations": list(allocations), **more})


def test_a_split_is_exact_and_distributed_in_one_act(at: At) -> None:
    world = issued(at)
    split(world, allocation("A", 50, 55), allocation("B", 40, 40))
    assert world.state("C") == "down1.distributed"
    assert {world.state("A"), world.state("B")} == {"down1.issued"}
    assert world.plan("a", "A").figures["down1"] == {"persons": 50, "villages": 55}


@pytest.mark.parametrize(("persons", "villages"), [(51, 54), (49, 56)])
def test_nothing_is_created_and_nothing_lost(at: At, persons: int, villages: int) -> None:
    world = issued(at)
    refused = world.refused(
        "guard_failed",
        lambda: split(world, allocation("A", persons, villages), allocation("B", 40, 40)),
    )
    assert sums(refused) == [
        ("split_exact", "persons", 90, persons + 40, persons - 50),
        ("split_exact", "villages", 95, villages + 40, villages - 55),
    ]


def test_an_indicator_that_was_not_issued_cannot_be_split(at: At) -> None:
    world = issued(at)
    refused = world.refused(
        "guard_failed",
        lambda: split(world, allocation("A", 50, 55, county_exit=1), allocation("B", 40, 40)),
    )
    assert sums(refused) == [("split_exact", "county_exit", 0, 1, 1)]


def test_every_child_is_named(at: At) -> None:
    world = issued(at)
    refused = world.refused("invalid", lambda: split(world, allocation("A", 90, 95)))
    assert named(refused, "unit") == [("missing_child", "B")]
    split(world, allocation("A", 90, 95), allocation("B", 0, 0))  # an explicit 0 is a figure
    assert world.plan("b", "B").figures["down1"] == {"persons": 0, "villages": 0}


def test_a_child_is_named_once(at: At) -> None:
    world = issued(at)
    half = allocation("A", 25, 20)
    refused = world.refused("invalid", lambda: split(world, half, half, allocation("B", 40, 40)))
    assert places(refused) == [
        ("duplicate_unit", "allocations.0.unit"),
        ("duplicate_unit", "allocations.1.unit"),
    ]


@pytest.mark.parametrize("stranger", ["Z", "R", "C", "nowhere"])
def test_nobody_else_is_named(at: At, stranger: str) -> None:
    world = issued(at)
    wrong = [allocation("A", 50, 55), allocation("B", 40, 40), allocation(stranger, 0, 0)]
    refused = world.refused("invalid", lambda: split(world, *wrong))
    assert places(refused) == [("unknown_unit", "allocations.2.unit")]


def test_a_required_figure_is_never_taken_as_zero(at: At) -> None:
    world = issued(at)
    lacking = {"unit": "B", "figures": {"persons": 0}}
    refused = world.refused("invalid", lambda: split(world, allocation("A", 90, 95), lacking))
    assert places(refused) == [("missing_figure", "allocations.1.figures.villages")]


def test_a_reserve_is_held_back(at: At) -> None:
    world = issued(at)
    split(world, allocation("A", 45, 55), allocation("B", 40, 40), reserve={"persons": 5})
    assert world.plan("city", "C").splits["down1"].reserve == {"persons": 5}


def test_a_reserve_is_part_of_the_sum_and_not_below_zero(at: At) -> None:
    world = issued(at)
    both = allocation("A", 50, 55), allocation("B", 40, 40)
    refused = world.refused("guard_failed", lambda: split(world, *both, reserve={"persons": 5}))
    assert sums(refused) == [("split_exact", "persons", 90, 95, 5)]
    more = allocation("A", 55, 55), allocation("B", 40, 40)
    refused = world.refused("invalid", lambda: split(world, *more, reserve={"persons": -5}))
    assert places(refused) == [("below_minimum", "reserve.persons")]
    refused = world.refused("invalid", lambda: split(world, *both, reserve={"people": 0}))
    assert places(refused) == [("unknown_indicator", "reserve.people")]


def test_the_total_is_the_roots_to_name(at: At) -> None:
    world = at("down1")
    figures = {"persons": 90, "villages": 95}
    wrong = {**figures, "persons": 91}
    refused = world.refused("guard_failed", lambda: world.issue("R", {"C": figures}, total=wrong))
    assert sums(refused) == [("split_exact", "persons", 91, 90, -1)]
    world.issue("R", {"C": figures}, total=wrong, reserve={"persons": 1})
    world.act("city", "C", "acknowledge")
    refused = world.refused(
        "invalid",
        lambda: split(world, allocation("A", 50, 55), allocation("B", 40, 40), total=figures),
    )
    assert places(refused) == [("total_not_root", "total")]


@pytest.mark.parametrize("reasons", [{}, {"persons": {}}, {"persons": {"text": "  "}}])
def test_what_differs_from_the_accepted_number_needs_a_reason(
    at: At, reasons: dict[str, Any]
) -> None:
    world = at("down2")
    body = {"unit": "C", "figures": {"persons": 90, "villages": 100}, "reasons": reasons}
    refused = world.refused(
        "invalid", lambda: world.act("region", "R", "issue", {"allocations": [body]})
    )
    assert places(refused) == [("missing_reason", "allocations.0.reasons.persons")]
    body["reasons"] = {"persons": {"text": "按可用资金"}}
    world.act("region", "R", "issue", {"allocations": [body]})


def test_figures_in_an_open_round_are_superseded_with_reason_and_document(at: At) -> None:
    world = issued(at)
    first = allocation("A", 50, 55), allocation("B", 40, 40)
    split(world, *first)
    again = allocation("A", 49, 55), allocation("B", 41, 40)
    refused = world.refused("invalid", lambda: split(world, *again))
    assert places(refused) == [("superseding", "reason"), ("superseding", "document_no")]
    refused = world.refused("invalid", lambda: split(world, *again, reason="更正"))
    assert places(refused) == [("superseding", "document_no")]
    split(world, *again, **DOCUMENT)
    kinds = [event.kind for event in world.history("C") if event.round == "down1"]
    assert kinds == ["issued", "acknowledged", "distributed", "distributed"]  # the old one is kept


def test_only_changed_children_go_back_to_issued(at: At) -> None:
    world = at("")
    world.units("code,name,level,parent\nD,丁县,county,C\n")
    world.user("d", "planner", "D")
    world.cycle("c2")
    world.name = "c2"
    world.up("up1", {"A": A, "B": B, "D": B})
    world.open("down1")
    world.issue("R", {"C": {"persons": 90, "villages": 90}})
    world.act("city", "C", "acknowledge")
    split(world, allocation("A", 30, 30), allocation("B", 30, 30), allocation("D", 30, 30))
    for who in "abd":
        world.act(who, who.upper(), "acknowledge")
    split(
        world,
        allocation("A", 31, 30),
        allocation("B", 29, 30),
        allocation("D", 30, 30),
        **DOCUMENT,
    )
    assert [world.state(unit) for unit in "ABD"] == [
        "down1.issued",
        "down1.issued",
        "down1.acknowledged",
    ]
    assert [one.kind for one in world.history("D")][-2:] == ["issued", "acknowledged"]
    world.act("a", "A", "acknowledge")
    world.act("b", "B", "acknowledge")
    world.close("down1")


A = {"persons": 60, "villages": 60}
B = {"persons": 40, "villages": 40}


def test_a_split_of_figures_that_changed_is_outdated_until_redone(at: At) -> None:
    world = issued(at)
    split(world, allocation("A", 50, 55), allocation("B", 40, 40))
    for who in "ab":
        world.act(who, who.upper(), "acknowledge")
    world.issue("R", {"C": {"persons": 92, "villages": 95}}, **DOCUMENT)
    assert world.state("C") == "down1.issued"
    assert world.plan("city", "C").splits["down1"].outdated
    assert not world.plan("region", "R").splits["down1"].outdated
    assert world.state("A") == "down1.acknowledged"
    refused = world.refused("guard_failed", lambda: world.close("down1"))
    assert named(refused, "unit") == [("units_done", "C")]
    world.act("city", "C", "acknowledge")
    again = allocation("A", 52, 55), allocation("B", 40, 40)
    refused = world.refused("invalid", lambda: split(world, *again))
    assert refused.codes == ["superseding", "superseding"]  # it replaces what A was issued
    split(world, *again, **DOCUMENT)
    assert not world.plan("city", "C").splits["down1"].outdated
    assert [world.state(unit) for unit in "AB"] == ["down1.issued", "down1.acknowledged"]


def test_a_reserve_is_released_by_superseding(at: At) -> None:
    world = issued(at)
    split(world, allocation("A", 45, 55), allocation("B", 40, 40), reserve={"persons": 5})
    split(world, allocation("A", 50, 55), allocation("B", 40, 40), **DOCUMENT)
    assert world.plan("city", "C").splits["down1"].reserve == {}
    assert world.plan("a", "A").figures["down1"]["persons"] == 50


def test_what_is_entered_above_its_level_stays_whole_below_it(at: At) -> None:
    world = at("down1", deep=True)
    whole = {"persons": 100, "villages": 100, "county_exit": 1}
    world.issue("R", {"C": whole})
    world.act("city", "C", "acknowledge")
    split(world, allocation("A", 60, 60, county_exit=1), allocation("B", 40, 40))
    world.act("county", "A", "acknowledge")
    towns = [allocation("A1", 20, 20), allocation("A2", 40, 40)]
    wrong = {"allocations": towns, "reserve": {"county_exit": 1}}
    refused = world.refused("guard_failed", lambda: world.act("county", "A", "issue", wrong))
    assert sums(refused) == [("split_exact", "county_exit", 0, 1, 1)]
    world.act("county", "A", "issue", {"allocations": towns})
    assert world.plan("county", "A").figures["down1"]["county_exit"] == 1


def test_a_total_beyond_the_range_of_figures_is_refused(at: At) -> None:
    world = at("down1")
    largest = 2**53 - 1
    refused = world.refused(
        "invalid",
        lambda: world.issue(
            "R", {"C": {"persons": largest, "villages": 0}}, reserve={"persons": 1}
        ),
    )
    assert places(refused) == [("out_of_range", "total.persons")]


def test_figures_of_a_closed_round_are_not_issued_again(at: At) -> None:
    world = at("up2")
    refused = world.refused("illegal_transition", lambda: world.issue("R", {"C": A}, **DOCUMENT))
    assert refused.refusal.params == {"action": "issue", "state": "up2.drafting"}
