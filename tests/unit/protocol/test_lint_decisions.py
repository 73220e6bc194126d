"""§4: decisions, ceilings and decided totals are linted, each fault with its code and line (N2, N3)."""

from __future__ import annotations

import pytest

from planflow.protocol.loader import find
from tests.unit.protocol.spoilt import findings, only, spoil

BUDGET = find("department-budget")
FIRST_UP = "en: First up}\n    kind: up\n"
FIRST_DOWN = "en: First down}\n    kind: down\n"
DECISION = "    kind: decision\n"
REOPENS = "    reopens: up2\n"
CEILING = "    ceiling: {round: down1, also_sum: true}\n"
TOTAL = "    total_from: legislature\n"
NAME = "  - name: legislature\n"
PIECES = (
    "en: Project expenditure}\n    unit: {zh: 元, en: yuan}",
    "en: Project expenditure}\n    unit: {zh: 个, en: pieces}",
)


def after(block: str, line: str) -> tuple[str, str]:
    return block, f"{block}    {line}\n"


def test_the_bundled_budget_has_no_findings() -> None:
    assert findings(BUDGET) == ()


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("decision_levels", [after(DECISION, "levels: [treasury] # here")]),
        ("decision_only", [after(FIRST_DOWN, "reopens: up1 # here")]),
        ("reopens_missing", [(REOPENS, ""), (NAME, f"{NAME[:-1]} # here\n")]),
        ("reopens_too_far", [(REOPENS, "    reopens: up1 # here\n")]),
        ("unreachable_round", [(REOPENS, "    reopens: legislature # here\n")]),
        ("unreachable_round", [(REOPENS, "    reopens: down2 # here\n")]),
        ("unknown_round", [(REOPENS, "    reopens: up3 # here\n")]),
        ("ceiling_not_up", [after(FIRST_DOWN, "ceiling: {round: up1} # here")]),
        ("ceiling_not_down", [(CEILING, "    ceiling: {round: up1} # here\n")]),
        ("ceiling_without_sum", [PIECES, (CEILING, f"{CEILING[:-1]} # here\n")]),
        ("unreachable_round", [(CEILING, "    ceiling: {round: down2} # here\n")]),
        ("unknown_round", [(CEILING, "    ceiling: {round: down9} # here\n")]),
        ("level_without_ceiling", [
            after(FIRST_DOWN, "levels: [treasury, department]"),
            (CEILING, f"{CEILING[:-1]} # here\n")]),
        ("total_not_down", [after(FIRST_UP, "total_from: legislature # here")]),
        ("total_not_decision", [(TOTAL, "    total_from: up2 # here\n")]),
        ("unreachable_round", [(TOTAL, "    total_from: down2 # here\n")]),
        ("unknown_round", [(TOTAL, "    total_from: assembly # here\n")]),
        ("binding_not_down", [after(DECISION, "binding: true # here")]),
    ],
)  # fmt: skip
def test_each_fault_is_found_on_its_line(code: str, changes: list[tuple[str, str]]) -> None:
    text = spoil(*changes, text=BUDGET)
    if code in ("ceiling_not_up", "total_not_down"):
        # such a link may be wrong in more than one way: the line is the same
        assert code in [one.code for one in findings(text)]
    else:
        assert only(text).code == code


def test_a_decision_cannot_come_first() -> None:
    head, rest = BUDGET.split("rounds:\n")
    first = (
        "  - name: opening\n    title: {zh: 开, en: Opening}\n    kind: decision\n"
        "    reopens: opening\n"
    )
    codes = [one.code for one in findings(f"{head}rounds:\n{first}{rest}")]
    assert sorted(codes) == ["decision_first", "unreachable_round"]
