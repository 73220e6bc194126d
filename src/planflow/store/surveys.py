"""Questions about a whole cycle: what is open, a page of plans, a history."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, exists, func, not_, select

from planflow.access.scope import Scope
from planflow.domain.units import UnitNode
from planflow.engine.machine import SETTLED, START_OF_KIND, WAITING, Negotiation, lapses
from planflow.engine.state import CycleState, PlanState
from planflow.ledger.chain import Stored
from planflow.ledger.leaf import Entry
from planflow.store.scopes import within
from planflow.store.tables import (
    CommitmentRow,
    CycleStateRow,
    CycleUnitRow,
    EventPartRow,
    EventRow,
    PlanRow,
    PlanStateRow,
    table,
)
from planflow.store.transaction import Tx

UNITS, PLANS, STATES = table(CycleUnitRow), table(PlanRow), table(PlanStateRow)
CYCLE_STATES = table(CycleStateRow)
COMMITMENTS, EVENTS, PARTS = table(CommitmentRow), table(EventRow), table(EventPartRow)


def open_promises(tx: Tx, cycle: str, round_name: str) -> list[tuple[str, str]]:
    """Units and indicators with a commitment that the round must settle and that is open."""
    later = COMMITMENTS.alias()
    superseded = exists().where(
        later.c.cycle_id == COMMITMENTS.c.cycle_id,
        later.c.id == COMMITMENTS.c.id,
        later.c.position > COMMITMENTS.c.position,
    )
    rows = tx.connection.execute(
        select(UNITS.c.code, COMMITMENTS.c.indicator)
        .join(
            UNITS,
            and_(
                UNITS.c.cycle_id == COMMITMENTS.c.cycle_id, UNITS.c.unit_id == COMMITMENTS.c.unit_id
            ),
        )
        .where(COMMITMENTS.c.cycle_id == cycle, COMMITMENTS.c.settle_in == round_name)
        .where(COMMITMENTS.c.status == "open", not_(superseded))
        .order_by(COMMITMENTS.c.path)
    )
    return [(row.code, row.indicator) for row in rows]


def moved_in(tx: Tx, cycle: str, round_name: str) -> list[str]:
    """Paths of units that acted in an adjust round or had a commitment fulfilled for it."""
    acted = select(PLANS.c.path).where(
        PLANS.c.cycle_id == cycle, PLANS.c.state.startswith(f"{round_name}.", autoescape=True)
    )
    # By the unit's place today: the row keeps the place it had when it was written.
    same = and_(
        UNITS.c.cycle_id == COMMITMENTS.c.cycle_id, UNITS.c.unit_id == COMMITMENTS.c.unit_id
    )
    placed = select(UNITS.c.path).select_from(COMMITMENTS.join(UNITS, same))
    moved = placed.where(
        COMMITMENTS.c.cycle_id == cycle,
        COMMITMENTS.c.settle_in == round_name,
        COMMITMENTS.c.status == "fulfilled",
    )
    return [row.path for row in tx.connection.execute(acted.union(moved))]


def page(
    tx: Tx,
    negotiation: Negotiation,
    cycle: CycleState,
    scope: Scope,
    filters: dict[str, str | None],
    after: str,
    limit: int,
) -> list[str]:
    """Codes of a page of units in scope, by path; `filters` are `parent` (a code) and `state`."""
    state = standing_in(negotiation, cycle, UNITS, PLANS.c.state)
    query = (
        select(UNITS.c.code)
        .select_from(UNITS.outerjoin(PLANS, same_plan()))
        .where(UNITS.c.cycle_id == cycle.id, within(UNITS.c.path, scope), UNITS.c.path > after)
        .order_by(UNITS.c.path)
        .limit(limit)
    )
    if filters.get("parent") is not None:
        query = query.where(UNITS.c.parent_code == filters["parent"])
    if filters.get("state") is not None:
        query = query.where(state == filters["state"])
    return [row.code for row in tx.connection.execute(query)]


def no_task(tx: Tx, cycle: str, scope: Scope) -> list[UnitNode]:
    """Units in scope that a cycle leaves without task."""
    rows = tx.connection.execute(
        select(UNITS)
        .where(UNITS.c.cycle_id == cycle, UNITS.c.no_task.is_(True))
        .where(within(UNITS.c.path, scope))
        .where(UNITS.c.gone.is_(False))
        .order_by(UNITS.c.path)
    )
    return [
        UnitNode(row.unit_id, row.code, row.name, row.level, row.path, no_task=True) for row in rows
    ]


def cycle_at(tx: Tx, cycle: str, position: int) -> CycleState:
    """A cycle as it was after its event of a position."""
    query = select(CYCLE_STATES.c.body).where(
        CYCLE_STATES.c.cycle_id == cycle, CYCLE_STATES.c.position == position
    )
    return CycleState.model_validate_json(tx.connection.execute(query).scalar_one())


def cycle_as_of(tx: Tx, cycle: str, moment: dt.datetime) -> CycleState | None:
    """A cycle as it was at an instant; None before it was opened."""
    query = select(CYCLE_STATES.c.body).where(
        CYCLE_STATES.c.cycle_id == cycle, CYCLE_STATES.c.recorded_at <= moment
    )
    row = tx.connection.execute(query.order_by(CYCLE_STATES.c.position.desc()).limit(1)).first()
    return None if row is None else CycleState.model_validate_json(row.body)


def as_of(
    tx: Tx, cycle: str, unit_id: str, moment: dt.datetime | None = None, position: int | None = None
) -> PlanState | None:
    """A plan as it was at an instant or after its event of a position; None before its first event."""
    query = select(STATES.c.body).where(STATES.c.cycle_id == cycle, STATES.c.unit_id == unit_id)
    if moment is not None:
        query = query.where(STATES.c.recorded_at <= moment)
    if position is not None:
        query = query.where(STATES.c.position <= position)
    row = tx.connection.execute(query.order_by(STATES.c.position.desc()).limit(1)).first()
    return None if row is None else PlanState.model_validate_json(row.body)


def time_of(tx: Tx, cycle: str, unit_id: str, position: int) -> dt.datetime | None:
    """When a plan's event of a position was recorded; None where there is none."""
    query = select(STATES.c.recorded_at).where(
        STATES.c.cycle_id == cycle, STATES.c.unit_id == unit_id, STATES.c.position == position
    )
    found: dt.datetime | None = tx.connection.execute(query).scalar()
    return found


def events(tx: Tx, stream: str, after: int = 0, limit: int | None = None) -> Iterator[Stored]:
    """Events of a stream in order, with their parts."""
    query = (
        select(EVENTS).where(EVENTS.c.stream == stream, EVENTS.c.seq > after).order_by(EVENTS.c.seq)
    )
    rows = tx.connection.execute(query.limit(limit) if limit else query).all()
    parts: dict[str, list[Entry]] = {row.id: [] for row in rows}
    ids = list(parts)
    for at in range(0, len(ids), 500):
        found = tx.connection.execute(
            select(PARTS)
            .where(PARTS.c.event_id.in_(ids[at : at + 500]))
            .order_by(PARTS.c.event_id, PARTS.c.part, PARTS.c.number)
        )
        for row in found:
            parts[row.event_id].append(Entry(row.part, row.number, row.digest, row.salt, row.value))
    for row in rows:
        yield Stored(row.id, row.stream, row.seq, row.leaf, row.chain, tuple(parts[row.id]))


def same_plan() -> ColumnElement[bool]:
    """Join of a unit of a tree with its plan."""
    return and_(PLANS.c.cycle_id == UNITS.c.cycle_id, PLANS.c.unit_id == UNITS.c.unit_id)


def standing(
    round_name: str,
    start: str,
    lapsed: Mapping[str, str] | None = None,
    own: ColumnElement[str] = PLANS.c.state,
) -> ColumnElement[str]:
    """A unit's state once a round is open for it: its own if it acted there, else the round's start.

    `lapsed` are stages that silence settled, with the stages it made of them (N9).
    """
    made = {f"{round_name}.{old}": f"{round_name}.{new}" for old, new in (lapsed or {}).items()}
    first = f"{round_name}.{start}"
    return case(
        *((own == old, new) for old, new in made.items()),
        (own.startswith(f"{round_name}.", autoescape=True), own),
        else_=made.get(first, first),
    )


def standing_in(
    negotiation: Negotiation, cycle: CycleState, units: FromClause, state: ColumnElement[str]
) -> ColumnElement[str]:
    """The same over all rounds ever opened: the last one the unit's level takes part in counts (F1).

    `units` are the places of now or then, `state` what the plan itself was in.
    """
    own = func.coalesce(state, WAITING)
    if cycle.settled:
        return case((own.is_not(None), SETTLED), else_=SETTLED)
    branches: list[Any] = [(units.c.no_task.is_(True), own)]
    for name in reversed(list(cycle.rounds)):
        kind = negotiation.protocol.rounds_by_name[name].kind
        levels = negotiation.protocol.levels_of(name)
        applied = (
            frozenset(cycle.terms_of(name).applied) if not cycle.is_open(name) else frozenset()
        )
        there = units.c.since <= negotiation.protocol.place_of(name)
        silent = and_(units.c.level.in_(levels & applied), units.c.parent_code.is_not(None), there)
        branches.append((silent, standing(name, START_OF_KIND[kind], lapses(kind), state)))
        takes_part = and_(units.c.level.in_(levels), there)
        if kind == "decision":
            takes_part = units.c.parent_code.is_(None)
        branches.append((takes_part, standing(name, START_OF_KIND[kind], own=state)))
    return case(*branches, else_=own)
