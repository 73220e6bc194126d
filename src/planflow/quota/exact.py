"""Sums are exact (N4) and a split creates or loses nothing (N5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Amounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """An indicator whose figure is not what it must be."""

    indicator: str
    expected: int
    got: int

    @property
    def difference(self) -> int:
        """How far the figure lies above what was expected."""
        return self.got - self.expected


def total(parts: Iterable[Amounts]) -> dict[str, int]:
    """Add up by indicator; an indicator that a part does not name adds nothing there."""
    sums: dict[str, int] = {}
    for part in parts:
        for indicator, amount in part.items():
            sums[indicator] = sums.get(indicator, 0) + amount
    return sums


def differences(expected: Amounts, got: Amounts) -> list[Difference]:
    """Compare by indicator; one that is absent on either side counts as 0 there."""
    names = dict.fromkeys([*expected, *got])
    return [
        Difference(name, expected.get(name, 0), got.get(name, 0))
        for name in names
        if expected.get(name, 0) != got.get(name, 0)
    ]


def allowance(base: int, percent: int, absolute: int) -> int:
    """How far a figure may move from its base (N11): max(floor(percent × base), absolute)."""
    return max(abs(base) * percent // 100, absolute)


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Split a whole amount by weights so that the parts add up exactly (largest remainder).

    Of equal remainders the earlier part gets the odd one; weights that are all 0 count as equal. A
    negative amount is split like its opposite. Raises `ValueError` for no parts or a negative weight.
    """
    if not weights or min(weights) < 0:
        raise ValueError("parts need weights that are not negative")
    shares = weights if any(weights) else [1] * len(weights)
    whole, size = sum(shares), abs(amount)
    parts = [size * share // whole for share in shares]
    remainders = [size * share % whole for share in shares]
    order = sorted(range(len(shares)), key=lambda place: -remainders[place])
    for place in order[: size - sum(parts)]:
        parts[place] += 1
    return parts if amount >= 0 else [-part for part in parts]
