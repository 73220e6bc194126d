"""Records of who read what belongs to others: added, searched, and deleted once they are old (F9)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, delete, exists, func, insert, or_, select

from planflow.domain.units import SEPARATOR
from planflow.store.access_tables import AccessRecordRow
from planflow.store.tables import CycleUnitRow, UnitRow, table
from planflow.store.transaction import Tx

RECORDS, REGISTER, UNITS = table(AccessRecordRow), table(UnitRow), table(CycleUnitRow)


@dataclass(frozen=True, slots=True)
class Access:
    """What one answer showed of others: by which grant, where, how much, and what was asked for.

    `asked` names what was filtered by; a value stands in it only where it can be nobody's name.
    """

    kind: str
    grant: str = ""
    cycle: str = ""
    unit_id: str = ""
    items: int = 0
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; None where it does not matter. `start` and `end` are both in it.

    `scope` and `below` are units: what was read at or below one of them.
    """

    scope: Sequence[str] | None = None
    below: Sequence[str] | None = None
    actor: str | None = None
    cycle: str | None = None
    kind: str | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A record, with the unit's code of today; without one where it is about none."""

    id: str
    recorded_at: dt.datetime
    actor: str
    access: Access
    unit: str


def add(tx: Tx, actor: str, at: dt.datetime, accesses: Sequence[tuple[str, Access]]) -> None:
    """Record some reads, each under an id of its own."""
    rows = [
        {
            "id": own,
            "recorded_at": at,
            "actor": actor,
            "grant_id": one.grant,
            "kind": one.kind,
            "cycle_id": one.cycle,
            "unit_id": one.unit_id,
            "asked": orjson.dumps(dict(one.asked), option=orjson.OPT_SORT_KEYS).decode(),
            "items": one.items,
        }
        for own, one in accesses
    ]
    tx.connection.execute(insert(RECORDS), rows)


def page(tx: Tx, search: Search, after: tuple[dt.datetime, str] | None, limit: int) -> list[Found]:
    """Records found, oldest first, from behind a place on."""
    query = (
        select(RECORDS, REGISTER.c.code)
        .select_from(RECORDS.outerjoin(REGISTER, REGISTER.c.id == RECORDS.c.unit_id))
        .where(*_wanted(search))
        .order_by(RECORDS.c.recorded_at, RECORDS.c.id)
        .limit(limit)
    )
    if after:
        moment, last = after
        later = or_(RECORDS.c.recorded_at > moment, RECORDS.c.id > last)
        query = query.where(RECORDS.c.recorded_at >= moment, later)
    return [_found(row) for row in tx.connection.execute(query)]


def prune(tx: Tx, until: dt.datetime) -> int:
    """Delete the records up to an instant; how many those were. The database refuses young ones."""
    return tx.connection.execute(delete(RECORDS).where(RECORDS.c.recorded_at <= until)).rowcount


def _found(row: Any) -> Found:
    place = (row.grant_id, row.cycle_id, row.unit_id)
    access = Access(row.kind, *place, row.items, orjson.loads(row.asked))
    return Found(row.id, row.recorded_at, row.actor, access, row.code or "")


def _wanted(search: Search) -> list[ColumnElement[bool]]:
    found = [_at_or_below(units) for units in (search.scope, search.below) if units is not None]
    for column, value in (
        (RECORDS.c.actor, search.actor),
        (RECORDS.c.cycle_id, search.cycle),
        (RECORDS.c.kind, search.kind),
    ):
        if value is not None:
            found.append(column == value)
    if search.start is not None:
        found.append(RECORDS.c.recorded_at >= search.start)
    if search.end is not None:
        found.append(RECORDS.c.recorded_at <= search.end)
    return found


def _at_or_below(units: Sequence[str]) -> ColumnElement[bool]:
    """About one of these units, or one below it in the tree of the cycle that was read."""
    above, place = UNITS.alias(), UNITS.alias()
    start = above.c.path + SEPARATOR
    below = exists().where(
        above.c.cycle_id == RECORDS.c.cycle_id,
        above.c.unit_id.in_(units),
        place.c.cycle_id == RECORDS.c.cycle_id,
        place.c.unit_id == RECORDS.c.unit_id,
        func.substr(place.c.path, 1, func.length(start)) == start,
    )
    return or_(RECORDS.c.unit_id.in_(units), below)
