"""Working days, as data: single days that are known, and the years they are known for (N9)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

_SATURDAY = 5
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked. A day not listed is one from Monday to Friday."""

    days: Mapping[dt.date, bool] = field(default_factory=dict)
    years: frozenset[int] = frozenset()

    def is_workday(self, day: dt.date) -> bool:
        """Whether a day is worked."""
        return self.days.get(day, day.weekday() < _SATURDAY)

    def knows(self, day: dt.date) -> bool:
        """Whether the day's year is one the calendar has data for."""
        return day.year in self.years


def workdays_after(day: dt.date, count: int, calendar: Calendar) -> dt.date:
    """The working day that comes `count` after a day, which is not counted itself."""
    while count:
        day += _DAY
        count -= calendar.is_workday(day)
    return day


def workday_before(today: dt.date, count: int, calendar: Calendar) -> dt.date:
    """The last day from which `count` working days have passed in full before today."""
    day = today - _DAY
    while workdays_after(day, count, calendar) >= today:
        day -= _DAY
    return day
