"""A cycle's tree as it is fixed when the cycle opens: taken from the register, cut as asked (N1, N2)."""

from collections.abc import Iterator
from typing import Any

from planflow.domain.commands import Cut, NoTask, OpenCycle
from planflow.domain.units import SEPARATOR
from planflow.engine import rounds
from planflow.engine.machine import Negotiation
from planflow.errors import Finding, invalid
from planflow.store import sites
from planflow.store.appending import Head
from planflow.store.sites import Registered
from planflow.store.transaction import Tx


def tree(tx: Tx, negotiation: Negotiation, command: OpenCycle) -> list[dict[str, Any]]:
    """Rows of the cycle's tree: from its root down to its leaf level, parents first (N1)."""
    order = negotiation.protocol.level_order
    root = sites.registered(tx, [command.root])[command.root]
    idle = {one.unit: one for one in command.no_task}
    rows: dict[str, dict[str, Any]] = {}
    findings: list[Finding] = []
    if command.leaf_level in order and order.get(root.level, 0) > order[command.leaf_level]:
        findings.append(Finding("leaf_above_root", {"level": command.leaf_level}, "leaf_level"))
    lowest = _Lowest(order, command.leaf_level, command.cuts)
    for unit, parent in [(root, ""), *sites.below(tx, root)]:
        if unit.level not in order:
            params = {"unit": unit.code, "level": unit.level, "known": ", ".join(order)}
            findings.append(Finding("level_not_in_protocol", params, "root"))
        elif parent in rows and order[unit.level] <= order[rows[parent]["level"]]:
            params = {"unit": unit.code, "level": unit.level, "parent": parent}
            findings.append(Finding("level_not_below", params, "root"))
        elif (not parent or parent in rows) and lowest.reaches(unit, parent):
            rows[unit.code] = _place(command.id, unit, rows.get(parent), idle)
    findings += _no_task_faults(command.no_task, rows, command.root)
    findings += _cut_faults(command.cuts, rows, order)
    if not findings and not any(row["parent_code"] and not row["no_task"] for row in rows.values()):
        findings.append(Finding("nobody_below", {"unit": command.root}, "leaf_level"))
    if not findings:
        findings += _round_faults(negotiation, root, rows)
    if findings:
        raise invalid(*findings[: rounds.NAMED_AT_MOST])
    return list(rows.values())


def _round_faults(
    negotiation: Negotiation, root: Registered, rows: dict[str, dict[str, Any]]
) -> Iterator[Finding]:
    """In every round the root issues or gathers, and somebody below it answers (N2, N6)."""
    below = {row["level"] for row in rows.values() if row["parent_code"] and not row["no_task"]}
    for one in negotiation.protocol.rounds:
        levels = negotiation.protocol.levels_of(one.name)
        if one.kind == "decision":
            continue  # the root's alone
        if root.level not in levels:
            params = {"round": one.name, "unit": root.code, "level": root.level}
            yield Finding("root_not_in_round", params, "root")
        elif below.isdisjoint(levels):
            yield Finding("nobody_in_round", {"round": one.name, "unit": root.code}, "leaf_level")


class _Lowest:
    """How far down each subtree takes part: to the cycle's lowest level, or to a cut above it (N2)."""

    def __init__(self, order: dict[str, int], leaf_level: str, cuts: tuple[Cut, ...]) -> None:
        self.order = order
        self.everywhere = order.get(leaf_level, len(order))
        self.cuts = {one.unit: order.get(one.leaf_level, len(order)) for one in cuts}
        self.found: dict[str, int] = {}

    def reaches(self, unit: Registered, parent: str) -> bool:
        """Whether a unit lies within its subtree; parents are asked about first."""
        above = self.found.get(parent, self.everywhere)
        self.found[unit.code] = min(above, self.cuts.get(unit.code, above))
        return self.order[unit.level] <= above


def as_fixed(rows: list[dict[str, Any]], register: Head) -> rounds.Tree:
    """The same as the cycle's opening tells it."""
    units = [
        (row["unit_id"], row["code"], row["parent_code"] or "", row["level"], row["no_task"])
        for row in rows
    ]
    return rounds.Tree(units, register.position, register.chain.hex())


def _place(
    cycle: str, unit: Registered, parent: dict[str, Any] | None, idle: dict[str, NoTask]
) -> dict[str, Any]:
    above = parent["path"] + SEPARATOR if parent else ""
    return {
        "cycle_id": cycle,
        "unit_id": unit.id,
        "code": unit.code,
        "name": unit.name,
        "level": unit.level,
        "parent_code": parent["code"] if parent else None,
        "path": above + unit.code,
        "attributes": unit.attributes,
        # A unit below one without task has none either.
        "no_task": unit.code in idle or bool(parent and parent["no_task"]),
    }


def _no_task_faults(idle: tuple[NoTask, ...], rows: dict[str, Any], root: str) -> list[Finding]:
    findings = []
    for at, one in enumerate(idle):
        where = f"no_task.{at}.unit"
        if one.unit == root:
            findings.append(Finding("root_without_task", {"unit": one.unit}, where))
        elif one.unit not in rows:
            findings.append(Finding("unknown_unit", {"unit": one.unit, "parent": root}, where))
    return findings


def _cut_faults(
    cuts: tuple[Cut, ...], rows: dict[str, Any], order: dict[str, int]
) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, one in enumerate(cuts):
        where = f"cuts.{at}"
        if one.unit not in rows:
            yield Finding("unit_not_in_tree", {"unit": one.unit}, f"{where}.unit")
        elif one.unit in seen:
            yield Finding("duplicate_unit", {"unit": one.unit}, f"{where}.unit")
        elif one.leaf_level not in order:
            params = {"level": one.leaf_level, "known": ", ".join(order)}
            yield Finding("unknown_level", params, f"{where}.leaf_level")
        elif order[one.leaf_level] < order[rows[one.unit]["level"]]:
            params = {"unit": one.unit, "level": one.leaf_level}
            yield Finding("cut_above_unit", params, f"{where}.leaf_level")
        seen.add(one.unit)
