"""What a successor's plan must hold so that sums stay exact: shared by splits and merges (N1)."""

from collections.abc import Sequence

from planflow.domain.figures import TASK
from planflow.engine import checks, numbers
from planflow.engine.scene import Seat
from planflow.engine.state import PlanState
from planflow.protocol.models import Protocol
from planflow.quota import exact


def figure_in(protocol: Protocol, plan: PlanState, round_name: str, indicator: str) -> int:
    """A unit's number in force in a round; 0 where it has none."""
    if round_name not in protocol.rounds_by_name:
        return 0
    return numbers.in_force(protocol, plan, round_name).get(indicator, 0)


def off_sums(
    protocol: Protocol, plan: PlanState, below: Sequence[Seat], name: str
) -> list[exact.Difference]:
    """Where a round's figures of a unit are not what those below and its own items make them."""
    record, one = plan.record(name), protocol.rounds_by_name[name]
    if one.kind == "down":
        if record.split is None:
            return []
        got, extra = record.split.total, [record.split.reserve]
    else:
        if TASK not in record.reported:
            return []
        got, extra = record.reported[TASK], [{i.indicator: i.amount} for i in record.reconciling]
    expected = exact.total([numbers.expected_of(protocol, plan, below, name), *extra])
    summed = checks.carried(protocol, (seat.unit for seat in below))
    return [
        off
        for off in exact.differences(expected, got)
        if off.indicator in summed and off.indicator in got
    ]
