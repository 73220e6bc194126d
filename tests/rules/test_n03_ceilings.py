"""N3: figures within what was issued, each and their sum, by every unit and for every number it has."""

from __future__ import annotations

from typing import Any

import pytest

from planflow.errors import Finding, Refusal
from planflow.protocol import loader
from tests.rules.budget import ASKED
from tests.rules.test_n02_decisions import FREE, board
from tests.world import World

OVER = {"basic": 70, "project": 55}


def told(findings: Any) -> list[tuple[Any, ...]]:
    fields = ("indicator", "expected", "got", "difference")
    return [(one.code, *(one.params[name] for name in fields)) for one in findings]


ABOVE = [
    ("within_ceiling", "project", 50, 55, 5),
    ("within_ceiling", "basic+project", 120, 125, 5),
]


def test_a_submission_above_the_ceiling_is_refused_with_the_excess(second_up: World) -> None:
    world = second_up
    world.act("d1", "D1", "draft", {"figures": OVER})
    refused = world.refused("guard_failed", lambda: world.act("d1", "D1", "submit"))
    assert told(refused.refusal.findings) == ABOVE
    [submit] = [one for one in world.plan("d1", "D1").actions if one.name == "submit"]
    assert [guard.name for guard in submit.guards] == ["within_ceiling", "within_ceiling"]
    assert "5" in submit.guards[0].text
    world.report("D1", {"basic": 60, "project": 50})
    assert world.state("D1") == "up2.submitted"


def test_one_may_rise_only_where_it_has_room_of_its_own(second_up: World) -> None:
    world = second_up
    world.act("d1", "D1", "draft", {"figures": {"basic": 60, "project": 60}})
    refused = world.refused("guard_failed", lambda: world.act("d1", "D1", "submit"))
    assert told(refused.refusal.findings) == [("within_ceiling", "project", 50, 60, 10)]


def test_a_settled_number_keeps_within_it_too(second_up: World) -> None:
    world = second_up
    world.report("D1", ASKED["D1"])
    body = {"figures": {"project": 55}, "reasons": {"project": "other"}}
    refused = world.refused("guard_failed", lambda: world.act("d", "D1", "accept", body))
    assert told(refused.refusal.findings) == ABOVE


def test_the_ceiling_itself_is_within(second_up: World) -> None:
    world = second_up
    world.report("D1", ASKED["D1"])
    assert world.accept("D1").figures["up2"] == ASKED["D1"]


def submitted(text: str, issued: dict[str, int], figures: dict[str, int]) -> list[Finding]:
    """What a leaf is told that was issued some figures and submits others."""
    made = board(text, issued, "up2")
    made.act("E1", "E1", "draft", {"figures": figures})
    try:
        made.act("E1", "E1", "submit")
    except Refusal as refusal:
        return list(refusal.findings)
    return []


ZERO_EACH = {"basic": 0}


def test_what_was_issued_no_figure_counts_in_the_sum_alone() -> None:
    found = submitted(FREE, ZERO_EACH, {"basic": 0, "project": 3})
    assert told(found) == [("within_ceiling", "basic+project", 0, 3, 3)]


def test_without_any_figure_issued_there_is_no_ceiling() -> None:
    assert submitted(FREE, {}, {"basic": 9, "project": 3}) == []


@pytest.mark.parametrize("text", [FREE.replace("round: down1, also_sum: true", "round: down1")])
def test_a_sum_counts_only_where_the_protocol_says_so(text: str) -> None:
    assert "also_sum" not in text
    assert submitted(text, ZERO_EACH, {"basic": 0, "project": 3}) == []


def test_figures_of_different_units_are_not_added_up() -> None:
    units = loader.find("department-budget").split("  - name: project\n")
    mixed = "  - name: project\n".join(
        [units[0], units[1].replace("unit: {zh: 元, en: yuan}", "unit: {zh: 个, en: pieces}")]
    )
    with pytest.raises(Refusal) as refused:
        loader.load(mixed)
    assert [one.code for one in refused.value.findings] == ["ceiling_without_sum"]
