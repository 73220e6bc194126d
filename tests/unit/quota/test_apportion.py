"""A split by weights creates and loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.quota.exact import apportion

WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),  # of equal remainders the earlier gets the odd one
        (100, [21, 34, 18], [29, 46, 25]),  # 28.8, 46.6, 24.7
        (8, [0, 5, 5], [0, 4, 4]),
        (7, [0, 0], [4, 3]),  # no weight at all: equal ones
        (0, [3, 4], [0, 0]),
        (-10, [1, 1, 1], [-4, -3, -3]),
        (5, [9], [5]),
    ],
)
def test_by_the_largest_remainder(amount: int, weights: list[int], parts: list[int]) -> None:
    assert apportion(amount, weights) == parts


@given(st.integers(-(2**53), 2**53), WEIGHTS)
def test_the_parts_add_up_and_lie_next_to_their_share(amount: int, weights: list[int]) -> None:
    parts = apportion(amount, weights)
    assert sum(parts) == amount
    if any(weights):
        for part, weight in zip(parts, weights, strict=True):
            # |part - amount * weight / sum| < 1, in whole numbers
            assert abs(part * sum(weights) - amount * weight) < sum(weights)
            assert part == 0 or weight > 0


@given(WEIGHTS, st.data())
def test_no_part_takes_more_than_its_weight_has(weights: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(-sum(weights), sum(weights)))
    if any(weights):
        for part, weight in zip(apportion(amount, weights), weights, strict=True):
            assert abs(part) <= weight


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_parts_need_weights(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        apportion(1, weights)
