"""Every way to change a row of a table that only grows, made from what the database says of itself.

Nothing is taken from planflow: columns, keys and types come from the database's own catalogue.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect, text

# What the rules call history (F5). A table that is in neither list has not been thought about.
HISTORY = {
    "event",
    "unit_version",
    "protocol_text",
    "citation",
    "cycle_state",
    "plan_state",
    "figure",
    "commitment",
    "extension",
    "cycle_unit_version",
    "past_year",
    "access_grant",
    "grant_end",
    "access_record",  # while it is young: see test_access_records
    "ledger_leaf",
    "ledger_tile",
    "ledger_checkpoint",
    "ledger_epoch",
    "token_family",
    "token_end",
}
ERASABLE = "event_part"
CURRENT = {
    "site",
    "unit",
    "account",
    "token",
    "cycle",
    "cycle_unit",
    "plan",
    "request_key",
    "ledger_queue",
    "refresh_token",
    "sign_in_attempt",
    "second_factor",
    "recovery_code",
    "oidc_identity",
    "oidc_visit",
    "alembic_version",
}


@dataclass(frozen=True)
class Shape:
    """A table as its database describes it."""

    name: str
    columns: tuple[str, ...]
    types: dict[str, type]
    keys: tuple[tuple[str, ...], ...]  # the primary key first

    @property
    def listed(self) -> str:
        """All columns, to name in a statement."""
        return ", ".join(self.columns)

    def fresh(self, mark: str) -> str:
        """A select of the table's own first row, with other values in every key column."""
        changed = {name for key in self.keys for name in key}
        parts = [self.other(name, mark) if name in changed else name for name in self.columns]
        return ", ".join(parts)

    def other(self, column: str, mark: str) -> str:
        """A value of a column's type that no row has."""
        if self.types[column] is int:
            return "987654321"
        if self.types[column] is dt.datetime:
            return "'1999-01-01 00:00:00'"
        if self.types[column] is bool:
            return f"NOT {column}"
        return f"'{mark}'"

    def sample(self, number: int) -> dict[str, Any]:
        """Values for a row of one's own."""
        made: dict[type, Any] = {
            int: number,
            str: f"x{number}",
            bytes: b"x",
            bool: False,
            dt.datetime: "2119-07-12 00:00:00",
        }
        return {name: made[self.types[name]] for name in self.columns}


def shape(connection: Connection, name: str) -> Shape:
    """Describe a table."""
    found = inspect(connection)
    columns = {one["name"]: one["type"].python_type for one in found.get_columns(name)}
    primary = tuple(found.get_pk_constraint(name)["constrained_columns"])
    others = [tuple(one["column_names"]) for one in found.get_unique_constraints(name)]
    keys = (primary, *(tuple(str(part) for part in key) for key in others))
    return Shape(name, tuple(columns), columns, keys)


def tables(connection: Connection) -> set[str]:
    """All tables of the database."""
    return set(inspect(connection).get_table_names())


def fill(connection: Connection, one: Shape) -> None:
    """Put two rows into a table, so that there is something to lose, and something to lose it to."""
    marks = ", ".join(f":{name}" for name in one.columns)
    statement = text(f"INSERT INTO {one.name} ({one.listed}) VALUES ({marks})")
    connection.execute(statement, [one.sample(1), one.sample(2)])


def attacks(dialect: str, one: Shape) -> Iterator[str]:
    """Statements that would change or remove a row of the table."""
    name = one.name
    yield f"DELETE FROM {name}"
    for column in one.columns:
        yield f"UPDATE {name} SET {column} = {column}"
        yield f"UPDATE {name} SET {column} = {one.other(column, 'spoilt')}"
    yield from _upserts(one)
    yield from _sqlite(one) if dialect == "sqlite" else _postgresql(one)


def _upserts(one: Shape) -> Iterator[str]:
    # DO UPDATE reaches the row of each key in turn; the other keys are fresh, so only one collides.
    for key in one.keys:
        row = _colliding(one, key)
        for column in one.columns:
            # In a select before ON CONFLICT, SQLite needs a WHERE to tell the two ONs apart.
            yield (
                f"INSERT INTO {one.name} ({one.listed}) {row} "
                f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {column} = excluded.{column}"
            )


def _colliding(one: Shape, key: tuple[str, ...], more: str = "") -> str:
    """A select of a row that has the first row's key and is otherwise new."""
    spoilt = {name for other in one.keys for name in other} - set(key)
    parts = [one.other(name, "new") if name in spoilt else name for name in one.columns]
    return (
        f"SELECT {more}{', '.join(parts)} FROM (SELECT * FROM {one.name} LIMIT 1) AS old WHERE true"
    )


def _sqlite(one: Shape) -> Iterator[str]:
    name = one.name
    yield f"DELETE FROM {name} WHERE rowid = (SELECT min(rowid) FROM {name})"
    for verb in ("INSERT OR REPLACE", "REPLACE"):
        yield f"{verb} INTO {name} ({one.listed}) SELECT {one.listed} FROM {name}"
        for key in one.keys:
            yield f"{verb} INTO {name} ({one.listed}) {_colliding(one, key)}"
        # The number SQLite itself gives a row is a key as well, and it may be named.
        for number in ("rowid", "_rowid_", "oid"):
            yield (
                f"{verb} INTO {name} ({number}, {one.listed}) "
                f"SELECT rowid, {one.fresh('new')} FROM {name} LIMIT 1"
            )
    yield f"UPDATE OR REPLACE {name} SET {one.columns[0]} = {one.columns[0]}"
    yield f"UPDATE OR REPLACE {name} SET rowid = rowid + 1"
    for key in one.keys:
        yield (
            f"INSERT INTO {name} ({one.listed}) {_colliding(one, key)} "
            f"ON CONFLICT DO UPDATE SET {one.columns[-1]} = excluded.{one.columns[-1]}"
        )


def _postgresql(one: Shape) -> Iterator[str]:
    name, first = one.name, one.columns[0]
    yield f"TRUNCATE {name}"
    yield f"TRUNCATE {name} CASCADE"
    yield f"TRUNCATE {name}, plan"
    yield f"UPDATE ONLY {name} SET {first} = {first}"
    yield f"WITH gone AS (DELETE FROM {name} RETURNING *) SELECT count(*) FROM gone"
    same = " AND ".join(f"t.{column} = s.{column}" for column in one.keys[0])
    yield (
        f"MERGE INTO {name} AS t USING (SELECT * FROM {name} LIMIT 1) AS s ON {same} "
        f"WHEN MATCHED THEN UPDATE SET {first} = s.{first}"
    )
    yield (
        f"MERGE INTO {name} AS t USING (SELECT * FROM {name} LIMIT 1) AS s ON {same} "
        f"WHEN MATCHED THEN DELETE"
    )


def erasures(dialect: str) -> Iterator[str]:
    """Changes of a salted value that come near an erasure and are none."""
    one = "WHERE salt IS NOT NULL"
    yield f"UPDATE event_part SET salt = NULL {one}"
    yield f"UPDATE event_part SET value = NULL {one}"
    yield f"UPDATE event_part SET salt = NULL, value = '[]' {one}"
    yield f"UPDATE event_part SET salt = NULL, value = NULL, digest = digest || digest {one}"
    yield f"UPDATE event_part SET salt = NULL, value = NULL, number = number + 100 {one}"
    yield f"UPDATE event_part SET salt = NULL, value = NULL, part = part || 'x' {one}"
    yield f"UPDATE event_part SET salt = NULL, value = NULL, event_id = event_id || 'x' {one}"
    if dialect == "sqlite":
        yield (
            "UPDATE OR REPLACE event_part SET rowid = (SELECT max(rowid) FROM event_part), "
            "salt = NULL, value = NULL WHERE rowid = (SELECT min(rowid) FROM event_part)"
        )


def rows(connection: Connection, name: str) -> list[tuple[Any, ...]]:
    """All rows of a table, in one order."""
    found = connection.execute(text(f"SELECT * FROM {name}"))
    return sorted((tuple(row) for row in found), key=repr)
