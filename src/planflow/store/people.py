"""Accounts and tokens, and the grants of who holds one (F9)."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, exists, insert, select, update

from planflow.access.grants import Grant
from planflow.store import grants
from planflow.store.driver import Statement
from planflow.store.identity_tables import TokenEndRow
from planflow.store.tables import AccountRow, GrantRow, Moment, TokenRow, UnitRow, table
from planflow.store.transaction import Tx

ENDS = table(TokenEndRow)
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
    disabled: bool = False

    @property
    def erased(self) -> bool:
        """Whether it is nobody's any more, and will be nobody's."""
        return self.name == self.id


def account(tx: Tx, name: str) -> Account | None:
    """An account by its name."""
    row = tx.connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
    return None if row is None else Account(row.id, row.name, row.password_hash, row.disabled)


def account_of(tx: Tx, account_id: str) -> Account | None:
    """An account by its id."""
    row = tx.connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.id == account_id)).first()
    return None if row is None else Account(row.id, row.name, row.password_hash, row.disabled)


def account_held(tx: Tx, account_id: str) -> Account | None:
    """An account as it is now, which nobody changes until this unit of work is over."""
    query = select(ACCOUNTS).where(ACCOUNTS.c.id == account_id)
    row = tx.connection.execute(query.with_for_update(read=True) if tx.locks else query).first()
    return None if row is None else Account(row.id, row.name, row.password_hash, row.disabled)


def accounts(tx: Tx, after: str, limit: int) -> list[Account]:
    """Accounts in order of id, after an id."""
    query = select(ACCOUNTS).where(ACCOUNTS.c.id > after).order_by(ACCOUNTS.c.id).limit(limit)
    rows = tx.connection.execute(query)
    return [Account(row.id, row.name, row.password_hash, row.disabled) for row in rows]


def set_password(tx: Tx, account_id: str, hashed: str) -> None:
    """Keep another password in place of the last one."""
    query = update(ACCOUNTS).where(ACCOUNTS.c.id == account_id)
    tx.connection.execute(query.values(password_hash=hashed))


def set_disabled(tx: Tx, account_id: str, *, disabled: bool) -> None:
    """Shut an account, or open it again."""
    query = update(ACCOUNTS).where(ACCOUNTS.c.id == account_id)
    tx.connection.execute(query.values(disabled=disabled))


def add_account(tx: Tx, found: Account) -> None:
    """Add an account."""
    values = {"id": found.id, "name": found.name, "password_hash": found.password_hash}
    tx.connection.execute(insert(ACCOUNTS), values)


def add_token(
    tx: Tx,
    digest: bytes,
    account_id: str,
    via: str,
    expires_at: dt.datetime,
    family: str = "",
    scopes: str = "read act",
) -> None:
    """Keep a token's digest."""
    values = {
        "digest": digest,
        "account_id": account_id,
        "via": via,
        "expires_at": expires_at,
        "family": family,
        "scopes": scopes,
    }
    tx.connection.execute(insert(TOKENS), values)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a token: account id, name; where the token is from; and their grants in force."""

    id: str
    name: str
    via: str
    family: str
    scopes: frozenset[str]
    grants: list[Grant]


def holder(tx: Tx, digest: bytes, now: dt.datetime) -> Holder | None:
    """Who is behind a token that has neither run out nor ended, of an account that is open.

    Own grants come first; of those that were delegated, the chains are not yet asked for.
    """
    rows = _holder().rows(tx, digest=digest, now=now)
    if not rows:
        return None
    found = [grants.grant_of(row) for row in rows if row.id is not None]
    own_first = sorted(found, key=lambda one: (len(one.line), one.id))
    one = rows[0]
    return Holder(
        one.holder, one.name, one.via, one.family, frozenset(one.scopes.split()), own_first
    )


@cache
def _holder() -> Statement:
    now: Any = bindparam("now", type_=Moment)
    joined = TOKENS.join(ACCOUNTS, ACCOUNTS.c.id == TOKENS.c.account_id).outerjoin(
        GRANTS, (GRANTS.c.account_id == ACCOUNTS.c.id) & grants.runs(now)
    )
    who = (ACCOUNTS.c.id.label("holder"), ACCOUNTS.c.name, TOKENS.c.via)
    told = (TOKENS.c.family, TOKENS.c.scopes)
    ended = exists().where(ENDS.c.family == TOKENS.c.family)
    digest: Any = bindparam("digest")
    query: Any = (
        select(*who, *told, GRANTS)
        .select_from(joined)
        .where(TOKENS.c.digest == digest, TOKENS.c.expires_at > now, ~ended)
        .where(ACCOUNTS.c.disabled.is_(False))
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
