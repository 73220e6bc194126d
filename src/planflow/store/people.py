"""Accounts and tokens, and the grants of who holds one (F9)."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, insert, select

from planflow.access.grants import Grant
from planflow.store import grants
from planflow.store.driver import Statement
from planflow.store.tables import AccountRow, GrantRow, Moment, TokenRow, UnitRow, table
from planflow.store.transaction import Tx

ACCOUNTS, GRANTS, TOKENS, UNITS = (
    table(AccountRow),
    table(GrantRow),
    table(TokenRow),
    table(UnitRow),
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account."""

    id: str
    name: str
    password_hash: str


def account(tx: Tx, name: str) -> Account | None:
    """An account by its name."""
    row = tx.connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
    return None if row is None else Account(row.id, row.name, row.password_hash)


def add_account(tx: Tx, found: Account) -> None:
    """Add an account."""
    values = {"id": found.id, "name": found.name, "password_hash": found.password_hash}
    tx.connection.execute(insert(ACCOUNTS), values)


def add_token(tx: Tx, digest: bytes, account_id: str, via: str, expires_at: dt.datetime) -> None:
    """Keep a token's digest."""
    values = {"digest": digest, "account_id": account_id, "via": via, "expires_at": expires_at}
    tx.connection.execute(insert(TOKENS), values)


def holder(tx: Tx, digest: bytes, now: dt.datetime) -> tuple[str, str, str, list[Grant]] | None:
    """Account id, name, origin and grants in force behind a token that has not expired.

    Own grants come first; of those that were delegated, the chains are not yet asked for.
    """
    rows = _holder().rows(tx, digest=digest, now=now)
    if not rows:
        return None
    found = [grants.grant_of(row) for row in rows if row.id is not None]
    own_first = sorted(found, key=lambda one: (len(one.line), one.id))
    return rows[0].holder, rows[0].name, rows[0].via, own_first


@cache
def _holder() -> Statement:
    now: Any = bindparam("now", type_=Moment)
    joined = TOKENS.join(ACCOUNTS, ACCOUNTS.c.id == TOKENS.c.account_id).outerjoin(
        GRANTS, (GRANTS.c.account_id == ACCOUNTS.c.id) & grants.runs(now)
    )
    who = (ACCOUNTS.c.id.label("holder"), ACCOUNTS.c.name, TOKENS.c.via)
    digest: Any = bindparam("digest")
    query: Any = (
        select(*who, GRANTS)
        .select_from(joined)
        .where(TOKENS.c.digest == digest, TOKENS.c.expires_at > now)
        .order_by(GRANTS.c.id)
    )
    return Statement(query)


def names_at(
    tx: Tx, unit_ids: Sequence[str], roles: Collection[str], now: dt.datetime
) -> list[str]:
    """Names of the accounts that were given one of these roles at one of these units, and have it."""
    query = (
        select(ACCOUNTS.c.name)
        .join(GRANTS, GRANTS.c.account_id == ACCOUNTS.c.id)
        .where(
            GRANTS.c.unit_id.in_(unit_ids),
            GRANTS.c.role.in_(sorted(roles)),
            GRANTS.c.line == "",
            grants.runs(now),
        )
        .distinct()
        .order_by(ACCOUNTS.c.name)
    )
    return list(tx.connection.execute(query).scalars())


def unit_id(tx: Tx, code: str) -> str | None:
    """Identity of a registered unit."""
    return tx.connection.execute(
        select(UNITS.c.id).where(UNITS.c.code == code)
    ).scalar_one_or_none()
