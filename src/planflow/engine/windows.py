"""When a level, and a unit, may act in a round (N9): opening terms, extensions, lateness."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from planflow.domain.calendar import Calendar, workdays_after
from planflow.domain.commands import Extend, OpenRound, WindowTerms
from planflow.domain.events import Draft, spoken
from planflow.domain.moments import begin_of, end_of, local_date, shown
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.machine import Negotiation, lapses, stage
from planflow.engine.scene import Scene, takes_part
from planflow.engine.state import CycleState, Window
from planflow.errors import Finding, invalid
from planflow.ledger.leaf import format_time
from planflow.protocol import silence
from planflow.protocol.models import Round

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Opening:
    """A round about to open: in which cycle, when, and by which calendar."""

    negotiation: Negotiation
    cycle: CycleState
    round: str
    now: dt.datetime
    calendar: Calendar
    root_level: str

    @property
    def taking(self) -> frozenset[str]:
        """Levels that act in the round: a decision is the root's alone (N2)."""
        if self.rules.kind == "decision":
            return frozenset({self.root_level})
        return self.negotiation.protocol.levels_of(self.round)

    @property
    def rules(self) -> Round:
        """What the protocol says of the round."""
        return self.negotiation.protocol.rounds_by_name[self.round]

    @property
    def today(self) -> dt.date:
        """The date in the cycle's zone."""
        return local_date(self.now, self.cycle.zone)


def terms_of(opening: Opening, command: OpenRound) -> dict[str, Any]:
    """The parts of an opening that say when each level may act and what its silence means.

    Due dates that follow from durations are worked out here, once: a calendar that learns new
    holidays later moves no deadline. Raises `Refusal` `invalid`.
    """
    findings = [*_window_faults(opening, command), *_silence_faults(opening, command)]
    if findings:
        raise invalid(*findings)
    rules = {**opening.rules.silence, **command.silence}
    timed = {*opening.rules.durations, *command.windows}
    levels = [one for one in opening.negotiation.protocol.level_order if one in timed]
    counted = [days for one, days in opening.rules.durations.items() if one not in command.windows]
    counted += [silence.received_after(rule) or 0 for rule in rules.values()]
    parts: dict[str, Any] = {}
    if levels:
        parts["windows"] = {one: _window(opening, command, one) for one in levels}
    if rules:
        parts["silence"] = rules
    assumed = _years_assumed(opening, max(counted, default=0))
    return parts | ({"calendar": {"assumed": assumed}} if assumed else {})


def extend(scene: Scene, command: Extend, hand: Hand) -> list[Draft]:
    """Give the unit more time in the open round."""
    require(scene, command.action, hand.people)
    due = end_of(command.due_at, scene.cycle.zone)
    faults = list(_extension_faults(scene, due, scene.window(scene.own).due_at))
    if faults:
        raise invalid(*faults)
    parts = {"extension": {"due_at": format_time(due)}, **spoken({"reason": command.reason})}
    return [Draft("extended", scene.own.unit.code, scene.round, parts, hand.mint())]


def acts_in(scene: Scene) -> bool:
    """Whether the unit has an act of its own in the open round; the root has none upwards (N2)."""
    if not takes_part(scene.negotiation, scene.own.unit, scene.round):
        return False
    kind = scene.negotiation.protocol.rounds_by_name[scene.round].kind
    return kind in ("down", "decision") or not scene.own.unit.is_root


def late(scene: Scene) -> bool:
    """Whether the unit's time is over and it has still to act; who waits for its parent has not."""
    own, now = scene.own, scene.now
    if now is None or not acts_in(scene) or not scene.window(own).over(now):
        return False
    at = stage(scene.state(own))
    if not _down(scene.negotiation, scene.round) and not own.unit.is_root:
        return at in lapses(scene.negotiation.protocol.rounds_by_name[scene.round].kind)
    if scene.negotiation.protocol.rounds_by_name[scene.round].kind == "decision":
        return at != "decided"
    to_issue = "awaiting" if own.unit.is_root else "acknowledged"
    return at == "issued" or (at == to_issue and bool(scene.children))


def shortened(scene: Scene) -> bool:
    """Whether the unit's time does not go with its parent's: see `out_of_order`."""
    parent = scene.parent
    due = scene.window(scene.own).due_at
    if due is None or parent is None:
        return False
    above = scene.window(parent).due_at
    # Upwards the root only closes the round: it has no time of its own to be shortened.
    if above is None or (parent.unit.is_root and not _down(scene.negotiation, scene.round)):
        return False
    return out_of_order(scene.negotiation, scene.round, due, above)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A level whose time does not go with the time of the level above it."""

    level: str
    due_at: dt.datetime
    above: str
    above_due_at: dt.datetime


def misfits(negotiation: Negotiation, cycle: CycleState, name: str) -> Iterator[Misfit]:
    """Levels that shorten the time of the one above, or whose own is shortened by it (N9).

    What the protocol says of levels below the cycle's lowest shortens nobody's.
    """
    windows, order = cycle.terms_of(name).windows, negotiation.protocol.level_order
    above: tuple[str, dt.datetime] | None = None
    for level in order:
        due = windows.get(level, Window()).due_at
        if due is None or order[level] > order[cycle.leaf_level]:
            continue
        if above is not None and out_of_order(negotiation, name, due, above[1]):
            yield Misfit(level, due, *above)
        above = (level, due)


def out_of_order(negotiation: Negotiation, name: str, due: dt.datetime, above: dt.datetime) -> bool:
    """Whether a unit's time ends on the wrong side of its parent's.

    Figures that go up must be there before the parent's time is over; those that come down need
    time after it.
    """
    return due < above if _down(negotiation, name) else due > above


def _down(negotiation: Negotiation, name: str) -> bool:
    return negotiation.protocol.rounds_by_name[name].kind == "down"


def _window(opening: Opening, command: OpenRound, level: str) -> dict[str, str]:
    given, zone = command.windows.get(level), opening.cycle.zone
    if given is None:
        days = opening.rules.durations[level]
        day = workdays_after(opening.today, days, opening.calendar)
        return {"due_at": format_time(end_of(day, zone))}
    begun = {"opens_at": format_time(begin_of(given.opens_at, zone))} if given.opens_at else {}
    return {**begun, "due_at": format_time(end_of(given.due_at, zone))}


def _years_assumed(opening: Opening, count: int) -> list[int]:
    """Years in which days were counted that the calendar knows nothing of."""
    last = workdays_after(opening.today, count, opening.calendar)
    passed = (opening.today + _DAY * past for past in range(1, (last - opening.today).days + 1))
    return sorted({day.year for day in passed if not opening.calendar.knows(day)})


def _window_faults(opening: Opening, command: OpenRound) -> Iterator[Finding]:
    for level, given in command.windows.items():
        yield from _level_faults(opening, level, "windows")
        yield from _time_faults(opening, given, f"windows.{level}")


def _time_faults(opening: Opening, given: WindowTerms, where: str) -> Iterator[Finding]:
    zone = opening.cycle.zone
    due = end_of(given.due_at, zone)
    if due <= opening.now:
        yield Finding("due_passed", {"due_at": shown(due, zone)}, f"{where}.due_at")
    if given.opens_at is not None and begin_of(given.opens_at, zone) > due:
        times = {"opens_at": str(given.opens_at), "due_at": str(given.due_at)}
        yield Finding("window_empty", times, f"{where}.due_at")


def _silence_faults(opening: Opening, command: OpenRound) -> Iterator[Finding]:
    protocol = opening.negotiation.protocol
    for level, rule in command.silence.items():
        wrong = list(_level_faults(opening, level, "silence"))
        wrong = wrong or list(silence.faults(protocol, opening.rules, level, rule))
        for fault in wrong:
            yield Finding(fault.code, fault.params, f"silence.{level}")


def _level_faults(opening: Opening, level: str, field: str) -> Iterator[Finding]:
    order = opening.negotiation.protocol.level_order
    taking = opening.taking
    if level not in taking:
        known = ", ".join(one for one in order if one in taking)
        yield Finding("unknown_level", {"level": level, "known": known}, f"{field}.{level}")


def _extension_faults(
    scene: Scene, due: dt.datetime, before: dt.datetime | None
) -> Iterator[Finding]:
    zone = scene.cycle.zone
    if scene.now is not None and due <= scene.now:
        yield Finding("due_passed", {"due_at": shown(due, zone)}, "due_at")
    elif before is not None and due <= before:
        times = {"due_at": shown(due, zone), "before": shown(before, zone)}
        yield Finding("no_extension", times, "due_at")
