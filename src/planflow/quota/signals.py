"""Patterns that the literature names, as arithmetic and never as verdicts (N15).

Each pattern is looked for among siblings, by one indicator. A signal says which numbers went in,
what came out and what it was compared with; a case is a unit, or some of them, that it holds for.
All of it is whole numbers and exact fractions. The thresholds are conventions, shown with each signal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd
from typing import TypeVar

T = TypeVar("T")
Siblings = Mapping[str, int]  # unit → its figure

RATCHET = Fraction(1, 20)  # of last year's outcome
PADDING = Fraction(1, 5)  # of the mean outcome
PADDING_YEARS = 3  # a mean of fewer years says little
CUT = Fraction(1)  # a whole: what rounding may change
CUT_SIBLINGS = 3
ROUND = Fraction(3)  # times what chance would give
ROUND_FIGURES = 3
COPIED = 100  # equal figures below it are common


@dataclass(frozen=True, slots=True)
class Case:
    """Units that a pattern holds for, the numbers that went in by name, and what came out."""

    units: tuple[str, ...]
    numbers: Mapping[str, int]
    result: Fraction


@dataclass(frozen=True, slots=True)
class Signal:
    """A pattern among siblings: its cases, of how many that could be looked at."""

    name: str
    indicator: str
    threshold: Fraction
    of: int
    cases: tuple[Case, ...]


def ratchet(indicator: str, figures: Siblings, outcomes: Siblings) -> Signal | None:
    """This year's figure lies near last year's outcome: |figure − outcome| ÷ outcome ≤ 1/20."""
    cases, looked = [], 0
    for unit, figure in figures.items():
        outcome = outcomes.get(unit, 0)
        if outcome <= 0:
            continue
        looked += 1
        distance = abs(figure - outcome)
        if distance * RATCHET.denominator <= outcome * RATCHET.numerator:
            numbers = {"figure": figure, "last_outcome": outcome}
            cases.append(Case((unit,), numbers, Fraction(distance, outcome)))
    return _signal("ratchet", indicator, RATCHET, looked, cases)


def padding(
    indicator: str, asked: Siblings, outcomes: Mapping[str, Sequence[int]]
) -> Signal | None:
    """What is asked lies far from the mean of outcomes: |asked − mean| ÷ mean ≥ 1/5.

    The result keeps its sign: above zero where more is asked than was ever brought on average.
    """
    cases, looked = [], 0
    for unit, figure in asked.items():
        years = outcomes.get(unit, ())
        total = sum(years)
        if len(years) < PADDING_YEARS or total <= 0:
            continue
        looked += 1
        above = figure * len(years) - total
        if abs(above) * PADDING.denominator >= total * PADDING.numerator:
            numbers = {"asked": figure, "outcomes": total, "years": len(years)}
            cases.append(Case((unit,), numbers, Fraction(above, total)))
    return _signal("padding", indicator, PADDING, looked, cases)


def constant_rate(indicator: str, asked: Siblings, answered: Siblings) -> Signal | None:
    """One rate gives every answer from what was asked, but for rounding: all lie < 1 off.

    Told apart from chance by the siblings that the rate moves by at least a whole: three or more.
    What comes out is how far the farthest lies off, at the simplest rate there is.
    """
    units = [unit for unit in asked if asked[unit] > 0 and unit in answered]
    rate = _rate([(asked[unit], answered[unit]) for unit in units])
    if rate is None:
        return None
    top, bottom = rate.numerator, rate.denominator
    moved = sum(asked[unit] * abs(bottom - top) >= bottom for unit in units)
    if moved < CUT_SIBLINGS:
        return None
    numbers = {
        "asked": sum(asked[unit] for unit in units),
        "answered": sum(answered[unit] for unit in units),
        "rate_numerator": top,
        "rate_denominator": bottom,
    }
    farthest = max(abs(answered[unit] * bottom - asked[unit] * top) for unit in units)
    case = Case(tuple(units), numbers, Fraction(farthest, bottom))
    return Signal("constant_rate", indicator, CUT, len(units), (case,))


def round_numbers(indicator: str, figures: Siblings) -> Signal | None:
    """More figures end in 0, 00 or 000 than chance gives: their share ÷ 1/10, 1/100, 1/1000 ≥ 3."""
    cases = []
    for step in (10, 100, 1000):
        # a figure below the step could only end so by being zero
        able = [unit for unit, figure in figures.items() if figure >= step]
        ending = tuple(unit for unit in able if figures[unit] % step == 0)
        if len(ending) < ROUND_FIGURES:
            continue
        result = Fraction(len(ending) * step, len(able))
        if result >= ROUND:
            cases.append(
                Case(ending, {"step": step, "ending": len(ending), "of": len(able)}, result)
            )
    return _signal("round_numbers", indicator, ROUND, len(figures), cases)


def equal_figures(indicator: str, figures: Siblings) -> Signal | None:
    """Siblings that state one and the same figure of at least 100; what comes out is the figure."""
    able = {unit: figure for unit, figure in figures.items() if figure >= COPIED}
    cases = [
        Case(units, {"figure": figure, "siblings": len(units)}, Fraction(figure))
        for figure, units in _alike(able)
    ]
    return _signal("equal_figures", indicator, Fraction(COPIED), len(able), cases)


def same_shape(figures: Mapping[str, Siblings]) -> Signal | None:
    """Siblings whose figures stand in one proportion over all indicators, none by none.

    `figures` is indicator → siblings. A proportion counts where it is not told in small numbers: in
    lowest terms its largest term is at least 100. What comes out is that term.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for unit in dict.fromkeys(unit for one in figures.values() for unit in one):
        vector = tuple(one.get(unit, 0) for one in figures.values())
        common = gcd(*vector)
        if sum(figure > 0 for figure in vector) >= 2 and max(vector) // common >= COPIED:
            shapes[unit] = tuple(figure // common for figure in vector)
    cases = [
        Case(units, dict(zip(figures, shape, strict=True)), Fraction(max(shape)))
        for shape, units in _alike(shapes)
    ]
    return _signal("same_shape", "", Fraction(COPIED), len(shapes), cases)


def _alike(values: Mapping[str, T]) -> Iterator[tuple[T, tuple[str, ...]]]:
    """Values that several siblings share, with those who do."""
    shared: dict[T, list[str]] = {}
    for unit, value in values.items():
        shared.setdefault(value, []).append(unit)
    return ((value, tuple(units)) for value, units in shared.items() if len(units) > 1)


def _rate(pairs: Sequence[tuple[int, int]]) -> Fraction | None:
    """The simplest rate that gives every answer from what was asked, each less than a whole off."""
    if len(pairs) < CUT_SIBLINGS:
        return None
    low, high = (pairs[0][1] - 1, pairs[0][0]), (pairs[0][1] + 1, pairs[0][0])
    for asked, answered in pairs:
        # compared without dividing: a parent may have thousands of children
        if (answered - 1) * low[1] > low[0] * asked:
            low = (answered - 1, asked)
        if (answered + 1) * high[1] < high[0] * asked:
            high = (answered + 1, asked)
        if low[0] * high[1] >= high[0] * low[1]:
            return None
    return _simplest(Fraction(*low), Fraction(*high))


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of the smallest denominator between two, both left out."""
    whole = floor(low)
    if whole + 1 < high:
        return Fraction(whole + 1)
    if low == whole:
        return whole + Fraction(1, floor(1 / (high - whole)) + 1)
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))


def _signal(
    name: str, indicator: str, threshold: Fraction, of: int, cases: list[Case]
) -> Signal | None:
    return Signal(name, indicator, threshold, of, tuple(cases)) if cases else None
