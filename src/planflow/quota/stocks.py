"""Stock + inflow − exits ± recorded adjustment = stock, checked and never repaired (N16).

A stock is stated at a turn of the year, as the end of one year or the start of the next. Between
two stated stocks the flows of all years are added up. A flow that nobody recorded adds nothing and
is named, so that a difference can be read for what it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from planflow.domain.past import ADJUSTMENT, FLOWS, PastYear


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A flow of a year that nobody recorded."""

    year: int
    flow: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Years from one stated stock to the next; `stated` is None where no later stock is known."""

    first: int
    last: int
    start: int
    inflow: int
    exits: int
    adjustment: int
    stated: int | None
    unrecorded: tuple[Unrecorded, ...]

    @property
    def expected(self) -> int:
        """What the stock should be at the end of the last year, by the flows that were recorded."""
        return self.start + self.inflow - self.exits + self.adjustment

    @property
    def difference(self) -> int | None:
        """How far the stated stock lies above the expected one; None where none is stated."""
        return None if self.stated is None else self.stated - self.expected


@dataclass(frozen=True, slots=True)
class Break:
    """A turn of the year at which the end of one year is not the start of the next."""

    year: int
    closing: int
    opening: int

    @property
    def difference(self) -> int:
        """How far the opening stock lies above the closing one."""
        return self.opening - self.closing


@dataclass(frozen=True, slots=True)
class Series:
    """A unit's stocks by one indicator through the years."""

    balances: tuple[Balance, ...]
    breaks: tuple[Break, ...]


def series(years: Iterable[PastYear]) -> Series:
    """Check one unit's years by one indicator; gaps between the years are unrecorded."""
    by_year = {one.year: one for one in years}
    opening = {one.year: one.stock_start for one in by_year.values() if one.stock_start is not None}
    closing = {one.year + 1: one.stock_end for one in by_year.values() if one.stock_end is not None}
    turns = sorted({*opening, *closing})
    if not turns:
        return Series((), ())
    breaks = tuple(
        Break(turn, closing[turn], opening[turn])
        for turn in turns
        if turn in closing and turn in opening and closing[turn] != opening[turn]
    )
    balances = []
    for turn, end in zip(turns, [*turns[1:], max(by_year) + 1], strict=True):
        span = range(turn, end)
        if not span:
            continue
        start = opening[turn] if turn in opening else closing[turn]
        stated = closing[end] if end in closing else opening.get(end)
        # after the last stated stock there is something to show only where something moved
        if stated is not None or any(_moved(by_year[year]) for year in span if year in by_year):
            balances.append(_balance(span, start, stated, by_year))
    return Series(tuple(balances), breaks)


def _moved(one: PastYear) -> bool:
    return any(one.amounts[flow] is not None for flow in FLOWS)


def _balance(
    span: Sequence[int], start: int, stated: int | None, by_year: Mapping[int, PastYear]
) -> Balance:
    sums = dict.fromkeys(FLOWS, 0)
    unrecorded = []
    for year in span:
        amounts = by_year[year].amounts if year in by_year else {}
        for flow in FLOWS:
            amount = amounts.get(flow)
            # An adjustment exists only where one was recorded: its absence is nothing unknown.
            if amount is None and flow != ADJUSTMENT:
                unrecorded.append(Unrecorded(year, flow))
            sums[flow] += amount or 0
    return Balance(span[0], span[-1], start, **sums, stated=stated, unrecorded=tuple(unrecorded))
