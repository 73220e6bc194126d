"""What the tables of one cycle call things, and how they write figures."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from planflow.cli.desk import Desk
from planflow.messages import title

Answer = Mapping[str, Any]
_HEADING = 10


def figure(value: int, scale: int = 0) -> str:
    """A scaled whole number as people write it."""
    whole, rest = divmod(abs(value), 10**scale)
    decimals = f".{rest:0{scale}}" if scale else ""
    return f"{'-' if value < 0 else ''}{whole:,}{decimals}"


class Titles:
    """Words of one cycle: its protocol's in the reader's language, and the command line's own.

    `marks` say of a round why its numbers are not official.
    """

    def __init__(
        self, desk: Desk, cycle: Answer, protocol: Answer, marks: Mapping[str, str] | None = None
    ) -> None:
        definition = protocol["definition"]
        self.word = desk.word
        self.cycle = str(cycle["id"])
        self.root = str(cycle["root"])
        self.practice = bool(cycle.get("practice"))
        self.idle = {one["unit"] for one in cycle["no_task"]}
        self.marks = marks or {}
        self.lang = desk.lang
        self.protocol = str(definition["title"][desk.lang])
        self.rounds = {one["name"]: one for one in definition["rounds"]}
        self.indicators = {one["name"]: one for one in definition["indicators"]}

    def of_plan(self, plan: Answer) -> str:
        """A plan's heading; of a practice cycle it says so."""
        mark = f"{self.word('practice')} " if self.practice else ""
        return f"{mark}{plan['name']} {plan['unit']}"

    def round(self, name: str) -> str:
        """A round's title."""
        return str(self.rounds[name]["title"][self.lang]) if name in self.rounds else name

    def nature(self, name: str) -> str:
        """What a round's figures are: preliminary, binding."""
        return str((self.rounds[name]["nature"] or {}).get(self.lang, ""))

    def indicator(self, name: str) -> str:
        """An indicator's title."""
        known = self.indicators.get(name)
        return str(known["title"][self.lang]) if known else name

    def heading(self, name: str) -> str:
        """An indicator's title and unit over a narrow column."""
        lines = wrap(self.indicator(name), _HEADING, break_long_words=False)
        return "\n".join([*lines, f"({self.indicators[name]['unit'][self.lang]})"])

    def amount(self, name: str, value: int) -> str:
        """A figure of an indicator."""
        return figure(value, self.indicators[name]["scale"])

    def with_unit(self, name: str, value: int) -> str:
        """A figure of an indicator, and what it counts."""
        return f"{self.amount(name, value)} {self.indicators[name]['unit'][self.lang]}"

    def signed(self, name: str, difference: int) -> str:
        """A difference between two figures of an indicator."""
        return f"{'+' if difference > 0 else ''}{self.amount(name, difference)}"

    def state(self, plan: Answer) -> str:
        """A plan's state."""
        name, _, stage = plan["state"].rpartition(".")
        text = title(stage, self.lang, "state")
        return f"{self.round(name)} {text}" if name else text

    def status(self, commitment: Answer) -> str:
        """A commitment's state."""
        known = title(commitment["status"], self.lang, "status")
        return title(known, self.lang, "state") if known == commitment["status"] else known

    def goal(self, name: str, below: Sequence[Answer]) -> str:
        """Names of the units below that reach an indicator which each can reach just once."""
        one = self.indicators[name]
        reached = [
            str(plan["name"])
            for plan in below
            if one["maximum"] == 1 and one["entry_level"] in (None, plan["level"])
            if plan["headline"].get(name, {}).get("value") == 1
        ]
        return self.word("comma").join(reached)

    def among(self, *figures: Mapping[str, Any]) -> list[str]:
        """Indicators that have a figure in any of these, in the protocol's order."""
        return [name for name in self.indicators if any(name in one for one in figures)]
