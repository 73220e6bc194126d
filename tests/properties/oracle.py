"""What the rules say, written a second time: slow, with plain dicts, and nothing from planflow.

The oracle is told the same commands as the engine. It answers whether a command is to be taken, and
knows which number of which unit is in force in which round. It reads protocols as plain YAML
(`oracle_rules`) and the rules from the blueprint (N2 to N11) and the decision records, not from
the code. An act is one function; a further one is a function and a line in the table below.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from tests.properties import oracle_corrections, oracle_down, oracle_second, oracle_up
from tests.properties.oracle_cycle import STILL_TO_ANSWER, ZONE, Cycle, People
from tests.properties.oracle_rules import No, must

__all__ = ["No", "Oracle"]

ACTS: dict[str, Callable[[Cycle, People, str, Mapping[str, Any], str], None]] = {
    "draft": oracle_up.draft,
    "submit": oracle_up.submit,
    "withdraw": oracle_up.withdraw,
    "accept": oracle_up.accept,
    "return": oracle_up.return_,
    "present": oracle_up.present,
    "decide": oracle_up.decide,
    "issue": oracle_down.issue,
    "acknowledge": oracle_down.acknowledge,
    "extensions": oracle_down.extensions,
    "commitments": oracle_down.commitments,
    "distribute": oracle_down.distribute,
    "fulfil": oracle_down.fulfil,
    "waive": oracle_down.waive,
    "headline": oracle_down.headline,
    "corrections": oracle_corrections.corrections,
    "approve": oracle_corrections.approve,
    "reject": oracle_corrections.reject,
    "confirm": oracle_second.confirm,
    "paper": oracle_second.paper,
    "attest": oracle_second.attest,
}
MEANINGS = {"up": ("zero", "last_issued"), "adjust": ("last_issued",)}
RECEIVED = "received_after_"


class Oracle(Cycle):
    """One cycle that takes commands: each method carries one out, or raises `No` and changes nothing."""

    def act(self, who: str, unit: str, action: str, body: Mapping[str, Any], promise: str) -> None:
        """An act on a plan."""
        must(self.may(who, unit, action, body))
        self.actor = who
        hands = frozenset({who, *self.lent.get(who, ())})  # one hand in every review (N14)
        ACTS[action](self, hands, unit, body, promise)

    def open(self, name: str, body: Mapping[str, Any]) -> None:
        """Open a round: the one before it is closed, its times and silences make sense (N6, N9)."""
        rules = self.rules
        must(name in rules.rounds and name not in self.rounds)
        must(all(self.rounds.get(one) == "closed" for one in rules.before(name)))
        silence = {**(rules.said(name, "silence") or {}), **body.get("silence", {})}
        windows = body.get("windows", {})
        acting = (
            [self.level[self.root]] if rules.kind(name) == "decision" else rules.levels_in(name)
        )
        must({*body.get("silence", {}), *windows} <= set(acting))
        for level, rule in silence.items():
            must(rule == "stay_open" or self._meaningful(name, level, rule))
        times: dict[str, tuple[dt.datetime | None, dt.datetime | None]] = {
            level: (None, self._after(days))
            for level, days in (rules.said(name, "durations") or {}).items()
        }
        for level, given in windows.items():
            ends = oracle_down.end_of(given["due_at"])
            begins = given.get("opens_at")
            opens = begin_of(begins) if begins else None
            must(ends > self.now and (opens is None or opens <= ends))
            times[level] = (opens, ends)
        self.times[name], self.silence[name] = times, silence
        self.rounds[name] = "open"

    def _meaningful(self, name: str, level: str, rule: str) -> bool:
        kind = self.rules.kind(name)
        if kind == "down":
            days = rule.removeprefix(RECEIVED)
            return rule.startswith(RECEIVED) and days.isdigit() and 1 <= int(days) <= 999
        issued = (
            level in self.rules.levels_in(one)
            for one in self.rules.before(name)
            if self.rules.kind(one) == "down"
        )
        return rule in MEANINGS.get(kind, ()) and (rule == "zero" or any(issued))

    def _after(self, days: int) -> dt.datetime:
        """The end of the working day that comes so many after today; Monday to Friday are worked."""
        day = self.now.astimezone(ZONE).date()
        return oracle_down.end_of(workday(day, days).isoformat())

    def close(self, name: str, body: Mapping[str, Any]) -> None:
        """Close a round: everybody is done, or settled by declared silence; sums are exact (N2, N9)."""
        must(self.rounds.get(name) == "open")
        apply, kind = body.get("apply_silence", False), self.rules.kind(name)
        must(not apply or body.get("reason"))
        left = [one for one in self.everybody(name) if not oracle_up.done(self, one, name)]
        lapsed = {one: self.silence[name][self.level[one]] for one in left if self._lapses(one)}
        must(set(left) == set(lapsed) and (apply or not lapsed))
        if kind == "adjust":
            must(not any(p["status"] == "open" and p["settle_in"] == name for p in self.promises))
            self._sums_where_moved(name)
        sums = self.below(self.root, name) if kind in ("up", "adjust") else {}
        if kind == "adjust" and not self.rules.lower(
            self.rules.said(name, "bounds")["level"], self.level[self.root]
        ):
            entered = oracle_up.entered(self, self.root, name)
            oracle_up.within_bounds(self, self.root, name, {**entered, **sums})
        for unit, rule in lapsed.items():
            self.applied[unit, name] = (rule, self.at(unit, name))
            self.stage[unit, name] = "acknowledged" if kind == "down" else "accepted"
        if kind in ("up", "adjust"):
            self.reported[self.root, name] = sums
            self.corrected.pop((self.root, name), None)
            self.also[self.root, name] = self.further_below(self.root, name)
            self.stage[self.root, name] = "accepted"
        self.rounds[name] = "closed"
        self.pending.clear()  # nothing that waits outlasts the round

    def _lapses(self, unit: str) -> bool:
        """Whether declared silence settles a unit when its round is closed now."""
        name = self.open_round
        if self.rules.kind(name) != "down":
            return bool(self.silent(unit, name))
        rule = self.silence[name].get(self.level[unit], "")
        if not rule.startswith(RECEIVED) or self.at(unit, name) not in STILL_TO_ANSWER["down"]:
            return False
        more = self.more.get((unit, name))
        if self.children(unit) or (more and more >= self.now):
            return False
        issued = self.issued_at[unit, name].astimezone(ZONE).date()
        passed = workday(issued, int(rule.removeprefix(RECEIVED)))
        return passed < self.now.astimezone(ZONE).date()

    def _sums_where_moved(self, name: str) -> None:
        """Who does nothing keeps the base; a change adds up all the way (N11)."""
        moved = {unit for unit, where in self.acted if where == name}
        for unit in self.everybody(name):
            moving = any(self._within(one, unit) for one in moved)
            if unit != self.root and self.children(unit) and moving:
                items = self.items.get((unit, name), {})
                oracle_up.adds_up(self, unit, name, self.number(unit, name), items)

    def _within(self, unit: str, above: str) -> bool:
        while unit and unit != above:
            unit = self.above[unit]
        return bool(unit)


def begin_of(day: str) -> dt.datetime:
    """The first instant of a day where the plan is made."""
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time.min, ZONE)


def workday(day: dt.date, count: int) -> dt.date:
    """The working day that comes `count` after a day."""
    while count:
        day += dt.timedelta(days=1)
        count -= day.weekday() < 5
    return day
