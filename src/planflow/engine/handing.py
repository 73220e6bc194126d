"""What a successor's plan must hold so that sums stay exact: shared by splits and merges (N1)."""

from collections.abc import Iterator, Sequence
from typing import Any

from planflow.domain.figures import TASK
from planflow.engine import checks, numbers
from planflow.engine.scene import Seat
from planflow.engine.state import Item, PlanState, Record, SentBack
from planflow.protocol.models import Protocol
from planflow.quota import exact


def figure_in(protocol: Protocol, plan: PlanState, round_name: str, indicator: str) -> int:
    """A unit's number in force in a round; 0 where it has none."""
    if round_name not in protocol.rounds_by_name:
        return 0
    return numbers.in_force(protocol, plan, round_name).get(indicator, 0)


def sums_below(protocol: Protocol, below: Sequence[Seat], name: str, basis: str) -> dict[str, int]:
    """What the units below add up to in a round, on one basis."""
    found = (numbers.by_basis(protocol, seat.plan, name) for seat in below)
    return exact.total(one.get(basis, {}) for one in found)


def off_sums(
    protocol: Protocol, plan: PlanState, below: Sequence[Seat], name: str
) -> list[exact.Difference]:
    """Where a round's figures of a unit are not what those below and its own items make them."""
    summed = checks.carried(protocol, (seat.unit for seat in below))
    found = []
    for basis, got, extra in _standing(protocol, plan, name):
        expected = exact.total([sums_below(protocol, below, name, basis), *extra])
        found += [
            off
            for off in exact.differences(expected, got)
            if off.indicator in summed and off.indicator in got
        ]
    return found


def _standing(
    protocol: Protocol, plan: PlanState, name: str
) -> Iterator[tuple[str, dict[str, int], list[dict[str, int]]]]:
    """A round's figures by basis, with what is added to those below to make them."""
    record, one = plan.record(name), protocol.rounds_by_name[name]
    if one.kind == "down":
        for basis, portion in record.split.portions().items() if record.split else ():
            more = {each: -added for each, added in portion.markup.items()}
            yield basis, portion.total, [portion.reserve, more]
        return
    items = numbers.items_by_basis(record.reconciling)
    for basis, figures in record.reported.items():
        extra = [items.get(basis, {})]
        if one.kind == "adjust" and basis == TASK:
            extra.append(numbers.reserve_held(plan, one))
        yield basis, figures, extra


def sent_back(
    record: Record, reported: dict[str, dict[str, int]], items: tuple[Item, ...]
) -> SentBack | None:
    """What a successor was returned, where the report still is the one that was returned (N7)."""
    was = record.sent_back
    if was is None or (was.figures, was.items) != (record.reported, record.reconciling):
        return None
    return SentBack(figures=reported, items=items)


def as_it_stands(protocol: Protocol, plan: PlanState) -> PlanState:
    """A plan whose corrected figures are its figures: what is handed over is what stands (N1, N13)."""
    rounds = {}
    for name, record in plan.rounds.items():
        values = {each: one.value for each, one in record.corrected.items()}
        changes: dict[str, Any] = {"corrected": {}}
        if protocol.rounds_by_name[name].kind == "down":
            changes["issued"] = {**record.issued, **values}
        elif values:
            changes["settled"] = {**record.settled, **values}
        if record.split is not None:
            total = {**record.split.total, **values}
            changes["split"] = record.split.but(
                total=total, reserve=record.split.held, corrected={}
            )
        rounds[name] = record.but(**changes)
    return plan.but(rounds=rounds)
