"""Documents of a cycle by their numbers (文号): which cites which, and the events that name them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select

from planflow.store import searches
from planflow.store.searches import CITATIONS, EVENTS, UNITS, Found, Search
from planflow.store.transaction import Tx

Link = tuple[str, str]  # a document, and one that it cites
_IN_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Named:
    """Events that name a document: how many carry it, how many cite it, and the first of them."""

    carried: int
    cited: int
    first: tuple[Found, ...]


def links(tx: Tx, cycle: str, scope: Search, numbers: Collection[str], *, up: bool) -> set[Link]:
    """Citations that lead away from some documents, or `up` to them, as far as events in scope say."""
    own, cited = CITATIONS.alias(), CITATIONS.alias()
    known = cited if up else own
    pair = and_(cited.c.event_id == own.c.event_id, cited.c.own.is_(False))
    found: set[Link] = set()
    ordered = sorted(numbers)
    for at in range(0, len(ordered), _IN_AT_MOST):
        query = (
            select(own.c.document_no, cited.c.document_no.label("cited"))
            .select_from(own.join(cited, pair).join(EVENTS, EVENTS.c.id == own.c.event_id))
            .where(own.c.cycle_id == cycle, cited.c.cycle_id == cycle, own.c.own.is_(True))
            .where(known.c.document_no.in_(ordered[at : at + _IN_AT_MOST]))
            .where(*searches.wanted(cycle, scope))
            .distinct()
        )
        found |= {(row.document_no, row.cited) for row in tx.connection.execute(query)}
    return found


def named(
    tx: Tx, cycle: str, scope: Search, numbers: Sequence[str], limit: int
) -> dict[str, Named]:
    """Events in scope that name each of these documents, oldest first; one nobody names is absent."""
    here = and_(UNITS.c.cycle_id == EVENTS.c.cycle_id, UNITS.c.unit_id == EVENTS.c.unit_id)
    by = CITATIONS.c.document_no
    ranked = (
        select(
            by,
            *(EVENTS.c[name] for name in ("id", "recorded_at", "leaf")),
            *searches.UNIT,
            _count(by, own=True).label("carried"),
            _count(by, own=False).label("cited"),
            func.row_number()
            .over(partition_by=by, order_by=(EVENTS.c.recorded_at, EVENTS.c.id))
            .label("rank"),
        )
        .select_from(
            CITATIONS.join(EVENTS, EVENTS.c.id == CITATIONS.c.event_id).outerjoin(UNITS, here)
        )
        .where(CITATIONS.c.cycle_id == cycle, by.in_(numbers))
        .where(*searches.wanted(cycle, scope))
        .subquery()
    )
    first = select(ranked).where(ranked.c.rank <= limit)
    rows = tx.connection.execute(first.order_by(ranked.c.document_no, ranked.c.rank)).all()
    told = searches.documents(tx, sorted({row.id for row in rows}))
    found: dict[str, Named] = {}
    for row in rows:
        one = searches.found(row, told[row.id])
        before = found.get(row.document_no)
        events = (*(before.first if before else ()), one)
        found[row.document_no] = Named(row.carried, row.cited, events)
    return found


def _count(by: ColumnElement[str], *, own: bool) -> ColumnElement[int]:
    return func.sum(case((CITATIONS.c.own.is_(own), 1), else_=0)).over(partition_by=by)
