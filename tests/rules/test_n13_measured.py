"""N13: what a correction is measured from, and that it is judged by what stands when it is approved."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from planflow.access.scope import Standing
from planflow.engine import numbers
from planflow.errors import Refusal
from planflow.protocol import loader
from tests.board import Board, Line
from tests.properties import playing

CITY: tuple[Line, ...] = (
    ("C", "city", "", "", False),
    ("A", "county", "C", "poor_county", False),
    ("B", "county", "C", "", False),
)
PROTOCOLS = Path(__file__).parents[1] / "data" / "protocols"
SPLIT = {"A": 60, "B": 30}


def board(tree: tuple[Line, ...] = CITY, protocol: str = "exit-plan") -> Board:
    """A cycle in which every unit has a deputy as well."""
    found = Board.over(protocol, tree)
    for code, node in found.nodes.items():
        found.grants[f"{code}2"] = [Standing(f"deputy@{code}", "admin", node.path)]
    return found


def issue(board: Board, total: int, held: int = 0) -> None:
    """The root issues what every county has, and holds something back."""
    shares = [
        {"unit": unit, "figures": {"persons": n, "villages": n}, "reasons": REASONS}
        for unit, n in SPLIT.items()
    ]
    reserve = {"persons": held} if held else {}
    villages = sum(SPLIT.values())
    body = {"allocations": shares, "total": {"persons": total, "villages": villages}}
    board.act("C", "C", "issue", {**body, "reserve": reserve})
    for unit in SPLIT:
        board.act(unit, unit, "acknowledge")


REASONS = {"persons": "统筹平衡", "villages": "统筹平衡"}


def issued(held: int = 10) -> Board:
    """The first figures are issued, and that round is closed."""
    found = board()
    playing.play(found, "up1", Random(1))
    found.open("down1")
    issue(found, 90 + held, held)
    found.close("down1")
    return found


def propose(board: Board, who: str, unit: str, name: str, persons: int, **more: Any) -> str:
    """Propose; the id of what waits."""
    body = {"round": name, "figures": {"persons": persons}, "reason": "漏计", **more}
    board.act(who, unit, "corrections", body)
    return board.plan(unit).corrections[-1].id


def codes(refusal: Refusal) -> list[str]:
    return [one.code for one in refusal.findings]


def persons(board: Board, name: str) -> dict[str, int]:
    """Everybody's number of persons in a round."""
    protocol = board.negotiation.protocol
    return {
        unit: numbers.in_force(protocol, board.look(unit), name).get("persons", 0)
        for unit in board.nodes
    }


def test_a_root_with_a_kept_promise_is_corrected_within_its_childrens_bound() -> None:
    found = board()
    for name in ("up1", "down1", "up2"):
        playing.play(found, name, Random(1))
    found.open("down2")
    issue(found, 90)
    found.close("down2")
    found.open("adjust")
    terms = {"indicator": "persons", "from": 60, "to": 260, "funded": True, "settle_in": "adjust"}
    found.act("C", "A", "commitments", {**terms, "reason": "按请示答复"})
    found.act("C", "A", "fulfil", {}, found.plan("A").promises[-1].id)
    found.close("adjust")
    assert persons(found, "adjust") == {"C": 290, "A": 260, "B": 30}
    which = propose(found, "b", "B", "adjust", 31)
    found.act("C2", "B", "approve", {}, which)
    assert persons(found, "adjust") == {"C": 291, "A": 260, "B": 31}


def test_a_reserve_that_moved_since_is_not_corrected_blindly() -> None:
    found = issued()
    first = propose(found, "a", "A", "down1", 55, also=[{"unit": "C", "reserve": {"persons": 15}}])
    other = propose(found, "b", "B", "down1", 25, also=[{"unit": "C", "reserve": {"persons": 15}}])
    found.act("C2", "B", "approve", {}, other)
    with pytest.raises(Refusal) as caught:
        found.act("C2", "A", "approve", {}, first)
    assert codes(caught.value) == ["figures_moved"]


def test_a_figure_that_came_since_is_not_corrected_blindly() -> None:
    found = issued()
    body = {"round": "down1", "figures": {"county_exit": 1}, "reason": "漏计"}
    found.act("a", "A", "corrections", body)
    first = found.plan("A").corrections[-1].id
    also = [{"unit": "A", "figures": {"county_exit": 1}}]
    found.grants["C3"] = found.grants["C2"]  # somebody who sees both of them
    other = propose(found, "C3", "B", "down1", 31, also=also)
    found.act("C2", "B", "approve", {}, other)
    with pytest.raises(Refusal) as caught:
        found.act("C2", "A", "approve", {}, first)
    assert codes(caught.value) == ["figures_moved"]


def test_who_had_it_corrected_meanwhile_does_not_approve() -> None:
    found = issued()
    found.grants["C3"] = found.grants["C2"]
    first = propose(found, "a", "A", "down1", 61)
    other = propose(found, "C2", "B", "down1", 31)
    found.act("C3", "B", "approve", {}, other)
    with pytest.raises(Refusal) as caught:  # the root's total was moved by the deputy's proposal
        found.act("C2", "A", "approve", {}, first)
    assert codes(caught.value) == ["separate_hands"]
    found.act("C3", "A", "approve", {}, first)
    assert persons(found, "down1") == {"C": 102, "A": 61, "B": 31}


MARKED = {"reasons": {"output": "market"}}


def test_nothing_is_held_back_where_something_was_added() -> None:
    firm: tuple[Line, ...] = (
        ("H", "headquarters", "", "", False),
        ("D", "division", "H", "", False),
        ("P", "plant", "D", "", False),
    )
    found = board(firm, (PROTOCOLS / "group-targets.yaml").read_text("utf-8"))
    found.open("outline")
    figures = {"output": 10, "profit": 5}
    share = {"allocations": [{"unit": "D", "figures": figures, **MARKED}]}
    found.act("H", "H", "issue", {**share, "total": figures})
    found.act("D", "D", "acknowledge")
    more = [{"unit": "P", "figures": {"output": 12, "profit": 5}, **MARKED}]
    found.act("D", "D", "issue", {"allocations": more, "markup": {"output": "market"}})
    found.act("P", "P", "acknowledge")
    found.close("outline")
    body = {"round": "outline", "figures": {"output": 11}, "reason": "重复下达"}
    also = [{"unit": "D", "reserve": {"output": 1}}]
    with pytest.raises(Refusal) as caught:
        found.act("p", "P", "corrections", {**body, "also": also})
    assert codes(caught.value) == ["markup_over_reserve"]
    found.act("p", "P", "corrections", body)


def test_what_is_added_up_stays_a_sum() -> None:
    """Above the level where an indicator is entered a number is a sum, if of nothing (N4)."""
    region: tuple[Line, ...] = (
        ("R", "region", "", "", False),
        ("C", "city", "R", "", False),
        ("T", "township", "C", "", False),
    )
    found = board(region)
    playing.play(found, "up1", Random(1))
    body = {"round": "up1", "figures": {"county_exit": 1}, "reason": "漏计"}
    with pytest.raises(Refusal) as caught:
        found.act("C", "C", "corrections", body)
    assert codes(caught.value) == ["level_exact"]


def test_what_is_presented_once_more_is_what_was_reported() -> None:
    """A round that was opened once more begins without its corrections."""
    plain = yaml.safe_load(loader.find("department-budget"))
    rounds = plain["rounds"]
    at = next(n for n, one in enumerate(rounds) if one["name"] == "legislature")
    again = {**copy.deepcopy(rounds[at]), "name": "council", "reopens": "legislature"}
    rounds.insert(at + 1, again)
    firm: tuple[Line, ...] = (
        ("T", "treasury", "", "", False),
        ("D", "department", "T", "", False),
    )
    found = board(firm, yaml.safe_dump(plain, sort_keys=False))
    for name in ("up1", "down1", "up2"):
        playing.play(found, name, Random(1))
    decision = {"document_no": "人大〔2019〕3号", "dated": "2019-02-01"}
    found.open("legislature")
    found.act("T", "T", "decide", {"outcome": "approved", **decision})
    found.close("legislature")
    [presented] = [found.plan("T").record("legislature").decision]
    assert presented is not None
    body = {"round": "legislature", "figures": {"basic": presented.presented["basic"] + 1}}
    found.act("t", "T", "corrections", {**body, "reason": "漏计"})
    found.act("T2", "T", "approve", {}, found.plan("T").corrections[-1].id)
    found.open("council")
    found.act("T", "T", "decide", {"outcome": "rejected", **decision})
    found.act("T", "T", "present")
    protocol = found.negotiation.protocol
    shown = numbers.in_force(protocol, found.look("T"), "legislature")
    assert shown == presented.presented


def test_who_has_to_answer_after_a_silence_begins_without_a_correction() -> None:
    plain = yaml.safe_load(loader.find("department-budget"))
    one = {each["name"]: each for each in plain["rounds"]}
    one["legislature"]["reopens"] = "up1"
    kept = ("up1", "legislature")
    plain["rounds"] = [one[name] for name in kept]
    for each in plain["indicators"]:
        each["required_in"] = [name for name in each["required_in"] if name in kept]
    firm: tuple[Line, ...] = (
        ("T", "treasury", "", "", False),
        ("D", "department", "T", "", False),
    )
    found = board(firm, yaml.safe_dump(plain, sort_keys=False))
    due, zero = {"department": {"due_at": "2019-07-20"}}, {"department": "zero"}
    found.open("up1", {"windows": due, "silence": zero})
    found.tick(dt.timedelta(days=20))
    found.close("up1", playing.APPLYING)
    body = {"round": "up1", "figures": {"basic": 7}, "reason": "漏计"}
    found.act("d", "D", "corrections", body)
    found.act("T2", "D", "approve", {}, found.plan("D").corrections[-1].id)
    protocol = found.negotiation.protocol
    assert numbers.in_force(protocol, found.look("D"), "up1")["basic"] == 7
    found.open("legislature")
    terms = {"outcome": "rejected", "document_no": "人大〔2019〕3号", "dated": "2019-02-01"}
    found.act("T", "T", "decide", terms)
    assert numbers.in_force(protocol, found.look("D"), "up1") == {}  # it has to answer


def test_who_lent_a_role_has_a_hand_in_what_was_proposed_with_it() -> None:
    found = issued()
    path = found.nodes["C"].path
    found.grants["C3"] = [Standing("lent@C", "admin", path, ("C2",))]
    found.grants["C4"] = [Standing("fourth@C", "admin", path)]
    other = propose(found, "C3", "B", "down1", 31)
    found.act("C4", "B", "approve", {}, other)
    first = propose(found, "a", "A", "down1", 61)
    with pytest.raises(Refusal) as caught:  # in the place of C2 the root's total was moved before
        found.act("C2", "A", "approve", {}, first)
    assert codes(caught.value) == ["separate_hands"]
    found.act("C4", "A", "approve", {}, first)


def test_what_is_issued_anew_is_held_against_what_was_corrected() -> None:
    """In a down round that runs again the corrected figure stands (0023): another one is a new task."""
    plain = yaml.safe_load(loader.find("department-budget"))
    kept = ("up1", "down1", "legislature")
    plain["rounds"] = [one for one in plain["rounds"] if one["name"] in kept]
    plain["rounds"][-1]["reopens"] = "down1"
    for each in plain["indicators"]:
        each["required_in"] = [name for name in each["required_in"] if name in kept]
    firm: tuple[Line, ...] = (
        ("T", "treasury", "", "", False),
        ("D", "department", "T", "", False),
        ("E", "department", "T", "", False),
    )
    found = board(firm, yaml.safe_dump(plain, sort_keys=False))
    playing.play(found, "up1", Random(1))
    playing.play(found, "down1", Random(1))
    before = {code: dict(found.plan(code).record("down1").issued) for code in "DE"}
    body = {"round": "down1", "figures": {"basic": before["D"].get("basic", 0) + 1}}
    found.act("d", "D", "corrections", {**body, "reason": "漏计"})
    found.act("T2", "D", "approve", {}, found.plan("D").corrections[-1].id)
    found.open("legislature")
    terms = {"outcome": "rejected", "document_no": "人大〔2019〕3号", "dated": "2019-02-01"}
    found.act("T", "T", "decide", terms)
    shares = [{"unit": code, "figures": figures} for code, figures in before.items()]
    again = {"allocations": shares, "reason": "重新下达", "document_no": "财〔2019〕9号"}
    total = {name: before["D"].get(name, 0) + before["E"].get(name, 0) for name in before["D"]}
    found.act("T", "T", "issue", {**again, "total": total})
    assert {code: found.state(code) for code in "DE"} == {
        "D": "down1.issued",
        "E": "down1.acknowledged",
    }
    protocol = found.negotiation.protocol
    assert numbers.in_force(protocol, found.look("D"), "down1") == before["D"]
