"""N9: working days come from the country's announcements, or from a file of one's own."""

import datetime as dt
from pathlib import Path

import pytest

from planflow.domain.calendar import Calendar, workday_before, workdays_after
from planflow.errors import Fault
from planflow.services import calendars

MAY_2019 = dt.date(2019, 5, 1)  # a Wednesday; the 1st to the 4th were free, the 5th was worked


def test_the_national_calendar_knows_holidays_and_worked_weekends() -> None:
    national = calendars.national()
    worked = [day for day in range(1, 8) if national.is_workday(MAY_2019.replace(day=day))]
    assert worked == [5, 6, 7]
    assert national.knows(MAY_2019)
    assert not national.knows(dt.date(2100, 1, 1))
    assert national.is_workday(dt.date(2100, 1, 1))  # a Friday
    assert not national.is_workday(dt.date(2100, 1, 2))


def test_working_days_are_counted_from_the_day_after() -> None:
    national = calendars.national()
    assert workdays_after(dt.date(2019, 4, 30), 1, national) == dt.date(2019, 5, 5)
    assert workdays_after(dt.date(2019, 4, 30), 3, national) == dt.date(2019, 5, 7)
    assert workdays_after(MAY_2019, 0, national) == MAY_2019


@pytest.mark.parametrize("days", [1, 3, 10])
def test_counting_back_finds_the_last_day_that_is_long_enough_ago(days: int) -> None:
    national = calendars.national()
    for ordinal in range(dt.date(2019, 4, 25).toordinal(), dt.date(2019, 5, 12).toordinal()):
        today = dt.date.fromordinal(ordinal)
        last = workday_before(today, days, national)
        assert workdays_after(last, days, national) < today
        assert workdays_after(last + dt.timedelta(days=1), days, national) >= today


def test_a_file_stands_in_place_of_the_national_calendar(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    path.write_text("\ufeffdate,workday\n2030-10-01,0\n2030-10-05, 1\n", "utf-8")
    own = calendars.load(path)
    assert own == Calendar(
        {dt.date(2030, 10, 1): False, dt.date(2030, 10, 5): True}, frozenset({2030})
    )
    assert not own.knows(MAY_2019)
    assert calendars.load(None) == calendars.national()


@pytest.mark.parametrize(
    "text",
    ["day,workday\n2030-10-01,0\n", "date,workday\n1 May,0\n", "date,workday\n2030-10-01,no\n"],
)
def test_a_file_that_is_no_calendar_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "days.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(Fault, match="calendar_unreadable") as seen:
        calendars.load(path)
    assert seen.value.params["path"] == str(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="calendar_unreadable"):
        calendars.load(tmp_path / "none.csv")
