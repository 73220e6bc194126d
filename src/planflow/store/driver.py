"""Statements that every act needs, carried out by the database's own driver in its unit of work (F8).

They are written with Core like all others, rendered once, and handed to the driver as they are: what
SQLAlchemy does around a statement takes longer than the statement itself.
"""

import datetime as dt
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from planflow.store.faults import known
from planflow.store.tables import Moment

if TYPE_CHECKING:
    from planflow.store.transaction import Tx

_POSTGRESQL: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_SQLITE: Dialect = sqlite_dialect(paramstyle="qmark")
_CURSOR = "planflow_cursor"


class Statement:
    """A reading statement; its parameters are named, and its rows have their columns as attributes.

    It may be told otherwise on PostgreSQL, with the same columns.
    """

    def __init__(self, query: Any, on_postgresql: Any = None) -> None:
        self.query = query
        self.on_postgresql = query if on_postgresql is None else on_postgresql

    def rows(self, tx: "Tx", **values: Any) -> list[Any]:
        """All rows."""
        sql, names = self._numbered if tx.locks else self._marked
        if tx.locks:
            found = carry_out(tx.connection, sql, [values[name] for name in names]).fetchall()
            return [self._row(*row) for row in found]
        # SQLite keeps an instant as a text.
        given = {n: text_of(v) if isinstance(v, dt.datetime) else v for n, v in values.items()}
        found = carry_out(tx.connection, sql, [given[name] for name in names]).fetchall()
        reads = self._reads
        return [
            self._row(*(read(one) for read, one in zip(reads, row, strict=True))) for row in found
        ]

    @cached_property
    def _numbered(self) -> tuple[str, Sequence[str]]:
        return _rendered(self.on_postgresql, _POSTGRESQL)

    @cached_property
    def _marked(self) -> tuple[str, Sequence[str]]:
        return _rendered(self.query, _SQLITE)

    @cached_property
    def _row(self) -> Any:
        return row_of([column.name for column in self.query.selected_columns])

    @cached_property
    def _reads(self) -> list[Callable[[Any], Any]]:
        columns = self.query.selected_columns
        return [_instant if isinstance(one.type, Moment) else _as_it_is for one in columns]


def row_of(names: Sequence[str]) -> Any:
    """A kind of row with these columns."""
    return namedtuple("Row", names)


def carry_out(connection: Connection, sql: str, values: Sequence[Any]) -> Any:
    """Carry out SQL in the driver's own way; its cursor. Raises `DBAPIError`."""
    return carried(connection, lambda cursor: cursor.execute(sql, values))


def carry_out_for(connection: Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Carry out SQL once for each row of values. Raises `DBAPIError`."""
    carried(connection, lambda cursor: cursor.executemany(sql, rows))


def text_of(moment: dt.datetime | None) -> str | None:
    """An instant as SQLite keeps it."""
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def carried(connection: Connection, work: Callable[[Any], Any]) -> Any:
    """Work with the connection's own cursor. Raises `DBAPIError`."""
    fairy, module = connection.connection, connection.dialect.loaded_dbapi
    # One cursor for the life of a connection: psycopg's remembers how to write values of each type.
    cursor = fairy.info.get(_CURSOR)
    if cursor is None:
        driver: Any = fairy.driver_connection
        numbered = getattr(module, "RawCursor", None)
        cursor = fairy.info[_CURSOR] = numbered(driver) if numbered else driver.cursor()
    try:
        return work(cursor)
    except module.Error as error:
        if connection.dialect.is_disconnect(error, fairy.driver_connection, cursor):
            connection.invalidate(error)
        raise known(error) from error


def _rendered(query: Any, dialect: Dialect) -> tuple[str, Sequence[str]]:
    compiled = query.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ())


def _instant(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _as_it_is(value: Any) -> Any:
    return value
