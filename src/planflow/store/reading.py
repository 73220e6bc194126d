"""Cycles, plans and scenes as they stand, locked where a command will rest on them (F6, N18).

Order of locks, the same for every command: the cycle, then plans by path, so ancestors come first.
A child's act locks its parent's plan (shared), every act its cycle's row (shared); therefore an act
that holds its own plan exclusively may read its children without locking them.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson
from sqlalchemy import select

from planflow.access.scope import Scope
from planflow.domain.units import UnitNode
from planflow.engine import silence
from planflow.engine.scene import Ground, Scene, Seat, answered_round
from planflow.store import trees
from planflow.store.grounds import Named, reaches
from planflow.store.opening import Opened
from planflow.store.seats import CycleHead, Lock, PlanHead, seats_of
from planflow.store.tables import (
    CommitmentRow,
    EventPartRow,
    table,
)
from planflow.store.transaction import Database, Tx
from planflow.store.trees import Tree

COMMITMENTS, PARTS = table(CommitmentRow), table(EventPartRow)
Clock = Callable[[], dt.datetime]
_IN_AT_MOST = 500
_ACTS_ON_CHILDREN = ("issue", "confirm", "distribute")
ON_CORRECTIONS = ("corrections", "approve", "reject")
_ACTS_ON_PARTS = ("fulfil", "waive")
LOCKING_MORE = (*_ACTS_ON_CHILDREN, *_ACTS_ON_PARTS)  # than their own plan and the one above it


@dataclass(frozen=True, slots=True)
class Stage:
    """A scene with the heads of the plans in it, by unit code."""

    scene: Scene
    cycle: CycleHead
    heads: dict[str, PlanHead]

    def seats(self) -> dict[str, Seat]:
        """All seats of the scene by unit code."""
        scene = self.scene
        around = (*scene.children, *scene.descendants, *((scene.parent,) if scene.parent else ()))
        if scene.ground:
            around = (*scene.ground.seats.values(), *around)
        return {seat.unit.code: seat for seat in (*around, scene.own)}

    def after(self, seats: dict[str, Seat], heads: dict[str, PlanHead]) -> "Stage":
        """The same scene once some of its plans have moved on."""
        scene = replace(
            self.scene,
            own=seats[self.scene.own.unit.code],
            parent=seats[self.scene.parent.unit.code] if self.scene.parent else None,
            children=tuple(seats[one.unit.code] for one in self.scene.children),
            descendants=tuple(seats[one.unit.code] for one in self.scene.descendants),
        )
        if scene.ground:
            moved = {code: seats[code] for code in scene.ground.seats}
            scene = replace(scene, ground=replace(scene.ground, seats=moved))
        return Stage(silence.seen(scene), self.cycle, heads)


def stage(
    database: Database,
    tx: Tx,
    head: CycleHead,
    unit: UnitNode,
    parent: UnitNode | None,
    action: str = "",
    named: Named | None = None,
    *,
    clock: Clock,
    opened: Opened | None = None,
    sees: Scope | None = None,
) -> Stage:
    """What an action on a unit's plan may look at; locked for a writing action.

    `action` names what will be done; empty for reading, which shows everything and locks nothing.
    `named` is what a correction names: all it reaches is locked, and before anything below it (N18).
    `opened` is the plan and the one above it, if they were read already. `sees` is the actor's scope:
    of a correction that reaches beyond it no more is locked than lies in it or above it.
    The clock is asked once all locks are held: at that instant the act is judged and recorded (N9).
    """
    writing = bool(action)
    if action in ON_CORRECTIONS:
        _hold(database, tx, head, unit, parent, named, sees)
    heads = dict(opened.heads) if opened else {}
    if opened:
        seats = opened.seats
    else:
        lock: Lock = "share" if writing else "none"
        seats = seats_of(tx, head, [parent] if parent else [], lock, heads, around=True)
        seats |= seats_of(tx, head, [unit], "update" if writing else "none", heads)
    own = seats[unit.code]
    nodes = trees.below(database, tx, head.tree, [unit], head.taking_now)[unit.code]
    children = seats_of(tx, head, nodes, "update" if action in _ACTS_ON_CHILDREN else "none", heads)
    parts: dict[str, Seat] = {}
    if own.plan.promises:
        holders = holders_of_parts(database, tx, head.tree, [own])[unit.code]
        parts = seats_of(tx, head, holders, "update" if action in _ACTS_ON_PARTS else "none", heads)
    scene = Scene(
        head.negotiation,
        head.state,
        own,
        seats[parent.code] if parent else None,
        tuple(children.values()),
        tuple(parts.values()),
        _issued(database, tx, head, own, seats),
        clock(),
        _grounds(database, tx, head, [own], heads, named)[unit.code],
        _said(tx, own) if action == "confirm" else {},
    )
    return Stage(silence.seen(scene), head, heads)


def _hold(
    database: Database,
    tx: Tx,
    head: CycleHead,
    unit: UnitNode,
    parent: UnitNode | None,
    named: Named | None,
    sees: Scope | None,
) -> None:
    """Lock all that a correction reaches in one statement, ancestors first.

    Who does not see all of it does not decide on it either: they are refused whatever stands there.
    """
    named = named or _proposed(seats_of(tx, head, [unit], "none", {})[unit.code])
    asked = {unit.code: named} if named else {}
    found = reaches(database, tx, head.tree, head.negotiation, asked)
    held = {one.code: one for reach in found.values() for one in reach.units}
    held |= {one.code: one for one in (parent, unit) if one is not None}
    reached = [one for one in held.values() if sees is None or sees.along(one.path)]
    reached.sort(key=lambda one: one.path)
    seats_of(tx, head, reached, "update", {}, around=True)


def _grounds(
    database: Database,
    tx: Tx,
    head: CycleHead,
    owners: Sequence[Seat],
    heads: dict[str, PlanHead],
    named: Named | None = None,
) -> dict[str, Ground | None]:
    """What the correction of each of these units reaches, if one is proposed or waits there."""
    asked = {seat.unit.code: named or _proposed(seat) for seat in owners}
    wanted = {code: one for code, one in asked.items() if one is not None}
    if not wanted:
        return dict.fromkeys(asked)
    found = reaches(database, tx, head.tree, head.negotiation, wanted)
    known = {seat.unit.code: seat for seat in owners}
    lacking = {one.code: one for reach in found.values() for one in reach.units}
    units = [unit for code, unit in lacking.items() if code not in known]
    seats = seats_of(tx, head, units, "none", heads, around=True) | known
    return dict.fromkeys(asked) | {
        code: Ground(
            reach.round,
            {one.code: seats[one.code] for one in reach.units},
            reach.above,
            reach.below,
        )
        for code, reach in found.items()
    }


def _proposed(seat: Seat) -> Named | None:
    waiting = seat.plan.proposal
    return Named(waiting.round, list(waiting.figures)) if waiting else None


def _said(tx: Tx, own: Seat) -> dict[str, str]:
    """The texts of an issue that waits; those erased since are absent."""
    pending = own.plan.pending
    query = select(PARTS.c.value).where(PARTS.c.part == "texts", PARTS.c.value.is_not(None))
    if pending is None:
        return {}
    rows = tx.connection.execute(query.where(PARTS.c.event_id == pending.event)).scalars()
    return {told["of"]: told["text"] for told in map(orjson.loads, rows)}


def _issued(
    database: Database, tx: Tx, head: CycleHead, own: Seat, seats: dict[str, Seat]
) -> Seat | None:
    """Who was issued what the open round answers: a round long closed, so nothing is locked."""
    holder = _holder_of_issue(database, tx, head, own.unit)
    if holder is None or holder.code == own.unit.code:
        return own if holder else None
    found = seats.get(holder.code)
    return found or seats_of(tx, head, [holder], "none", {}, around=True)[holder.code]


def _holder_of_issue(
    database: Database, tx: Tx, head: CycleHead, unit: UnitNode
) -> UnitNode | None:
    answered = answered_round(head.negotiation, head.state.open_round)
    if not answered:
        return None
    taking = head.taking(answered)
    return unit if taking.has(unit) else trees.above(database, tx, head.tree, unit, taking)


def stages(
    database: Database, tx: Tx, head: CycleHead, units: Sequence[UnitNode], *, clock: Clock
) -> list[Stage]:
    """The same for a page of plans, for reading: a fixed number of statements for all of them."""
    now = clock()
    tree, taking = head.tree, head.taking_now
    heads: dict[str, PlanHead] = {}
    trees.nodes(database, tx, tree, [code for unit in units for code in unit.ancestors])
    parents = {unit.code: trees.above(database, tx, tree, unit, taking) for unit in units}
    issued = {unit.code: _holder_of_issue(database, tx, head, unit) for unit in units}
    below = trees.below(database, tx, tree, units, taking)
    everyone = {one.code: one for one in [*parents.values(), *issued.values()] if one is not None}
    everyone |= {child.code: child for children in below.values() for child in children}
    own = {unit.code: unit for unit in units}
    around = [unit for code, unit in everyone.items() if code not in own]
    seats = seats_of(tx, head, around, "none", heads, around=True)
    seats |= seats_of(tx, head, list(own.values()), "none", heads)
    owners = [seats[unit.code] for unit in units]
    parts = _parts(database, tx, head, owners)
    grounds = _grounds(database, tx, head, owners, heads)
    found = []
    for unit in units:
        over, under, holder = parents[unit.code], below[unit.code], issued[unit.code]
        scene = Scene(
            head.negotiation,
            head.state,
            seats[unit.code],
            seats[over.code] if over else None,
            tuple(seats[child.code] for child in under),
            parts[unit.code],
            seats[holder.code] if holder else None,
            now,
            grounds[unit.code],
        )
        found.append(Stage(silence.seen(scene), head, heads))
    return found


def _parts(
    database: Database, tx: Tx, head: CycleHead, owners: Sequence[Seat]
) -> dict[str, tuple[Seat, ...]]:
    """Who holds parts of the open promises of each of these units, by its code."""
    holders = holders_of_parts(database, tx, head.tree, owners)
    places = {place.code: place for one in holders.values() for place in one}
    seats = seats_of(tx, head, list(places.values()), "none", {})
    return {code: tuple(seats[place.code] for place in found) for code, found in holders.items()}


def holders_of_parts(
    database: Database, tx: Tx, tree: Tree, owners: Sequence[Seat]
) -> dict[str, list[UnitNode]]:
    """Units below that hold parts of each unit's open promises, by its code; ancestors first."""
    owner = {
        promise.id: seat.unit.code
        for seat in owners
        for promise in seat.plan.promises
        if promise.status == "open" and not promise.part_of
    }
    found: dict[str, set[str]] = {seat.unit.code: set() for seat in owners}
    wholes = list(owner)
    for at in range(0, len(wholes), _IN_AT_MOST):
        query = select(COMMITMENTS.c.whole_id, COMMITMENTS.c.unit_id).where(
            COMMITMENTS.c.cycle_id == tree.cycle,
            COMMITMENTS.c.whole_id.in_(wholes[at : at + _IN_AT_MOST]),
            COMMITMENTS.c.id != COMMITMENTS.c.whole_id,  # the whole itself is no part
        )
        for row in tx.connection.execute(query.distinct()):
            found[owner[row.whole_id]].add(row.unit_id)
    ids = sorted(set().union(*found.values()))
    places = trees.node_of_unit(database, tx, tree, ids)
    return {
        code: sorted((places[one] for one in units), key=lambda place: place.path)
        for code, units in found.items()
    }
