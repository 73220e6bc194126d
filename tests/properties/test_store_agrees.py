"""The same commands to the engine in memory and to the services on a database: the same answers.

The store finds neighbours, unfinished units, open promises and working copies by SQL; the board finds
them by looking. Random play tells both every command: outcome, codes, states, figures, promises and
actions must be the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from planflow.access.table import ACTS
from planflow.engine import numbers
from planflow.errors import Refusal
from tests.board import Board, Line
from tests.properties import moves
from tests.world import World

TREE: tuple[Line, ...] = (
    ("R", "region", "", "", False),
    ("C", "city", "R", "", False),
    ("A", "county", "C", "poor_county", False),
    ("A1", "township", "A", "", False),
    ("A2", "township", "A", "", False),
    ("B", "county", "C", "", False),
    ("Z", "county", "C", "", True),
)
TOWNSHIPS = "code,name,level,parent\nA1,东乡,township,A\nA2,西乡,township,A\n"
# who of the board is who of the world
PEOPLE = {"R": "region", "C": "city", "A": "county", "c": "clerk", "a": "a", "b": "b"}
PEOPLE |= {"a1": "a1", "a2": "a2", "auditor": "auditor"}


@dataclass
class Mirrored(Board):
    """A board that tells a world everything too."""

    world: World | None = None
    ids: dict[str, str] = field(default_factory=dict)  # promises: the board's id to the world's
    taken: int = 0
    refused: int = 0

    def act(
        self,
        who: str,
        code: str,
        action: str,
        body: Mapping[str, Any] | None = None,
        promise: str = "",
    ) -> None:
        """Carry out an act here and there. Raises `Refusal`."""
        world, there = self.world, self.ids.get(promise, promise)
        assert world is not None
        person = PEOPLE.get(who) or PEOPLE[who.lower()]  # leaves have planners only
        self._both(
            f"{who} {action} {code}",
            lambda: super(Mirrored, self).act(who, code, action, body, promise),
            lambda: world.act(person, code, action, dict(body or {}), there),
        )
        for one in {code, *self.children(code)}:
            self._name(one)
            self._compare(one)

    def open(self, name: str) -> None:
        """Open a round here and there."""
        world = self.world
        assert world is not None
        self._both(
            f"open {name}", lambda: super(Mirrored, self).open(name), lambda: world.open(name)
        )

    def close(self, name: str) -> None:
        """Close a round here and there."""
        world = self.world
        assert world is not None
        self._both(
            f"close {name}", lambda: super(Mirrored, self).close(name), lambda: world.close(name)
        )

    def _both(self, told: str, here: Any, there: Any) -> None:
        mine, theirs = self._try(here), self._try(there)
        assert _said(mine) == _said(theirs), told
        if mine is not None:
            self.refused += 1
            raise mine
        self.taken += 1

    @staticmethod
    def _try(act: Any) -> Refusal | None:
        try:
            act()
        except Refusal as refusal:
            return refusal
        return None

    def _name(self, code: str) -> None:
        assert self.world is not None
        there = self.world.plan("region", code).commitments
        for mine, theirs in zip(self.plan(code).promises, there, strict=True):
            self.ids.setdefault(mine.id, theirs.id)

    def _compare(self, code: str) -> None:
        assert self.world is not None
        who = PEOPLE.get(code, PEOPLE.get(code.lower(), "region"))
        view, plan = self.world.plan(who, code), self.plan(code)
        assert view.state == self.state(code)
        for name, figures in view.figures.items():
            assert figures == numbers.in_force(self.negotiation.protocol, plan, name)
        promised = [(p.indicator, p.from_, p.to, p.status, p.reserve) for p in plan.promises]
        assert promised == [
            (p.indicator, p.from_, p.to, p.status, p.reserve) for p in view.commitments
        ]
        me = next(one for one, person in PEOPLE.items() if person == who)
        for action in view.actions:
            blocked = self.blocked(me, code, action.name)
            names = [guard.name for guard in action.guards[:1]]
            assert names == ([blocked.code] if blocked else []), (code, action)


def _said(refusal: Refusal | None) -> Any:
    if refusal is None:
        return None
    found = sorted((one.code, one.where, str(one.params.get("unit"))) for one in refusal.findings)
    # a commitment has another id on either side
    params = {} if refusal.code == "not_found" else dict(refusal.params)
    return refusal.code, params, found


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_database_answers_as_the_engine_in_memory(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.units(TOWNSHIPS)
    for name, role, unit in (
        ("county", "admin", "A"),
        ("a1", "planner", "A1"),
        ("a2", "planner", "A2"),
    ):
        world.user(name, role, unit)
    world.cycle(leaf_level="township")
    board = Mirrored.over("exit-plan", TREE)
    assert isinstance(board, Mirrored)
    board.world = world
    rng = Random(20190712)
    for one in board.negotiation.protocol.rounds:
        with contextlib.suppress(Refusal):
            board.close(one.name)
        board.open(one.name)
        for _ in range(14):
            something(board, rng)
            with contextlib.suppress(Refusal):
                if rng.random() < 0.1:
                    board.close(board.round)
            if not board.round:
                break
        if board.round:
            moves.finish(board, rng)
    assert world.get().settled
    with capsys.disabled():
        print(f"\n{board.taken} commands taken and {board.refused} refused on both sides")
    assert board.taken >= 60
    assert board.refused >= 15


def something(board: Mirrored, rng: Random) -> None:
    """A command that may be right, by somebody who may be the one to give it."""
    pairs = [(code, action) for code in board.nodes for action in ACTS]
    rng.shuffle(pairs)
    for code, action in pairs:
        parent = board.parent(code)
        place = code if ACTS[action][0] == "own" or parent is None else parent
        who = next((one for one in (place, place.lower()) if one in PEOPLE), "auditor")
        if board.blocked(who, code, action) is not None and rng.random() < 0.97:
            continue
        wrong = rng.random() < 0.3
        make = moves.spoilt if wrong else moves.one
        promise, body = make(board, code, action, rng)
        with contextlib.suppress(Refusal):
            board.act(who, code, action, body, promise)
        return
