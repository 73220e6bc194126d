"""Second factors and their recovery codes. A code is used in one statement, so that none is twice."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from planflow.store.identity_tables import RecoveryCodeRow, SecondFactorRow
from planflow.store.tables import table
from planflow.store.transaction import Tx

FACTORS, CODES = table(SecondFactorRow), table(RecoveryCodeRow)


@dataclass(frozen=True, slots=True)
class Factor:
    """An account's second factor: its secret, sealed, and whether it has shown that it arrived."""

    secret: bytes
    confirmed: bool


def factor(tx: Tx, account_id: str) -> Factor | None:
    """An account's second factor."""
    query = select(FACTORS).where(FACTORS.c.account_id == account_id)
    row = tx.connection.execute(query).first()
    return None if row is None else Factor(bytes(row.secret), row.confirmed_at is not None)


def confirmed(tx: Tx, account_ids: Sequence[str]) -> set[str]:
    """Those of some accounts whose second factor is asked for."""
    query = select(FACTORS.c.account_id).where(
        FACTORS.c.account_id.in_(account_ids), FACTORS.c.confirmed_at.is_not(None)
    )
    return set(tx.connection.execute(query).scalars())


def begin_anew(tx: Tx, account_id: str, secret: bytes) -> None:
    """Keep a secret that is not confirmed, in place of any other."""
    drop(tx, account_id)
    values = {"account_id": account_id, "secret": secret, "confirmed_at": None, "last_step": 0}
    tx.connection.execute(insert(FACTORS), values)


def use_step(tx: Tx, account_id: str, step: int) -> bool:
    """Use the code of a step of time; False where it, or a later one, was used before."""
    query = update(FACTORS).where(FACTORS.c.account_id == account_id, FACTORS.c.last_step < step)
    return bool(tx.connection.execute(query.values(last_step=step)).rowcount)


def confirm(tx: Tx, account_id: str, now: dt.datetime, digests: Iterable[bytes]) -> None:
    """From now on the factor is asked for; its recovery codes are kept as digests."""
    query = update(FACTORS).where(FACTORS.c.account_id == account_id)
    tx.connection.execute(query.values(confirmed_at=now))
    rows = [{"account_id": account_id, "digest": one, "used_at": None} for one in digests]
    tx.connection.execute(insert(CODES), rows)


def use_recovery(tx: Tx, account_id: str, digest: bytes, now: dt.datetime) -> bool:
    """Use a recovery code; False where there is none such, or it was used before."""
    query = update(CODES).where(
        CODES.c.account_id == account_id, CODES.c.digest == digest, CODES.c.used_at.is_(None)
    )
    return bool(tx.connection.execute(query.values(used_at=now)).rowcount)


def drop(tx: Tx, account_id: str) -> None:
    """Do without it."""
    for rows in (FACTORS, CODES):
        tx.connection.execute(delete(rows).where(rows.c.account_id == account_id))
