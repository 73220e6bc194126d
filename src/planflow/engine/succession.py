"""Successors of units: how they are named, what they may have, and how it is told in events (N1)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from planflow.domain.events import Many
from planflow.domain.figures import TASK
from planflow.domain.tree_commands import SplitUnit
from planflow.domain.units import UnitNode
from planflow.engine import checks
from planflow.engine.scene import Seat
from planflow.engine.state import PlanState, Promise, Record
from planflow.errors import Finding
from planflow.ledger.leaf import format_time
from planflow.protocol.models import Protocol


def naming_faults(
    unit: UnitNode, children: Sequence[UnitNode], one: SplitUnit, where: str
) -> Iterator[Finding]:
    """Every unit directly below goes to one successor; weights are given for all or for none."""
    known = {child.code: child for child in children}
    named = Counter(code for heir in one.into for code in heir.children)
    weighted = any(heir.weight is not None for heir in one.into)
    for at, heir in enumerate(one.into):
        for code in heir.children:
            place = f"{where}.into.{at}.children"
            if code not in known:
                yield Finding("unknown_unit", {"unit": code, "parent": unit.code}, place)
            elif named[code] > 1:
                yield Finding("duplicate_unit", {"unit": code}, place)
        if weighted and heir.weight is None:
            field = f"{where}.into.{at}.weight"
            yield Finding("missing", {"field": field}, field)
    for code, child in known.items():
        if code not in named:
            params = {"unit": code, "name": child.name, "of": unit.code}
            yield Finding("child_unnamed", params, f"{where}.into")


def share_faults(protocol: Protocol, one: SplitUnit, where: str) -> Iterator[Finding]:
    """A share names a round, an indicator, and every successor with its part."""
    heirs = [heir.unit for heir in one.into]
    for at, share in enumerate(one.shares):
        place = f"{where}.shares.{at}"
        if share.round not in protocol.rounds_by_name:
            known = ", ".join(protocol.rounds_by_name)
            yield Finding("unknown_round", {"round": share.round, "known": known}, f"{place}.round")
        if share.indicator not in protocol.indicators_by_name:
            known = ", ".join(protocol.indicators_by_name)
            params = {"indicator": share.indicator, "known": known}
            yield Finding("unknown_indicator", params, f"{place}.indicator")
        for code in share.amounts:
            if code not in heirs:
                params = {"unit": code, "parent": ""}
                yield Finding("unknown_unit", params, f"{place}.amounts.{code}")
        for code in heirs:
            if code not in share.amounts:
                field = f"{place}.amounts.{code}"
                yield Finding("missing", {"field": field}, field)


def unused_shares(
    one: SplitUnit, used: Iterable[tuple[str, str, str, str]], where: str
) -> Iterator[Finding]:
    """A share that names no number of the unit would look as if it had been followed."""
    found = set(used)
    for at, share in enumerate(one.shares):
        if (share.round, share.side, share.basis, share.indicator) not in found:
            params = {"indicator": share.indicator, "round": share.round, "basis": share.basis}
            yield Finding("unknown_number", params, f"{where}.shares.{at}")


def promise_faults(seat: Seat) -> Iterator[Finding]:
    """A commitment whose parts were passed on is settled first: its parts name it as the whole."""
    for one in seat.plan.promises:
        if one.status == "open" and one.passed_on and not one.part_of:
            params = {"unit": seat.unit.code, "indicator": one.indicator}
            yield Finding("promise_passed_on", params)


def figure_faults(
    protocol: Protocol, heir: UnitNode, state: PlanState, where: str
) -> Iterator[Finding]:
    """A successor has only figures that a unit of its kind may have."""
    seen: set[tuple[str, str]] = set()
    for record in state.rounds.values():
        for given in (record.reported.get(TASK, {}), record.settled, record.issued):
            for finding in checks.figures(protocol, heir, given, where):
                key = (finding.code, finding.where)
                if key not in seen:
                    seen.add(key)
                    yield finding


def parts_of(state: PlanState) -> dict[str, Any]:
    """A plan as its successor takes it over: one entry for each round and each commitment."""
    parts: dict[str, Any] = {
        "plan": {
            "state": state.state,
            "headline": {name: one.model_dump() for name, one in state.headline.items()},
            "extensions": {name: format_time(due) for name, due in state.extensions.items()},
        }
    }
    if state.rounds:
        parts["rounds"] = Many([_round(name, one) for name, one in state.rounds.items()])
    if state.promises:
        parts["commitments"] = Many([_commitment(one) for one in state.promises])
    return parts


def place_of(node: UnitNode) -> dict[str, Any]:
    """A place as the cycle's event tells it."""
    return {
        "id": node.id,
        "code": node.code,
        "name": node.name,
        "level": node.level,
        "parent": node.parent,
        "attributes": ";".join(sorted(node.attributes)),
        "no_task": node.no_task,
        "since": node.since,
        "left": node.left,
    }


def _round(name: str, record: Record) -> dict[str, Any]:
    split = record.split
    return {
        "round": name,
        "stage": record.stage,
        "returned": record.returned,
        "reported": record.reported,
        "reported_reasons": record.reported_reasons,
        "reconciling": [one.model_dump() for one in record.reconciling],
        "settled": record.settled,
        "settled_reasons": record.settled_reasons,
        "issued": record.issued,
        "issued_also": record.issued_also,
        "issued_reasons": record.issued_reasons,
        "received": bool(record.issued_by),
        "markups": [one.model_dump() for one in record.markups],
        "unlocked": list(record.unlocked),
        "sent_back": record.sent_back.model_dump(mode="json") if record.sent_back else None,
        "document_no": record.document_no,
        "hands": list(record.hands),
        "authors": list(record.authors),
        "split": {
            "total": split.total,
            "reserve": split.reserve,
            "markup": split.markup,
            "also": {basis: one.model_dump() for basis, one in split.also.items()},
            "markup_reasons": split.markup_reasons,
            "document_no": split.document_no,
            "outdated": split.of != record.issued_by,
        }
        if split
        else None,
    }


def _commitment(one: Promise) -> dict[str, Any]:
    shape: Mapping[str, Any] = one.model_dump()
    return {("from" if name == "from_" else name): value for name, value in shape.items()}
