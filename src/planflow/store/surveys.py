"""Questions about a whole cycle: who is unfinished, what is open, a page of plans, a history."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    case,
    exists,
    func,
    not_,
    or_,
    select,
)

from planflow.domain.units import UnitNode
from planflow.engine.machine import SETTLED, START_OF_KIND, WAITING, Negotiation
from planflow.engine.rounds import NAMED_AT_MOST, Unfinished
from planflow.engine.state import CycleState, PlanState
from planflow.ledger.chain import Stored
from planflow.ledger.leaf import Entry
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
_DONE = {
    "up": ("accepted",),
    "adjust": ("drafting", "accepted"),
    "down": ("distributed", "acknowledged"),
    "decision": ("decided",),
}


def unfinished(
    tx: Tx, negotiation: Negotiation, cycle: str, round_name: str
) -> tuple[list[Unfinished], int]:
    """Units that keep a round from closing: the first few, and how many there are."""
    one = negotiation.protocol.rounds_by_name[round_name]
    levels = negotiation.protocol.levels_of(round_name)
    standing = _standing(round_name, START_OF_KIND[one.kind])
    done: ColumnElement[bool] = standing.in_([f"{round_name}.{name}" for name in _DONE[one.kind]])
    if one.kind == "down":
        # Signing is the end for a unit with nobody below to issue to; any other must issue on.
        issued_on = standing == f"{round_name}.distributed"
        skipped = len(negotiation.protocol.levels) - len(levels)
        done = or_(issued_on, and_(done, not_(_has_children(UNITS, levels, skipped))))
    waiting = and_(
        UNITS.c.cycle_id == cycle,
        UNITS.c.level.in_(levels),
        UNITS.c.no_task.is_(False),
        *_concerned(one.kind),
        not_(done),
    )
    source = UNITS.outerjoin(PLANS, _same_plan())
    count = tx.connection.execute(
        select(func.count()).select_from(source).where(waiting)
    ).scalar_one()
    rows = tx.connection.execute(
        select(UNITS.c.code, UNITS.c.name, standing.label("standing"))
        .select_from(source)
        .where(waiting)
        .order_by(UNITS.c.path)
        .limit(NAMED_AT_MOST)
    )
    return [Unfinished(row.code, row.name, row.standing) for row in rows], count


def _concerned(kind: str) -> tuple[ColumnElement[bool], ...]:
    """Whose act a kind of round waits for: the root has no up act, and alone decides (N2)."""
    root = UNITS.c.parent_code.is_(None)
    return {"down": (), "decision": (root,)}.get(kind, (not_(root),))


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
    moved = select(COMMITMENTS.c.path).where(
        COMMITMENTS.c.cycle_id == cycle,
        COMMITMENTS.c.settle_in == round_name,
        COMMITMENTS.c.status == "fulfilled",
    )
    return [row.path for row in tx.connection.execute(acted.union(moved))]


def page(
    tx: Tx,
    negotiation: Negotiation,
    cycle: CycleState,
    scopes: Sequence[str],
    filters: dict[str, str | None],
    after: str,
    limit: int,
) -> list[str]:
    """Codes of a page of units in scope, by path; `filters` are `parent` (a code) and `state`."""
    standing = _standing_in(negotiation, cycle)
    within = or_(
        *(
            or_(UNITS.c.path == scope, UNITS.c.path.startswith(f"{scope}/", autoescape=True))
            for scope in scopes
        )
    )
    query = (
        select(UNITS.c.code)
        .select_from(UNITS.outerjoin(PLANS, _same_plan()))
        .where(UNITS.c.cycle_id == cycle.id, within, UNITS.c.path > after)
        .order_by(UNITS.c.path)
        .limit(limit)
    )
    if filters.get("parent") is not None:
        query = query.where(UNITS.c.parent_code == filters["parent"])
    if filters.get("state") is not None:
        query = query.where(standing == filters["state"])
    return [row.code for row in tx.connection.execute(query)]


def no_task(tx: Tx, cycle: str) -> list[UnitNode]:
    """Units that a cycle leaves without task."""
    rows = tx.connection.execute(
        select(UNITS)
        .where(UNITS.c.cycle_id == cycle, UNITS.c.no_task.is_(True))
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


def _same_plan() -> ColumnElement[bool]:
    return and_(PLANS.c.cycle_id == UNITS.c.cycle_id, PLANS.c.unit_id == UNITS.c.unit_id)


def _standing(round_name: str, start: str) -> ColumnElement[str]:
    """A unit's state once a round is open for it: its own if it acted there, else the round's start."""
    return case(
        (PLANS.c.state.startswith(f"{round_name}.", autoescape=True), PLANS.c.state),
        else_=f"{round_name}.{start}",
    )


def _standing_in(negotiation: Negotiation, cycle: CycleState) -> ColumnElement[str]:
    """The same over all rounds ever opened: the last one the unit's level takes part in counts (F1)."""
    own = func.coalesce(PLANS.c.state, WAITING)
    if cycle.settled:
        return case((own.is_not(None), SETTLED), else_=SETTLED)
    branches: list[Any] = [(UNITS.c.no_task.is_(True), own)]
    for name in reversed(list(cycle.rounds)):
        kind = negotiation.protocol.rounds_by_name[name].kind
        takes_part = UNITS.c.level.in_(negotiation.protocol.levels_of(name))
        if kind == "decision":
            takes_part = UNITS.c.parent_code.is_(None)
        branches.append((takes_part, _standing(name, START_OF_KIND[kind])))
    return case(*branches, else_=own)


def _has_children(unit: FromClause, levels: frozenset[str], skipped: int) -> ColumnElement[bool]:
    """Whether a unit has a participating unit below; `skipped` levels may lie between."""
    child = UNITS.alias()
    found: ColumnElement[bool] = child.c.level.in_(levels)
    if skipped:
        found = or_(found, _has_children(child, levels, skipped - 1))
    return exists().where(
        child.c.cycle_id == unit.c.cycle_id,
        child.c.parent_code == unit.c.code,
        child.c.no_task.is_(False),
        found,
    )
