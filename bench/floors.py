"""Hand-written programs that read and write the rows of one durable step, and nothing else.

A floor learns its rows from a step that planflow has just recorded, and writes the same bytes again
under new ids and numbers: what it leaves out is deciding, sealing and folding, never a row.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import text

from bench.worlds import CYCLE, Bench

TABLES = ("event", "event_part", "plan_state", "figure", "ledger_queue")
# The floor's events are copies that nobody should sign: its queue is a table of the same shape.
WRITTEN = {table: "bench_queue" if table == "ledger_queue" else table for table in TABLES}
QUEUE = (
    "CREATE TABLE IF NOT EXISTS bench_queue (event_id TEXT PRIMARY KEY, log TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS bench_queue_log ON bench_queue (log)",
)
READS = (
    "SELECT id, digest, position, chain, recorded_at, body FROM cycle WHERE id = {0} {share}",
    "SELECT * FROM plan WHERE cycle_id = {0} AND unit_id = {1} {share}",
    "SELECT * FROM plan WHERE cycle_id = {0} AND unit_id = {2} {update}",
)
UPDATE = (
    "UPDATE plan SET version = {0}, position = {1}, state = {2}, chain = {3}, recorded_at = {4}, "
    "body = {5}, draft_round = {6}, typists = {7} WHERE cycle_id = {8} AND unit_id = {9}"
)


@dataclass
class Rows:
    """The rows of one recorded step of a unit's plan, by table, and its plan's own row."""

    unit: str
    parent: str
    columns: dict[str, list[str]]
    rows: dict[str, list[tuple[Any, ...]]]
    plan: dict[str, Any]

    @classmethod
    def of(cls, bench: Bench, code: str) -> Rows:
        """The rows of the last event of a plan."""
        with bench.site.records.engine.begin() as connection:
            if not bench.site.records.embedded:
                connection.execute(text("SET LOCAL ROLE NONE"))  # the owner's: a table is made
            for statement in QUEUE:
                connection.execute(text(statement))
            units = "SELECT unit_id FROM cycle_unit WHERE cycle_id = :cycle AND code = :code"
            unit, parent = (
                connection.execute(text(units), {"cycle": CYCLE, "code": one}).scalar_one()
                for one in (code, "R")
            )
            where = {"cycle": CYCLE, "unit": unit}
            query = "SELECT * FROM plan WHERE cycle_id = :cycle AND unit_id = :unit"
            plan = dict(connection.execute(text(query), where).one()._mapping)
            last = "SELECT id FROM event WHERE stream = :stream AND seq = :seq"
            stream = f"plan/{CYCLE}/{unit}"
            found = {"stream": stream, "seq": plan["position"]}
            event = connection.execute(text(last), found).scalar_one()
            where |= {"event": event, "position": plan["position"]}
            here = "cycle_id = :cycle AND unit_id = :unit AND position = :position"
            named = dict.fromkeys(("event_part", "ledger_queue"), "event_id = :event")
            named["event"] = "id = :event"
            columns, rows = {}, {}
            for table in TABLES:
                answer = connection.execute(
                    text(f"SELECT * FROM {table} WHERE {named.get(table, here)}"),  # noqa: S608 - our own tables
                    where,
                )
                columns[table] = list(answer.keys())
                rows[table] = [tuple(row) for row in answer]
        return cls(unit, parent, columns, rows, plan)

    def anew(self, table: str, seq: int, event: str) -> list[tuple[Any, ...]]:
        """The rows of a table under another number and another id."""
        fresh = {"id": event, "event_id": event, "seq": seq, "position": seq}
        names = self.columns[table]
        return [
            tuple(fresh.get(name, value) for name, value in zip(names, row, strict=True))
            for row in self.rows[table]
        ]


class PostgresFloor:
    """One client's own connection, with psycopg alone."""

    def __init__(self, url: str, rows: Rows) -> None:
        self.connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=False)
        self.rows, self.position, self.version = rows, rows.plan["position"], rows.plan["version"]

    def step(self) -> None:
        """Read and lock, check the version, write event, parts, state, figures and head, commit."""
        rows, seq, event = self.rows, self.position + 1, str(uuid.uuid4())
        with self.connection.cursor() as cursor:
            share, update = "FOR SHARE", "FOR UPDATE"
            for query in READS:
                shaped = query.format("%(c)s", "%(p)s", "%(u)s", share=share, update=update)
                cursor.execute(shaped, {"c": CYCLE, "p": rows.parent, "u": rows.unit})
                row = cursor.fetchone()
            if row is None or row[3] != self.version:
                raise AssertionError("another wrote here")
            for table in TABLES:
                values = rows.anew(table, seq, event)
                if values:
                    one = f"({', '.join(['%s'] * len(rows.columns[table]))})"
                    many = ", ".join([one] * len(values))
                    flat = [value for row in values for value in row]
                    cursor.execute(f"INSERT INTO {WRITTEN[table]} VALUES {many}", flat)  # noqa: S608 - our own tables
            cursor.execute(UPDATE.format(*["%s"] * 10), _head(rows, self.version + 1, seq))
        self.connection.commit()
        self.position, self.version = seq, self.version + 1

    def close(self) -> None:
        """Let the connection go."""
        self.connection.close()


class SqliteFloor:
    """One client, with the driver alone, under planflow's own settings of durability."""

    def __init__(self, module: Any, path: str, rows: Rows) -> None:
        self.connection: sqlite3.Connection = module.connect(
            path, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.rows, self.position, self.version = rows, rows.plan["position"], rows.plan["version"]

    def step(self) -> None:
        """The same step."""
        rows, seq, event = self.rows, self.position + 1, str(uuid.uuid4())
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        for query in READS:
            shaped = query.format(":c", ":p", ":u", share="", update="")
            # every query names what it needs; SQLite takes no names it does not know
            names = {"c": CYCLE, "p": rows.parent, "u": rows.unit}
            given = {name: value for name, value in names.items() if f":{name}" in shaped}
            row = connection.execute(shaped, given).fetchone()
        if row is None or row[3] != self.version:
            raise AssertionError("another wrote here")
        for table in TABLES:
            values = rows.anew(table, seq, event)
            marks = ", ".join(["?"] * len(rows.columns[table]))
            connection.executemany(f"INSERT INTO {WRITTEN[table]} VALUES ({marks})", values)  # noqa: S608 - our own tables
        connection.execute(UPDATE.format(*["?"] * 10), _head(rows, self.version + 1, seq))
        connection.execute("COMMIT")
        self.position, self.version = seq, self.version + 1

    def close(self) -> None:
        """Let the connection go."""
        self.connection.close()


def _head(rows: Rows, version: int, seq: int) -> list[Any]:
    kept = ("state", "chain", "recorded_at", "body", "draft_round", "typists")
    values = [rows.plan[name] for name in kept]
    return [version, seq, *values, CYCLE, rows.unit]
