"""A board that tells every command to the oracle as well, and sees to it that the two agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from planflow.engine import numbers
from planflow.engine.machine import SETTLED, WAITING
from planflow.errors import Refusal
from tests.board import Board
from tests.properties.oracle import No, Oracle

Histogram = Counter[tuple[str, str, str]]  # action, kind of round and stage, outcome


@dataclass
class Watched(Board):
    """What is taken here, the oracle takes; what is refused here, it refuses, and nothing changed."""

    oracle: Oracle | None = None
    seen: Histogram = field(default_factory=Counter)

    def act(
        self,
        who: str,
        code: str,
        action: str,
        body: Mapping[str, Any] | None = None,
        promise: str = "",
    ) -> None:
        """Carry out an act here and there. Raises `Refusal`."""
        place, told = self.place(code), (who, code, action, dict(body or {}), promise)
        self._both(told, lambda: super(Watched, self).act(who, code, action, body, promise))
        self.seen[action, place, "accepted"] += 1

    def open(self, name: str) -> None:
        """Open a round here and there."""
        self._both(("open", name), lambda: super(Watched, self).open(name))

    def close(self, name: str) -> None:
        """Close a round here and there."""
        self._both(("close", name), lambda: super(Watched, self).close(name))

    def _both(self, told: tuple[Any, ...], here: Any) -> None:
        before, place = self.frozen(), self._place(told)
        refusal: Refusal | None = None
        try:
            here()
        except Refusal as error:
            refusal = error
        answer = self._ask(told)
        codes = [refusal.code, *(f.code for f in refusal.findings)] if refusal else ["taken"]
        assert answer == (refusal is None), f"{told} in {self.round}: here {codes}, there {answer}"
        if refusal is not None:
            assert self.frozen() == before, f"{told} was refused, and changed something"
            self.seen[*place, codes[-1] if len(codes) > 1 else codes[0]] += 1
            raise refusal
        self._name_promises()
        self.check()

    def _place(self, told: tuple[Any, ...]) -> tuple[str, str]:
        return (told[2], self.place(told[1])) if len(told) > 2 else (told[0], "round")

    def _ask(self, told: tuple[Any, ...]) -> bool:
        assert self.oracle is not None
        try:
            if len(told) == 2:
                getattr(self.oracle, told[0])(told[1])
            else:
                who, code, action, body, promise = told
                self.oracle.act(who, code, action, body, promise)
        except No:
            return False
        return True

    def _name_promises(self) -> None:
        """Tell the oracle the ids that the engine gave to promises it made."""
        assert self.oracle is not None
        for code, plan in self.plans.items():
            theirs = [one for one in self.oracle.promises if one["unit"] == code]
            for mine, there in zip(plan.promises, theirs, strict=True):
                there["id"] = there["id"] or mine.id

    def check(self) -> None:
        """Both know the same numbers of every unit in every round, the same stages and promises."""
        assert self.oracle is not None
        protocol = self.negotiation.protocol
        legal = {WAITING, SETTLED, *(edge.target for edge in self.negotiation.edges)}
        for code in self.oracle.units:
            plan, state = self.plan(code), self.state(code)
            for one in protocol.rounds:
                ours = numbers.in_force(protocol, plan, one.name)
                theirs = self.oracle.number(code, one.name)
                assert ours == theirs, f"{code} in {one.name}: here {ours}, there {theirs}"
            assert state in legal
            if self.round:
                assert state == f"{self.round}.{self.oracle.stage[code, self.round]}", code
            promised = [(p.indicator, p.from_, p.to, p.status) for p in plan.promises]
            theirs_too = [one for one in self.oracle.promises if one["unit"] == code]
            words = ("indicator", "from", "to", "status")
            assert promised == [tuple(one[word] for word in words) for one in theirs_too]


def table_of(seen: Histogram) -> str:
    """A histogram as lines to print."""
    lines = [f"{n:7,}  {action:12} {place:18} {how}" for (action, place, how), n in seen.items()]
    return "\n".join(sorted(lines, key=lambda line: line[9:]))
