"""Accounts, grants and tokens (F9)."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, or_, select

from planflow.store.tables import AccountRow, GrantRow, TokenRow, UnitRow, table
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


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at a unit; `unit_id` is None for roles that run the site."""

    id: str
    role: str
    unit_id: str | None


def account(tx: Tx, name: str) -> Account | None:
    """An account by its name."""
    row = tx.connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
    return None if row is None else Account(row.id, row.name, row.password_hash)


def add_account(tx: Tx, found: Account) -> None:
    """Add an account."""
    values = {"id": found.id, "name": found.name, "password_hash": found.password_hash}
    tx.connection.execute(insert(ACCOUNTS), values)


def add_grant(
    tx: Tx, account_id: str, grant: Grant, valid_from: dt.datetime, given_by: str
) -> None:
    """Add a grant."""
    values = {
        "id": grant.id,
        "account_id": account_id,
        "role": grant.role,
        "unit_id": grant.unit_id,
        "valid_from": valid_from,
        "given_by": given_by,
    }
    tx.connection.execute(insert(GRANTS), values)


def add_token(tx: Tx, digest: bytes, account_id: str, via: str, expires_at: dt.datetime) -> None:
    """Keep a token's digest."""
    values = {"digest": digest, "account_id": account_id, "via": via, "expires_at": expires_at}
    tx.connection.execute(insert(TOKENS), values)


def holder(
    tx: Tx, digest: bytes, now: dt.datetime
) -> tuple[str, str, str, tuple[Grant, ...]] | None:
    """Account id, name, origin and grants in force behind a token that has not expired: one query."""
    in_force = or_(GRANTS.c.valid_to.is_(None), GRANTS.c.valid_to > now)
    joined = TOKENS.join(ACCOUNTS, ACCOUNTS.c.id == TOKENS.c.account_id).outerjoin(
        GRANTS, (GRANTS.c.account_id == ACCOUNTS.c.id) & in_force & (GRANTS.c.valid_from <= now)
    )
    query: Any = (
        select(
            ACCOUNTS.c.id,
            ACCOUNTS.c.name,
            TOKENS.c.via,
            GRANTS.c.id,
            GRANTS.c.role,
            GRANTS.c.unit_id,
        )
        .select_from(joined)
        .where(TOKENS.c.digest == digest, TOKENS.c.expires_at > now)
        .order_by(GRANTS.c.id)
    )
    rows = tx.connection.execute(query).all()
    if not rows:
        return None
    grants = tuple(Grant(row[3], row[4], row[5]) for row in rows if row[3] is not None)
    return rows[0][0], rows[0][1], rows[0][2], grants


def names_at(
    tx: Tx, unit_ids: Sequence[str], roles: Collection[str], now: dt.datetime
) -> list[str]:
    """Names of the accounts that hold one of these roles at one of these units now."""
    query = (
        select(ACCOUNTS.c.name)
        .join(GRANTS, GRANTS.c.account_id == ACCOUNTS.c.id)
        .where(
            GRANTS.c.unit_id.in_(unit_ids),
            GRANTS.c.role.in_(sorted(roles)),
            GRANTS.c.valid_from <= now,
            or_(GRANTS.c.valid_to.is_(None), GRANTS.c.valid_to > now),
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
