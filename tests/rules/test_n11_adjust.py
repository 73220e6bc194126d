"""N11: the one adjust: base, bound, reasons, sums; it happens once."""

from __future__ import annotations

from random import Random

import pytest

from planflow.engine import numbers
from planflow.errors import Refusal
from tests.board import Board, Line
from tests.properties import playing
from tests.rules.conftest import At
from tests.rules.found import named, places, sums
from tests.world import World

WHY = {"persons": "criteria_not_met", "villages": "by_request"}


def change(world: World, unit: str, **figures: int) -> None:
    """Draft, submit and have accepted."""
    world.report(unit, figures, {name: WHY[name] for name in figures})
    world.accept(unit)


def test_a_unit_that_does_nothing_keeps_its_base_and_is_done(at: At) -> None:
    world = at("adjust")
    assert world.plan("a", "A").figures["adjust"] == {
        "persons": 60,
        "villages": 60,
        "county_exit": 1,
    }
    world.close("adjust")
    for unit in "RCAB":
        plan = world.plan("region", unit)
        assert plan.figures["adjust"] == plan.figures["down2"]
        assert {one.round for one in plan.headline.values()} == {"adjust"}
    assert [event.round for event in world.history("A")][-1] == "down2"


def test_a_change_names_its_reason(at: At) -> None:
    world = at("adjust")
    world.act("a", "A", "draft", {"figures": {"persons": 59, "villages": 61}})
    refused = world.refused("invalid", lambda: world.act("a", "A", "submit"))
    assert places(refused) == [
        ("missing_reason", "reasons.persons"),
        ("missing_reason", "reasons.villages"),
    ]
    reasons = {"persons": {"reason_code": "overall_balance"}}  # a reason for settling, not for this
    draft = {"figures": {"persons": 59}, "reasons": reasons}
    refused = world.refused("invalid", lambda: world.act("a", "A", "draft", draft))
    assert places(refused) == [("unknown_reason_code", "reasons.persons")]
    world.report("A", {"persons": 59}, WHY)
    event = world.history("A")[-1]
    assert event.parts["figures"]["task"] == {"persons": 59, "villages": 60, "county_exit": 1}


def test_units_below_the_bounded_level_trade_freely_inside_it(at: At) -> None:
    world = at("adjust")
    change(world, "A", persons=0)
    change(world, "B", persons=100)
    world.close("adjust")  # the city's number is what it was: it need not act
    assert world.plan("region", "A").figures["adjust"]["persons"] == 0


def test_a_changed_sum_must_be_carried_up(at: At) -> None:
    world = at("adjust")
    change(world, "A", villages=62)
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert sums(refused) == [("sums_exact", "villages", 102, 100, -2)]
    assert refused.refusal.findings[0].params["unit"] == "C"
    world.act("city", "C", "draft", {"figures": {}})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "villages", 102, 100, -2)]
    change(world, "C", villages=102)
    world.close("adjust")
    assert world.plan("region", "R").figures["adjust"]["villages"] == 102


@pytest.mark.parametrize(("by", "taken"), [(5, True), (-5, True), (6, False), (-6, False)])
def test_the_net_change_of_the_bounded_level_is_bounded(at: At, by: int, taken: bool) -> None:
    world = at("adjust")  # villages: 5 % of 100 is 5, and at least 2
    change(world, "A", villages=60 + by)
    world.act("city", "C", "draft", {"figures": {"villages": 100 + by}})
    if taken:
        world.act("city", "C", "submit")
        return
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("bounded", "villages", 100, 100 + by, by)]
    assert refused.refusal.findings[0].params["limit"] == 5


def test_the_absolute_allowance_counts_where_it_is_more(at: At) -> None:
    world = at("adjust")  # persons: 5 % of 100 is 5, but 50 are always allowed
    change(world, "A", persons=110)
    world.report("C", {"persons": 150})


def test_an_indicator_without_a_bound_cannot_be_adjusted_at_any_level(at: At) -> None:
    world = at("adjust")
    reasons = {"county_exit": "criteria_not_met"}
    world.act("a", "A", "draft", {"figures": {"county_exit": 0}, "reasons": reasons})
    refused = world.refused("guard_failed", lambda: world.act("a", "A", "submit"))
    assert sums(refused) == [("bounded", "county_exit", 1, 0, -1)]
    assert refused.refusal.findings[0].params["limit"] == 0


def test_a_settled_number_is_bounded_too(at: At) -> None:
    world = at("adjust")
    world.report("C", {})
    settled = {"figures": {"villages": 106}, "reasons": {"villages": "overall_balance"}}
    refused = world.refused("guard_failed", lambda: world.act("region", "C", "accept", settled))
    assert sums(refused)[-1] == ("bounded", "villages", 100, 106, 6)
    settled = {"figures": {"county_exit": 0}, "reasons": {"county_exit": "other"}}
    refused = world.refused("guard_failed", lambda: world.act("region", "C", "accept", settled))
    assert sums(refused)[-1] == ("bounded", "county_exit", 1, 0, -1)


def test_a_sum_of_units_below_cannot_be_settled(at: At) -> None:
    """It is the task at every level: who wants another sum returns what it is made of."""
    world = at("adjust")
    world.report("C", {})
    settled = {"figures": {"villages": 103}, "reasons": {"villages": "overall_balance"}}
    refused = world.refused("guard_failed", lambda: world.act("region", "C", "accept", settled))
    assert sums(refused) == [("sum_stands", "villages", 100, 103, 3)]
    world.accept("C")
    world.close("adjust")


def test_a_reserve_still_held_belongs_to_the_sum(at: At) -> None:
    world = at("down2")
    world.issue("R", {"C": {"persons": 100, "villages": 100}})
    world.act("city", "C", "acknowledge")
    figures = {"A": {"persons": 55, "villages": 60}, "B": {"persons": 40, "villages": 40}}
    world.issue("C", figures, reserve={"persons": 5})
    world.act("a", "A", "acknowledge")
    world.act("b", "B", "acknowledge")
    world.close("down2")
    world.open("adjust")
    change(world, "A", persons=54)
    world.act("city", "C", "draft", {"figures": {"persons": 94}})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "persons", 99, 94, -5)]
    change(world, "C", persons=99)
    world.close("adjust")
    assert world.plan("region", "R").figures["adjust"]["persons"] == 99


def test_an_item_may_stand_in_the_sum(at: At) -> None:
    world = at("adjust")
    change(world, "A", persons=57)
    item = {"indicator": "persons", "amount": 3, "reason_code": "household_moved", "text": "迁入"}
    world.act("city", "C", "draft", {"figures": {}, "reconciling": [item]})
    world.act("city", "C", "submit")
    world.accept("C")
    world.close("adjust")
    assert world.plan("region", "R").figures["adjust"]["persons"] == 100


def test_a_returned_unit_keeps_its_parent_waiting_until_it_has_answered(at: At) -> None:
    world = at("adjust")
    world.report("A", {"persons": 59}, WHY)
    world.act("city", "A", "return", {"reason_code": "incomplete", "text": "x"})
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert named(refused, "unit", "state")[0] == ("units_done", "A", "adjust.returned")
    world.act("a", "A", "draft", {"figures": {}})
    world.act("a", "A", "submit")  # it goes back to its base
    world.act("a", "A", "withdraw")
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert named(refused, "unit", "state")[0] == ("units_done", "A", "adjust.returned")
    world.act("a", "A", "submit")
    world.act("city", "A", "accept")
    world.close("adjust")
    assert world.plan("region", "A").figures["adjust"]["persons"] == 60


def test_a_withdrawn_change_is_none(at: At) -> None:
    world = at("adjust")
    world.report("A", {"persons": 59}, WHY)
    world.act("a", "A", "withdraw")
    world.close("adjust")
    assert world.plan("region", "A").figures["adjust"]["persons"] == 60


def test_what_was_never_issued_is_not_adjusted(at: At) -> None:
    world = at("adjust")
    draft = {"figures": {"households": 3}, "reasons": {"households": "other"}}
    world.act("a", "A", "draft", draft)
    refused = world.refused("guard_failed", lambda: world.act("a", "A", "submit"))
    assert named(refused, "indicator", "got") == [("never_issued", "households", 3)]


def test_it_happens_once(at: At) -> None:
    world = at("adjust")
    refused = world.refused("illegal_transition", lambda: world.open("adjust"))
    assert refused.refusal.params == {"action": "open", "state": "adjust.open"}
    world.close("adjust")
    refused = world.refused("illegal_transition", lambda: world.open("adjust"))
    assert refused.refusal.params == {"action": "open", "state": "adjust.closed"}
    refused = world.refused(
        "illegal_transition", lambda: world.act("a", "A", "draft", {"figures": {"persons": 59}})
    )
    assert refused.refusal.params == {"action": "draft", "state": "settled"}


def test_a_branch_without_the_bounded_level_is_bounded_at_its_top(at: At) -> None:
    world = at("")
    world.units("code,name,level,parent\nD,直管县,county,R\n")
    world.user("d", "planner", "D")
    world.cycle("c2")
    figures = {
        "A": {"persons": 60, "villages": 60},
        "B": {"persons": 40, "villages": 40},
        "D": {"persons": 40, "villages": 40},
    }
    world.play_until("adjust", figures)
    world.act("d", "D", "draft", {"figures": {"villages": 43}, "reasons": WHY})
    refused = world.refused("guard_failed", lambda: world.act("d", "D", "submit"))
    assert sums(refused) == [("bounded", "villages", 40, 43, 3)]
    change(world, "D", villages=42)
    world.close("adjust")


def test_a_cycle_that_starts_at_the_bounded_level_is_bounded_at_close(at: At) -> None:
    world = at("")
    world.cycle("c2", who="city", root="C")
    world.play_until("adjust")
    change(world, "A", villages=66)
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert sums(refused) == [("bounded", "villages", 100, 106, 6)]


CITY: tuple[Line, ...] = (
    ("C", "city", "", "", False),
    ("A", "county", "C", "", False),
    ("B", "county", "C", "", False),
)
COUNTY: tuple[Line, ...] = (
    ("A", "county", "", "poor_county", False),
    ("A1", "township", "A", "", False),
)


def issued(tree: tuple[Line, ...], total: dict[str, int]) -> Board:
    """A cycle below a root that is bounded itself, in its adjust round; the first child has all."""
    board = Board.over("exit-plan", tree)
    root, first, *others = board.nodes
    for name in ("up1", "down1", "up2"):
        playing.play(board, name, Random(1))
    board.open("down2")
    able = {name: total[name] for name in ("persons", "villages")}
    given = {first: able} | {one: dict.fromkeys(able, 0) for one in others}
    allocations = [
        {"unit": unit, "figures": own, "reasons": dict.fromkeys(own, "overall_balance")}
        for unit, own in given.items()
    ]
    board.act(root, root, "issue", {"allocations": allocations, "total": total})
    for unit in given:
        board.act(unit, unit, "acknowledge")
    board.close("down2")
    board.open("adjust")
    return board


def test_what_a_root_promised_is_no_change_of_its_own() -> None:
    """N10, N11: what a bounded root fulfilled moves its base; what changes below stays bounded."""
    board = issued(CITY, {"persons": 100, "villages": 95})
    body = {"indicator": "villages", "from": 95, "to": 103, "funded": True}
    board.act("C", "A", "commitments", {**body, "settle_in": "adjust", "reason": "请示答复"})
    board.act("C", "A", "fulfil", None, board.plan("A").promises[0].id)
    trial = board.copy()
    trial.act("a", "A", "draft", {"figures": {"villages": 97}, "reasons": {"villages": "other"}})
    trial.act("a", "A", "submit")
    trial.act("C", "A", "accept")
    with pytest.raises(Refusal) as refused:
        trial.close("adjust")
    [found] = refused.value.findings
    told = (found.code, found.params["expected"], found.params["got"], found.params["limit"])
    assert told == ("bounded", 103, 97, 5)
    board.close("adjust")
    number = numbers.in_force(board.negotiation.protocol, board.plan("C"), "adjust")
    assert number == {"persons": 100, "villages": 103}


def test_what_is_entered_at_the_root_stays_there() -> None:
    """N4, N11: a county's own exit is no sum of its townships: it keeps no round from closing."""
    board = issued(COUNTY, {"persons": 60, "villages": 6, "county_exit": 1})
    board.close("adjust")
    number = numbers.in_force(board.negotiation.protocol, board.plan("A"), "adjust")
    assert number == {"persons": 60, "villages": 6, "county_exit": 1}
