"""N2: decision rounds. The root presents, an assembly decides, a rejection reopens a round."""

from __future__ import annotations

import datetime as dt
import json
from random import Random

import pytest

from planflow.errors import Refusal
from planflow.protocol import loader
from planflow.services import plans
from tests.board import Board
from tests.contract.audit import audit
from tests.properties import playing
from tests.rules.budget import APPROVED, ASKED, REJECTED, SUM, TREE, decide
from tests.world import World

AMENDED = {**APPROVED, "outcome": "amended", "figures": {"project": 100}}


def kinds(world: World, unit: str) -> list[str]:
    return [event.kind for event in world.history(unit)]


def test_presented_then_approved(undecided: World) -> None:
    world = undecided
    assert world.state("T") == "legislature.awaiting"
    presented = world.act("t", "T", "present", {"note": "提请审议"})
    assert presented.state == "legislature.presented"
    assert presented.decisions["legislature"].model_dump() == {
        "presented": SUM, "outcome": None, "figures": {}, "document_no": None, "dated": None,
    }  # fmt: skip
    assert presented.figures["legislature"] == SUM
    decided = decide(world, **APPROVED)
    assert decided.state == "legislature.decided"
    assert decided.decisions["legislature"].figures == SUM
    assert kinds(world, "T")[-2:] == ["presented", "decided"]
    assert world.history("T")[-1].cites == [world.history("T")[-2].id]
    assert world.close("legislature").rounds["legislature"] == "closed"
    audit(world.site)


def test_a_decision_recorded_straight_away_presents_too(undecided: World) -> None:
    world = undecided
    plan = decide(world, **AMENDED)
    assert plan.state == "legislature.decided"
    assert kinds(world, "T")[-2:] == ["presented", "decided"]
    # what an amendment leaves out stands as presented
    assert plan.figures["legislature"] == {"basic": 150, "project": 100}
    told = {(one.side, one.indicator): one for one in plan.numbers if one.round == "legislature"}
    assert told["presented", "project"].value == 110
    assert told["decided", "project"].value == 100
    assert told["decided", "project"].document_no == APPROVED["document_no"]


def test_the_issue_after_it_is_held_to_it(undecided: World) -> None:
    world = undecided
    decide(world, **AMENDED)
    world.close("legislature")
    world.open("down2")
    parts = {"D": {"basic": 100, "project": 70}, "E": {"basic": 50, "project": 40}}
    refused = world.refused("guard_failed", lambda: world.issue("T", parts, total=SUM))
    assert refused.codes == ["total_decided"]
    assert dict(refused.refusal.findings[0].params) == {
        "indicator": "project", "round": "legislature",
        "expected": 100, "got": 110, "difference": 10,
    }  # fmt: skip
    parts["D"]["project"] = 60
    assert world.issue("T", parts).state == "down2.distributed"
    assert world.plan("d", "D").figures["down2"] == parts["D"]


def test_a_rejection_reopens_the_round_that_the_protocol_names(undecided: World) -> None:
    world = undecided
    plan = decide(world, **REJECTED)
    assert plan.round == "up2"
    assert plan.state == "up2.drafting"
    assert plan.decisions["legislature"].outcome == "rejected"
    assert "legislature" not in plan.figures
    cycle = world.get()
    assert cycle.open_round == "up2"
    assert cycle.rounds["legislature"] == "waiting"
    # nothing was taken from anybody: what was accepted stands until it is returned
    assert world.state("D") == "up2.accepted"
    world.act("t", "D", "return", {"reason_code": "basis_missing", "text": "按大会意见核减"})
    world.act("d", "D2", "return", {"reason_code": "basis_missing", "text": "按大会意见核减"})
    world.report("D2", {"basic": 30, "project": 10})
    world.accept("D2")
    world.report("D", {"basic": 100, "project": 60})
    world.accept("D")
    world.close("up2")
    world.open("legislature")
    assert world.state("T") == "legislature.awaiting"
    assert decide(world, **APPROVED).figures["legislature"] == {"basic": 150, "project": 100}
    world.close("legislature")
    counted = audit(world.site)
    assert counted.kinds["round_reopened"] == 1
    assert counted.kinds["presented"] == counted.kinds["decided"] == 2


def test_a_rejected_decision_may_be_rejected_again(undecided: World) -> None:
    world = undecided
    for _ in range(2):
        decide(world, **REJECTED)
        world.close("up2")
        world.open("legislature")
    decide(world, **APPROVED)
    world.close("legislature")
    world.down("down2", ASKED)
    assert world.get().settled
    assert world.state("E1") == "settled"
    audit(world.site)


def test_the_answer_to_a_rejection_is_given_once_more_under_its_key(undecided: World) -> None:
    world = undecided
    key, version = world.key(), world.version("T")
    first = world.act("t", "T", "decide", REJECTED, version=version, key=key)
    again = world.act("t", "T", "decide", REJECTED, version=version, key=key)
    assert (again.event, again.version) == (first.event, first.version)
    assert kinds(world, "T").count("decided") == 1


def test_only_the_root_takes_part(undecided: World) -> None:
    world = undecided
    with world.refused("illegal_transition"):
        world.act("d", "D", "present")
    with world.refused("forbidden"):
        world.act("t", "D", "decide", APPROVED)
    listed = {
        one.unit: one.state
        for one in plans.list_plans(world.site, world.readers["t"], "b1", None, None, None).items
    }
    assert listed == {code: world.state(code) for code in listed}
    assert listed["T"] == "legislature.awaiting"
    assert listed["D1"] == "up2.accepted"


def test_a_round_without_its_decision_cannot_close(undecided: World) -> None:
    world = undecided
    refused = world.refused("guard_failed", lambda: world.close("legislature"))
    assert refused.codes == ["units_done"]
    world.act("t", "T", "present")
    refused = world.refused("guard_failed", lambda: world.close("legislature"))
    assert refused.refusal.findings[0].params["state"] == "legislature.presented"


def test_decisions_belong_to_their_round(undecided: World) -> None:
    world = undecided
    decide(world, **APPROVED)
    with world.refused("illegal_transition"):
        decide(world, **APPROVED)
    world.close("legislature")
    with world.refused("illegal_transition"):
        world.act("t", "T", "present")


def test_nothing_is_decided_in_another_round(second_up: World) -> None:
    with second_up.refused("illegal_transition"):
        decide(second_up, **APPROVED)


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({**APPROVED, "outcome": "perhaps"}, "unknown_option", "outcome"),
        ({**APPROVED, "document_no": "  "}, "empty", "document_no"),
        ({"outcome": "approved", "dated": "2020-01-15"}, "missing", "document_no"),
        ({"outcome": "approved", "document_no": "1"}, "missing", "dated"),
        ({**APPROVED, "outcome": "amended"}, "missing", "figures"),
        ({**AMENDED, "figures": {"project": 110}}, "nothing_amended", "figures"),
        ({**APPROVED, "figures": {"project": 1}}, "figures_not_amended", "figures"),
        ({**REJECTED, "figures": {"project": 1}}, "figures_not_amended", "figures"),
        ({**AMENDED, "figures": {"other": 1}}, "unknown_indicator", "figures.other"),
        ({**AMENDED, "figures": {"project": -1}}, "below_minimum", "figures.project"),
    ],
)
def test_what_no_decision_may_say(undecided: World, body: object, code: str, where: str) -> None:
    refused = undecided.refused(
        "invalid", lambda: undecided.act("t", "T", "decide", json.dumps(body).encode())
    )
    assert [(one.code, one.where) for one in refused.refusal.findings] == [(code, where)]


def test_figures_repeated_as_presented_are_no_amendment(undecided: World) -> None:
    world = undecided
    assert decide(world, **{**APPROVED, "figures": SUM}).state == "legislature.decided"


# In memory: protocols that are not bundled

BUDGET = loader.find("department-budget")
FREE = BUDGET.replace("    required_in: [up1, down1, up2, legislature, down2]\n", "")


def board(text: str, figures: dict[str, int], until: str) -> Board:
    """Everybody reports or issues the same nothing, or the same figures."""
    made = Board.over(text, TREE)
    for one in made.negotiation.protocol.rounds:
        made.open(one.name)
        if one.name == until:
            return made
        for code in reversed(TREE) if one.kind == "up" else ():
            unit, parent = code[0], code[2]
            if parent:
                made.act(unit, unit, "draft", {"figures": figures})
                made.act(unit, unit, "submit")
                made.act(parent, unit, "accept")
        for code in TREE if one.kind == "down" else ():
            below = [line[0] for line in TREE if line[2] == code[0]]
            if code[2]:
                made.act(code[0], code[0], "acknowledge")
            if below:
                each = [{"unit": unit, "figures": figures} for unit in below]
                made.act(code[0], code[0], "issue", {"allocations": each})
        made.close(one.name)
    raise LookupError(until)


def test_nothing_is_presented_where_there_are_no_figures() -> None:
    made = board(FREE, {}, "legislature")
    with pytest.raises(Refusal) as refused:
        made.act("T", "T", "present")
    assert [one.code for one in refused.value.findings] == ["has_presentable"]
    blocked = made.blocked("T", "T", "decide")
    assert blocked is not None
    assert blocked.code == "has_presentable"


def test_a_required_figure_is_decided_even_if_nobody_presented_it() -> None:
    only = BUDGET.replace("[up1, down1, up2, legislature, down2]", "[legislature]")
    made = board(only, {"basic": 0}, "legislature")
    with pytest.raises(Refusal) as refused:
        made.act("T", "T", "decide", APPROVED)
    assert [(one.code, one.where) for one in refused.value.findings] == [
        ("missing_figure", "figures.project")
    ]
    made.act("T", "T", "decide", {**AMENDED, "figures": {"project": 5}})
    assert made.replayed("T") == made.plan("T")


def test_a_rejection_leads_back_over_other_decisions() -> None:
    two = BUDGET.replace(
        "  - name: legislature\n",
        "  - name: committee\n    title: {zh: 初审, en: Committee}\n    kind: decision\n"
        "    reopens: up2\n  - name: legislature\n",
    ).replace("[up1, down1, up2, legislature, down2]", "[legislature]")
    made = board(two, {"basic": 0, "project": 0}, "committee")
    made.act("T", "T", "decide", {**AMENDED, "figures": {"project": 7}})
    made.close("committee")
    made.open("legislature")
    made.act("T", "T", "present")
    presented = made.plan("T").record("legislature").decision
    assert presented is not None
    assert presented.presented == {"basic": 0, "project": 7}
    made.act("T", "T", "decide", REJECTED)
    assert made.cycle.rounds == {"up1": "closed", "down1": "closed", "up2": "open"}
    made.close("up2")
    made.open("committee")
    assert made.state("T") == "committee.awaiting"
    assert made.replayed("T") == made.plan("T")


def test_a_round_that_runs_again_has_terms_of_its_own() -> None:
    """N2, N9: neither the window nor the extension of its first run is left to it."""
    here = free_board()
    here.open("legislature", {"windows": {"treasury": {"due_at": "2019-07-20"}}})
    here.act("T", "T", "extensions", {"due_at": "2019-07-25", "reason": "会期推迟"})
    here.act("T", "T", "decide", REJECTED)
    here.close("up2")
    here.open("legislature")
    scene = here.scene("T")
    assert scene.window(scene.own).due_at is None
    here.tick(dt.timedelta(days=60))
    assert here.blocked("T", "T", "decide") is None
    here.act("T", "T", "decide", REJECTED)
    here.close("up2")
    here.open("legislature", {"windows": {"treasury": {"due_at": "2019-10-01"}}})
    here.tick(dt.timedelta(days=5))  # later than the extension, and within the new window
    assert here.blocked("T", "T", "decide") is None


def free_board() -> Board:
    """A board in which the second up is closed, and everybody asked for nothing."""
    made = Board.over("department-budget", TREE)
    for name in ("up1", "down1", "up2"):
        playing.play(made, name, Random(1))
    return made
