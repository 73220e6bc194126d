"""Events: what happened, in one stream, in order. Values lie in named parts (F2)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
SITE = "site"


def cycle_stream(cycle: str) -> str:
    """Name the stream of a cycle's opening, rounds and closing."""
    return f"cycle/{cycle}"


def cycle_log(cycle: str, *, practice: bool = False) -> str:
    """Name the log that a cycle's streams belong to: a practice cycle's is never a real one's (F10)."""
    return f"practice/{cycle}" if practice else cycle_stream(cycle)


def plan_stream(cycle: str, unit_id: str) -> str:
    """Name the stream of one unit's plan in one cycle."""
    return f"plan/{cycle}/{unit_id}"


def place_of(stream: str) -> tuple[str, str]:
    """The cycle and the unit that a stream is about; nothing where it is not about one."""
    kind, _, rest = stream.partition("/")
    cycle, _, unit = rest.partition("/")
    return (cycle, unit) if kind in ("cycle", "plan") else ("", "")


def documents(parts: Mapping[str, Any]) -> dict[str, bool]:
    """Document numbers that an event names (文号): whether one is its own, or one it cites."""
    found: dict[str, bool] = {}
    for value in parts.values():
        if isinstance(value, dict):
            found |= {one: found.get(one, False) for one in value.get("cites", ()) if one}
            own = value.get("document_no")
            if own:
                found[own] = True
    return found


@dataclass(frozen=True, slots=True)
class Draft:
    """An event decided but not yet recorded. `unit` is a code, empty for the cycle's own stream.

    A part is one value or, where single entries must be shown or erased alone, a `Many`.
    """

    kind: str
    unit: str
    round: str
    parts: Mapping[str, Any]
    id: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Many:
    """A part of several entries, each committed to with a salt of its own."""

    entries: Sequence[Any]


def spoken(texts: Mapping[str, str]) -> dict[str, Many]:
    """Free texts as a part of their own, one entry each, so that any of them can be erased alone."""
    said = [{"of": name, "text": text} for name, text in texts.items() if text]
    return {"texts": Many(said)} if said else {}


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded event. A part that was erased is absent from `parts`."""

    id: str
    stream: str
    seq: int
    kind: str
    round: str
    recorded_at: dt.datetime
    actor: str
    grant: str
    via: str = ""
    delegators: tuple[str, ...] = ()
    cycle_seq: int = 0
    cites: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)
    v: int = VERSION

    @property
    def people(self) -> tuple[str, ...]:
        """The actor and everybody in whose place they acted (N14)."""
        return (self.actor, *self.delegators)
