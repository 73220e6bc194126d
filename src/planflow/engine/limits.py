"""What figures must keep to: sums of children, bounds of an adjust, ceilings issued (N3, N4, N11)."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from planflow.domain.figures import TASK
from planflow.engine import checks, numbers
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import Item, PlanState
from planflow.errors import Finding
from planflow.protocol.models import Protocol, Round
from planflow.quota import exact


def drafted(scene: Scene) -> dict[str, int]:
    """The figures the working copy would send up; in an adjust round what it leaves out stays."""
    draft = scene.own.draft or {}
    given = dict(cast("Mapping[str, int]", draft.get("figures", {})))
    one = scene.negotiation.protocol.rounds_by_name[scene.round]
    return {**numbers.base(scene.own.plan, one), **given} if one.kind == "adjust" else given


def items_of(scene: Scene) -> dict[str, dict[str, int]]:
    """The working copy's reconciling items, added up by basis and indicator."""
    given = cast("list[dict[str, Any]]", (scene.own.draft or {}).get("reconciling", []))
    named = ("indicator", "amount", "reason_code", "basis")
    return numbers.items_by_basis(
        Item(**{name: one[name] for name in named if name in one}) for one in given
    )


def sum_findings(scene: Scene, figures: Mapping[str, int]) -> Iterator[Finding]:
    """Differences between a unit's figures and its children's sum with its reconciling items.

    A sum that is 0 has to be said as well: a missing figure is never zero (N3).
    """
    missing = list(_unsaid(scene, figures))
    if missing:
        yield from missing
        return
    items = items_of(scene)
    for off in numbers.off_sums(scene, scene.round, [items.get(TASK, {})], figures):
        yield Finding("sums_exact", _fields(off))
    also = cast("Mapping[str, Mapping[str, int]]", (scene.own.draft or {}).get("also", {}))
    for basis, sums in _further(scene).items():
        given = {name: value for name, value in also.get(basis, {}).items() if name in sums}
        for off in exact.differences(sums, given):
            yield Finding("sums_exact_also", {**_fields(off), "basis": basis})


def _further(scene: Scene) -> dict[str, dict[str, int]]:
    """Sums of further numbers with the unit's own items, as far as some child reports them."""
    items = items_of(scene)
    return {
        basis: exact.total([sums, _among(items.get(basis, {}), sums)])
        for basis, sums in numbers.further_sums(scene, scene.round).items()
    }


def _among(amounts: Mapping[str, int], names: Mapping[str, int]) -> dict[str, int]:
    return {name: amount for name, amount in amounts.items() if name in names}


def _unsaid(scene: Scene, figures: Mapping[str, int]) -> Iterator[Finding]:
    """Figures that are left out though the children's add up to 0, or are further numbers."""
    protocol, code = scene.negotiation.protocol, scene.own.unit.code
    up = protocol.rounds_by_name[scene.round].kind == "up"  # an adjust starts from a base
    told = exact.total(
        {
            name: value
            for name, value in numbers.in_force(protocol, child.plan, scene.round).items()
            if checks.applies(protocol, protocol.indicators_by_name[name], child.unit)
        }
        for child in (scene.children if up else ())
    )
    sums = exact.total([told, items_of(scene).get(TASK, {})])
    for name, value in sums.items():
        if value == 0 and name not in figures:
            yield Finding("missing_figure", {"indicator": name, "unit": code}, f"figures.{name}")
    also = cast("Mapping[str, Mapping[str, int]]", (scene.own.draft or {}).get("also", {}))
    for basis, amounts in numbers.further_sums(scene, scene.round).items():
        for name in amounts:
            if name not in also.get(basis, {}):
                params = {"basis": basis, "indicator": name, "unit": code}
                yield Finding("missing_number", params, f"also.{basis}.{name}")


def bound_findings(
    scene: Scene, seat: Seat, figures: Mapping[str, int], base: Mapping[str, int] | None = None
) -> Iterator[Finding]:
    """Changes from the base beyond what the protocol allows this unit."""
    protocol = scene.negotiation.protocol
    one = protocol.rounds_by_name[scene.round]
    above = scene.parent.unit.level if scene.parent else None
    yield from beyond_bound(protocol, one, seat, above, figures, base)


def beyond_bound(
    protocol: Protocol,
    one: Round,
    seat: Seat,
    above: str | None,
    figures: Mapping[str, int],
    base: Mapping[str, int] | None = None,
) -> Iterator[Finding]:
    """The same in any adjust round, for a unit below one of the level `above`."""
    if one.bounds is None:
        return
    start = numbers.base(seat.plan, one) if base is None else base
    here = _answers_for(protocol, seat.unit.level, above, one.bounds.level)
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
    """Figures above what the unit was issued, each and, where the protocol says so, their sum."""
    protocol = scene.negotiation.protocol
    yield from above_ceiling(protocol, protocol.rounds_by_name[scene.round], seat.plan, figures)


def above_ceiling(
    protocol: Protocol, one: Round, plan: PlanState, figures: Mapping[str, int]
) -> Iterator[Finding]:
    """The same in any round.

    An indicator that was issued no figure has no ceiling of its own; in a sum it counts.
    """
    ceiling = one.ceiling
    if ceiling is None:
        return
    issued = numbers.in_force(protocol, plan, ceiling.round)
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


def _answers_for(protocol: Protocol, own: str, above: str | None, level: str) -> bool:
    """Whether the bound of a level is held here: at the highest unit of a branch not above it."""
    place = protocol.level_order
    covered = above is not None and place[above] >= place[level]
    return place[own] >= place[level] and not covered


def _fields(off: exact.Difference) -> dict[str, object]:
    return {
        "indicator": off.indicator,
        "expected": off.expected,
        "got": off.got,
        "difference": off.difference,
    }
