"""N16: stock + inflow − exits ± recorded adjustment = stock; what does not balance is not repaired."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.domain.past import PastYear
from planflow.quota.stocks import Balance, Break, Unrecorded, series


def year(number: int, **amounts: int) -> PastYear:
    return PastYear(number, "persons", **amounts)


def test_a_year_that_balances() -> None:
    one = year(2018, stock_start=100, inflow=7, exits=30, adjustment=-2, stock_end=75)
    [balance] = series([one]).balances
    assert balance == Balance(2018, 2018, 100, 7, 30, -2, 75, ())
    assert (balance.expected, balance.difference) == (75, 0)


def test_a_year_that_does_not_balance_is_shown_with_the_difference() -> None:
    one = year(2018, stock_start=100, inflow=0, exits=30, stock_end=75)
    [balance] = series([one]).balances
    assert (balance.expected, balance.stated, balance.difference) == (70, 75, 5)
    assert balance.unrecorded == ()  # an adjustment exists only where one was recorded


def test_a_flow_that_nobody_recorded_is_named_and_no_zero() -> None:
    one = year(2018, stock_start=100, exits=30, stock_end=75)
    [balance] = series([one]).balances
    assert balance.unrecorded == (Unrecorded(2018, "inflow"),)


def test_years_between_two_stated_stocks_are_added_up() -> None:
    years = [year(2018, exits=20, stock_end=45), year(2016, stock_start=100, exits=30)]
    [balance] = series(years).balances
    assert (balance.first, balance.last, balance.exits, balance.difference) == (2016, 2018, 50, -5)
    assert [one for one in balance.unrecorded if one.flow == "exits"] == [Unrecorded(2017, "exits")]


def test_the_start_of_the_next_year_is_the_end_of_this_one() -> None:
    years = [year(2017, stock_start=100, inflow=0, exits=30), year(2018, stock_start=70)]
    [balance] = series(years).balances
    assert (balance.last, balance.stated, balance.difference) == (2017, 70, 0)


def test_a_turn_of_the_year_that_breaks_is_shown_and_each_year_keeps_its_own_stock() -> None:
    years = [
        year(2017, stock_start=100, inflow=0, exits=30, stock_end=70),
        year(2018, stock_start=68, inflow=0, exits=8, stock_end=60),
    ]
    found = series(years)
    assert found.breaks == (Break(2018, 70, 68),)
    assert found.breaks[0].difference == -2
    assert [one.difference for one in found.balances] == [0, 0]


def test_after_the_last_stated_stock_nothing_is_claimed() -> None:
    [balance] = series([year(2018, stock_start=100, inflow=1, exits=30)]).balances
    assert (balance.expected, balance.stated, balance.difference) == (71, None, None)


@pytest.mark.parametrize("years", [[], [year(2018, exits=3)], [year(2018, stock_end=3)]])
def test_without_a_stock_to_start_from_there_is_nothing_to_check(years: list[PastYear]) -> None:
    assert series(years).balances == ()


AMOUNTS = st.integers(0, 10**12)


@given(AMOUNTS, st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(-999, 999)), min_size=1))
def test_what_was_changed_in_a_balanced_series_is_the_difference(
    start: int, flows: list[tuple[int, int, int, int]]
) -> None:
    years, stock, errors = [], start, []
    for number, (inflow, exits, adjustment, error) in enumerate(flows, 2000):
        end = stock + inflow - exits + adjustment + error
        years.append(
            year(
                number,
                stock_start=stock,
                inflow=inflow,
                exits=exits,
                adjustment=adjustment,
                stock_end=end,
            )
        )
        stock = end
        errors.append(error)
    found = series(years)
    assert [one.difference for one in found.balances] == errors
    assert found.breaks == ()
