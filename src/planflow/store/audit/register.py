"""The site's own rows told again by its events: units, past years, accounts, grants (F9, F5)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Table, and_, func, or_, select

from planflow.domain.events import SITE, Event
from planflow.domain.past import AMOUNTS
from planflow.errors import Finding
from planflow.ledger.leaf import unseal
from planflow.store import surveys
from planflow.store.audit.course import AT_ONCE, Course, columns_of, compare, one
from planflow.store.audit.sign_ins import SignIns
from planflow.store.tables import (
    AccountRow,
    GrantEndRow,
    GrantRow,
    PastYearRow,
    ProtocolTextRow,
    UnitRow,
    UnitVersionRow,
    table,
)
from planflow.store.transaction import Tx

UNITS, VERSIONS, YEARS = table(UnitRow), table(UnitVersionRow), table(PastYearRow)
ACCOUNTS, GRANTS, ENDS = table(AccountRow), table(GrantRow), table(GrantEndRow)
TEXTS = table(ProtocolTextRow)


class _Ids:
    """Ids that events named, by table: rows beyond them are nobody's."""

    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self.grants: set[str] = set()
        self.ended: set[str] = set()
        self.positions: dict[str, set[int]] = {VERSIONS.name: set(), YEARS.name: set()}


def findings(tx: Tx, course: Course) -> Iterator[Finding]:
    """Walk the site's stream, and compare what it says with what is kept."""
    ids, sign_ins, after = _Ids(), SignIns(), 0
    while page := list(surveys.events(tx, SITE, after, AT_ONCE)):
        for stored in page:
            course.count("site events")
            yield from _event(tx, unseal(stored.leaf, stored.entries), ids, sign_ins)
        after = page[-1].seq
    yield from _beyond(tx, ids)
    yield from sign_ins.findings(tx)
    yield from _units_now(tx)
    for row in tx.connection.execute(select(TEXTS.c.digest, TEXTS.c.text)):
        if sha256(row.text.encode()).hexdigest() != row.digest:
            params = {"table": TEXTS.name, "key": row.digest, "column": "text"}
            yield Finding("row_differs", params)


def _event(tx: Tx, event: Event, ids: _Ids, sign_ins: SignIns) -> Iterator[Finding]:
    try:
        yield from _told(tx, event, ids)
        yield from sign_ins.see(tx, event)
    except (KeyError, TypeError, ValueError):
        params = {"stream": event.stream, "seq": event.seq, "event": event.id}
        yield Finding("event_not_applicable", params)


def _told(tx: Tx, event: Event, ids: _Ids) -> Iterator[Finding]:
    parts = event.parts
    if event.kind in ("units_imported", "units_renamed"):
        yield from _at(tx, VERSIONS, event.seq, _units(event), ids)
    elif event.kind == "history_imported":
        yield from _at(tx, YEARS, event.seq, _years(event), ids)
    elif event.kind == "user_added":
        own = parts["account"]["id"]
        ids.accounts.add(own)
        named = {"name": parts["name"]} if "name" in parts else {}  # erased: nothing to compare
        yield from one(tx.connection, ACCOUNTS, own, {"id": own, **named})
    elif event.kind == "user_erased":  # from then on the pseudonym is the name
        own = parts["account"]["id"]
        yield from one(tx.connection, ACCOUNTS, own, {"name": own})
    elif event.kind in ("grant_given", "grant_delegated"):
        terms = parts["grant"]
        ids.grants.add(terms["grant"])
        yield from one(tx.connection, GRANTS, terms["grant"], _grant(terms))
    elif event.kind == "grant_ended":
        terms = parts["grant"]
        ids.ended.add(terms["grant"])
        meant = {"grant_id": terms["grant"], "ended_by": terms["by"]}
        if "at" in terms:  # older events do not tell it
            meant["ended_at"] = datetime.fromisoformat(terms["at"])
        yield from one(tx.connection, ENDS, terms["grant"], meant)


def _units(event: Event) -> Iterator[dict[str, Any]]:
    for chunk in event.parts["units"]:
        for each in chunk:
            own = {name: each[name] for name in ("code", "name", "level", "attributes")}
            parent = each["parent"] or None
            yield {"unit_id": each["id"], "position": event.seq, "parent_id": parent, **own}


def _years(event: Event) -> Iterator[dict[str, Any]]:
    for chunk in event.parts["years"]:
        for each in chunk:
            own = {name: each.get(name) for name in AMOUNTS}
            named = {"unit_id": each["unit"], "year": each["year"], "indicator": each["indicator"]}
            yield {**named, "position": event.seq, **own}


def _grant(terms: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": terms["grant"],
        "account_id": terms["account"],
        "role": terms["role"],
        "unit_id": terms["unit"] or None,
        "given_by": terms["by"],
        "valid_from": datetime.fromisoformat(terms["from"]),
        "valid_to": datetime.fromisoformat(terms["to"]) if terms["to"] else None,
        "line": " ".join(terms.get("line", ())),
        "delegators": " ".join(terms.get("delegators", ())),
        "onward": terms.get("onward", False),
    }


def _at(
    tx: Tx, rows: Table, position: int, meant: Iterable[dict[str, Any]], ids: _Ids
) -> Iterator[Finding]:
    """Rows of one position against what its event says."""
    ids.positions[rows.name].add(position)
    keys = [column.name for column in rows.primary_key]
    found = tx.connection.execute(
        select(*columns_of(rows)).where(rows.c.position == position)
    ).mappings()
    yield from compare(rows.name, keys, meant, found)


def _beyond(tx: Tx, ids: _Ids) -> Iterator[Finding]:
    """Rows that no event made."""
    known = ((ACCOUNTS.c.id, ids.accounts), (GRANTS.c.id, ids.grants), (ENDS.c.grant_id, ids.ended))
    for column, named in known:
        for key in tx.connection.execute(select(column)).scalars():
            if key not in named:
                yield Finding("row_unexpected", {"table": column.table.name, "key": key})
    for rows in (VERSIONS, YEARS):
        for at in tx.connection.execute(select(rows.c.position).distinct()).scalars():
            if at not in ids.positions[rows.name]:
                yield Finding("row_unexpected", {"table": rows.name, "key": str(at)})


def _units_now(tx: Tx) -> Iterator[Finding]:
    """The register as it is: the newest version of each unit."""
    last = select(VERSIONS.c.unit_id, func.max(VERSIONS.c.position).label("position"))
    newest = last.group_by(VERSIONS.c.unit_id).subquery()
    same = and_(VERSIONS.c.unit_id == newest.c.unit_id, VERSIONS.c.position == newest.c.position)
    rows = UNITS.outerjoin(newest, newest.c.unit_id == UNITS.c.id).outerjoin(VERSIONS, same)
    columns = ("code", "name", "level", "parent_id", "attributes")
    off = or_(
        VERSIONS.c.unit_id.is_(None),
        *(UNITS.c[name].is_distinct_from(VERSIONS.c[name]) for name in columns),
    )
    query = select(UNITS.c.id).select_from(rows).where(off).limit(AT_ONCE)
    for key in tx.connection.execute(query).scalars():
        yield Finding("row_differs", {"table": "unit", "key": key, "column": "code"})
    gone = select(VERSIONS.c.unit_id).outerjoin(UNITS, UNITS.c.id == VERSIONS.c.unit_id)
    for key in tx.connection.execute(gone.where(UNITS.c.id.is_(None)).limit(AT_ONCE)).scalars():
        yield Finding("row_missing", {"table": "unit", "key": key})
