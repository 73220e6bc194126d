"""Failed sign-ins, by a digest of a name or an address. They are counted over all processes."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update

from planflow.store.identity_tables import AttemptRow
from planflow.store.tables import table
from planflow.store.transaction import Tx

ATTEMPTS = table(AttemptRow)


@dataclass(frozen=True, slots=True)
class Tries:
    """How many sign-ins failed of late, and until when none is heard."""

    failures: int
    last_at: dt.datetime
    until: dt.datetime


def hold(tx: Tx, keys: Sequence[str]) -> dict[str, Tries]:
    """What is known of some keys; nobody else counts theirs until this unit of work is over."""
    if tx.locks:
        for key in sorted(keys):  # a key without a row has nothing else to lock
            number = func.hashtextextended(key, 1)
            tx.connection.execute(select(func.pg_advisory_xact_lock(number)))
    rows = tx.connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.key.in_(keys)))
    return {row.key: Tries(row.failures, row.last_at, row.until) for row in rows}


def put(tx: Tx, key: str, tries: Tries, *, known: bool) -> None:
    """Count on."""
    values = {"failures": tries.failures, "last_at": tries.last_at, "until": tries.until}
    if known:
        tx.connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.key == key).values(values))
    else:
        tx.connection.execute(insert(ATTEMPTS), {"key": key, **values})


def drop(tx: Tx, key: str) -> None:
    """Begin to count anew."""
    tx.connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.key == key))


def forget(tx: Tx, before: dt.datetime) -> None:
    """Drop what lies too long behind to count."""
    tx.connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.last_at < before))


def waiting(tx: Tx, keys: Sequence[str], now: dt.datetime) -> dict[str, dt.datetime]:
    """Those of some keys that are not heard now, and until when."""
    query = select(ATTEMPTS.c.key, ATTEMPTS.c.until)
    found = tx.connection.execute(query.where(ATTEMPTS.c.key.in_(keys), ATTEMPTS.c.until > now))
    return {row.key: row.until for row in found}
