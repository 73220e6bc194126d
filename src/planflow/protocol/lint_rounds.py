"""Rounds in a protocol: what runs before what, who takes part, what an adjust rests on (§4, N11).

Names that are not declared are left to `lint_names`; nothing is reported twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from planflow.errors import Finding
from planflow.protocol.models import Protocol, Round
from planflow.protocol.source import Lines, Path

_LINKS = ("answers", "base", "reason_against", "total_from", "reopens")
_ADJUST_ONLY = ("base", "bounds")


def rounds(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    """Find what is wrong with the order of rounds, their levels and their adjust."""
    for here in looked_at(protocol, lines):
        one = here.round
        yield from _order(here)
        if one.kind != "decision":
            yield from _levels(here)
        if one.binding and one.kind != "down":
            yield here.finding("binding_not_down", "binding")
        if one.second_person and one.kind != "down":
            yield here.finding("second_person_not_down", "second_person")
        if one.kind == "adjust":
            yield from _adjust(here)
            yield from _base(here)
            yield from _bounds(here)
        else:
            yield from _no_adjust(here)


def looked_at(protocol: Protocol, lines: Lines) -> Iterator["Here"]:
    """Each round in turn."""
    places: dict[str, int] = {}
    for place, one in enumerate(protocol.rounds):
        places.setdefault(one.name, place)
    for place, one in enumerate(protocol.rounds):
        yield Here(protocol, lines, places, place, one)


@dataclass(frozen=True, slots=True)
class Here:
    """The round being looked at; `places` holds where each name is first declared."""

    protocol: Protocol
    lines: Lines
    places: dict[str, int]
    place: int
    round: Round

    def finding(self, code: str, *steps: str, **params: Any) -> Finding:
        """Make a finding about the round."""
        path: Path = ("rounds", self.place, *steps)
        return self.lines.finding(code, path, round=self.round.name, **params)

    def named(self, name: str) -> Round:
        """The round that is first declared under a name."""
        return self.protocol.rounds[self.places[name]]

    def levels(self, one: Round) -> list[str]:
        """Levels taking part in a round, highest first."""
        declared = list(self.protocol.level_order)
        if not one.levels or not set(one.levels) <= set(declared):
            # one misspelt level is one finding, not one for everything it leaves out
            return declared
        return [level for level in declared if level in one.levels]

    def last_binding(self) -> str | None:
        """The binding round whose figures are in force when this one opens."""
        before = self.protocol.rounds[: self.place]
        return next((one.name for one in reversed(before) if one.binding), None)


def _order(here: Here) -> Iterator[Finding]:
    for link in _LINKS:
        name = getattr(here.round, link)
        if name in here.places and here.places[name] >= here.place:
            yield here.finding("unreachable_round", link, name=name)
    answers = here.round.answers
    if answers in here.places and here.named(answers).kind != "down":
        yield here.finding("answers_not_down", "answers", name=answers)


def _levels(here: Here) -> Iterator[Finding]:
    """Whoever takes part needs someone above; the highest issues and closes (N2, N6)."""
    taking_part = here.levels(here.round)
    highest = here.protocol.levels[0].name
    if taking_part and taking_part[0] != highest:
        missing = {"name": taking_part[0], "missing": highest}
        yield here.finding("level_without_reviewer", "levels", **missing)
    elif taking_part == [highest]:
        yield here.finding("only_highest_level", "levels", name=highest)
    for level in here.round.acts:
        if level in here.protocol.level_order and level not in taking_part:
            yield here.finding("act_outside_round", "acts", level, name=level)


def _no_adjust(here: Here) -> Iterator[Finding]:
    for field in _ADJUST_ONLY:
        if getattr(here.round, field) is not None:
            yield here.finding("adjust_only", field, name=field)


def _adjust(here: Here) -> Iterator[Finding]:
    """It happens once, after figures that bind (N11)."""
    before = here.protocol.rounds[: here.place]
    earlier = next((one.name for one in before if one.kind == "adjust"), None)
    if earlier is not None:
        yield here.finding("second_adjust", "kind", first=earlier)
    if not before:
        yield here.finding("adjust_first", "kind")
    elif here.last_binding() is None:
        yield here.finding("adjust_before_binding", "kind")


def _base(here: Here) -> Iterator[Finding]:
    base, expected = here.round.base, here.last_binding()
    if base is None:
        yield here.finding("base_missing", "base")
        return
    if here.places.get(base, here.place) >= here.place:
        return
    if expected is not None and base != expected:
        yield here.finding("wrong_base", "base", name=base, expected=expected)
        return
    issued = here.levels(here.named(base))
    for level in here.levels(here.round):
        if level not in issued:
            yield here.finding("level_without_base", "base", name=level, base=base)


def _bounds(here: Here) -> Iterator[Finding]:
    """A bound that no unit is ever held to would be none (N11)."""
    bounds, order = here.round.bounds, here.protocol.level_order
    if bounds is None or not bounds.indicators:
        yield here.finding("bound_missing", "bounds")
    if bounds is None or bounds.level not in order:
        return
    if bounds.level not in here.levels(here.round):
        yield here.finding("bound_level_outside_round", "bounds", "level", name=bounds.level)
    for name in bounds.indicators:
        indicator = here.protocol.indicators_by_name.get(name)
        entry = indicator.entry_level if indicator is not None else None
        if entry in order and order[entry] < order[bounds.level]:
            levels = {"name": name, "level": bounds.level, "entry_level": entry}
            yield here.finding("bound_below_entry", "bounds", "indicators", name, **levels)
