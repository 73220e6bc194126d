"""N14: a second person for an issue, and for papers of a parent who is outside the tree."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
import yaml

from planflow.errors import Refusal
from planflow.protocol import loader
from planflow.services.views import PlanView
from tests.board import SMALL, Board
from tests.contract.audit import audit
from tests.properties import playing
from tests.rules.conftest import At
from tests.world import REASON, World

TWO = (
    loader.find("exit-plan")
    .replace("name: exit-plan", "name: two-persons")
    .replace("en: preliminary figures}\n", "en: preliminary figures}\n    second_person: true\n")
)
SHARES = {"A": {"persons": 60, "villages": 60}, "B": {"persons": 40, "villages": 40}}
CITY = {"C": {"persons": 100, "villages": 100}}


def two_persons(world: World) -> World:
    """The first down is open; what is issued in it takes two persons."""
    world.site = replace(world.site, protocols={**world.site.protocols, "two-persons": TWO})
    world.cycle("two", protocol="two-persons")
    for who, unit in (("region2", "R"), ("city2", "C")):
        world.user(who, "admin", unit)
    world.play_until("down1")
    return world


def confirm(world: World, unit: str, who: str) -> PlanView:
    return world.act(who, unit, "confirm")


def issued(world: World) -> World:
    """The city has signed for what two persons issued to it."""
    two_persons(world)
    world.issue("R", CITY)
    confirm(world, "R", "region2")
    world.act("city", "C", "acknowledge")
    return world


def test_an_issue_waits_and_changes_nobody(world: World) -> None:
    two_persons(world)
    plan = world.issue("R", CITY, document_no="桂扶〔2019〕1号")
    assert plan.state == "down1.awaiting"
    assert plan.pending is not None
    assert (plan.pending.total, plan.pending.document_no) == (CITY["C"], "桂扶〔2019〕1号")
    assert plan.pending.proposed_by == world.readers["region"].user_id
    assert (world.state("C"), "down1" in world.plan("city", "C").figures) == (
        "down1.awaiting",
        False,
    )
    assert [one.kind for one in world.history("R")][-1] == "issue_proposed"
    audit(world.site)


def test_a_colleague_lets_it_take_effect_in_one_act(world: World) -> None:
    two_persons(world)
    world.issue("R", CITY, reason="首次下达")
    proposed = world.history("R")[-1]
    watch = world.refused("guard_failed", lambda: confirm(world, "R", "region"))
    assert watch.codes == ["separate_hands"]
    told = {one.name: one for one in world.plan("region", "R").actions}
    assert [guard.name for guard in told["confirm"].guards] == ["separate_hands"]
    plan = confirm(world, "R", "region2")
    assert (plan.state, plan.pending) == ("down1.distributed", None)
    own, child = world.history("R")[-1], world.history("C")[-1]
    assert (own.kind, own.cites, child.kind, child.cites) == (
        "distributed",
        [proposed.id],
        "issued",
        [own.id],
    )
    assert child.parts["figures"] == CITY["C"]
    assert {"of": "reason", "text": "首次下达"} in child.parts["texts"]
    assert child.parts["reasons"] == {"persons": REASON, "villages": REASON}
    audit(world.site)


def test_a_newer_proposal_takes_the_place_of_the_one_that_waits(world: World) -> None:
    issued(world)
    world.issue("C", {**SHARES, "A": {"persons": 50, "villages": 60}}, reserve={"persons": 10})
    world.issue("C", SHARES)
    confirm(world, "C", "city2")
    assert world.plan("a", "A").figures["down1"]["persons"] == 60
    watch = world.refused("guard_failed", lambda: confirm(world, "C", "city2"))
    assert watch.codes == ["holds_pending"]
    audit(world.site)


def test_who_was_issued_anew_has_nothing_waiting(world: World) -> None:
    issued(world)
    world.issue("C", SHARES)
    more = {"reason": "更正", "document_no": "桂扶〔2019〕2号"}
    world.issue("R", {"C": {"persons": 90, "villages": 100}}, **more)
    confirm(world, "R", "region2")
    world.act("city", "C", "acknowledge")
    watch = world.refused("guard_failed", lambda: confirm(world, "C", "city2"))
    assert watch.codes == ["holds_pending"]


def test_what_is_wrong_is_refused_when_it_is_proposed(world: World) -> None:
    issued(world)
    less = {**SHARES, "A": {"persons": 59, "villages": 60}}
    assert world.refused("guard_failed", lambda: world.issue("C", less)).codes == ["split_exact"]
    watch = world.refused("guard_failed", lambda: confirm(world, "C", "city2"))
    assert watch.codes == ["holds_pending"]


def test_it_is_judged_again_when_it_is_confirmed(world: World) -> None:
    issued(world)
    world.issue("C", SHARES)
    confirm(world, "C", "city2")
    more = {"reason": "更正", "document_no": "柳扶〔2019〕2号"}
    moved = {"A": {"persons": 59, "villages": 60}, "B": {"persons": 41, "villages": 40}}
    world.issue("C", moved, **more)
    for who in ("a", "b"):
        world.act(who, who.upper(), "acknowledge")
    confirm(world, "C", "city2")
    assert world.state("A") == "down1.issued"  # signs anew for the other figure
    assert world.plan("b", "B").figures["down1"]["persons"] == 41


def test_without_the_word_of_the_protocol_one_person_issues(at: At) -> None:
    world = at("down1")
    world.user("region2", "admin", "R")
    watch = world.refused("guard_failed", lambda: confirm(world, "R", "region2"))
    assert watch.codes == ["holds_pending"]
    world.issue("R", CITY)
    world.refused("forbidden", lambda: world.act("clerk", "C", "confirm"))


def test_both_who_issued_do_not_approve_its_correction(world: World) -> None:
    issued(world)
    world.user("region3", "admin", "R")
    world.issue("C", SHARES)
    confirm(world, "C", "city2")
    for who in ("a", "b"):
        world.act(who, who.upper(), "acknowledge")
    world.close("down1")
    body = {"round": "down1", "figures": {"persons": 50}, "reason": "错"}
    which = world.act("a", "A", "corrections", body).corrections[-1].id
    for who in ("region", "region2"):
        with world.refused("guard_failed") as watch:
            world.act(who, "A", "approve", None, which)
        assert watch.codes == ["separate_hands"]
    world.act("region3", "A", "approve", None, which)


# Papers of a parent outside the tree

PAPER: dict[str, Any] = {
    "act": "issued",
    "figures": {"persons": 100, "villages": 100},
    "document_no": "国扶〔2019〕1号",
    "dated": "2019-01-04",
}


def paper(world: World, **more: Any) -> str:
    return world.act("region", "R", "paper", {**PAPER, **more}).papers[-1].id


def outside(at: At, name: str = "down1") -> World:
    world = at(name)
    world.user("region2", "admin", "R")
    return world


def test_a_paper_is_confirmed_by_another(at: At) -> None:
    world = outside(at)
    which = paper(world)
    watch = world.refused("guard_failed", lambda: world.act("region", "R", "attest", None, which))
    assert watch.codes == ["separate_hands"]
    [shown] = world.act("region2", "R", "attest", None, which).papers
    people = [world.readers[who].user_id for who in ("region", "region2")]
    assert [shown.recorded_by, shown.confirmed_by] == people
    assert (shown.status, shown.document_no, shown.dated) == (
        "confirmed",
        "国扶〔2019〕1号",
        "2019-01-04",
    )
    sides = {(one.side, one.indicator): one.value for one in world.plan("region", "R").numbers}
    assert sides["paper", "persons"] == 100
    audit(world.site)


def test_what_the_root_issues_agrees_with_a_confirmed_paper_or_says_why(at: At) -> None:
    world = outside(at)
    which = paper(world)
    other = {"C": {"persons": 99, "villages": 100}}
    world.act("region2", "R", "attest", None, which)
    watch = world.refused("guard_failed", lambda: world.issue("R", other))
    [finding] = watch.refusal.findings
    assert (finding.code, finding.params["expected"], finding.params["got"]) == (
        "total_on_paper",
        100,
        99,
    )
    world.issue("R", other, reason="自治区另留一人")


def test_a_paper_that_nobody_confirmed_binds_nobody(at: At) -> None:
    world = outside(at)
    paper(world)
    world.issue("R", {"C": {"persons": 99, "villages": 100}})


def test_a_later_paper_takes_the_place_of_an_earlier_one(at: At) -> None:
    world = outside(at)
    first, second = paper(world), paper(world, figures={"persons": 90})
    world.refused("illegal_transition", lambda: world.act("region2", "R", "attest", None, first))
    world.act("region2", "R", "attest", None, second)
    third = paper(world, figures={"persons": 80})
    assert world.plan("region", "R").papers[1].status == "confirmed"  # until the next is
    world.act("region2", "R", "attest", None, third)
    told = {one.id: one.status for one in world.plan("region", "R").papers}
    assert told == {first: "superseded", second: "superseded", third: "confirmed"}
    watch = world.refused("guard_failed", lambda: world.act("region2", "R", "attest", None, third))
    assert watch.codes == ["holds_paper"]


@pytest.mark.parametrize("name", ["up1", "adjust"])
def test_in_an_up_round_a_paper_accepts(at: At, name: str) -> None:
    world = outside(at, name)
    watch = world.refused("invalid", lambda: paper(world))
    assert watch.codes == ["act_of_round"]
    plan = world.act("region2", "R", "attest", None, paper(world, act="accepted"))
    assert [one.act for one in plan.papers] == ["accepted"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"figures": {"nothing": 1}}, "unknown_indicator"),
        ({"figures": {}}, "wrong_shape"),
        ({"document_no": " "}, "empty"),
        ({"dated": "4 January"}, "wrong_shape"),
        ({"act": "returned"}, "unknown_option"),
    ],
)
def test_what_is_no_paper_is_refused(at: At, body: dict[str, Any], code: str) -> None:
    world = outside(at)
    assert world.refused("invalid", lambda: paper(world, **body)).codes == [code]


def test_only_the_root_has_papers_and_only_in_an_open_round(at: At) -> None:
    world = outside(at)
    watch = world.refused("guard_failed", lambda: world.act("city", "C", "paper", PAPER))
    assert watch.codes == ["only_root"]
    world = outside(at, "")
    watch = world.refused("guard_failed", lambda: paper(world))
    assert watch.codes == ["paper_round"]
    world.refused("not_found", lambda: world.act("region2", "R", "attest", None, "none"))


def test_a_paper_of_an_earlier_round_is_not_attested_behind_a_later_one() -> None:
    """Who recorded a paper does not confirm it, though the one that waits now is somebody else's."""
    board = Board.over("exit-plan", SMALL)
    board.grants["R2"] = board.grants["R"]
    playing.play(board, "up1", Random(1))
    paper = {
        "act": "issued",
        "figures": {"persons": 9},
        "document_no": "1号",
        "dated": "2019-04-10",
    }
    board.open("down1")
    board.act("R", "R", "paper", paper)
    first = board.plan("R").papers[0].id
    playing.finish(board, Random(1))
    board.open("up2")
    board.act("R2", "R", "paper", {**paper, "act": "accepted"})
    with pytest.raises(Refusal) as caught:
        board.act("R", "R", "attest", {}, first)
    assert [one.code for one in caught.value.findings] == ["holds_paper"]


def test_an_issue_that_waits_does_not_outlast_its_round() -> None:
    """A round that is opened once more has nobody's issue waiting from its first run."""
    plain = yaml.safe_load(loader.find("department-budget"))
    one = {each["name"]: each for each in plain["rounds"]}
    one["legislature"]["reopens"] = "down1"
    one["down1"]["second_person"] = True
    kept = ("up1", "down1", "legislature")
    plain["rounds"] = [one[name] for name in kept]
    for each in plain["indicators"]:
        each["required_in"] = [name for name in each["required_in"] if name in kept]
    tree = (("T", "treasury", "", "", False), ("D", "department", "T", "", False))
    board = Board.over(yaml.safe_dump(plain, sort_keys=False), tree)
    board.grants["T2"] = board.grants["T"]
    playing.play(board, "up1", Random(1))
    board.open("down1")
    shares = [{"unit": "D", "figures": {"basic": 5, "project": 5}, "reasons": WORDS}]
    board.act("T", "T", "issue", {"allocations": shares})
    board.act("T2", "T", "confirm")
    board.act("D", "D", "acknowledge")
    anew = {"reason": "更正", "document_no": "2号"}
    board.act("T", "T", "issue", {"allocations": shares, **anew})
    board.close("down1")
    board.open("legislature")
    decision = {"outcome": "rejected", "document_no": "3号", "dated": "2019-02-01"}
    board.act("T", "T", "decide", decision)
    told = board.blocked("T2", "T", "confirm")
    assert told is not None
    assert told.code == "holds_pending"


WORDS = {"basic": "统筹平衡", "project": "统筹平衡"}
