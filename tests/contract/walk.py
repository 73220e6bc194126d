"""A walk through a whole cycle in which chance decides what everybody does next.

Somebody always makes the next needed step, so that every round closes; on the way people withdraw,
return, supersede, promise and waive, and try what they may not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from planflow.errors import Refusal
from planflow.services.views import PlanView
from tests.world import REASON, World

OWN = {"C": "city", "A": "a", "B": "b", "R": "region"}
ABOVE = {"C": "region", "A": "city", "B": "city"}
ACTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("own", "submit", {}),
    ("own", "withdraw", {"reason": "再核一遍"}),
    ("own", "acknowledge", {}),
    ("above", "accept", {"note": "同意"}),
    ("above", "return", {"reason_code": "incomplete", "text": "材料不全"}),
)
CHANGE = "household_moved"
LINES = ["persons"]
NEW = """\
code,name,level,parent,attributes
S1,甲东县,county,C,poor_county
S2,甲西县,county,C,poor_county
M,新甲县,county,C,poor_county
"""


@dataclass
class Walk:
    """One walk. `tried` counts what was done and what was refused, and why."""

    world: World
    chance: Random
    detours: int = 4
    tried: Counter[str] = field(default_factory=Counter)
    first: str = "A"  # the county that is split and merged on the way, by its code today
    own: dict[str, str] = field(default_factory=lambda: dict(OWN))
    above: dict[str, str] = field(default_factory=lambda: dict(ABOVE))

    def whole(self) -> Walk:
        """Walk from the first round to the last."""
        self.world.cycle(practice=self.chance.random() < 0.5)
        for who, unit in (("region2", "R"), ("city2", "C")):
            self.world.user(who, "admin", unit)
        self.world.units(NEW)
        for name in self.world.get().rounds:
            if self.first == "A" and self.chance.random() < 0.25:
                self.succeed()
            self.world.open(name)
            if name.startswith("up"):
                self.up(name)
            elif name.startswith("down"):
                self.down(name)
            else:
                self.adjust()
                self.settle_all(fulfil=0)
            self.world.close(name)
        assert self.world.get().settled
        return self

    def succeed(self) -> None:
        """County A becomes two by any weights, and the two become one again: no sum has moved."""
        before = self.world.plan("region", "C").figures, self.plan("A").figures
        into = [{"unit": unit, "weight": self.chance.randrange(9)} for unit in ("S1", "S2")]
        split = {"split": {"unit": "A", "into": into}}
        if not self.do("split", self.world.change_tree, split):
            return
        merge = {"merge": {"units": ["S1", "S2"], "into": "M"}}
        renamed = {"rename": {"unit": "B", "name": f"乙县{self.chance.randrange(9)}"}}
        self.do("merge", self.world.change_tree, merge, renamed)
        self.world.user("m", "planner", "M")
        for people, who in ((self.own, "m"), (self.above, "city")):
            del people["A"]
            people["M"] = who
        self.first = "M"
        assert (self.world.plan("region", "C").figures, self.plan("M").figures) == before

    # What somebody does

    def do(self, what: str, act: Callable[..., object], *with_: Any, **more: Any) -> bool:
        """Try something; a refusal is one way it may end, an error is not."""
        try:
            act(*with_, **more)
        except Refusal as refusal:
            self.note(what, refusal)
            return False
        self.tried[what] += 1
        return True

    def note(self, what: str, refusal: Refusal) -> None:
        """Count a refusal by what was found."""
        for code in {finding.code for finding in refusal.findings} or {refusal.code}:
            self.tried[f"{what}: {code}"] += 1

    def plan(self, unit: str) -> PlanView:
        """A plan as its own people see it."""
        return self.world.plan(self.own[unit], unit)

    def stage(self, unit: str) -> str:
        """The stage a plan is in."""
        return self.plan(unit).state.rpartition(".")[2]

    def wander(self) -> None:
        """Some acts that nobody needed."""
        for _ in range(self.chance.randrange(self.detours)):
            self.chance.choice(self.ways())()

    def ways(self) -> list[Callable[[], object]]:
        """What may be tried at any time."""
        ways = [self.any_act, self.any_act, self.any_draft, self.any_issue, self.any_promise]
        return [*ways, self.any_extension, self.any_correction]

    def any_act(self) -> None:
        """An act without figures, by whoever it is meant for, or by somebody else."""
        unit = self.chance.choice(sorted(self.above))
        side, action, body = self.chance.choice(ACTS)
        who = self.own[unit] if side == "own" else self.above[unit]
        if action == "return" and self.up_round() and self.chance.random() < 0.5:
            self.do("return of lines", self.world.act, who, unit, action, {**body, "lines": LINES})
            return
        self.do(action, self.world.act, who, unit, action, body)

    def up_round(self) -> bool:
        """Whether the open round is one in which a returned unit can only mend its lines."""
        return str(self.world.get().open_round).startswith("up")

    def any_extension(self) -> None:
        """More time for somebody, unless that is less (N9)."""
        unit = self.chance.choice(sorted(self.above))
        due = f"2199-{self.chance.randrange(1, 13):02}-01"
        body = {"due_at": due, "reason": "入户核查未完"}
        self.do("extensions", lambda: self.world.act(self.above[unit], unit, "extensions", body))

    def any_correction(self) -> None:
        """A figure of a closed round, corrected or turned down by the region's second admin."""
        unit, other = self.chance.sample([self.first, "B"], 2)
        closed = [name for name, how in self.world.get().rounds.items() if how == "closed"]
        if not closed:
            return
        name = self.chance.choice(closed)
        now = self.plan(unit).figures.get(name, {}).get("persons", 0)
        to = max(0, now + self.chance.randrange(-3, 4))
        body: dict[str, Any] = {"round": name, "figures": {"persons": to}, "reason": "漏计"}
        if self.chance.random() < 0.3:
            there = self.plan(other).figures.get(name, {}).get("persons", 0)
            body["also"] = [{"unit": other, "figures": {"persons": max(0, there + now - to)}}]
        if not self.do("corrections", self.world.act, "city", unit, "corrections", body):
            return
        [waiting] = [one for one in self.plan(unit).corrections if one.status == "proposed"]
        who = "region2" if waiting.top == "R" else "city2"
        if not self.do("approve", self.world.act, who, unit, "approve", None, waiting.id):
            self.do("reject", self.world.act, who, unit, "reject", {"reason": "不符"}, waiting.id)

    def any_draft(self) -> None:
        """A working copy with any figures."""
        unit = self.chance.choice(sorted(self.above))
        body = {"figures": self.figures(unit)}
        self.do("draft", self.world.act, self.own[unit], unit, "draft", body)

    def any_issue(self) -> None:
        """An issue anew, with reason and document number: it supersedes, if it is whole."""
        unit = self.chance.choice(("R", "C"))
        more = {"reason": "更正", "document_no": f"柳扶〔2019〕{self.chance.randrange(99)}号"}
        self.do("supersede", self.issue, unit, **more)

    def any_promise(self) -> None:
        """Make, pass on, choose or take back a promise."""
        unit = self.chance.choice(sorted(self.above))
        plan = self.plan(unit)
        ways = [self.make_promise]
        if plan.commitments:
            ways += [self.waive]
        if plan.commitments and unit == "C":
            ways += [self.pass_on, self.pass_on]
        if plan.numbers:
            ways += [self.choose_headline]
        self.chance.choice(ways)(unit, plan)

    def make_promise(self, unit: str, plan: PlanView) -> None:
        """Promise a little more or less of something."""
        indicator = self.chance.choice(("persons", "villages"))
        now = plan.figures.get("adjust") or plan.figures.get("down2") or {}
        start = now.get(indicator, 0)
        to = max(0, start + self.chance.randrange(-3, 9))
        body = {"indicator": indicator, "from": start, "to": to, "settle_in": "adjust"}
        body |= {"funded": self.chance.random() < 0.5, "reason": "请示答复"}
        self.do("commitments", self.world.act, self.above[unit], unit, "commitments", body)

    def pass_on(self, unit: str, plan: PlanView) -> None:
        """Pass a promise on to the children."""
        one = self.chance.choice(plan.commitments)
        change = one.to - one.from_
        part = self.chance.randrange(min(0, change), max(0, change) + 1)
        shares = [{"unit": self.first, "amount": part}, {"unit": "B", "amount": change - part}]
        body = {"allocations": shares, "reserve": 0}
        self.do("distribute", self.world.act, self.own[unit], unit, "distribute", body, one.id)

    def waive(self, unit: str, plan: PlanView) -> None:
        """Take a promise back."""
        one = self.chance.choice(plan.commitments)
        body = {"reason": "资金未落实"}
        self.do("waive", self.world.act, self.above[unit], unit, "waive", body, one.id)

    def choose_headline(self, unit: str, plan: PlanView) -> None:
        """Let another number stand."""
        one = self.chance.choice(plan.numbers)
        choice = {one.indicator: {"round": one.round, "basis": one.basis}}
        body = {"choices": choice, "reason": "以二上为准"}
        self.do("headline", self.world.act, self.above[unit], unit, "headline", body)

    def figures(self, unit: str) -> dict[str, int]:
        """Any figures that a unit may have."""
        made = {"persons": self.chance.randrange(200), "villages": self.chance.randrange(20)}
        return made | ({"county_exit": self.chance.randrange(2)} if unit == self.first else {})

    # Up

    def up(self, name: str) -> None:
        """An up round: until the city is accepted."""
        for unit in self.until(lambda: self.stage("C") == "accepted"):
            stage = self.stage(unit)
            if stage == "submitted":
                self.accept(unit)
            elif stage in ("drafting", "returned") and unit == "C":
                self.report(unit, self.sums(name), also=self.further(name))
            elif stage in ("drafting", "returned"):
                kept = self.reported(unit) if stage == "returned" else {}
                figures = self.figures(unit)
                self.report(unit, {**figures, **kept, "persons": figures["persons"]})

    def reported(self, unit: str) -> dict[str, int]:
        """What a unit reported last, were it withdrawn since."""
        sent = [one for one in self.world.history(unit) if one.kind == "submitted"]
        return dict(sent[-1].parts["figures"]["task"])

    def until(self, done: Callable[[], bool]) -> Iterator[str]:
        """Units in turn, with detours between, until something is so."""
        for _ in range(400):
            if done():
                return
            yield self.chance.choice(sorted(self.own))
            self.wander()
        raise AssertionError(f"the walk got nowhere: {self.tried}")

    def report(self, unit: str, figures: dict[str, int], **more: Any) -> None:
        """Draft and submit, now and then with a stretch target and a reconciling item."""
        body: dict[str, Any] = {"figures": dict(figures), **more}
        if unit != "C" and self.chance.random() < 0.3:
            body["also"] = {"stretch": {"persons": self.chance.randrange(300)}}
        if unit == "C" and self.chance.random() < 0.3:
            item = {"indicator": "persons", "amount": 3, "reason_code": CHANGE, "text": "迁入"}
            body["figures"]["persons"] = body["figures"].get("persons", 0) + 3
            body["reconciling"] = [item]
        self.do("draft", self.world.act, self.own[unit], unit, "draft", body)
        self.do("submit", self.world.act, self.own[unit], unit, "submit", {"note": "上报"})

    def accept(self, unit: str) -> None:
        """Accept as reported, or with a settled number."""
        body: dict[str, Any] = {}
        if self.chance.random() < 0.3:
            body = {
                "figures": {"persons": self.chance.randrange(200)},
                "reasons": {"persons": REASON},
            }
        self.do("accept", self.world.act, self.above[unit], unit, "accept", body)

    def sums(self, name: str) -> dict[str, int]:
        """What the city's children add up to."""
        found: Counter[str] = Counter()
        for unit in (self.first, "B"):
            found.update(self.plan(unit).figures.get(name, {}))
        return dict(found)

    def further(self, name: str) -> dict[str, dict[str, int]]:
        """What the stretch targets of the city's children add up to, if any has one."""
        found = [
            one.value
            for unit in (self.first, "B")
            for one in self.plan(unit).numbers
            if one.round == name and one.basis == "stretch"
        ]
        return {"stretch": {"persons": sum(found)}} if found else {}

    # Down

    def down(self, name: str) -> None:
        """A down round: until everybody below has signed."""
        done = {"R": "distributed", "C": "distributed"}
        done |= {self.first: "acknowledged", "B": "acknowledged"}
        for unit in self.until(lambda: all(self.stage(u) == s for u, s in done.items())):
            stage = self.stage(unit)
            if stage == "issued":
                self.do("acknowledge", self.world.act, self.own[unit], unit, "acknowledge")
            elif (unit, stage) in (("R", "awaiting"), ("C", "acknowledged")):
                more = {"reason": "随上级更正", "document_no": "柳扶〔2019〕9号"}
                if not self.do("issue", self.issue, unit, **more):
                    self.settle_all(
                        fulfil=0
                    )  # a promise that amends what is issued stands in the way

    def issue(self, unit: str, **more: Any) -> None:
        """Issue with an exact split, a reserve and a stretch target now and then."""
        if unit == "R":
            also = {"stretch": {"persons": 90}} if self.chance.random() < 0.5 else {}
            self.send("R", [("C", self.figures(self.first), also)], **more)
            return
        plan = self.plan("C")
        own = plan.figures.get(str(plan.round), {})
        first = {name: self.chance.randrange(value + 1) for name, value in own.items()}
        first["county_exit"] = own.get("county_exit", 0)
        rest = {name: value - first[name] for name, value in own.items()}
        if self.chance.random() < 0.3 and rest.get("persons"):
            more["reserve"] = {"persons": self.chance.randrange(rest["persons"] + 1)}
            rest["persons"] -= more["reserve"]["persons"]
        was = [one for one in plan.numbers if (one.round, one.basis) == (plan.round, "stretch")]
        halves: list[dict[str, dict[str, int]]] = [{}, {}]
        if any(one.side == "issued" for one in was):
            part = self.chance.randrange(91)
            halves = [{"stretch": {"persons": one}} for one in (part, 90 - part)]
        self.send("C", [(self.first, first, halves[0]), ("B", rest, halves[1])], **more)

    def send(self, unit: str, shares: list[tuple[str, Any, Any]], **more: Any) -> None:
        """Issue, with a reason for every figure."""
        allocations = [
            {"unit": to, "figures": own, "also": also, "reasons": dict.fromkeys(own, REASON)}
            for to, own, also in shares
        ]
        self.world.act(self.own[unit], unit, "issue", {"allocations": allocations, **more})

    # Adjust

    def adjust(self) -> None:
        """The adjust round: promises settled, and then small changes up to the city."""
        self.wander()
        self.settle_all(fulfil=0.7)
        for unit in self.until(lambda: self.stage("C") == "accepted"):
            stage = self.stage(unit)
            if stage == "submitted":
                self.do("accept", self.world.act, self.above[unit], unit, "accept")
            elif stage in ("drafting", "returned") and unit == "C":
                self.report_sum()
            elif stage in ("drafting", "returned"):
                base = self.plan(unit).figures["adjust"]
                changed = {"persons": max(0, base["persons"] + self.chance.randrange(-2, 3))}
                self.do("draft", self.change, unit, changed)
                self.do("submit", self.world.act, self.own[unit], unit, "submit")

    def change(self, unit: str, figures: dict[str, int], *items: dict[str, Any]) -> None:
        """A working copy of changed figures, with the reason for each."""
        reasons = dict.fromkeys(figures, CHANGE)
        body = {"figures": figures, "reasons": reasons, "reconciling": items}
        self.world.act(self.own[unit], unit, "draft", body)

    def settle_all(self, fulfil: float) -> None:
        """Fulfil or waive every open promise."""
        for unit in ("C", self.first, "B"):
            for one in self.plan(unit).commitments:
                if one.status != "open" or one.part_of:
                    continue
                if fulfil and unit == "C" and not one.passed_on:
                    self.pass_on("C", self.plan("C"))
                self.settle(unit, one.id, fulfil)

    def settle(self, unit: str, promise: str, fulfil: float) -> None:
        """Fulfil or waive a promise."""
        if self.chance.random() < fulfil:
            who = self.above[unit]
            if self.do("fulfil", self.world.act, who, unit, "fulfil", None, promise):
                return
        body = {"reason": "资金未落实"}
        self.do("waive", self.world.act, self.above[unit], unit, "waive", body, promise)

    def report_sum(self) -> None:
        """The city's own change: what its children and its reserve add up to, as the refusal tells.

        What the bound forbids is not changed, and a reconciling item says why it does not add up.
        """
        figures = dict(self.plan("C").figures["adjust"])
        items: list[dict[str, Any]] = []
        for _ in range(3):
            self.do("draft", self.change, "C", figures, *items)
            try:
                self.world.act("city", "C", "submit")
            except Refusal as refusal:
                self.note("submit", refusal)
                for one in refusal.findings:
                    name, got = one.params.get("indicator"), one.params.get("got")
                    if one.code == "sums_exact":
                        figures[str(name)] = one.params["expected"]
                    elif one.code == "bounded":
                        figures[str(name)] = one.params["expected"]
                        amount = one.params["expected"] - int(str(got))
                        items.append(
                            {
                                "indicator": name,
                                "amount": amount,
                                "reason_code": CHANGE,
                                "text": "幅度所限",
                            }
                        )
            else:
                self.tried["submit"] += 1
                return
