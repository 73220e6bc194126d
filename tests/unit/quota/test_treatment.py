"""N15: siblings' cuts compared by stated, exact arithmetic."""

from __future__ import annotations

import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.quota.treatment import Pair, Treatment, median, treatment

PAIRS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))


def treated(*pairs: tuple[int | None, int | None]) -> Treatment:
    return treatment({str(at): Pair(*pair) for at, pair in enumerate(pairs)})


def test_a_cut_more_than_ten_points_from_the_median_lies_apart() -> None:
    found = treated((100, 90), (100, 80), (100, 100), (1000, 799), (100, 90))
    assert found.median == 10
    assert {unit: found.apart(unit) for unit in found.distances} == {
        "0": False,
        "1": False,  # ten points are not more than ten
        "2": False,
        "3": True,  # a tenth of a point more is
        "4": False,
    }
    assert found.distances["3"] == Fraction(101, 10)


def test_who_said_nothing_or_asked_nothing_is_not_compared() -> None:
    found = treated((None, 5), (5, None), (0, 5), (100, 50), (100, 90), (100, 90))
    assert set(found.distances) == {"3", "4", "5"}
    assert found.apart("3")
    assert not found.apart("0")
    assert Pair(0, 5).cut == -5
    assert Pair(0, 5).percent is None
    assert treated((100, 50), (100, 90)) == Treatment(None, {})


@given(st.lists(PAIRS, max_size=12))
def test_it_agrees_with_the_standard_librarys_median(pairs: list[tuple[int, int]]) -> None:
    found = treated(*pairs)
    cuts = [Fraction((a - i) * 100, a) for a, i in pairs if a]
    if len(cuts) < 3:
        assert found.median is None
        return
    assert found.median == statistics.median(cuts)
    apart = sum(abs(cut - statistics.median(cuts)) > 10 for cut in cuts)
    assert apart == sum(found.apart(unit) for unit in found.distances)


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])
