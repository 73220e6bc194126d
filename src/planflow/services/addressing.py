"""Entries of events that are about other units: each is shown to those who see the unit (F2).

Most units that an event names stand below its plan's. A correction may name some beside it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

# What the protocol publishes on the way down: the markups of the levels above (N5).
PUBLISHED = frozenset({"markups"})


def addressed(parts: Mapping[str, Any]) -> Iterator[str]:
    """Codes of the units that an event's entries are about."""
    for name, value in parts.items():
        if isinstance(value, list) and name not in PUBLISHED:
            yield from (code for one in value if (code := unit_of(one)))


def unit_of(entry: Any) -> str:
    """The unit that an entry is about; empty where it is about none."""
    return str(entry.get("unit", "")) if isinstance(entry, dict) else ""


def within_sight(parts: Mapping[str, Any], beyond: Collection[str]) -> dict[str, Any]:
    """An event's parts without the entries about units that the reader does not see."""
    return {
        name: [one for one in value if unit_of(one) not in beyond]
        if isinstance(value, list) and name not in PUBLISHED
        else value
        for name, value in parts.items()
    }
