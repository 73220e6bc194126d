"""Failed sign-ins, by digests of names and addresses. They are counted over all processes.

Keys of one name begin with its digest. A row without failures says when a sign-in was last good.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, insert, or_, select, update

from planflow.store.identity_tables import AttemptRow
from planflow.store.tables import table
from planflow.store.transaction import Tx

ATTEMPTS = table(AttemptRow)
_NAME = func.substr(ATTEMPTS.c.key, 1, 64)


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


def drop_name(tx: Tx, name: str) -> None:
    """Begin to count a name anew, wherever it failed."""
    tx.connection.execute(delete(ATTEMPTS).where(_NAME.in_([name]), ATTEMPTS.c.failures > 0))


def forget_name(tx: Tx, name: str) -> None:
    """Drop all that is known of a name."""
    tx.connection.execute(delete(ATTEMPTS).where(_NAME.in_([name])))


def forget(tx: Tx, failed_before: dt.datetime, good_before: dt.datetime) -> None:
    """Drop what lies too long behind to count."""
    failed = and_(ATTEMPTS.c.failures > 0, ATTEMPTS.c.last_at < failed_before)
    tx.connection.execute(delete(ATTEMPTS).where(or_(failed, ATTEMPTS.c.last_at < good_before)))


def waiting(tx: Tx, names: Sequence[str], now: dt.datetime) -> dict[str, dt.datetime]:
    """Those of some names that are not heard now, somewhere or anywhere, and until when at most."""
    query = select(ATTEMPTS.c.key, ATTEMPTS.c.until).order_by(ATTEMPTS.c.until)
    found = tx.connection.execute(query.where(_NAME.in_(names), ATTEMPTS.c.until > now))
    return {row.key[:64]: row.until for row in found}
