"""Who people are at another's identity provider, and sign-ins under way there."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from planflow.store.identity_tables import IdentityRow, VisitRow
from planflow.store.tables import table
from planflow.store.transaction import Tx

IDENTITIES, VISITS = table(IdentityRow), table(VisitRow)


@dataclass(frozen=True, slots=True)
class Visit:
    """A sign-in under way: what its return must fit."""

    state: bytes
    browser: bytes
    nonce: str
    verifier: str
    expires_at: dt.datetime


def begin_visit(tx: Tx, visit: Visit, now: dt.datetime) -> None:
    """Keep a sign-in under way; those that never came back are dropped."""
    tx.connection.execute(delete(VISITS).where(VISITS.c.expires_at <= now))
    values = {
        "state": visit.state,
        "browser": visit.browser,
        "nonce": visit.nonce,
        "verifier": visit.verifier,
        "expires_at": visit.expires_at,
    }
    tx.connection.execute(insert(VISITS), values)


def take_visit(tx: Tx, state: bytes) -> Visit | None:
    """A sign-in that comes back: it is gone with that, whatever comes of it."""
    query = delete(VISITS).where(VISITS.c.state == state).returning(*VISITS.c)
    row = tx.connection.execute(query).first()
    return None if row is None else Visit(*row)


def account_of(tx: Tx, issuer: str, subject: str) -> str | None:
    """Whose account is signed in to by somebody of the provider; nobody ends that meanwhile."""
    query = select(IDENTITIES.c.account_id)
    query = query.where(IDENTITIES.c.issuer == issuer, IDENTITIES.c.subject == subject)
    query = query.with_for_update(read=True) if tx.locks else query
    return tx.connection.execute(query).scalar_one_or_none()


def link(tx: Tx, issuer: str, subject: str, account_id: str) -> None:
    """Link somebody of the provider to an account."""
    values = {"issuer": issuer, "subject": subject, "account_id": account_id}
    tx.connection.execute(insert(IDENTITIES), values)


def unlink(tx: Tx, account_id: str) -> bool:
    """End all links of an account; whether there was one."""
    query = delete(IDENTITIES).where(IDENTITIES.c.account_id == account_id)
    return bool(tx.connection.execute(query).rowcount)
