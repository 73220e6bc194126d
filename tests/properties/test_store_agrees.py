"""The same commands to the engine in memory and to the services on a database: the same answers.

The store finds neighbours, unfinished and silent units, open promises and working copies by SQL; the
board finds them by looking. Random play tells both every command, and the oracle too: outcome, codes,
states, figures, promises and actions must be the same. In the end the stored history is whole: the
chain of every stream verifies, and what is stored is what its events tell (N13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from planflow.domain.calendar import Calendar
from planflow.engine import numbers
from planflow.errors import Refusal
from planflow.services import people
from planflow.services.site import open_site
from tests.contract.audit import audit
from tests.databases import Databases, settings
from tests.properties.corners import GENERATED, Aim, protocols
from tests.properties.steering import Walk
from tests.properties.watched import Watched
from tests.world import PASSWORD, World

STEPS = 9  # in each round, and between rounds


@dataclass
class Mirrored(Watched):
    """A board that tells a world everything too. Whoever is `x` here is `x` there."""

    lending: ClassVar[bool] = False  # a site keeps delegations with their ends: they have own tests
    world: World | None = None
    ids: dict[str, str] = field(default_factory=dict)  # promises: the board's id to the world's
    answers: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

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
        around = {code, *self.children(code)}
        self._mirror(
            lambda: super(Mirrored, self).act(who, code, action, body, promise),
            lambda: world.act(who, code, action, dict(body or {}), there),
        )
        for one in sorted(around):
            self._name(one)
            self._look(one)

    def open(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Open a round here and there."""
        world = self.world
        assert world is not None
        self._mirror(
            lambda: super(Mirrored, self).open(name, body), lambda: world.open(name, body=body)
        )

    def close(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Close a round here and there."""
        world = self.world
        assert world is not None
        self._mirror(
            lambda: super(Mirrored, self).close(name, body), lambda: world.close(name, body=body)
        )

    def _mirror(self, here: Callable[[], object], there: Callable[[], object]) -> None:
        mine, theirs = self._try(here), self._try(there)
        unseen = mine and theirs and (mine.code, theirs.code) == ("forbidden", "not_found")
        assert unseen or _said(mine) == _said(theirs), self.story[-1]
        self.answers[mine is None] += 1
        if mine is not None:
            raise mine

    @staticmethod
    def _try(act: Callable[[], object]) -> Refusal | None:
        try:
            act()
        except Refusal as refusal:
            return refusal
        return None

    def _name(self, code: str) -> None:
        assert self.world is not None
        there, here = self.world.plan(code, code), self.plan(code)
        named = (
            ([one.id for one in here.promises], [one.id for one in there.commitments]),
            ([one.id for one in here.corrections], [one.id for one in there.corrections]),
            ([one.id for one in here.papers], [one.id for one in there.papers]),
        )
        for mine, theirs in named:
            self.ids.update(zip(mine, theirs, strict=True))

    def _look(self, code: str) -> None:
        assert self.world is not None
        view, plan = self.world.plan(code, code), self.scene(code).own.plan
        assert view.state == self.state(code)
        for name, figures in view.figures.items():
            assert figures == numbers.in_force(self.negotiation.protocol, plan, name)
        promised = [(p.indicator, p.from_, p.to, p.status, p.reserve) for p in plan.promises]
        assert promised == [
            (p.indicator, p.from_, p.to, p.status, p.reserve) for p in view.commitments
        ]
        for action in view.actions:
            blocked = self.blocked(code, code, action.name)
            names = [guard.name for guard in action.guards[:1]]
            assert names == ([blocked.code] if blocked else []), (code, action)


def _said(refusal: Refusal | None) -> Any:
    if refusal is None:
        return None
    found = sorted((one.code, one.where, str(one.params.get("unit"))) for one in refusal.findings)
    # a commitment has another id on either side
    params = {} if refusal.code == "not_found" else dict(refusal.params)
    return refusal.code, params, found


def settled_world(board: Mirrored, text: str, databases: Databases) -> World:
    """The board's tree and people in a site of its own, on the board's clock."""
    site = open_site(settings(databases.migrated()))
    name = board.negotiation.protocol.name
    shelf = {**site.protocols, name: text}
    site = replace(site, clock=lambda: board.now, calendar=Calendar(), protocols=shelf)
    world = World(site)
    rows = ["code,name,level,parent,attributes"]
    for one in board.nodes.values():
        parent = one.ancestors[0] if one.ancestors else ""
        rows.append(f"{one.code},{one.code},{one.level},{parent},{';'.join(one.attributes)}")
    world.units("\n".join(rows))
    for who, standings in board.grants.items():
        for grant in standings:
            unit = grant.path.rpartition("/")[2] or None
            people.add_user(site, who, PASSWORD, grant.role, unit)
        world.enter(who, grant.role, unit, people.shell_token(site, who).access_token)
    root, *_ = board.nodes
    idle = [{"unit": one.code, "reason": "无任务"} for one in board.nodes.values() if one.no_task]
    leaf = board.negotiation.protocol.levels[-1].name
    world.cycle("c1", who=root, protocol=name, root=root, leaf_level=leaf, no_task=idle)
    return world


def play(label: str, seed: int, databases: Databases) -> Mirrored:
    """A whole cycle, told to all three."""
    walk = Walk.begin(label, seed, Aim(goal=1), Mirrored)
    board = walk.board
    assert isinstance(board, Mirrored)
    board.world = settled_world(board, walk.text, databases)
    while not walk.over:
        for _ in range(STEPS if board.round else 2):
            walk.step()
        walk.turn_over()
    assert not walk.stuck
    audit(board.world.site)
    board.world.site.close()
    return board


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize("label", [*protocols(), GENERATED])
def test_a_database_answers_as_the_engine_in_memory(
    label: str, databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    board = play(label, 20190712, databases)
    taken, refused = board.answers[True], board.answers[False]
    with capsys.disabled():
        print(f"\n{label}: {taken} commands taken and {refused} refused, on all sides alike")
    assert taken >= 20
    assert refused >= 10
