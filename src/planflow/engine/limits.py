"""What figures must keep to: sums of children, bounds of an adjust, ceilings issued (N3, N4, N11)."""

from collections.abc import Iterator, Mapping
from typing import cast

from planflow.engine import numbers
from planflow.engine.scene import Scene, Seat
from planflow.errors import Finding
from planflow.quota import exact


def drafted(scene: Scene) -> dict[str, int]:
    """The figures the working copy would send up; in an adjust round what it leaves out stays."""
    draft = scene.own.draft or {}
    given = dict(cast("Mapping[str, int]", draft.get("figures", {})))
    one = scene.negotiation.protocol.rounds_by_name[scene.round]
    return {**numbers.base(scene.own.plan, one), **given} if one.kind == "adjust" else given


def sum_findings(scene: Scene, figures: Mapping[str, int]) -> Iterator[Finding]:
    """Differences between a unit's figures and its children's sum with its reconciling items."""
    items = cast("list[dict[str, object]]", (scene.own.draft or {}).get("reconciling", []))
    signed = [{str(item["indicator"]): cast("int", item["amount"])} for item in items]
    for off in numbers.off_sums(scene, scene.round, signed, figures):
        yield Finding("sums_exact", _fields(off))


def bound_findings(scene: Scene, seat: Seat, figures: Mapping[str, int]) -> Iterator[Finding]:
    """Changes from the base beyond what the protocol allows this unit."""
    protocol = scene.negotiation.protocol
    one = protocol.rounds_by_name[scene.round]
    if one.bounds is None:
        return
    start = numbers.base(seat.plan, one)
    here = _answers_for(scene, seat, one.bounds.level)
    for off in exact.differences(start, figures):
        bound = one.bounds.indicators.get(off.indicator)
        if off.indicator not in start:
            yield Finding("never_issued", {"indicator": off.indicator, "got": off.got})
        elif bound is None:
            yield Finding("bounded", {**_fields(off), "limit": 0})
        elif here:
            limit = exact.allowance(off.expected, bound.percent, bound.absolute)
            if abs(off.difference) > limit:
                yield Finding("bounded", {**_fields(off), "limit": limit})


def ceiling_findings(scene: Scene, seat: Seat, figures: Mapping[str, int]) -> Iterator[Finding]:
    """Figures above what the unit was issued, each and, where the protocol says so, their sum.

    An indicator that was issued no figure has no ceiling of its own; in a sum it counts.
    """
    protocol = scene.negotiation.protocol
    ceiling = protocol.rounds_by_name[scene.round].ceiling
    if ceiling is None:
        return
    issued = numbers.in_force(protocol, seat.plan, ceiling.round)
    limited = {name: value for name, value in figures.items() if name in issued}
    yield from _above(issued, limited)
    for group in protocol.summed_indicators() if ceiling.also_sum else ():
        if any(name in issued for name in group):
            whole = "+".join(group)
            limit = {whole: sum(issued.get(name, 0) for name in group)}
            yield from _above(limit, {whole: sum(figures.get(name, 0) for name in group)})


def _above(limits: Mapping[str, int], figures: Mapping[str, int]) -> Iterator[Finding]:
    for off in exact.differences({name: limits[name] for name in figures}, figures):
        if off.difference > 0:
            yield Finding("within_ceiling", _fields(off))


def _answers_for(scene: Scene, seat: Seat, level: str) -> bool:
    """Whether the bound of a level is held here: at the highest unit of a branch not above it."""
    place = scene.negotiation.protocol.level_order
    above = scene.parent is not None and place[scene.parent.unit.level] >= place[level]
    return place[seat.unit.level] >= place[level] and not above


def _fields(off: exact.Difference) -> dict[str, object]:
    return {
        "indicator": off.indicator,
        "expected": off.expected,
        "got": off.got,
        "difference": off.difference,
    }
