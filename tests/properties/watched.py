"""A board that tells every command to the oracle as well, and sees to it that the two agree."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from planflow.access.scope import Standing
from planflow.domain.events import Event
from planflow.engine import numbers
from planflow.engine.state import PlanState
from planflow.errors import Refusal
from tests.board import Board, Line
from tests.properties import invariants
from tests.properties.oracle import No, Oracle

Cell = tuple[str, str, str]  # protocol, action, kind of round and stage
Told = tuple[Any, ...]
TAKEN = "taken"


@dataclass
class Seen:
    """What was done where, and how it was answered."""

    answers: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    tried: Counter[Cell] = field(default_factory=Counter)
    taken: Counter[Cell] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    spoilt: Counter[Cell] = field(default_factory=Counter)

    def count(self, cell: Cell, answer: str) -> None:
        """One more command, taken or refused by a code."""
        self.answers[*cell, answer] += 1
        self.tried[cell] += 1
        if answer == TAKEN:
            self.taken[cell] += 1

    @property
    def steps(self) -> int:
        """All commands."""
        return self.answers.total()

    @property
    def share(self) -> float:
        """How many of them were taken."""
        return sum(self.taken.values()) / max(1, self.steps)

    def table(self) -> str:
        """A histogram to print: action, stage and protocol, then taken and refused by code."""
        lines = []
        for (protocol, action, place), count in sorted(self.tried.items()):
            told = sorted(
                (answer, n)
                for (*cell, answer), n in self.answers.items()
                if cell == [protocol, action, place] and answer != TAKEN
            )
            refused = ", ".join(f"{answer} {n:,}" for answer, n in told)
            taken = self.taken[protocol, action, place]
            lines.append(f"{protocol:18} {action:12} {place:19} {count:6,} {taken:6,}  {refused}")
        head = (
            f"{'protocol':18} {'action':12} {'stage':19} {'tried':>6} {'taken':>6}  refused by code"
        )
        return "\n".join([head, *lines])


@dataclass
class Watched(Board):
    """What is taken here, the oracle takes; what is refused here, it refuses, and nothing changed."""

    lending: ClassVar[bool] = True  # whether some act in the place of others
    oracle: Oracle | None = None
    seen: Seen = field(default_factory=Seen)
    label: str = ""
    counting: bool = True
    story: list[Told] = field(default_factory=list)
    put: list[tuple[str, str, dict[str, int]]] = field(default_factory=list)

    @classmethod
    def begin(cls, text: str, tree: tuple[Line, ...], label: str, seen: Seen) -> Self:
        """A new cycle with its oracle."""
        board = cls.over(text, tree)
        for code, node in board.nodes.items():  # a deputy, where the work of two is asked for
            board.grants[f"{code}2"] = [Standing(f"deputy@{code}", "admin", node.path)]
            lent = Standing(f"lent@{code}", "admin", node.path, (code,))  # and one in its place
            if cls.lending:
                board.grants[f"{code}3"] = [lent]
        people = {
            who: [(one.role, one.path.rpartition("/")[2]) for one in standings]
            for who, standings in board.grants.items()
        }
        board.oracle = Oracle(text, tree, people, board.now)
        board.oracle.lent = {
            who: {name for one in standings for name in one.delegators}
            for who, standings in board.grants.items()
        }
        board.label, board.seen = label, seen
        board.story.append((text, tree))
        return board

    def tick(self, span: dt.timedelta) -> None:
        """Let time pass here and there."""
        super().tick(span)
        assert self.oracle is not None
        self.oracle.now = self.now
        self.story.append(("tick", span))
        self.check()

    def act(
        self,
        who: str,
        code: str,
        action: str,
        body: Mapping[str, Any] | None = None,
        promise: str = "",
    ) -> None:
        """Carry out an act here and there. Raises `Refusal`."""
        told = (who, code, action, dict(body or {}), promise)
        self._both(
            told,
            (self.label, action, self.place(code)),
            lambda: super(Watched, self).act(who, code, action, body, promise),
            lambda oracle: oracle.act(*told),
        )

    def open(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Open a round here and there."""
        self._both(
            ("open", name, dict(body or {})),
            (self.label, "open", self.kind or "between"),
            lambda: super(Watched, self).open(name, body),
            lambda oracle: oracle.open(name, body or {}),
        )

    def close(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Close a round here and there."""
        self._both(
            ("close", name, dict(body or {})),
            (self.label, "close", self.kind or "between"),
            lambda: super(Watched, self).close(name, body),
            lambda oracle: oracle.close(name, body or {}),
        )

    def _both(
        self, told: Told, cell: Cell, here: Callable[[], None], there: Callable[[Oracle], None]
    ) -> None:
        self.story.append(told)
        try:
            refusal = self._compared(here, there)
        except AssertionError as error:
            told_all = json.dumps(self.story, ensure_ascii=False, default=str)
            error.add_note(f"protocol, tree and commands, to play it again: {told_all}")
            raise
        if self.counting:
            self.seen.count(cell, TAKEN if refusal is None else _code(refusal))
            self.seen.refused.update({one.code for one in refusal.findings} if refusal else ())
        if refusal is not None:
            raise refusal

    def _compared(
        self, here: Callable[[], None], there: Callable[[Oracle], None]
    ) -> Refusal | None:
        told, before, refusal = self.story[-1], self.frozen(), None
        plans, states = dict(self.plans), {code: self.state(code) for code in self.nodes}
        try:
            here()
        except Refusal as error:
            refusal = error
        answer = self._ask(there)
        codes = [refusal.code, *(f.code for f in refusal.findings)] if refusal else [TAKEN]
        assert answer == (refusal is None), f"{told} in {self.round}: here {codes}, there {answer}"
        if refusal is not None:
            assert self.frozen() == before, f"{told} was refused, and changed something"
            return refusal
        self._name_them()
        self.check()
        self._nothing_lost(told, plans)
        for name, how in self.cycle.rounds.items():
            if how == "closed" and (told[0] == "close" or told[2] == "approve"):
                invariants.sums_of(self, name)
        for code, state in states.items():
            invariants.legal_move(self, code, state, self.state(code))
        return None

    def _ask(self, there: Callable[[Oracle], None]) -> bool:
        assert self.oracle is not None
        try:
            there(self.oracle)
        except No:
            return False
        return True

    def _name_them(self) -> None:
        """Tell the oracle the ids that the engine gave to promises and corrections."""
        oracle = self.oracle
        assert oracle is not None
        for code, plan in self.plans.items():
            named = (
                ([one.id for one in plan.promises], oracle.promises),
                ([one.id for one in plan.corrections], oracle.proposals),
                ([one.id for one in plan.papers], oracle.papers),
            )
            for ours, all_theirs in named:
                theirs = [one for one in all_theirs if one["unit"] == code]
                for mine, there in zip(ours, theirs, strict=True):
                    there["id"] = there["id"] or mine

    def check(self) -> None:
        """Both know the same numbers of every unit in every round, the same stages and promises."""
        oracle = self.oracle
        assert oracle is not None
        protocol = self.negotiation.protocol
        for code in self.nodes:
            plan, state = self.scene(code).own.plan, self.state(code)
            assert state == oracle.state(code), f"{code}: here {state}, there {oracle.state(code)}"
            for one in protocol.rounds:
                ours = numbers.in_force(protocol, plan, one.name)
                theirs = oracle.number(code, one.name)
                assert ours == theirs, f"{code} in {one.name}: here {ours}, there {theirs}"
            promised = [(p.indicator, p.from_, p.to, p.status, p.reserve) for p in plan.promises]
            theirs_too = [one for one in oracle.promises if one["unit"] == code]
            words = ("indicator", "from", "to", "status", "held")
            assert promised == [tuple(one[word] for word in words) for one in theirs_too]
            waits = [(c.status, c.round, c.top) for c in plan.corrections]
            asked = [one for one in oracle.proposals if one["unit"] == code]
            assert waits == [(one["status"], one["round"], one["top"]) for one in asked], code
            if code == oracle.root:
                told = [(one.round, one.act, one.status) for one in plan.papers]
                papers = [(one["round"], one["act"], one["status"]) for one in oracle.papers]
                assert told == papers, f"papers: here {told}, there {papers}"
            held = {one.name: plan.record(one.name).split for one in protocol.rounds}
            for name, split in held.items():
                ours = split.held if split else {}
                assert ours == oracle.reserve.get((code, name), {}), f"{code} holds back in {name}"

    def _nothing_lost(self, told: Told, before: Mapping[str, PlanState]) -> None:
        """Who changed is what the events tell; every number put so far is still among them (N13)."""
        for code, plan in self.plans.items():
            if plan is not before.get(code) and plan.position % 3 == 0:  # the rest at the end
                assert self.replayed(code) == plan, f"{code} is not what its events tell"
        if len(told) == 5:
            self.put += invariants.put_by(self, *told)
        changed = {code for code, plan in self.plans.items() if plan is not before.get(code)}
        self.still_there(changed)

    def still_there(self, codes: Iterable[str]) -> None:
        """Every number that was ever put about these units stands in their logs."""
        for code in codes:
            said = invariants.said_in(self.log[code])
            for unit, round_name, figures in self.put:
                if unit == code:
                    for pair in figures.items():
                        assert (round_name, *pair) in said, f"{code} in {round_name} lost {pair}"


def _code(refusal: Refusal) -> str:
    return refusal.findings[0].code if refusal.findings else refusal.code


__all__ = ["TAKEN", "Event", "Seen", "Watched"]
