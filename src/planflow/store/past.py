"""Past years as they were stated: rows that are only added to, versions by position (N15, N16, F5)."""

import datetime as dt
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, select

from planflow.domain.events import SITE
from planflow.domain.past import AMOUNTS, Past, PastYear
from planflow.store.tables import EventRow, PastYearRow, ProtocolTextRow, table
from planflow.store.transaction import Tx

YEARS, EVENTS, TEXTS = table(PastYearRow), table(EventRow), table(ProtocolTextRow)
_IN_AT_MOST = 500
_AT_ONCE = 2_000


def stated(
    tx: Tx,
    unit_ids: Sequence[str],
    first: int,
    last: int,
    moment: dt.datetime | None = None,
) -> dict[str, Past]:
    """What stands of some units' years, or stood at an instant; one statement for 500 units."""
    latest: dict[tuple[str, str, int], PastYear] = {}
    within: ColumnElement[bool] = YEARS.c.year.between(first, last)
    if moment is not None:
        # an instant is a position of the site's stream first (F4)
        until = (
            select(EVENTS.c.seq)
            .where(EVENTS.c.stream == SITE, EVENTS.c.recorded_at <= moment)
            .order_by(EVENTS.c.seq.desc())
            .limit(1)
        )
        within = and_(within, YEARS.c.position <= until.scalar_subquery())
    for at in range(0, len(unit_ids), _IN_AT_MOST):
        query = select(YEARS).where(YEARS.c.unit_id.in_(unit_ids[at : at + _IN_AT_MOST]), within)
        for row in tx.connection.execute(query.order_by(YEARS.c.position)):
            amounts = {name: getattr(row, name) for name in AMOUNTS}
            year = PastYear(row.year, row.indicator, **amounts)
            latest[row.unit_id, row.indicator, row.year] = year
    found: dict[str, dict[str, tuple[PastYear, ...]]] = {}
    for (unit_id, indicator, _), one in sorted(latest.items(), key=itemgetter(0)):
        if not one.says_nothing:
            years = found.setdefault(unit_id, {})
            years[indicator] = (*years.get(indicator, ()), one)
    return dict(found)


def add(tx: Tx, rows: Iterable[tuple[str, PastYear]], position: int) -> None:
    """State years anew; what was stated before stays below it."""
    values = [_values(unit_id, one) | {"position": position} for unit_id, one in rows]
    for at in range(0, len(values), _AT_ONCE):
        tx.connection.execute(insert(YEARS), values[at : at + _AT_ONCE])


def protocol_texts(tx: Tx) -> list[str]:
    """Texts of all protocols that cycles were opened with."""
    return list(tx.connection.execute(select(TEXTS.c.text).order_by(TEXTS.c.digest)).scalars())


def _values(unit_id: str, one: PastYear) -> dict[str, Any]:
    return {"unit_id": unit_id, "year": one.year, "indicator": one.indicator} | one.amounts
