"""What the rules say, written a second time: slow, with plain dicts, and nothing from planflow.

The oracle is told the same commands as the engine. It answers whether a command is to be taken, and
knows which number of which unit is in force in which round. It reads the rules from the blueprint
(N2 to N11), not from the code; the protocol below is `exit-plan`, copied by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LEVELS = ["region", "city", "county", "township", "village"]
ROUNDS = {"up1": "up", "down1": "down", "up2": "up", "down2": "down", "adjust": "adjust"}
ANSWERS = {"up2": "down1"}
REQUIRED = {"persons", "villages"}  # in every up and down round
ENTRY = {"county_exit": ("county", "poor_county", 1)}  # level, attribute, most that one may have
INDICATORS = ["persons", "villages", "county_exit", "households"]
BOUNDS = {"persons": (5, 50), "villages": (5, 2), "households": (5, 20)}
BOUNDED = "city"
FOR_SETTLING = {
    "field_check", "data_analysis", "inconsistent", "double_counted", "overall_balance",
    "by_request", "criteria_not_met", "criteria_met", "household_moved", "other",
}  # fmt: skip
FOR_RETURN = {"field_check", "data_analysis", "incomplete", "inconsistent", "other"}
FOR_ADJUST = {
    "field_check", "by_request", "criteria_not_met", "criteria_met", "household_moved", "other",
}  # fmt: skip
FOR_ITEMS = {"field_check", "double_counted", "household_moved", "other"}

Figures = dict[str, int]


class No(Exception):
    """The rules do not allow it."""


def must(condition: object) -> None:
    """Stop where a rule is not kept."""
    if not condition:
        raise No


class Oracle:
    """One cycle over a tree of (code, level, parent, attributes, without task)."""

    def __init__(self, tree: Sequence[tuple[str, str, str, str, bool]]) -> None:
        self.level = {code: level for code, level, *_ in tree}
        self.above = {code: parent for code, _, parent, *_ in tree}
        self.marks = {code: set(marks.split(";")) for code, _, _, marks, _ in tree}
        self.units = [code for code, _, _, _, idle in tree if not idle]
        self.root = tree[0][0]
        self.rounds: dict[str, str] = {}
        self.stage = {(u, r): self._start(r) for u in self.units for r in ROUNDS}
        self.reported: dict[tuple[str, str], Figures] = {}
        self.settled: dict[tuple[str, str], Figures] = {}
        self.items: dict[tuple[str, str], Figures] = {}
        self.issued: dict[tuple[str, str], Figures] = {}
        self.total: dict[tuple[str, str], Figures] = {}
        self.reserve: dict[tuple[str, str], Figures] = {}
        self.drafts: dict[tuple[str, str], dict[str, Any]] = {}
        self.typed: dict[tuple[str, str], set[str]] = {}
        self.sent_back: set[tuple[str, str]] = set()
        self.promises: list[dict[str, Any]] = []
        self.until: dict[tuple[str, str], str] = {}  # more time: ISO dates, which sort as they are

    @staticmethod
    def _start(name: str) -> str:
        return "awaiting" if ROUNDS[name] == "down" else "drafting"

    # Numbers

    @property
    def open_round(self) -> str:
        return next((name for name, how in self.rounds.items() if how == "open"), "")

    def children(self, unit: str) -> list[str]:
        return [one for one in self.units if self.above[one] == unit]

    def number(self, unit: str, name: str) -> Figures:
        """The numbers in force: settled before reported; downwards what was issued."""
        here = unit, name
        if ROUNDS[name] == "down":
            return dict(
                self.total.get(here, {}) if unit == self.root else self.issued.get(here, {})
            )
        offered = {**self.reported.get(here, {}), **self.settled.get(here, {})}
        return {**self.base(unit), **offered} if ROUNDS[name] == "adjust" else offered

    def base(self, unit: str) -> Figures:
        """The last binding figures, with what was promised and fulfilled written over them."""
        found = self.number(unit, "down2")
        for one in self.promises:
            if one["unit"] == unit and one["status"] == "fulfilled":
                found[one["indicator"]] = one["to"]
        return found

    def now(self, unit: str) -> Figures:
        """The figures that bind the unit now."""
        return (
            self.number(unit, "adjust")
            if self.rounds.get("adjust") == "closed"
            else self.base(unit)
        )

    def below(self, unit: str, name: str) -> Figures:
        """What the children's numbers add up to; in the adjust round what is held back belongs to it."""
        parts = [self.number(child, name) for child in self.children(unit)]
        if ROUNDS[name] == "adjust":
            parts.append(self.reserve.get((unit, "down2"), {}))
            parts += [
                {one["indicator"]: one["held"]}
                for one in self.promises
                if one["unit"] == unit and one["status"] == "fulfilled" and one["passed"]
            ]
        return added(parts)

    def held_back(self, unit: str, indicator: str) -> int:
        """What the unit still holds of what it was issued, fulfilled promises included."""
        kept: int = self.reserve.get((unit, "down2"), {}).get(indicator, 0)
        return kept + sum(
            int(one["held"])
            for one in self.promises
            if (one["unit"], one["indicator"]) == (unit, indicator)
            and one["status"] == "fulfilled"
            and one["passed"]
        )

    def has(self, unit: str, indicator: str) -> bool:
        """Whether a unit may have a figure other than 0."""
        if indicator not in ENTRY:
            return True
        level, mark, _ = ENTRY[indicator]
        own, entry = LEVELS.index(self.level[unit]), LEVELS.index(level)
        return own < entry or (own == entry and mark in self.marks[unit])

    def summed(self, unit: str, indicator: str) -> bool:
        """Whether the number of a unit with children is a sum, or is entered by the unit itself."""
        if indicator not in ENTRY:
            return True
        entry = LEVELS.index(ENTRY[indicator][0])
        if LEVELS.index(self.level[unit]) < entry:
            return True  # a sum, and 0 where nobody below may have any
        return any(LEVELS.index(self.level[child]) <= entry for child in self.children(unit))

    # Rounds

    def open(self, name: str) -> None:
        names = list(ROUNDS)
        before = names[: names.index(name)]
        must(name not in self.rounds)
        must(all(self.rounds.get(one) == "closed" for one in before))
        self.rounds[name] = "open"

    def close(self, name: str) -> None:
        must(self.rounds.get(name) == "open")
        for unit in self.units:
            must(self._done(unit, name))
        if name == "adjust":
            must(all(one["status"] != "open" for one in self.promises))
            for unit in self.units:
                if unit != self.root and self.children(unit):
                    self._adds_up(
                        unit, name, self.number(unit, name), self.items.get((unit, name), {})
                    )
        if ROUNDS[name] != "down":
            self.reported[self.root, name] = self.below(self.root, name)
            self.stage[self.root, name] = "accepted"
        self.rounds[name] = "closed"

    def _done(self, unit: str, name: str) -> bool:
        stage = self.stage[unit, name]
        if ROUNDS[name] == "down":
            return stage == "distributed" or (stage == "acknowledged" and not self.children(unit))
        if unit == self.root or stage == "accepted":
            return True
        return name == "adjust" and stage == "drafting"

    def _adds_up(self, unit: str, name: str, figures: Figures, items: Figures) -> None:
        expected = added([self.below(unit, name), items])
        for indicator in {**expected, **figures}:
            if self.summed(unit, indicator):
                must(expected.get(indicator, 0) == figures.get(indicator, 0))

    # Acts on plans

    def act(self, who: str, unit: str, action: str, body: Mapping[str, Any], promise: str) -> None:
        """Carry a command out, or raise `No` and change nothing."""
        getattr(self, f"_{action}")(who, unit, body, promise)

    def _here(self, unit: str, *kinds: str) -> tuple[str, str]:
        name = self.open_round
        must(name and unit in self.units and ROUNDS[name] in kinds)
        return unit, name

    def _parent_not_yet(self, unit: str, name: str) -> None:
        parent = self.above[unit]
        must(parent == self.root or self.stage[parent, name] in ("drafting", "returned"))

    def _sound(self, unit: str, figures: Mapping[str, Any]) -> None:
        for indicator, value in figures.items():
            must(indicator in INDICATORS and value >= 0)
            must(value == 0 or self.has(unit, indicator))
            level, _, most = ENTRY.get(indicator, ("", "", 0))
            must(self.level[unit] != level or value <= most)

    def _extensions(self, _who: str, unit: str, body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "up", "down", "adjust")
        if ROUNDS[here[1]] != "down":
            must(unit != self.root)  # the root has no act upwards, and no time for one
            self._parent_not_yet(*here)
        # Every duration from the day all this is played on ends before this one.
        must(body["due_at"] > self.until.get(here, "2019-12-31"))
        self.until[here] = body["due_at"]

    def _draft(self, who: str, unit: str, body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "up", "adjust")
        must(unit != self.root and self.stage[here] in ("drafting", "returned"))
        answered = ANSWERS.get(here[1])
        must(answered is None or (unit, answered) in self.issued)
        self._parent_not_yet(*here)
        self._sound(unit, body["figures"])
        for item in body.get("reconciling", []):
            must(item["indicator"] in INDICATORS and item["reason_code"] in FOR_ITEMS)
            must(self.children(unit) and self.summed(unit, item["indicator"]))
        self.drafts[here] = dict(body)
        self.typed.setdefault(here, set()).add(who)

    def _submit(self, who: str, unit: str, _body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "up", "adjust")
        must(unit != self.root and self.stage[here] in ("drafting", "returned"))
        self._parent_not_yet(*here)
        must(here in self.drafts)
        draft = self.drafts[here]
        figures = dict(draft["figures"])
        if ROUNDS[here[1]] == "adjust":
            figures = {**self.base(unit), **figures}
            self._within_bounds(unit, figures)
            self._explained(unit, figures, draft.get("reasons", {}))
        else:
            must(set(figures) >= REQUIRED)
        items = added([{one["indicator"]: one["amount"]} for one in draft.get("reconciling", [])])
        if self.children(unit):
            must(all(self._done(child, here[1]) for child in self.children(unit)))
            must(ROUNDS[here[1]] == "adjust" or self._said(*here) <= set(figures))
            self._adds_up(unit, here[1], figures, items)
        self.reported[here], self.items[here], self.settled[here] = figures, items, {}
        self.typed.setdefault(here, set()).add(who)
        self.stage[here] = "submitted"

    def _said(self, unit: str, name: str) -> set[str]:
        """What some child reported that may have it: its sum has to be said, were it 0."""
        told = [(child, one) for child in self.children(unit) for one in self.number(child, name)]
        return {one for child, one in told if self.has(child, one)}

    def _within_bounds(self, unit: str, figures: Figures) -> None:
        start = self.base(unit)
        for indicator in {**start, **figures}:
            was, change = (
                start.get(indicator, 0),
                figures.get(indicator, 0) - start.get(indicator, 0),
            )
            if change == 0:
                continue
            must(indicator in BOUNDS and indicator in start)
            percent, absolute = BOUNDS[indicator]
            if self.level[unit] == BOUNDED:
                must(abs(change) <= max(was * percent // 100, absolute))

    def _explained(self, unit: str, figures: Figures, reasons: Mapping[str, str]) -> None:
        start = self.base(unit)
        for indicator in {**start, **figures}:
            if figures.get(indicator, 0) != start.get(indicator, 0):
                added_up = self.children(unit) and self.summed(unit, indicator)
                must(added_up or reasons.get(indicator) in FOR_ADJUST)

    def _present(self, _who: str, _unit: str, _body: Mapping[str, Any], _: str) -> None:
        raise No  # this protocol has no round in which somebody outside decides

    _decide = _present

    def _withdraw(self, _who: str, unit: str, _body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "up", "adjust")
        must(self.stage[here] == "submitted")
        # a return stays open until it is answered
        self.stage[here] = "returned" if here in self.sent_back else "drafting"
        self.reported[here], self.items[here] = {}, {}

    def _accept(self, who: str, unit: str, body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "up", "adjust")
        self._sound(unit, body.get("figures", {}))
        must(unit != self.root and self.stage[here] == "submitted")
        must(who not in self.typed[here])
        self._parent_not_yet(*here)
        said = self.number(*here)
        own = {k: v for k, v in body.get("figures", {}).items() if said.get(k) != v}
        for indicator in own:
            must(body.get("reasons", {}).get(indicator) in FOR_SETTLING)
        if ROUNDS[here[1]] == "adjust":
            must(not (self.children(unit) and any(self.summed(unit, one) for one in own)))
            self._within_bounds(unit, {**said, **own})
        self.settled[here] = own
        self.stage[here] = "accepted"
        self.sent_back.discard(here)

    def _return(self, who: str, unit: str, body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "up", "adjust")
        must(body["reason_code"] in FOR_RETURN)
        must(unit != self.root and self.stage[here] in ("submitted", "accepted"))
        must(who not in self.typed[here])
        self._parent_not_yet(*here)
        self.stage[here] = "returned"
        self.sent_back.add(here)

    def _acknowledge(self, _who: str, unit: str, _body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "down")
        must(self.stage[here] == "issued")
        self.stage[here] = "acknowledged"

    def _issue(self, _who: str, unit: str, body: Mapping[str, Any], _: str) -> None:
        here = self._here(unit, "down")
        children, given = self.children(unit), {}
        must(children)
        must(
            self.stage[here] in ("awaiting" if unit == self.root else "acknowledged", "distributed")
        )
        for one in body["allocations"]:
            must(one["unit"] in children and one["unit"] not in given)
            given[one["unit"]] = one["figures"]
            must(set(one["figures"]) >= REQUIRED)
            self._sound(one["unit"], one["figures"])
            self._reasons_of_issue(here[1], one)
        must(set(given) == set(children))
        must(here not in self.total or (body.get("reason") and body.get("document_no")))
        held = dict(body.get("reserve", {}))
        must(all(value >= 0 and name in INDICATORS for name, value in held.items()))
        parts = added([*given.values(), held])
        must(unit == self.root or body.get("total") is None)
        whole = self.issued.get(here, {}) if unit != self.root else (body.get("total") or parts)
        for indicator in {**whole, **parts}:
            due = whole.get(indicator, 0) if self.summed(unit, indicator) else 0
            must(parts.get(indicator, 0) == due)
        changed = [child for child in children if self.issued.get((child, here[1])) != given[child]]
        for one in self.promises:
            if one["status"] == "open" and one["unit"] in changed and here[1] == "down2":
                before = self.issued[one["unit"], here[1]].get(one["indicator"])
                must(given[one["unit"]].get(one["indicator"]) == before)
        self.total[here], self.reserve[here] = dict(whole), held
        self.stage[here] = "distributed"
        for child in changed:
            self.issued[child, here[1]] = dict(given[child])
            self.stage[child, here[1]] = "issued"

    def _reasons_of_issue(self, name: str, allocation: Mapping[str, Any]) -> None:
        if name != "down2":
            return
        asked = self.number(allocation["unit"], "up2")
        for indicator, value in allocation["figures"].items():
            if asked.get(indicator, value) != value:
                must(allocation.get("reasons", {}).get(indicator))

    # Promises

    def _held(self, unit: str, promise: str) -> dict[str, Any]:
        found = [one for one in self.promises if one["id"] == promise and one["unit"] == unit]
        must(found)
        return found[0]

    def _open_for(self, unit: str, indicator: str) -> bool:
        return any(
            (one["unit"], one["indicator"], one["status"]) == (unit, indicator, "open")
            for one in self.promises
        )

    def _commitments(self, _who: str, unit: str, body: Mapping[str, Any], _: str) -> None:
        name = body["indicator"]
        must(unit in self.units and unit != self.root and (unit, "down2") in self.issued)
        must(self.rounds.get("adjust") != "closed" and body["settle_in"] == "adjust")
        self._sound(unit, {name: body["to"]})
        must(body["from"] == self.now(unit).get(name, 0) and body["to"] != body["from"])
        must(not self._open_for(unit, name))
        self._promise(unit, name, body["from"], body["to"], None)

    def _promise(self, unit: str, indicator: str, start: int, to: int, part: str | None) -> None:
        state = {"id": "", "part": part, "status": "open", "passed": False, "held": 0}
        self.promises.append(
            {"unit": unit, "indicator": indicator, "from": start, "to": to, **state}
        )

    def _distribute(self, _who: str, unit: str, body: Mapping[str, Any], promise: str) -> None:
        one = self._held(unit, promise)
        must(one["status"] == "open" and not one["passed"] and self.children(unit))
        must(self.rounds.get("adjust") != "closed")
        change, held = one["to"] - one["from"], body.get("reserve", 0)
        shares = {share["unit"]: share["amount"] for share in body["allocations"]}
        must(len(shares) == len(body["allocations"]) and set(shares) <= set(self.children(unit)))
        must(sum(shares.values()) + held == change)
        must(0 <= held <= change or change <= held <= 0)
        must(held >= 0 or -held <= self.held_back(unit, one["indicator"]))
        for child, amount in shares.items():
            if amount:
                must(
                    (child, "down2") in self.issued and not self._open_for(child, one["indicator"])
                )
                to = self.now(child).get(one["indicator"], 0) + amount
                self._sound(child, {one["indicator"]: to})
        one["passed"], one["held"] = True, held
        for child in (share["unit"] for share in body["allocations"] if share["amount"]):
            start = self.now(child).get(one["indicator"], 0)
            whole = one["part"] or one["id"]
            self._promise(child, one["indicator"], start, start + shares[child], whole)

    def _parts(self, one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        return (each for each in self.promises if one["id"] in (each["id"], each["part"]))

    def _fulfil(self, _who: str, unit: str, _body: Mapping[str, Any], promise: str) -> None:
        one = self._held(unit, promise)
        must(one["status"] == "open" and one["part"] is None and self.open_round == "adjust")
        self._parent_not_yet(unit, "adjust")
        for each in self._parts(one):
            must(self.stage[each["unit"], "adjust"] in ("drafting", "returned"))
        for each in self._parts(one):
            each["status"] = "fulfilled"

    def _waive(self, _who: str, unit: str, _body: Mapping[str, Any], promise: str) -> None:
        one = self._held(unit, promise)
        must(one["status"] == "open" and one["part"] is None)
        for each in self._parts(one):
            each["status"] = "waived"


def added(parts: Sequence[Mapping[str, int]]) -> Figures:
    """Sums by indicator."""
    found: Figures = {}
    for part in parts:
        for indicator, amount in part.items():
            found[indicator] = found.get(indicator, 0) + amount
    return found
