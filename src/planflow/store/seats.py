"""Cycles and plans as rows: their heads and seats, locked where a command will rest on them (F6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Literal

import orjson
from sqlalchemy import Row, Select, Text, bindparam, collate, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from planflow.domain.units import UnitNode
from planflow.engine.machine import Negotiation, compile_protocol
from planflow.engine.scene import Seat
from planflow.engine.state import CycleState, PlanState
from planflow.ledger.chain import START
from planflow.store import row_security
from planflow.store.driver import Statement
from planflow.store.tables import CycleRow, PlanRow, ProtocolTextRow, table
from planflow.store.transaction import Database, Tx
from planflow.store.trees import Taking, Tree

CYCLES, PLANS, TEXTS = table(CycleRow), table(PlanRow), table(ProtocolTextRow)
_IN_AT_MOST = 500
Lock = Literal["none", "share", "update"]


@dataclass(frozen=True)
class CycleHead:
    """A cycle now, with what its next event follows."""

    state: CycleState
    negotiation: Negotiation
    chain: bytes
    recorded_at: Any

    @cached_property
    def tree(self) -> Tree:
        """The cycle's tree as it is now."""
        return Tree(self.state.id, self.state.tree)

    @cached_property
    def taking_now(self) -> Taking:
        """Who takes part in the round that is open or was last; before the first round, everybody."""
        rounds = self.state.rounds
        name = self.state.open_round or (list(rounds)[-1] if rounds else "")
        if name:
            return self.taking(name)
        return Taking(frozenset(self.negotiation.protocol.level_order), 0)

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


def cycle_head(
    database: Database, tx: Tx, cycle: str, lock: Lock = "none", *, dropped: bool = False
) -> CycleHead | None:
    """A cycle, locked as asked; None when there is none of this id, or it was dropped."""
    found = _one_cycle(lock if tx.locks else "none").rows(tx, cycle=cycle)
    head = head_of(database, tx, found[0]) if found else None
    return None if head is None or (head.state.dropped and not dropped) else head


def head_of(database: Database, tx: Tx, row: Any) -> CycleHead:
    """A cycle from its row."""
    state, known = _cycle_state(row.body), negotiation(database, tx, row.digest)
    return CycleHead(state, known, row.chain, row.recorded_at)


def negotiation(database: Database, tx: Tx, digest: str) -> Negotiation:
    """A protocol by the digest of its text, compiled once per process."""
    text = database.memory.get(("protocol", digest))
    if text is None:
        text = tx.connection.execute(
            select(TEXTS.c.text).where(TEXTS.c.digest == digest)
        ).scalar_one()
        database.memory["protocol", digest] = text
    return compile_protocol(text)


def seats_of(
    tx: Tx,
    cycle: CycleHead,
    units: Sequence[UnitNode],
    lock: Lock,
    heads: dict[str, PlanHead],
    *,
    around: bool = False,
) -> dict[str, Seat]:
    """Seats by code in the order given; `heads` learns their counters.

    `around`: of plans that the rules of an act rest on, which may lie above its actor's places.
    """
    if not units:
        return {}
    rows = _plan_rows(tx, cycle, units, lock, around=around)
    if lock != "none" and tx.locks and len(rows) < len(units):
        # A row that does not exist cannot be locked: plans begin as empty rows.
        _make_rows(tx, cycle.state.id, units)
        rows = _plan_rows(tx, cycle, units, lock, around=around)
    seats = {}
    for unit in units:
        seats[unit.code], heads[unit.code] = seat_of(
            unit, rows.get(unit.id), cycle.state.open_round
        )
    return seats


# Statements of the hot path are built once: building one costs as much as carrying it out (F8).


@cache
def _one_cycle(lock: Lock) -> Statement:
    return Statement(_locked(select(CYCLES).where(CYCLES.c.id == bindparam("cycle")), lock))


@cache
def _plans_around() -> Select[Any]:
    held = row_security.around(bindparam("units", type_=ARRAY(Text)), bindparam("lock"))
    return select(held)


@cache
def _some_plans(lock: Lock, collated: bool) -> Select[Any]:
    # Byte order on both databases, whatever the server's locale: the order of locks must be one.
    by_path = collate(PLANS.c.path, "C") if collated else PLANS.c.path.expression
    units: Any = bindparam("units", expanding=True)
    query = select(PLANS).where(PLANS.c.cycle_id == bindparam("cycle"), PLANS.c.unit_id.in_(units))
    return _locked(query.order_by(by_path), lock)


def _plan_rows(
    tx: Tx, cycle: CycleHead, units: Sequence[UnitNode], lock: Lock, *, around: bool
) -> dict[str, Row[Any]]:
    rows: dict[str, Row[Any]] = {}
    ordered = sorted(units, key=lambda one: one.path)
    for at in range(0, len(ordered), _IN_AT_MOST):
        ids = [unit.id for unit in ordered[at : at + _IN_AT_MOST]]
        if around and tx.locks:
            found = tx.connection.execute(_plans_around(), {"units": ids, "lock": lock})
        else:
            query = _some_plans(lock if tx.locks else "none", tx.locks)
            found = tx.connection.execute(query, {"cycle": cycle.state.id, "units": ids})
        rows |= {row.unit_id: row for row in found}
    return rows


def seat_of(unit: UnitNode, row: Any, round_name: str) -> tuple[Seat, PlanHead]:
    """A unit's seat and counters from its plan's row; of one that has none yet, empty ones."""
    if row is None:
        return Seat(unit), PlanHead()
    # A working copy belongs to the round it was written in: an old one must not slip into a new round.
    mine = bool(round_name) and row.draft_round == round_name
    draft = orjson.loads(row.draft) if mine and row.draft else None
    typists = tuple(name for name in row.typists.split(" ") if name) if mine else ()
    seat = Seat(unit, _STATES.get(row.body) or read(row.body), draft, typists)
    return seat, PlanHead(row.version, row.position, row.chain, row.recorded_at)


# States are frozen, so one text need be read once: a parent's stands while its children act.
_STATES: dict[str, PlanState] = {}
_KEPT_AT_MOST = 4_096


def read(body: str) -> PlanState:
    """A plan's state from its text."""
    return kept(body, PlanState.model_validate_json(body))


def kept(body: str, state: PlanState) -> PlanState:
    """Keep a state with its text, for whoever reads it next."""
    if len(_STATES) >= _KEPT_AT_MOST:
        _STATES.clear()
    _STATES[body] = state
    return state


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
