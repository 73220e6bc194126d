"""Cycles, plans and scenes as they stand, locked where a command will rest on them (F6, N18).

Order of locks, the same for every command: the cycle, then plans by path, so ancestors come first.
A child's act locks its parent's plan (shared), every act its cycle's row (shared); therefore an act
that holds its own plan exclusively may read its children without locking them.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import orjson
from sqlalchemy import Row, Select, bindparam, collate, select
from sqlalchemy.dialects import postgresql

from planflow.domain.units import UnitNode
from planflow.engine import silence
from planflow.engine.machine import Negotiation, compile_protocol
from planflow.engine.scene import Ground, Scene, Seat, answered_round
from planflow.engine.state import CycleState, PlanState
from planflow.ledger.chain import START
from planflow.store import trees
from planflow.store.grounds import Named, reaches
from planflow.store.tables import (
    CommitmentRow,
    CycleRow,
    EventPartRow,
    PlanRow,
    ProtocolTextRow,
    table,
)
from planflow.store.transaction import Database, Tx
from planflow.store.trees import Taking, Tree

CYCLES, PLANS, TEXTS = table(CycleRow), table(PlanRow), table(ProtocolTextRow)
COMMITMENTS, PARTS = table(CommitmentRow), table(EventPartRow)
Lock = Literal["none", "share", "update"]
Clock = Callable[[], dt.datetime]
_IN_AT_MOST = 500
_ACTS_ON_CHILDREN = ("issue", "confirm", "distribute")
_ON_CORRECTIONS = ("corrections", "approve", "reject")
_ACTS_ON_PARTS = ("fulfil", "waive")


@dataclass(frozen=True, slots=True)
class CycleHead:
    """A cycle now, with what its next event follows."""

    state: CycleState
    negotiation: Negotiation
    chain: bytes
    recorded_at: Any

    @property
    def tree(self) -> Tree:
        """The cycle's tree as it is now."""
        return Tree(self.state.id, self.state.tree)

    def taking(self, round_name: str) -> Taking:
        """Who takes part in a round."""
        protocol = self.negotiation.protocol
        return Taking(protocol.levels_of(round_name), protocol.place_of(round_name))


@dataclass(frozen=True, slots=True)
class PlanHead:
    """A plan's counters and what its next event follows."""

    version: int = 0
    position: int = 0
    chain: bytes = START
    recorded_at: Any = None


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


def cycle_head(
    database: Database, tx: Tx, cycle: str, lock: Lock = "none", *, dropped: bool = False
) -> CycleHead | None:
    """A cycle, locked as asked; None when there is none of this id, or it was dropped."""
    row = tx.connection.execute(_one_cycle(lock if tx.locks else "none"), {"cycle": cycle}).first()
    if row is None:
        return None
    state = CycleState.model_validate_json(row.body)
    if state.dropped and not dropped:
        return None
    return CycleHead(state, negotiation(database, tx, row.digest), row.chain, row.recorded_at)


def negotiation(database: Database, tx: Tx, digest: str) -> Negotiation:
    """A protocol by the digest of its text, compiled once per process."""
    text = database.memory.get(("protocol", digest))
    if text is None:
        text = tx.connection.execute(
            select(TEXTS.c.text).where(TEXTS.c.digest == digest)
        ).scalar_one()
        database.memory["protocol", digest] = text
    return compile_protocol(text)


def taking_now(head: CycleHead) -> Taking:
    """Who takes part in the round that is open or was last; before the first round, everybody."""
    rounds = head.state.rounds
    name = head.state.open_round or (list(rounds)[-1] if rounds else "")
    if name:
        return head.taking(name)
    return Taking(frozenset(head.negotiation.protocol.level_order), 0)


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
) -> Stage:
    """What an action on a unit's plan may look at; locked for a writing action.

    `action` names what will be done; empty for reading, which shows everything and locks nothing.
    `named` is what a correction names: all it reaches is locked, and before anything below it (N18).
    The clock is asked once all locks are held: at that instant the act is judged and recorded (N9).
    """
    writing = bool(action)
    heads: dict[str, PlanHead] = {}
    if action in _ON_CORRECTIONS:
        _hold(database, tx, head, unit, parent, named)
    upper = seats_of(tx, head, [parent] if parent else [], "share" if writing else "none", heads)
    own = seats_of(tx, head, [unit], "update" if writing else "none", heads)[unit.code]
    nodes = trees.below(database, tx, head.tree, [unit], taking_now(head))[unit.code]
    children = seats_of(tx, head, nodes, "update" if action in _ACTS_ON_CHILDREN else "none", heads)
    parts: dict[str, Seat] = {}
    if own.plan.promises:
        holders = holders_of_parts(database, tx, head.tree, [own])[unit.code]
        parts = seats_of(tx, head, holders, "update" if action in _ACTS_ON_PARTS else "none", heads)
    scene = Scene(
        head.negotiation,
        head.state,
        own,
        upper[parent.code] if parent else None,
        tuple(children.values()),
        tuple(parts.values()),
        _issued(database, tx, head, own),
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
) -> None:
    """Lock all that a correction reaches in one statement, ancestors first."""
    named = named or _proposed(seats_of(tx, head, [unit], "none", {})[unit.code])
    asked = {unit.code: named} if named else {}
    found = reaches(database, tx, head.tree, head.negotiation, asked)
    held = {one.code: one for reach in found.values() for one in reach.units}
    held |= {one.code: one for one in (parent, unit) if one is not None}
    seats_of(tx, head, sorted(held.values(), key=lambda one: one.path), "update", {})


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
    seats = seats_of(tx, head, units, "none", heads) | known
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


def _issued(database: Database, tx: Tx, head: CycleHead, own: Seat) -> Seat | None:
    """Who was issued what the open round answers: a round long closed, so nothing is locked."""
    holder = _holder_of_issue(database, tx, head, own.unit)
    if holder is None or holder.code == own.unit.code:
        return own if holder else None
    return seats_of(tx, head, [holder], "none", {})[holder.code]


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
    tree, taking = head.tree, taking_now(head)
    heads: dict[str, PlanHead] = {}
    trees.nodes(database, tx, tree, [code for unit in units for code in unit.ancestors])
    parents = {unit.code: trees.above(database, tx, tree, unit, taking) for unit in units}
    issued = {unit.code: _holder_of_issue(database, tx, head, unit) for unit in units}
    below = trees.below(database, tx, tree, units, taking)
    everyone = {one.code: one for one in [*parents.values(), *issued.values()] if one is not None}
    everyone |= {child.code: child for children in below.values() for child in children}
    everyone |= {unit.code: unit for unit in units}
    seats = seats_of(tx, head, list(everyone.values()), "none", heads)
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


def seats_of(
    tx: Tx, cycle: CycleHead, units: Sequence[UnitNode], lock: Lock, heads: dict[str, PlanHead]
) -> dict[str, Seat]:
    """Seats by code in the order given; `heads` learns their counters."""
    if not units:
        return {}
    rows = _plan_rows(tx, cycle, units, lock)
    if lock != "none" and tx.locks and len(rows) < len(units):
        # A row that does not exist cannot be locked: plans begin as empty rows.
        _make_rows(tx, cycle.state.id, units)
        rows = _plan_rows(tx, cycle, units, lock)
    seats = {}
    for unit in units:
        seats[unit.code], heads[unit.code] = _seat(unit, rows.get(unit.id), cycle.state.open_round)
    return seats


# Statements of the hot path are built once: building one costs as much as carrying it out (F8).


@cache
def _one_cycle(lock: Lock) -> Select[Any]:
    return _locked(select(CYCLES).where(CYCLES.c.id == bindparam("cycle")), lock)


@cache
def _some_plans(lock: Lock, collated: bool) -> Select[Any]:
    # Byte order on both databases, whatever the server's locale: the order of locks must be one.
    by_path = collate(PLANS.c.path, "C") if collated else PLANS.c.path.expression
    units: Any = bindparam("units", expanding=True)
    query = select(PLANS).where(PLANS.c.cycle_id == bindparam("cycle"), PLANS.c.unit_id.in_(units))
    return _locked(query.order_by(by_path), lock)


def _plan_rows(
    tx: Tx, cycle: CycleHead, units: Sequence[UnitNode], lock: Lock
) -> dict[str, Row[Any]]:
    rows: dict[str, Row[Any]] = {}
    ordered = sorted(units, key=lambda one: one.path)
    for at in range(0, len(ordered), _IN_AT_MOST):
        ids = [unit.id for unit in ordered[at : at + _IN_AT_MOST]]
        query = _some_plans(lock if tx.locks else "none", tx.locks)
        found = tx.connection.execute(query, {"cycle": cycle.state.id, "units": ids})
        rows |= {row.unit_id: row for row in found}
    return rows


def _seat(unit: UnitNode, row: Row[Any] | None, round_name: str) -> tuple[Seat, PlanHead]:
    if row is None:
        return Seat(unit), PlanHead()
    # A working copy belongs to the round it was written in: an old one must not slip into a new round.
    mine = bool(round_name) and row.draft_round == round_name
    draft = orjson.loads(row.draft) if mine and row.draft else None
    typists = tuple(name for name in row.typists.split(" ") if name) if mine else ()
    seat = Seat(unit, PlanState.model_validate_json(row.body), draft, typists)
    return seat, PlanHead(row.version, row.position, row.chain, row.recorded_at)


def _make_rows(tx: Tx, cycle: str, units: Sequence[UnitNode]) -> None:
    """Begin plans as empty rows, in the order of locks."""
    rows = [
        {"cycle_id": cycle, "unit_id": unit.id, "path": unit.path, "chain": START}
        for unit in sorted(units, key=lambda one: one.path)
    ]
    tx.connection.execute(postgresql.insert(PLANS).on_conflict_do_nothing(), rows)


def _locked(query: Select[Any], lock: Lock) -> Select[Any]:
    if lock == "none":
        return query
    return query.with_for_update(read=lock == "share")
