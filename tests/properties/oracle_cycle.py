"""One cycle as the second model knows it: tree, people, time, and which number is in force.

Slow and plain: dicts, no caches, nothing from planflow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from tests.properties.oracle_rules import Figures, Rules, added

ZONE = ZoneInfo("Asia/Shanghai")
Key = tuple[str, str]  # unit, round
Line = tuple[str, str, str, str, bool]  # code, level, parent, attributes, without task
People = frozenset[str]  # who acts, and in whose place
Desks = Mapping[str, Sequence[tuple[str, str]]]  # who: role at unit
# What silence can settle: who has still to answer (N9).
STILL_TO_ANSWER = {"up": ("drafting", "returned"), "adjust": ("returned",), "down": ("issued",)}
# Acts of a unit's own people, of its admin alone, and of the admin above (section 7).
OWN = {"draft", "submit", "withdraw", "acknowledge"}
OWN_ADMIN = {"issue", "present", "decide", "distribute", "confirm", "paper", "attest"}
ROOT_TOO = {"extensions", "headline"}  # where nobody stands above, one's own admin
DECIDING = {"approve", "reject"}  # of the unit that a correction lies below


class Cycle:
    """What is known of a cycle."""

    def __init__(self, text: str, tree: Sequence[Line], people: Desks, now: dt.datetime) -> None:
        self.rules = Rules(text)
        self.level = {code: level for code, level, *_ in tree}
        self.above = {code: parent for code, _, parent, *_ in tree}
        self.marks = {code: set(marks.split(";")) for code, _, _, marks, _ in tree}
        self.idle = {code for code, _, _, _, idle in tree if idle}
        self.root = tree[0][0]
        self.people = people
        self.actor = ""
        self.lent: Mapping[str, set[str]] = {}  # in whose place somebody acts
        self.now = now
        self.rounds: dict[str, str] = {}  # those opened, in the order in which they were
        self.stage: dict[Key, str] = {}
        self.reported: dict[Key, Figures] = {}
        self.also: dict[Key, dict[str, Figures]] = {}
        self.settled: dict[Key, Figures] = {}
        self.items: dict[Key, Figures] = {}
        self.all_items: dict[Key, dict[str, Figures]] = {}  # by basis
        self.issued: dict[Key, Figures] = {}
        self.issued_at: dict[Key, dt.datetime] = {}
        self.total: dict[Key, Figures] = {}
        self.reserve: dict[Key, Figures] = {}
        self.markup: dict[Key, Figures] = {}
        self.presented: dict[str, Figures] = {}
        self.decided: dict[str, Figures] = {}
        self.drafts: dict[Key, dict[str, Any]] = {}
        self.typed: dict[Key, set[str]] = {}
        self.sent: dict[Key, set[str]] = {}  # who had typed what was sent, or sent it
        self.sent_back: set[Key] = set()
        self.unlocked: dict[Key, set[str]] = {}  # by a return that is about some lines only
        self.returned: dict[Key, tuple[dict[str, Figures], dict[str, Figures]]] = {}  # that report
        self.acted: set[Key] = set()
        self.authors: dict[
            Key, set[str]
        ] = {}  # who settled, issued or decided it, or had it corrected
        self.splitters: dict[Key, set[str]] = {}  # who split what it had
        self.corrected: dict[Key, Figures] = {}
        self.once_corrected: dict[Key, Figures] = {}  # until the unit answers anew
        self.proposals: list[dict[str, Any]] = []
        self.pending: dict[str, tuple[dict[str, Any], set[str]]] = {}  # issues that wait, and whose
        self.papers: list[dict[str, Any]] = []
        self.promises: list[dict[str, Any]] = []
        # time: by round and level when it begins and ends; more of it by unit and round
        self.times: dict[str, dict[str, tuple[dt.datetime | None, dt.datetime | None]]] = {}
        self.more: dict[Key, dt.datetime] = {}
        self.silence: dict[str, dict[str, str]] = {}
        self.applied: dict[Key, tuple[str, str]] = {}  # the rule, and the stage it found

    # The tree

    @property
    def open_round(self) -> str:
        """The round that is open; empty between rounds."""
        return next((name for name, how in self.rounds.items() if how == "open"), "")

    @property
    def over(self) -> bool:
        """Whether the cycle is settled."""
        return self.rounds.get(self.rules.names[-1]) == "closed"

    def takes_part(self, unit: str, name: str) -> bool:
        """Whether a unit acts in a round; a decision is the root's alone (N2)."""
        if self.rules.kind(name) == "decision":
            return unit == self.root
        return unit not in self.idle and self.level[unit] in self.rules.levels_in(name)

    def everybody(self, name: str) -> list[str]:
        """All who take part in a round."""
        return [unit for unit in self.level if self.takes_part(unit, name)]

    def levels_now(self) -> list[str]:
        """Levels of the round that is open or was last: by them one's parent and children are told."""
        name = self.open_round or next(reversed(self.rounds), "")
        return self.rules.levels_in(name) if name else self.rules.levels

    def nearest(self, unit: str, levels: Sequence[str]) -> str:
        """The nearest unit above of these levels; empty where there is none."""
        above = self.above[unit]
        while above and self.level[above] not in levels:
            above = self.above[above]
        return above

    def uncorrected(self, place: Key) -> None:
        """What was corrected is to be answered anew."""
        if place in self.corrected:
            self.once_corrected[place] = self.corrected.pop(place)

    def sees(self, unit: str) -> bool:
        """Whether whoever acts has a role at the unit or above it (section 7)."""
        return unit in self.level and any(
            at in self.upwards(unit) for _, at in self.people[self.actor]
        )

    def upwards(self, unit: str) -> list[str]:
        """A unit and all above it, up to the root."""
        found = [unit]
        while self.above[found[-1]]:
            found.append(self.above[found[-1]])
        return found

    def downwards(self, name: str) -> list[str]:
        """All who take part in a round, nobody before those above."""
        return sorted(self.everybody(name), key=lambda unit: len(self.upwards(unit)))

    def parent(self, unit: str, name: str = "") -> str:
        """The nearest unit above that takes part, now or in a round."""
        return self.nearest(unit, self.rules.levels_in(name) if name else self.levels_now())

    def children(self, unit: str, name: str = "") -> list[str]:
        """The nearest units below that take part, now or in a round."""
        if name and self.rules.kind(name) == "decision":
            return []
        levels = self.rules.levels_in(name) if name else self.levels_now()
        able = [one for one in self.level if self.level[one] in levels and one not in self.idle]
        return [one for one in able if self.nearest(one, levels) == unit]

    def state(self, unit: str) -> str:
        """A plan's state, as `round.stage` (N2)."""
        if self.over:
            return "settled"
        entered = [name for name in self.rounds if self.takes_part(unit, name)]
        return f"{entered[-1]}.{self.at(unit, entered[-1])}" if entered else "waiting"

    def at(self, unit: str, name: str) -> str:
        """The stage of a unit in a round."""
        return self.stage.get((unit, name), self.rules.start(name))

    def may(self, who: str, unit: str, action: str, body: Mapping[str, Any]) -> bool:
        """Whether somebody has the right to act, by role and place."""
        place = unit
        if action in ("draft", "submit") and body.get("on_behalf_of") is not None:
            above = self.parent(unit)  # the parent's people type for it, where they say so
            return any(
                at == above and role in ("planner", "admin") for role, at in self.people[who]
            )
        if action not in OWN | OWN_ADMIN:
            place = self.parent(unit)
            if not place and action in ROOT_TOO:
                place = unit
        if action in DECIDING:  # while nothing waits, whoever could be asked is told so
            asked = [one for one in self.proposals if one["unit"] == unit]
            waits = next((one["top"] for one in asked if one["status"] == "proposed"), None)
            places = [waits] if waits else self.upwards(unit)
            return any(role == "admin" and at in places for role, at in self.people[who])
        if action == "corrections" and ("planner", unit) in self.people[who]:
            return True
        if action == "corrections" and ("admin", unit) in self.people[who]:
            return True
        roles = ("planner", "admin") if action in OWN else ("admin",)
        return any(role in roles and place == at for role, at in self.people[who])

    # Time and silence

    def begins_ends(self, unit: str, name: str) -> tuple[dt.datetime | None, dt.datetime | None]:
        """When a unit may act in a round; more time never takes any away."""
        begins, ends = self.times.get(name, {}).get(self.level[unit], (None, None))
        more = self.more.get((unit, name))
        return begins, max(ends, more) if ends and more else ends

    def in_time(self, unit: str, name: str) -> bool:
        """Whether the unit's time has begun and is not over."""
        begins, ends = self.begins_ends(unit, name)
        return (begins is None or self.now >= begins) and (ends is None or self.now <= ends)

    def late(self, unit: str, name: str) -> bool:
        """Whether the unit's time is over."""
        ends = self.begins_ends(unit, name)[1]
        return ends is not None and self.now > ends

    def silent(self, unit: str, name: str) -> str:
        """What silence means for a unit: as applied at close or, before, as it would be (N9)."""
        if (unit, name) in self.applied:
            return self.applied[unit, name][0]
        kind = self.rules.kind(name)
        if self.rounds.get(name) != "open" or kind not in ("up", "adjust") or unit == self.root:
            return ""
        rule = self.silence.get(name, {}).get(self.level[unit], "")
        answers = self.takes_part(unit, name) and self.at(unit, name) in STILL_TO_ANSWER[kind]
        return rule if answers and rule in ("zero", "last_issued") and self.late(unit, name) else ""

    def silence_means(self, unit: str, name: str, rule: str) -> Figures:
        """The figures of somebody who did not answer."""
        if rule == "zero":
            return {one: 0 for one in self.rules.required(name) if self.has(unit, one)}
        if self.rules.kind(name) == "adjust":
            return self.base(unit)
        for earlier in reversed(self.rules.before(name)):
            if self.rules.kind(earlier) == "down" and self.reached(unit, earlier):
                return self.task(unit, earlier)
        return {}

    # Numbers

    def has(self, unit: str, indicator: str) -> bool:
        """Whether a unit may have a figure other than 0."""
        return self.rules.has(indicator, self.level[unit], self.marks[unit])

    def task(self, unit: str, name: str) -> Figures:
        """What was issued in a down round; the root begins it."""
        of = self.total if unit == self.root else self.issued
        return {**of.get((unit, name), {}), **self.corrected.get((unit, name), {})}

    def reached(self, unit: str, name: str) -> bool:
        """Whether a down round reached the unit, with figures or without any."""
        return (unit, name) in self.issued or (unit, name) in self.total

    def number(self, unit: str, name: str) -> Figures:
        """The numbers in force: settled before reported; downwards what was issued (N3, N4)."""
        kind, here = self.rules.kind(name), (unit, name)
        if kind == "down":
            return self.task(unit, name)
        if kind == "decision":
            held = self.decided.get(name, self.presented.get(name, {}))
            return {**held, **self.corrected.get(here, {})} if unit == self.root else {}
        rule = self.silent(unit, name)
        offered = {**self.reported.get(here, {}), **self.settled.get(here, {})}
        if rule:
            offered = self.silence_means(unit, name, rule)
        offered = {**offered, **self.corrected.get(here, {})}
        return {**self.base(unit), **offered} if kind == "adjust" else offered

    def hands_in(self, unit: str, name: str) -> set[str]:
        """Everybody who typed, sent, settled, issued or decided a number (N14)."""
        here = (unit, name)
        return self.sent.get(here, set()) | self.authors.get(here, set())

    def base(self, unit: str) -> Figures:
        """The last binding figures, with what was promised and fulfilled written over them (N11)."""
        found = self.task(unit, self.rules.said(self.rules.adjust, "base"))
        for one in self.promises:
            if one["unit"] == unit and one["status"] == "fulfilled":
                found[one["indicator"]] = one["to"]
        return found

    def now_bound(self, unit: str) -> Figures:
        """The figures that bind the unit now."""
        found: Figures = {}
        for name in self.rules.names:
            if name in self.rules.binding:
                found.update(self.task(unit, name))
            elif name == self.rules.adjust and found:
                closed = self.rounds.get(name) == "closed"
                found.update(self.number(unit, name) if closed else self.base(unit))
        return found

    def before_assembly(self, name: str) -> Figures:
        """What the root brings before a decision: its numbers in the last round that has any (N2)."""
        for earlier in reversed(self.rules.before(name)):
            if self.number(self.root, earlier):
                return self.number(self.root, earlier)
        return {}

    def below(self, unit: str, name: str) -> Figures:
        """What the children's numbers add up to; in an adjust round what is held back belongs to it."""
        parts: list[Mapping[str, int]] = [self.number(child, name) for child in self.children(unit)]
        if self.rules.kind(name) == "adjust":
            parts.append(self.held_back(unit))
        return added(parts)

    def held_back(self, unit: str) -> Figures:
        """What the unit still holds of its base, kept promises included; its markup is not its own."""
        base = (unit, self.rules.said(self.rules.adjust, "base"))
        kept = [
            {one["indicator"]: one["held"]}
            for one in self.promises
            if one["unit"] == unit and one["status"] == "fulfilled" and one["passed"]
        ]
        above = {one: -more for one, more in self.markup.get(base, {}).items()}
        return added([self.reserve.get(base, {}), above, *kept])

    def further_below(self, unit: str, name: str) -> dict[str, Figures]:
        """What the children's further numbers add up to, by basis."""
        told = [
            self.also.get((child, name), {})
            for child in self.children(unit)
            if not self.silent(child, name)
        ]
        bases = {basis for one in told for basis in one}
        return {basis: added([one.get(basis, {}) for one in told]) for basis in bases}

    def passed_on(self, unit: str, indicator: str, name: str = "") -> bool:
        """Whether some child is of a level that has the indicator; else it stays here whole (N5)."""
        return any(
            self.rules.reaches(indicator, self.level[child]) for child in self.children(unit, name)
        )

    def summed(self, unit: str, indicator: str, name: str = "") -> bool:
        """Whether the number of a unit is its children's sum, and nothing it enters itself (N4)."""
        entry = self.rules.indicators[indicator].get("entry_level")
        above = entry is not None and self.rules.lower(entry, self.level[unit])
        return bool(self.children(unit, name)) and (above or self.passed_on(unit, indicator, name))

    def offers(self, unit: str) -> Iterator[tuple[str, str, str]]:
        """Every number that stands, as indicator, round and basis: a headline is one of them (N3)."""
        for name in self.rules.names:
            here = (unit, name)
            corrected = [self.corrected, self.once_corrected]
            task = [self.reported, self.settled, self.issued, *corrected]
            held = [of.get(here, {}) for of in task] + [self.task(unit, name)]
            if unit == self.root:
                held += [self.presented.get(name, {}), self.decided.get(name, {})]
            if self.silent(unit, name):
                held.append(self.silence_means(unit, name, self.silent(unit, name)))
            yield from ((one, name, "task") for figures in held for one in figures)
            for basis, figures in self.also.get(here, {}).items():
                yield from ((one, name, basis) for one in figures)
        for one in self.papers:
            if one["unit"] == unit and one["status"] == "confirmed":
                yield from ((indicator, one["round"], "task") for indicator in one["figures"])
        for one in self.promises:
            if one["unit"] == unit and one["funded"] and one["status"] != "waived":
                yield one["indicator"], one["amends"], "funded"
