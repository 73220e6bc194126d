"""Events of a cycle by what they are looked for by: an index for each, in the order of time (F5)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from planflow.access.scope import Scope
from planflow.store.scopes import within
from planflow.store.tables import CitationRow, CycleUnitRow, EventRow, table
from planflow.store.transaction import Tx

EVENTS, UNITS, CITATIONS = table(EventRow), table(CycleUnitRow), table(CitationRow)
UNIT = (UNITS.c.code, UNITS.c.name, UNITS.c.path)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; None where it does not matter. `start` and `end` are both in it.

    `scope` has places of today: plans of units at or below one of them. The cycle's own events
    belong to no unit and are found where `of_cycle`.
    """

    scope: Scope
    of_cycle: bool = True
    actor: str | None = None
    round: str | None = None
    kind: str | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    document_no: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An event: its leaf, the unit it is about today, and the documents it names."""

    id: str
    recorded_at: dt.datetime
    leaf: bytes
    unit: str
    name: str
    documents: dict[str, bool]
    path: str = ""


def page(
    tx: Tx, cycle: str, search: Search, after: tuple[dt.datetime, str] | None, limit: int
) -> list[Found]:
    """Events found, oldest first, from behind a place on."""
    rows = tx.connection.execute(statement(cycle, search, after, limit)).all()
    named = documents(tx, [row.id for row in rows])
    return [found(row, named[row.id]) for row in rows]


def found(row: Any, named: dict[str, bool]) -> Found:
    """An event from its row, and the documents it names."""
    unit = (row.code or "", row.name or "")
    return Found(row.id, row.recorded_at, row.leaf, *unit, named, row.path or "")


def statement(
    cycle: str, search: Search, after: tuple[dt.datetime, str] | None, limit: int
) -> Select[Any]:
    """The one statement of a page, whatever is looked for."""
    here = and_(UNITS.c.cycle_id == EVENTS.c.cycle_id, UNITS.c.unit_id == EVENTS.c.unit_id)
    query = (
        select(*(EVENTS.c[name] for name in ("id", "recorded_at", "leaf")), *UNIT)
        .select_from(EVENTS.outerjoin(UNITS, here))
        .where(EVENTS.c.cycle_id == cycle, *wanted(cycle, search))
        .order_by(EVENTS.c.recorded_at, EVENTS.c.id)
        .limit(limit)
    )
    if after:
        moment, last = after
        later = or_(EVENTS.c.recorded_at > moment, EVENTS.c.id > last)
        query = query.where(EVENTS.c.recorded_at >= moment, later)
    return query


def documents(tx: Tx, events: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Document numbers that some events name, and whether a number is the event's own."""
    found: dict[str, dict[str, bool]] = {one: {} for one in events}
    query = select(CITATIONS).where(CITATIONS.c.event_id.in_(events))
    for row in tx.connection.execute(query.order_by(CITATIONS.c.document_no)):
        found[row.event_id][row.document_no] = row.own
    return found


def wanted(cycle: str, search: Search) -> list[ColumnElement[bool]]:
    """What an event must be to be found."""
    seen = select(UNITS.c.unit_id).where(
        UNITS.c.cycle_id == cycle, within(UNITS.c.path, search.scope)
    )
    mine: ColumnElement[bool] = EVENTS.c.unit_id.in_(seen)
    found = [or_(mine, EVENTS.c.unit_id == "") if search.of_cycle else mine]
    for column, value in (
        (EVENTS.c.actor, search.actor),
        (EVENTS.c.round, search.round),
        (EVENTS.c.kind, search.kind),
    ):
        if value is not None:
            found.append(column == value)
    if search.start is not None:
        found.append(EVENTS.c.recorded_at >= search.start)
    if search.end is not None:
        found.append(EVENTS.c.recorded_at <= search.end)
    if search.document_no is not None:
        named = select(CITATIONS.c.event_id).where(
            CITATIONS.c.cycle_id == cycle, CITATIONS.c.document_no == search.document_no
        )
        found.append(EVENTS.c.id.in_(named))
    return found
