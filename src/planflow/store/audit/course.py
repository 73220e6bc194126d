"""What an audit has looked at, how rows are compared, and how moments are read without trust."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select, type_coerce
from sqlalchemy.types import NullType

from planflow.errors import Finding
from planflow.ledger.leaf import format_time
from planflow.store.tables import Moment

AT_ONCE = 500
Row = Mapping[str, Any]


@dataclass
class Course:
    """Counts of what was looked at so far; `tell` hears of every page."""

    site: str
    tell: Callable[[str, int], None] = lambda _what, _count: None
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, number: int = 1) -> None:
        """More of something was looked at."""
        self.counts[what] += number
        self.tell(what, self.counts[what])


def raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value as the database gives it: one that was bent must not stop the audit."""
    return type_coerce(column, NullType()).label(str(column.key))


def columns_of(rows: Table) -> list[ColumnElement[Any]]:
    """A table's columns, its moments as they are stored."""
    return [raw(column) if isinstance(column.type, Moment) else column for column in rows.columns]


def octets(value: Any) -> bytes:
    """Stored bytes; none where somebody put something else in their place."""
    return value if isinstance(value, bytes) else b""


def instant(value: Any) -> str:
    """A raw moment as leaves write it; empty where it is none."""
    try:
        read = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return format_time(read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read)
    except (ValueError, AttributeError, OverflowError):
        return ""


def differing(table: str, key: str, meant: Row, found: Any) -> Iterator[Finding]:
    """The first column in which a row is not what it should be."""
    for column, value in meant.items():
        if not _same(value, found[column]):
            yield Finding("row_differs", {"table": table, "key": key, "column": column})
            return


def _same(meant: Any, found: Any) -> bool:
    if isinstance(meant, dt.datetime):
        return format_time(meant) == instant(found)
    return bool(meant == found)


def one(connection: Connection, rows: Table, key: str, meant: Row) -> Iterator[Finding]:
    """The row of a key, which should be there, against what it should be."""
    [column] = rows.primary_key
    found = connection.execute(select(*columns_of(rows)).where(column == key)).mappings().first()
    if found is None:
        yield Finding("row_missing", {"table": rows.name, "key": key})
    else:
        yield from differing(rows.name, key, meant, found)


def compare(
    table: str, keys: Sequence[str], meant: Iterable[Row], found: Iterable[Any]
) -> Iterator[Finding]:
    """Rows that should be there against those that are, by their keys."""
    there = {tuple(row[name] for name in keys): row for row in found}
    for row in meant:
        key = tuple(row[name] for name in keys)
        other = there.pop(key, None)
        if other is None:
            yield Finding("row_missing", {"table": table, "key": _named(key)})
        else:
            yield from differing(table, _named(key), row, other)
    for key in there:
        yield Finding("row_unexpected", {"table": table, "key": _named(key)})


def _named(key: Iterable[Any]) -> str:
    return " ".join(map(str, key))
