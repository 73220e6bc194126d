"""History that the database itself refuses to change (F5).

Run after every migration: a batch migration on SQLite rebuilds a table and silently drops its
triggers.
"""

from sqlalchemy import Connection, inspect, text

from planflow.config import LEAST_ACCESS_DAYS
from planflow.store import identity_tables, ledger_tables, tables
from planflow.store.access_tables import AccessRecordRow
from planflow.store.tables import METADATA

INSERT_ONLY = (
    *tables.INSERT_ONLY,
    *ledger_tables.INSERT_ONLY,
    *identity_tables.INSERT_ONLY,
)
ERASABLE = "event_part"
AGEING = AccessRecordRow.__tablename__  # its rows are never changed, and go once they are old
_REFUSAL = "append_only"


def protect(connection: Connection) -> None:
    """Put every trigger in place anew; safe to run again."""
    names = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        _protect_postgresql(connection, names)
    else:
        _protect_sqlite(connection, names)


def _keys(name: str) -> list[tuple[str, ...]]:
    """Column sets that are unique in a table: REPLACE would delete the row that holds them.

    SQLite's own number of a row is one of them, and an insert may name it.
    """
    found = METADATA.tables[name]
    keys = [("rowid",), tuple(column.name for column in found.primary_key.columns)]
    for constraint in found.constraints:
        columns = tuple(column.name for column in getattr(constraint, "columns", ()))
        if type(constraint).__name__ == "UniqueConstraint":
            keys.append(columns)
    return keys


def _protect_sqlite(connection: Connection, names: set[str]) -> None:
    for name in (*INSERT_ONLY, ERASABLE, AGEING):
        if name not in names:
            continue
        changed, gone = "1", "1"
        if name == AGEING:
            old = f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{LEAST_ACCESS_DAYS} days')"
            gone = f"NOT (OLD.recorded_at <= {old})"
        if name == ERASABLE:
            # Only an erasure passes: salt and value become null together, all else stays.
            changed = (
                "NOT (NEW.salt IS NULL AND NEW.value IS NULL AND NEW.event_id IS OLD.event_id"
                " AND NEW.part IS OLD.part AND NEW.number IS OLD.number AND NEW.digest IS OLD.digest"
                " AND NEW.rowid IS OLD.rowid)"
            )
        # REPLACE fires delete triggers only with recursive_triggers, which another program may leave
        # off: so a row that would be replaced is refused before it is inserted.
        taken = " OR ".join(_row_taken(name, key) for key in _keys(name))
        for event, when in (("UPDATE", changed), ("DELETE", gone), ("INSERT", taken)):
            trigger = f"{name}_refuse_{event.lower()}"
            connection.execute(text(f'DROP TRIGGER IF EXISTS "{trigger}"'))
            connection.execute(
                text(
                    f'CREATE TRIGGER "{trigger}" BEFORE {event} ON "{name}" WHEN {when} '
                    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
                )
            )


def _row_taken(name: str, key: tuple[str, ...]) -> str:
    same = " AND ".join(f'"{column}" IS NEW."{column}"' for column in key)
    return f'EXISTS (SELECT 1 FROM "{name}" WHERE {same})'  # noqa: S608 - names are our own tables'  # nosec B608


def _protect_postgresql(connection: Connection, names: set[str]) -> None:
    connection.execute(
        text(
            "CREATE OR REPLACE FUNCTION planflow_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}: %', TG_TABLE_NAME USING ERRCODE = 'PF001'; END $$"
        )
    )
    connection.execute(
        text(
            "CREATE OR REPLACE FUNCTION planflow_erase_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.salt IS NULL AND NEW.value IS NULL AND (NEW.event_id, NEW.part, NEW.number,"
            " NEW.digest) = (OLD.event_id, OLD.part, OLD.number, OLD.digest) THEN RETURN NEW; END IF;"
            f" RAISE EXCEPTION '{_REFUSAL}: %', TG_TABLE_NAME USING ERRCODE = 'PF001'; END $$"
        )
    )
    connection.execute(
        text(
            "CREATE OR REPLACE FUNCTION planflow_keep_young() RETURNS trigger LANGUAGE plpgsql "
            "SET search_path = pg_catalog AS "  # no clock but the server's own
            f"$$ BEGIN IF OLD.recorded_at <= now() - interval '{LEAST_ACCESS_DAYS} days' THEN RETURN OLD;"
            f" END IF; RAISE EXCEPTION '{_REFUSAL}: %', TG_TABLE_NAME USING ERRCODE = 'PF001'; END $$"
        )
    )
    for name in (*INSERT_ONLY, ERASABLE, AGEING):
        if name in names:
            for trigger in _TRIGGERS.get(name, [_REFUSE_ALL]):
                _trigger(connection, name, *trigger)


# Suffix, events, for each what, function.
_REFUSE_ALL = ("refuse", "BEFORE UPDATE OR DELETE OR TRUNCATE", "STATEMENT", "planflow_refuse")
_TRIGGERS = {
    ERASABLE: [
        ("refuse", "BEFORE DELETE OR TRUNCATE", "STATEMENT", "planflow_refuse"),
        ("erase_only", "BEFORE UPDATE", "ROW", "planflow_erase_only"),
    ],
    AGEING: [
        ("refuse", "BEFORE UPDATE OR TRUNCATE", "STATEMENT", "planflow_refuse"),
        ("keep", "BEFORE DELETE", "ROW", "planflow_keep_young"),
    ],
}


def _trigger(
    connection: Connection, name: str, suffix: str, when: str, each: str, function: str
) -> None:
    trigger = f'"{name}_{suffix}"'
    connection.execute(text(f'DROP TRIGGER IF EXISTS {trigger} ON "{name}"'))
    connection.execute(
        text(
            f'CREATE TRIGGER {trigger} {when} ON "{name}" FOR EACH {each} EXECUTE FUNCTION {function}()'
        )
    )
