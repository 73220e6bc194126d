"""Document numbers by event: what is stored for the search is what the events name (文号)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from planflow.domain.events import documents, place_of
from planflow.errors import Finding
from planflow.ledger.leaf import SINGLE, Entry, unseal
from planflow.store.audit.course import AT_ONCE, raw
from planflow.store.tables import CitationRow, EventRow, table
from planflow.store.transaction import Tx

CITATIONS, EVENTS = table(CitationRow), table(EventRow)


def of_events(tx: Tx, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rows of some events, by event and number."""
    found: dict[str, dict[str, Any]] = {one: {} for one in ids}
    query = select(*map(raw, CITATIONS.columns)).where(CITATIONS.c.event_id.in_(ids))
    for row in tx.connection.execute(query):
        found[row.event_id][row.document_no] = row
    return found


def findings(event: Any, entries: tuple[Entry, ...], rows: Mapping[str, Any]) -> Iterator[Finding]:
    """What differs for a sound event; of one that was erased in part, nobody can tell."""
    if any(one.value is None and one.number == SINGLE for one in entries):
        return
    cycle = place_of(event.stream)[0]
    named = documents(unseal(event.leaf, entries).parts) if cycle else {}
    for number in named.keys() | rows.keys():
        key = {"table": "citation", "key": f"{event.id} {number}"}
        if number not in rows:
            yield Finding("row_missing", key)
        elif number not in named:
            yield Finding("row_unexpected", key)
        else:
            row = rows[number]
            for column, meant in (("cycle_id", cycle), ("own", named[number])):
                if getattr(row, column) != meant:
                    yield Finding("row_differs", {**key, "column": column})


def orphans(tx: Tx) -> Iterator[Finding]:
    """Rows of events that there are none of."""
    lost = select(CITATIONS).outerjoin(EVENTS, EVENTS.c.id == CITATIONS.c.event_id)
    for row in tx.connection.execute(lost.where(EVENTS.c.id.is_(None)).limit(AT_ONCE)):
        key = f"{row.event_id} {row.document_no}"
        yield Finding("row_unexpected", {"table": "citation", "key": key})
