"""Whether siblings were treated alike, as arithmetic and never as a verdict (N15).

A cut is asked − issued, as points of a hundred of what was asked. Among three siblings or more that
have one, a cut lies apart where it is more than ten points from their median. All of it is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

POINTS = Fraction(10)
SIBLINGS = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """What one sibling asked and was issued; None where a side has said nothing."""

    asked: int | None
    issued: int | None

    @property
    def cut(self) -> int | None:
        """What it was given less than it asked; below zero where it was given more."""
        if self.asked is None or self.issued is None:
            return None
        return self.asked - self.issued

    @property
    def percent(self) -> Fraction | None:
        """The cut as points of a hundred; None from nothing, which has no hundredths."""
        return None if self.cut is None or not self.asked else Fraction(self.cut * 100, self.asked)


@dataclass(frozen=True, slots=True)
class Treatment:
    """Siblings by one indicator: the median of their cuts and how far each lies from it."""

    median: Fraction | None
    distances: Mapping[str, Fraction]

    def apart(self, unit: str) -> bool:
        """Whether a sibling's cut lies more than ten points from the median."""
        return self.distances.get(unit, Fraction(0)) > POINTS


def treatment(siblings: Mapping[str, Pair]) -> Treatment:
    """Compare siblings; fewer than three with a cut are compared with nobody."""
    cuts = {unit: one.percent for unit, one in siblings.items() if one.percent is not None}
    if len(cuts) < SIBLINGS:
        return Treatment(None, {})
    middle = median(list(cuts.values()))
    return Treatment(middle, {unit: abs(cut - middle) for unit, cut in cuts.items()})


def median(values: list[Fraction]) -> Fraction:
    """The middle value, or the mean of the two in the middle. Raises `ValueError` for none."""
    if not values:
        raise ValueError("no values, no median")
    ordered, half = sorted(values), len(values) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
