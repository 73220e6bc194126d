"""A board of plans as it was at an instant: one statement for a page, and no replay (F5).

The cycle is asked first, for the instant means a position (F4). Of each place the newest version up
to that position counts, of each plan the newest state up to the instant.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select

from planflow.access.scope import Scope
from planflow.domain.units import UnitNode
from planflow.engine.machine import Negotiation
from planflow.engine.state import NEW_PLAN, CycleState, PlanState
from planflow.store.scopes import within
from planflow.store.surveys import standing_in
from planflow.store.tables import CycleUnitRow, CycleUnitVersionRow, PlanStateRow, table
from planflow.store.transaction import Tx
from planflow.store.trees import node_of

UNITS, VERSIONS = table(CycleUnitRow), table(CycleUnitVersionRow)
STATES = table(PlanStateRow)


@dataclass(frozen=True, slots=True)
class Then:
    """A unit's place and plan as they were."""

    place: UnitNode
    plan: PlanState


def page(
    tx: Tx,
    negotiation: Negotiation,
    cycle: CycleState,
    moment: dt.datetime,
    scope: Scope,
    filters: Mapping[str, str | None],
    after: str,
    limit: int,
) -> list[Then]:
    """A page of the tree and its plans, by path as it was then.

    `cycle` is the cycle of then, `scope` has places of today. `filters` are `parent` (a code of
    then) and `state`.
    """
    query = statement(cycle, moment, scope).where(VERSIONS.c.path > after).limit(limit)
    if filters.get("parent") is not None:
        query = query.where(VERSIONS.c.parent_code == filters["parent"])
    if filters.get("state") is not None:
        state = standing_in(negotiation, cycle, VERSIONS, STATES.c.state)
        query = query.where(state == filters["state"])
    return [_then(row) for row in tx.connection.execute(query)]


def _then(row: Any) -> Then:
    plan = PlanState.model_validate_json(row.body) if row.body else NEW_PLAN
    return Then(node_of(row), plan)


def one(tx: Tx, cycle: CycleState, moment: dt.datetime, unit_id: str) -> Then | None:
    """One unit's place and plan as they were; None where it was not in the tree."""
    row = tx.connection.execute(
        statement(cycle, moment).where(VERSIONS.c.unit_id == unit_id)
    ).first()
    return None if row is None else _then(row)


def statement(cycle: CycleState, moment: dt.datetime, scope: Scope | None = None) -> Select[Any]:
    """Places of then in the order of their paths, each with its plan's state of then."""
    later, newer = VERSIONS.alias(), STATES.alias()
    version = (
        select(func.max(later.c.position))
        .where(later.c.cycle_id == VERSIONS.c.cycle_id, later.c.unit_id == VERSIONS.c.unit_id)
        .where(later.c.position <= cycle.position)
        .scalar_subquery()
    )
    state = (
        select(func.max(newer.c.position))
        .where(newer.c.cycle_id == VERSIONS.c.cycle_id, newer.c.unit_id == VERSIONS.c.unit_id)
        .where(newer.c.recorded_at <= moment)
        .scalar_subquery()
    )
    today = and_(UNITS.c.cycle_id == VERSIONS.c.cycle_id, UNITS.c.unit_id == VERSIONS.c.unit_id)
    mine = and_(
        STATES.c.cycle_id == VERSIONS.c.cycle_id,
        STATES.c.unit_id == VERSIONS.c.unit_id,
        STATES.c.position == state,
    )
    query = (
        select(VERSIONS, STATES.c.body)
        .select_from(VERSIONS.join(UNITS, today).outerjoin(STATES, mine))
        .where(VERSIONS.c.cycle_id == cycle.id, VERSIONS.c.position == version)
        .where(VERSIONS.c.gone.is_(False))
        .order_by(VERSIONS.c.path)
    )
    return query if scope is None else query.where(within(UNITS.c.path, scope))


def idle(tx: Tx, cycle: CycleState, scope: Scope) -> list[UnitNode]:
    """Units that had no task in the cycle of then."""
    query = statement(cycle, dt.datetime.min.replace(tzinfo=dt.UTC), scope)
    rows = tx.connection.execute(query.where(VERSIONS.c.no_task.is_(True)))
    return [node_of(row) for row in rows]
