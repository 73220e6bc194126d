"""A world whose time a test tells: its clock, and a calendar with one holiday and one worked Saturday.

March 2100 begins on a Monday. Thursday the 4th is a holiday, Saturday the 6th is worked in its place.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from planflow.domain.calendar import Calendar
from planflow.services import plans
from planflow.services.views import PlanView
from tests.world import World

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOLIDAY, WORKED = dt.date(2100, 3, 4), dt.date(2100, 3, 6)
CALENDAR = Calendar({HOLIDAY: False, WORKED: True}, frozenset({2100}))


def local(text: str) -> dt.datetime:
    """A time in Shanghai."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        """The time."""
        return self.now.astimezone(dt.UTC)

    def set(self, text: str) -> None:
        """Set the time, as in Shanghai."""
        self.now = local(text)


@dataclass
class Timed(World):
    """A world with its clock."""

    clock: Clock = None  # type: ignore[assignment]

    def plans(self, state: str) -> set[str]:
        """Codes of the units whose plan is in a state, as the list finds them."""
        reader = self.readers[self._root_admin(self.name)]
        page = plans.list_plans(self.site, reader, self.name, None, state, None)
        return {one.unit for one in page.items}

    def all(self) -> dict[str, PlanView]:
        """Every plan, each looked at by itself."""
        who = self._root_admin(self.name)
        return {code: self.plan(who, code) for code in self.places()}

    def extend(self, who: str, unit: str, due_at: str, reason: str = "入户核查未完") -> PlanView:
        """Give a unit more time."""
        return self.act(who, unit, "extensions", {"due_at": due_at, "reason": reason})

    def silenced(self, name: str, **more: Any) -> None:
        """Close a round and let silence mean what was declared."""
        self.close(name, body={"apply_silence": True, "reason": "逾期未报，按声明处理", **more})


def timed(world: World, at: str = "2100-03-01 09:00") -> Timed:
    """The same world by a clock of its own."""
    clock = Clock(local(at))
    site = replace(world.site, clock=clock, calendar=CALENDAR)
    parts = (dict(world.readers), dict(world.roles), world.name, world.lang, dict(world.tokens))
    return Timed(site, *parts, clock=clock)
