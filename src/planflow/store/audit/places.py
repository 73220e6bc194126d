"""A cycle's tree told again by its events: places as given, paths from the places above (N1, F5)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select

from planflow.domain.events import Event
from planflow.domain.units import SEPARATOR
from planflow.errors import Finding
from planflow.store.audit.course import AT_ONCE, differing
from planflow.store.tables import CycleUnitRow, CycleUnitVersionRow, UnitVersionRow, table
from planflow.store.transaction import Tx

UNITS, VERSIONS, REGISTER = (
    table(CycleUnitRow),
    table(CycleUnitVersionRow),
    table(UnitVersionRow),
)
_NAME = "cycle_unit_version"
_KEPT = ("code", "name", "level", "attributes", "since", "gone")


def grown(tx: Tx, cycle: str, event: Event) -> Iterator[Finding]:
    """What an event of the cycle made of its tree."""
    if event.kind == "cycle_opened":
        yield from _opened(tx, cycle, event)
    elif event.kind == "tree_changed":
        yield from _changed(tx, cycle, event)


def now(tx: Tx, cycle: str) -> Iterator[Finding]:
    """The tree as it is: the newest version of each place, each below the one it says."""
    newest = _newest(VERSIONS.c.cycle_id == cycle)
    same = and_(
        VERSIONS.c.cycle_id == cycle,
        VERSIONS.c.unit_id == newest.c.unit_id,
        VERSIONS.c.position == newest.c.position,
    )
    rows = UNITS.outerjoin(newest, newest.c.unit_id == UNITS.c.unit_id).outerjoin(VERSIONS, same)
    columns = [column.name for column in UNITS.columns]
    off = or_(*(UNITS.c[name].is_distinct_from(VERSIONS.c[name]) for name in columns))
    query = select(UNITS.c.unit_id).select_from(rows).where(UNITS.c.cycle_id == cycle, off)
    for row in tx.connection.execute(query.limit(AT_ONCE)):
        yield _wrong("cycle_unit", cycle, row.unit_id, "path")
    gone = select(VERSIONS.c.unit_id).outerjoin(
        UNITS, and_(UNITS.c.cycle_id == cycle, UNITS.c.unit_id == VERSIONS.c.unit_id)
    )
    gone = gone.where(VERSIONS.c.cycle_id == cycle, UNITS.c.unit_id.is_(None))
    for row in tx.connection.execute(gone.limit(AT_ONCE)):
        yield Finding("row_missing", {"table": "cycle_unit", "key": f"{cycle} {row.unit_id}"})
    above = UNITS.alias()
    over = and_(above.c.cycle_id == cycle, above.c.code == UNITS.c.parent_code)
    path = above.c.path + SEPARATOR + UNITS.c.code
    query = select(UNITS.c.unit_id).outerjoin(above, over).where(UNITS.c.cycle_id == cycle)
    off = and_(UNITS.c.parent_code.is_not(None), UNITS.c.path.is_distinct_from(path))
    for row in tx.connection.execute(query.where(off).limit(AT_ONCE)):
        yield _wrong("cycle_unit", cycle, row.unit_id, "path")


def _newest(which: ColumnElement[bool]) -> Subquery:
    """Of each unit, the position of its newest version among some."""
    query = select(VERSIONS.c.unit_id, func.max(VERSIONS.c.position).label("position"))
    return query.where(which).group_by(VERSIONS.c.unit_id).subquery()


def _opened(tx: Tx, cycle: str, event: Event) -> Iterator[Finding]:
    position = event.parts["terms"]["site_position"]
    count = 0
    for chunk in event.parts.get("tree", ()):
        count += len(chunk)
        names = _registered(tx, [row[0] for row in chunk], position)
        meant = []
        for unit, code, parent, level, idle in chunk:
            name, attributes = names.get(unit, (None, None))
            own = {"unit_id": unit, "code": code, "parent_code": parent or None, "level": level}
            own |= {"no_task": idle, "name": name, "attributes": attributes}
            meant.append(own | {"since": 0, "gone": False})
        yield from _as_told(tx, cycle, event.seq, meant)
    yield from _counted(tx, cycle, event.seq, count)


def _changed(tx: Tx, cycle: str, event: Event) -> Iterator[Finding]:
    """Places that were named are as told; those that only moved with them kept all but their path."""
    told = [
        {
            "unit_id": one["id"],
            "parent_code": one["parent"] or None,
            "gone": one["left"],
            **{n: one[n] for n in ("code", "name", "level", "attributes", "no_task", "since")},
        }
        for one in event.parts["places"]
    ]
    yield from _as_told(tx, cycle, event.seq, told)
    named = [one["unit_id"] for one in told]
    own, before = VERSIONS, VERSIONS.alias()
    newest = _newest((VERSIONS.c.cycle_id == cycle) & (VERSIONS.c.position < event.seq))
    same = and_(
        before.c.cycle_id == cycle,
        before.c.unit_id == newest.c.unit_id,
        before.c.position == newest.c.position,
    )
    rows = own.outerjoin(newest, newest.c.unit_id == own.c.unit_id).outerjoin(before, same)
    off = or_(*(own.c[name].is_distinct_from(before.c[name]) for name in _KEPT))
    query = select(own.c.unit_id).select_from(rows)
    query = query.where(own.c.cycle_id == cycle, own.c.position == event.seq, off)
    query = query.where(own.c.unit_id.not_in(named))
    for row in tx.connection.execute(query.limit(AT_ONCE)):
        yield _wrong(_NAME, cycle, f"{row.unit_id} {event.seq}", "code")


def _as_told(
    tx: Tx, cycle: str, position: int, meant: Sequence[dict[str, Any]]
) -> Iterator[Finding]:
    for at in range(0, len(meant), AT_ONCE):
        part = meant[at : at + AT_ONCE]
        found = {row["unit_id"]: row for row in _versions(tx, cycle, position, part)}
        for row in part:
            key = f"{cycle} {row['unit_id']} {position}"
            other = found.get(row["unit_id"])
            if other is None:
                yield Finding("row_missing", {"table": _NAME, "key": key})
                continue
            yield from differing(_NAME, key, row, other)
            above, _, code = other["path"].rpartition(SEPARATOR)
            parent = above.rpartition(SEPARATOR)[2] or None
            if (code, parent) != (row["code"], row["parent_code"]):
                yield Finding("row_differs", {"table": _NAME, "key": key, "column": "path"})


def _versions(tx: Tx, cycle: str, position: int, units: Iterable[dict[str, Any]]) -> Iterable[Any]:
    ids = [one["unit_id"] for one in units]
    query = select(VERSIONS).where(
        VERSIONS.c.cycle_id == cycle, VERSIONS.c.position == position, VERSIONS.c.unit_id.in_(ids)
    )
    return tx.connection.execute(query).mappings()


def _counted(tx: Tx, cycle: str, position: int, count: int) -> Iterator[Finding]:
    """No place beside those that the opening names."""
    query = select(func.count()).where(
        VERSIONS.c.cycle_id == cycle, VERSIONS.c.position <= position
    )
    if tx.connection.execute(query).scalar_one() != count:
        yield Finding("row_unexpected", {"table": _NAME, "key": f"{cycle} {position}"})


def _registered(tx: Tx, units: list[str], position: int) -> dict[str, tuple[str, str]]:
    """Names and attributes of units at a position of the site's stream."""
    query = select(REGISTER).where(REGISTER.c.unit_id.in_(units), REGISTER.c.position <= position)
    rows = tx.connection.execute(query.order_by(REGISTER.c.position))
    return {row.unit_id: (row.name, row.attributes) for row in rows}


def _wrong(rows: str, cycle: str, unit: str, column: str) -> Finding:
    return Finding("row_differs", {"table": rows, "key": f"{cycle} {unit}", "column": column})
