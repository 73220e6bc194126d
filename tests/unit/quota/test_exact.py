"""Sums and differences, by properties; and the allowance of an adjust, by its definition."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from hypothesis import example, given
from hypothesis import strategies as st

from planflow.quota.exact import allowance, differences, total

NAMES = st.sampled_from(("persons", "villages", "money"))
AMOUNTS = st.dictionaries(NAMES, st.integers(-(2**53) + 1, 2**53 - 1))


@given(st.lists(AMOUNTS))
def test_a_total_is_the_sum_of_what_each_part_names(parts: list[dict[str, int]]) -> None:
    sums = total(parts)
    assert set(sums) == {name for part in parts for name in part}
    for name in sums:
        assert sums[name] == sum(part.get(name, 0) for part in parts)


@given(AMOUNTS, AMOUNTS)
def test_differences_are_what_is_missing_between_two_sides(
    expected: dict[str, int], got: dict[str, int]
) -> None:
    found = differences(expected, got)
    assert len({off.indicator for off in found}) == len(found)
    repaired = total([got, *({off.indicator: -off.difference} for off in found)])
    assert differences(expected, repaired) == []
    for off in found:
        assert off.difference == off.got - off.expected != 0


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1))
def test_a_split_loses_nothing(whole: dict[str, int], parts: list[dict[str, int]]) -> None:
    rest = total([whole, *({name: -n for name, n in part.items()} for part in parts)])
    assert differences(whole, total([*parts, rest])) == []


@given(st.integers(-(2**53), 2**53), st.integers(0, 100), st.integers(0, 10**6))
@example(95, 5, 2)
@example(0, 5, 0)
@example(2**53 - 1, 100, 0)
def test_the_allowance_is_the_larger_of_a_share_rounded_down_and_an_amount(
    base: int, percent: int, absolute: int
) -> None:
    share = floor(Fraction(percent, 100) * abs(base))
    assert allowance(base, percent, absolute) == max(share, absolute)


def test_the_allowance_of_liuzhou() -> None:
    assert allowance(85_253, 5, 50) == 4_262
    assert allowance(95, 5, 2) == 4
    assert allowance(10, 5, 2) == 2
