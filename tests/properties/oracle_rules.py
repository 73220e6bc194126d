"""A protocol as the second model reads it: plain YAML, its own reading of every field, no planflow.

Read from the blueprint's section 4 and from the how-to on writing a protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

Figures = dict[str, int]


class No(Exception):
    """The rules do not allow it."""


def must(condition: object) -> None:
    """Stop where a rule is not kept."""
    if not condition:
        raise No


def added(parts: list[Mapping[str, int]]) -> Figures:
    """Sums by indicator."""
    found: Figures = {}
    for part in parts:
        for indicator, amount in part.items():
            found[indicator] = found.get(indicator, 0) + amount
    return found


class Rules:
    """What a protocol says, asked in words of the blueprint."""

    def __init__(self, text: str) -> None:
        plain = yaml.safe_load(text)
        self.name: str = plain["name"]
        self.levels: list[str] = [one["name"] for one in plain["levels"]]
        self.indicators: dict[str, dict[str, Any]] = {
            one["name"]: one for one in plain["indicators"]
        }
        self.rounds: dict[str, dict[str, Any]] = {one["name"]: one for one in plain["rounds"]}
        self.names = list(self.rounds)
        self.purposes = {one["name"]: set(one["purposes"]) for one in plain["reason_codes"]}
        self.marks_up = plain["markup"] == "allow"
        self.adjust = next((name for name in self.names if self.kind(name) == "adjust"), "")
        self.binding = [name for name in self.names if self.rounds[name].get("binding")]

    def kind(self, name: str) -> str:
        """Up, down, adjust or decision; empty for no round."""
        return str(self.rounds[name]["kind"]) if name else ""

    def said(self, name: str, field: str) -> Any:
        """What a round says in a field; None where it says nothing."""
        return self.rounds[name].get(field)

    def levels_in(self, name: str) -> list[str]:
        """Levels that take part in a round."""
        return list(self.rounds[name].get("levels") or self.levels)

    def start(self, name: str) -> str:
        """The stage in which a round begins."""
        return "drafting" if self.kind(name) in ("up", "adjust") else "awaiting"

    def before(self, name: str) -> list[str]:
        """Rounds that run before one."""
        return self.names[: self.names.index(name)]

    def lower(self, one: str, other: str) -> bool:
        """Whether a level stands below another."""
        return self.levels.index(one) > self.levels.index(other)

    def reaches(self, indicator: str, level: str) -> bool:
        """Whether an indicator is carried down to a level (N4)."""
        entry = self.indicators[indicator].get("entry_level")
        return entry is None or not self.lower(level, entry)

    def has(self, indicator: str, level: str, marks: set[str]) -> bool:
        """Whether a unit may have a figure other than 0: at the entry level by its attribute."""
        one = self.indicators[indicator]
        if not self.reaches(indicator, level):
            return False
        mark = one.get("applies_to")
        return mark is None or one["entry_level"] != level or mark in marks

    def least(self, indicator: str) -> int:
        """The lowest figure one may have."""
        return int(self.indicators[indicator].get("minimum", 0))

    def most(self, indicator: str, level: str) -> int | None:
        """The highest figure a unit may have: where it is entered. Sums above may be more."""
        one = self.indicators[indicator]
        entered = one.get("entry_level") in (None, level)
        return one.get("maximum") if entered else None

    def required(self, name: str) -> list[str]:
        """Indicators that must be given in a round by whoever has them."""
        return [key for key, one in self.indicators.items() if name in one.get("required_in", ())]

    def code(self, code: Any, purpose: str | None) -> bool:
        """Whether a reason code may be given for an act; without a purpose any known one may."""
        return code in self.purposes and (purpose is None or purpose in self.purposes[code])

    def addable(self) -> list[list[str]]:
        """Indicators of one unit and scale: those can be added to one another."""
        groups: dict[str, list[str]] = {}
        for name, one in self.indicators.items():
            groups.setdefault(f"{one['unit']} {one.get('scale', 0)}", []).append(name)
        return [group for group in groups.values() if len(group) > 1]
