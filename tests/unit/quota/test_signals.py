"""N15: each signal is arithmetic on whole numbers, told with what went in and came out."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planflow.quota import signals
from planflow.quota.signals import Case, Signal


def units(*figures: int) -> dict[str, int]:
    return {chr(ord("a") + place): figure for place, figure in enumerate(figures)}


def held(signal: Signal | None) -> list[tuple[str, ...]]:
    return [case.units for case in signal.cases] if signal else []


# Ratchet


def test_a_figure_near_last_years_outcome_is_told_with_both() -> None:
    found = signals.ratchet("persons", units(103, 106, 95), units(100, 100, 100))
    assert found == Signal(
        "ratchet",
        "persons",
        Fraction(1, 20),
        3,
        (
            Case(("a",), {"figure": 103, "last_outcome": 100}, Fraction(3, 100)),
            Case(("c",), {"figure": 95, "last_outcome": 100}, Fraction(1, 20)),
        ),
    )


@pytest.mark.parametrize("outcomes", [{}, {"a": 0}])
def test_without_an_outcome_there_is_nothing_to_track(outcomes: dict[str, int]) -> None:
    assert signals.ratchet("persons", units(100), outcomes) is None


# Padding


def test_what_is_asked_is_held_against_the_mean_of_outcomes() -> None:
    outcomes = {"a": [100, 110, 90], "b": [100, 110, 90], "c": [100, 110, 90]}
    found = signals.padding("persons", units(120, 119, 70), outcomes)
    assert found is not None
    assert found.of == 3
    assert [(case.units, case.result) for case in found.cases] == [
        (("a",), Fraction(1, 5)),
        (("c",), Fraction(-3, 10)),
    ]
    assert found.cases[0].numbers == {"asked": 120, "outcomes": 300, "years": 3}


def test_a_mean_of_two_years_says_nothing() -> None:
    assert signals.padding("persons", units(500), {"a": [100, 100]}) is None


# One rate for all


def test_one_rate_for_all_is_found_through_rounding() -> None:
    asked = units(1003, 777, 505, 4)
    found = signals.constant_rate("persons", asked, {k: v * 9 // 10 for k, v in asked.items()})
    assert found is not None
    [case] = found.cases
    rate = {"rate_numerator": 9, "rate_denominator": 10}
    assert case.numbers == {"asked": 2289, "answered": 2058, **rate}
    assert case.result == Fraction(7, 10)  # of 1003 nine tenths are 902.7, answered were 902


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (units(100, 100, 100), units(100, 100, 100)),  # nothing was cut
        (units(100, 100), units(90, 90)),  # two say nothing of the others
        (units(100, 100, 100), units(90, 90, 88)),
        (units(1, 1, 2), units(1, 1, 1)),  # so small that any cut looks alike
        (units(100, 100, 100), {"a": 90, "b": 90}),  # one has no answer yet
        ({}, {}),
    ],
)
def test_other_cuts_are_no_signal(asked: dict[str, int], answered: dict[str, int]) -> None:
    assert signals.constant_rate("persons", asked, answered) is None


@given(st.lists(st.integers(100, 10**9), min_size=3), st.integers(1, 99))
def test_every_rounded_rate_is_found(asked: list[int], percent: int) -> None:
    before = {str(place): figure for place, figure in enumerate(asked)}
    after = {unit: floor(Fraction(figure * percent, 100)) for unit, figure in before.items()}
    found = signals.constant_rate("persons", before, after)
    assert found is not None
    assert found.cases[0].result < 1


# Round numbers


def test_endings_are_counted_against_chance() -> None:
    found = signals.round_numbers("persons", units(1000, 2000, 3000, 4001, 57))
    assert found is not None
    assert found.of == 5
    assert [(case.numbers, case.result) for case in found.cases] == [
        ({"step": 10, "ending": 3, "of": 5}, Fraction(6)),
        ({"step": 100, "ending": 3, "of": 4}, Fraction(75)),
        ({"step": 1000, "ending": 3, "of": 4}, Fraction(750)),
    ]


def test_small_numbers_and_zeros_do_not_count_as_round() -> None:
    assert signals.round_numbers("persons", units(0, 0, 0, 0)) is None
    assert signals.round_numbers("persons", units(10, 20, 31, 42)) is None
    assert signals.round_numbers("persons", {str(one): one for one in range(10, 200)}) is None


# Copying the neighbour


def test_equal_figures_name_who_shares_them() -> None:
    found = signals.equal_figures("persons", units(853, 12, 853, 12, 412))
    assert found is not None
    assert found.of == 3
    assert found.cases == (Case(("a", "c"), {"figure": 853, "siblings": 2}, Fraction(853)),)


def test_one_proportion_over_all_indicators_is_a_shape() -> None:
    persons, households = units(1030, 2060, 1030), units(250, 500, 251)
    found = signals.same_shape({"persons": persons, "households": households})
    assert found is not None
    assert found.cases == (Case(("a", "b"), {"persons": 103, "households": 25}, Fraction(103)),)


def test_a_shape_in_small_numbers_or_of_one_indicator_is_none() -> None:
    assert signals.same_shape({"persons": units(300, 600), "villages": units(3, 6)}) is not None
    assert signals.same_shape({"persons": units(30, 60), "villages": units(3, 6)}) is None
    assert signals.same_shape({"persons": units(853, 853), "villages": units(0, 0)}) is None
    assert signals.same_shape({}) is None


# All of them

FIGURES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10**15))


@given(
    FIGURES, FIGURES, st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.integers(0, 10**15)))
)
def test_results_stand_on_the_right_side_of_their_threshold(
    asked: dict[str, int], answered: dict[str, int], outcomes: dict[str, list[int]]
) -> None:
    below = [
        signals.ratchet("x", asked, answered),
        signals.constant_rate("x", asked, answered),
    ]
    above = [
        signals.padding("x", asked, outcomes),
        signals.round_numbers("x", asked),
        signals.equal_figures("x", asked),
        signals.same_shape({"x": asked, "y": answered}),
    ]
    found = [one for one in (*below, *above) if one]
    assume(found)
    for signal in found:
        assert signal.cases
        for case in signal.cases:
            assert set(case.units) <= {*asked, *answered}
            assert all(type(number) is int for number in case.numbers.values())
            if signal in below:
                assert 0 <= case.result <= signal.threshold
            else:
                assert abs(case.result) >= signal.threshold
