"""Lines that a return unlocks, as the second model judges them (N7, decision 0029)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.properties.oracle_cycle import Cycle, Key
from tests.properties.oracle_rules import Figures, must

ByBasis = Mapping[str, Mapping[str, int]]


def lines_of_return(cycle: Cycle, place: Key, named: Iterable[str]) -> set[str] | None:
    """What a return is about: lines it names or, without any, all that the parent may change."""
    lines = set(named)
    must(lines <= set(cycle.rules.indicators))
    above = cycle.unlocked.get((cycle.parent(place[0]), place[1]))
    must(above is None or lines <= above)
    return lines or above


def keeps_lines(cycle: Cycle, place: Key, figures: ByBasis, items: ByBasis) -> None:
    """Nothing changes in a line that the unit, or the one above, may not change."""
    unit, name = place
    able = set(cycle.rules.indicators)
    for one in (place, (cycle.parent(unit), name)):
        able &= cycle.unlocked.get(one, able)
    before: ByBasis
    if place in cycle.sent_back:
        before, items_before = cycle.returned[place]
    else:  # who never reported has no line that could be locked
        stood = cycle.number(unit, name)
        before, items_before = {"task": stood} if stood else {"task": figures["task"]}, {}
    for indicator in set(cycle.rules.indicators) - able:
        if not cycle.summed(unit, indicator):  # a sum follows the children's lines
            must(_line(before, indicator) == _line(figures, indicator))
        must(_amounts(items_before, indicator) == _amounts(items, indicator))


def locked(cycle: Cycle, place: Key, indicator: str) -> bool:
    """Whether the unit was returned without this line."""
    return indicator not in cycle.unlocked.get(place, {indicator})


def _line(figures: ByBasis, indicator: str) -> dict[str, int]:
    return {basis: of[indicator] for basis, of in figures.items() if indicator in of}


def _amounts(items: ByBasis, indicator: str) -> Figures:
    return {basis: of[indicator] for basis, of in items.items() if of.get(indicator)}
