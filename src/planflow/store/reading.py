"""Cycles, plans and scenes as they stand, locked where a command will rest on them (F6, N18).

Order of locks, the same for every command: the cycle, then plans by path, so ancestors come first.
A child's act locks its parent's plan (shared), every act its cycle's row (shared); therefore an act
that holds its own plan exclusively may read its children without locking them.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Literal

import orjson
from sqlalchemy import CompoundSelect, Row, Select, bindparam, collate, select, union_all
from sqlalchemy.dialects import postgresql

from planflow.domain.units import UnitNode
from planflow.engine import silence
from planflow.engine.machine import Negotiation, compile_protocol
from planflow.engine.scene import Scene, Seat, answered_levels
from planflow.engine.state import CycleState, PlanState
from planflow.ledger.chain import START
from planflow.store import trees
from planflow.store.tables import CommitmentRow, CycleRow, PlanRow, ProtocolTextRow, table
from planflow.store.transaction import Database, Tx

CYCLES, PLANS, TEXTS = table(CycleRow), table(PlanRow), table(ProtocolTextRow)
COMMITMENTS = table(CommitmentRow)
Lock = Literal["none", "share", "update"]
Clock = Callable[[], dt.datetime]
_IN_AT_MOST = 500
_ACTS_ON_CHILDREN = ("issue", "distribute")
_ACTS_ON_PARTS = ("fulfil", "waive")


@dataclass(frozen=True, slots=True)
class CycleHead:
    """A cycle now, with what its next event follows."""

    state: CycleState
    negotiation: Negotiation
    chain: bytes
    recorded_at: Any


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
        return Stage(silence.seen(scene), self.cycle, heads)


def cycle_head(database: Database, tx: Tx, cycle: str, lock: Lock = "none") -> CycleHead | None:
    """A cycle, locked as asked; None when there is none of this id."""
    row = tx.connection.execute(_one_cycle(lock if tx.locks else "none"), {"cycle": cycle}).first()
    if row is None:
        return None
    state = _cycle_state(row.body)
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


def levels_now(head: CycleHead) -> frozenset[str]:
    """Levels of the round that is open or was last; before the first round, all of them."""
    rounds = head.state.rounds
    name = head.state.open_round or (list(rounds)[-1] if rounds else "")
    protocol = head.negotiation.protocol
    return protocol.levels_of(name) if name else frozenset(protocol.level_order)


def stage(
    database: Database,
    tx: Tx,
    head: CycleHead,
    unit: UnitNode,
    parent: UnitNode | None,
    action: str = "",
    *,
    clock: Clock,
) -> Stage:
    """What an action on a unit's plan may look at; locked for a writing action.

    `action` names what will be done; empty for reading, which shows everything and locks nothing.
    The clock is asked once all locks are held: at that instant the act is judged and recorded (N9).
    """
    cycle, writing = head.state.id, bool(action)
    heads: dict[str, PlanHead] = {}
    own, upper = _own_and_parent(tx, head, unit, parent, writing, heads)
    nodes = trees.below(database, tx, cycle, [unit], levels_now(head))[unit.code]
    children = _seats(tx, head, nodes, "update" if action in _ACTS_ON_CHILDREN else "none", heads)
    parts: dict[str, Seat] = {}
    if own.plan.promises:
        holders = holders_of_parts(database, tx, cycle, [own])[unit.code]
        parts = _seats(tx, head, holders, "update" if action in _ACTS_ON_PARTS else "none", heads)
    scene = Scene(
        head.negotiation,
        head.state,
        own,
        upper,
        tuple(children.values()),
        tuple(parts.values()),
        _issued(database, tx, head, own),
        clock(),
    )
    return Stage(silence.seen(scene), head, heads)


def _issued(database: Database, tx: Tx, head: CycleHead, own: Seat) -> Seat | None:
    """Who was issued what the open round answers: a round long closed, so nothing is locked."""
    holder = _holder_of_issue(database, tx, head, own.unit)
    if holder is None or holder.code == own.unit.code:
        return own if holder else None
    return _seats(tx, head, [holder], "none", {})[holder.code]


def _holder_of_issue(
    database: Database, tx: Tx, head: CycleHead, unit: UnitNode
) -> UnitNode | None:
    levels = answered_levels(head.negotiation, head.state.open_round)
    if not levels or unit.level in levels:
        return unit if levels else None
    return trees.above(database, tx, head.state.id, unit, levels)


def stages(
    database: Database, tx: Tx, head: CycleHead, units: Sequence[UnitNode], *, clock: Clock
) -> list[Stage]:
    """The same for a page of plans, for reading: a fixed number of statements for all of them."""
    now = clock()
    cycle, levels = head.state.id, levels_now(head)
    heads: dict[str, PlanHead] = {}
    trees.nodes(database, tx, cycle, [code for unit in units for code in unit.ancestors])
    parents = {unit.code: trees.above(database, tx, cycle, unit, levels) for unit in units}
    issued = {unit.code: _holder_of_issue(database, tx, head, unit) for unit in units}
    below = trees.below(database, tx, cycle, units, levels)
    everyone = {one.code: one for one in [*parents.values(), *issued.values()] if one is not None}
    everyone |= {child.code: child for children in below.values() for child in children}
    everyone |= {unit.code: unit for unit in units}
    seats = _seats(tx, head, list(everyone.values()), "none", heads)
    parts = _parts(database, tx, head, [seats[unit.code] for unit in units])
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
        )
        found.append(Stage(silence.seen(scene), head, heads))
    return found


def _parts(
    database: Database, tx: Tx, head: CycleHead, owners: Sequence[Seat]
) -> dict[str, tuple[Seat, ...]]:
    """Who holds parts of the open promises of each of these units, by its code."""
    holders = holders_of_parts(database, tx, head.state.id, owners)
    places = {place.code: place for one in holders.values() for place in one}
    seats = _seats(tx, head, list(places.values()), "none", {})
    return {code: tuple(seats[place.code] for place in found) for code, found in holders.items()}


def holders_of_parts(
    database: Database, tx: Tx, cycle: str, owners: Sequence[Seat]
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
            COMMITMENTS.c.cycle_id == cycle,
            COMMITMENTS.c.whole_id.in_(wholes[at : at + _IN_AT_MOST]),
            COMMITMENTS.c.id != COMMITMENTS.c.whole_id,  # the whole itself is no part
        )
        for row in tx.connection.execute(query.distinct()):
            found[owner[row.whole_id]].add(row.unit_id)
    ids = sorted(set().union(*found.values()))
    places = trees.node_of_unit(database, tx, cycle, ids)
    return {
        code: sorted((places[one] for one in units), key=lambda place: place.path)
        for code, units in found.items()
    }


def _seats(
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
    return _seated(cycle, units, rows, heads)


def _own_and_parent(
    tx: Tx,
    cycle: CycleHead,
    unit: UnitNode,
    parent: UnitNode | None,
    writing: bool,
    heads: dict[str, PlanHead],
) -> tuple[Seat, Seat | None]:
    """The plan an act is on and the one above it, in one round trip (F8)."""
    units = [unit] if parent is None else [parent, unit]
    given = {"cycle": cycle.state.id, "over": parent.id if parent else "", "own": unit.id}
    query = _two_plans(writing and tx.locks)
    rows = {row.unit_id: row for row in tx.connection.execute(query, given)}
    lacking = [one for one in units if one.id not in rows]
    if writing and tx.locks and lacking:
        _make_rows(tx, cycle.state.id, lacking)
        rows = {row.unit_id: row for row in tx.connection.execute(query, given)}
    seats = _seated(cycle, units, rows, heads)
    return seats[unit.code], seats[parent.code] if parent else None


def _seated(
    cycle: CycleHead,
    units: Sequence[UnitNode],
    rows: dict[str, Row[Any]],
    heads: dict[str, PlanHead],
) -> dict[str, Seat]:
    seats = {}
    for unit in units:
        seats[unit.code], heads[unit.code] = _seat(unit, rows.get(unit.id), cycle.state.open_round)
    return seats


# Statements of the hot path are built once: building one costs as much as carrying it out (F8).


@cache
def _one_cycle(lock: Lock) -> Select[Any]:
    return _locked(select(CYCLES).where(CYCLES.c.id == bindparam("cycle")), lock)


@cache
def _two_plans(locks: bool) -> CompoundSelect[Any]:
    """The plan above, to be left as it is, and a plan of one's own: locked in this order."""
    over, own = (
        select(PLANS).where(
            PLANS.c.cycle_id == bindparam("cycle"), PLANS.c.unit_id == bindparam(name)
        )
        for name in ("over", "own")
    )
    if not locks:
        return union_all(over, own)
    first, second = _locked(over, "share").cte("over"), _locked(own, "update").cte("own")
    return union_all(select(first), select(second))


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
    seat = Seat(unit, _plan_state(row.body), draft, typists)
    return seat, PlanHead(row.version, row.position, row.chain, row.recorded_at)


# States are frozen, so one text need be read once: a parent's stands while its children act.


@lru_cache(maxsize=1_024)
def _plan_state(body: str) -> PlanState:
    return PlanState.model_validate_json(body)


@lru_cache(maxsize=64)
def _cycle_state(body: str) -> CycleState:
    return CycleState.model_validate_json(body)


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
