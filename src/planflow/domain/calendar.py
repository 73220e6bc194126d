"""Working days, as data: single days that are known, and the years they are known for (N9)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

_SATURDAY = 5


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
