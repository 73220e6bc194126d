"""Rows into tables, in few round trips: on PostgreSQL all rows of an act are one statement (F8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Insert, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from planflow.store.driver import carry_out, carry_out_for, text_of
from planflow.store.tables import Moment, PlanRow, table
from planflow.store.transaction import Tx

PLANS = table(PlanRow)
Row = dict[str, Any]
Kind = type[SQLModel]
Shape = tuple[tuple[Kind, tuple[str, ...], int], ...]  # table, columns, how many rows
_KEYS = ("cycle_id", "unit_id")
_ONE_STATEMENT = 2_000  # parameters: beyond, what a round trip costs no longer matters


@dataclass(slots=True)
class Batch:
    """Rows gathered per table, and new heads of plans, written together."""

    rows: dict[Kind, list[Row]] = field(default_factory=dict)
    heads: list[Row] = field(default_factory=list)

    def add(self, kind: Kind, /, **row: Any) -> None:
        """Take a row to be inserted."""
        self.rows.setdefault(kind, []).append(row)

    def head(self, row: Row) -> None:
        """Take a plan's new head: inserted where the plan is new, else updated."""
        self.heads.append(row)

    def flush(self, tx: Tx) -> None:
        """Write what was gathered."""
        groups: list[tuple[Kind, list[Row]]] = list(self.rows.items())
        if self.heads:
            groups.append((PlanRow, self.heads))
        values = sum(len(rows) * len(rows[0]) for _, rows in groups)
        if tx.locks and 0 < values <= _ONE_STATEMENT:
            shape = tuple((kind, tuple(rows[0]), len(rows)) for kind, rows in groups)
            flat = [row[name] for _, rows in groups for row in rows for name in rows[0]]
            carry_out(tx.connection, _statement(shape), flat)
        elif tx.locks:
            for kind, rows in self.rows.items():
                tx.connection.execute(_insert(kind), rows)
            if self.heads:
                upsert(tx, self.heads)
        else:
            for kind, rows in groups:
                columns = tuple(rows[0])
                sql, moments = _one_row(kind, columns)
                carry_out_for(tx.connection, sql, [_kept(row, moments) for row in rows])
        self.rows.clear()
        self.heads.clear()


def upsert(tx: Tx, rows: Sequence[Row]) -> None:
    """Write plans' new heads: inserted where new, else updated."""
    tx.connection.execute(_upsert(tx.locks, tuple(rows[0])), rows)


@cache
def _insert(kind: Kind) -> Insert:
    return insert(table(kind))


@cache
def _upsert(locks: bool, columns: tuple[str, ...]) -> Any:
    made = (postgresql.insert if locks else sqlite.insert)(PLANS)
    changes = {name: made.excluded[name] for name in columns if name not in (*_KEYS, "path")}
    return made.on_conflict_do_update(index_elements=list(_KEYS), set_=changes)


@cache
def _one_row(kind: Kind, columns: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """The SQL of one row for SQLite, and which of its values are instants."""
    moments = (isinstance(table(kind).c[name].type, Moment) for name in columns)
    places = tuple(at for at, one in enumerate(moments) if one)
    return _values(kind, columns, 1, iter("?" * len(columns))), places


def _kept(row: Row, moments: tuple[int, ...]) -> list[Any]:
    values = list(row.values())
    for at in moments:
        values[at] = text_of(values[at])
    return values


@lru_cache(maxsize=512)
def _statement(shape: Shape) -> str:
    """The SQL of a whole act's rows: inserts side by side, every value a parameter."""
    marks = (f"${number}" for number in range(1, _ONE_STATEMENT + 1))
    parts = [_values(kind, columns, count, marks) for kind, columns, count in shape]
    *before, last = parts
    named = ", ".join(f"w{at} AS ({part})" for at, part in enumerate(before))
    return f"WITH {named} {last}" if named else last


def _values(kind: Kind, columns: tuple[str, ...], count: int, marks: Iterator[str]) -> str:
    """One table's rows; names and defaults are our own tables', never a person's text."""
    left = {c.name: c.default.arg for c in table(kind).c if c.name not in columns and c.default}  # type: ignore[attr-defined]
    fixed = [f"'{value}'" for value in left.values()]
    rows = ([*(next(marks) for _ in columns), *fixed] for _ in range(count))
    many = ", ".join(f"({', '.join(row)})" for row in rows)
    names = ", ".join([*columns, *left])
    sql = f'INSERT INTO "{table(kind).name}" ({names}) VALUES {many}'  # noqa: S608 - ours  # nosec B608
    if kind is not PlanRow:
        return sql
    changes = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in (*_KEYS, "path"))
    keys = ", ".join(_KEYS)
    return f"{sql} ON CONFLICT ({keys}) DO UPDATE SET {changes}"  # names of ours  # nosec B608
