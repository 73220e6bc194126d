"""Families of tokens, their ends, and refresh tokens (F9)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import delete, exists, insert, select, update

from planflow.store.identity_tables import RefreshTokenRow, TokenEndRow, TokenFamilyRow
from planflow.store.tables import AccountRow, EventPartRow, TokenRow, table
from planflow.store.transaction import Tx

FAMILIES, ENDS, REFRESH = table(TokenFamilyRow), table(TokenEndRow), table(RefreshTokenRow)
TOKENS, ACCOUNTS, PARTS = table(TokenRow), table(AccountRow), table(EventPartRow)


@dataclass(frozen=True, slots=True)
class Family:
    """All tokens that come of one sign-in, or one service token."""

    id: str
    account_id: str
    kind: str
    name: str
    scopes: str
    via: str
    begun_at: dt.datetime
    expires_at: dt.datetime


def add_family(tx: Tx, family: Family) -> None:
    """Begin a family."""
    values = {
        "id": family.id,
        "account_id": family.account_id,
        "kind": family.kind,
        "name": family.name,
        "scopes": family.scopes,
        "via": family.via,
        "begun_at": family.begun_at,
        "expires_at": family.expires_at,
    }
    tx.connection.execute(insert(FAMILIES), values)


def end(tx: Tx, family: str, now: dt.datetime, by: str, why: str) -> None:
    """End a family before its time, once."""
    values = {"family": family, "ended_at": now, "ended_by": by, "why": why}
    tx.connection.execute(insert(ENDS), values)


def has_ended(tx: Tx, family: str) -> bool:
    """Whether a family was ended before its time."""
    query = select(ENDS.c.family).where(ENDS.c.family == family)
    return tx.connection.execute(query).first() is not None


def add_refresh(tx: Tx, digest: bytes, family: str) -> None:
    """Keep a refresh token's digest."""
    tx.connection.execute(insert(REFRESH), {"digest": digest, "family": family, "used_at": None})


def use_refresh(tx: Tx, digest: bytes, now: dt.datetime) -> bool:
    """Use a refresh token; False where somebody did before. Of two at once one is the first."""
    query = update(REFRESH).where(REFRESH.c.digest == digest, REFRESH.c.used_at.is_(None))
    return bool(tx.connection.execute(query.values(used_at=now)).rowcount)


def drop_over(tx: Tx, family: str, now: dt.datetime) -> None:
    """Drop a family's access tokens that have run out."""
    query = delete(TOKENS).where(TOKENS.c.family == family, TOKENS.c.expires_at <= now)
    tx.connection.execute(query)


def refreshing(tx: Tx, digest: bytes) -> Family | None:
    """The family of a refresh token, used or not."""
    return _one(tx, FAMILIES.c.id.in_(select(REFRESH.c.family).where(REFRESH.c.digest == digest)))


def of_access(tx: Tx, digest: bytes) -> Family | None:
    """The family of an access token."""
    return _one(tx, FAMILIES.c.id.in_(select(TOKENS.c.family).where(TOKENS.c.digest == digest)))


def family(tx: Tx, family_id: str) -> Family | None:
    """A family by its id."""
    return _one(tx, FAMILIES.c.id == family_id)


def runs(tx: Tx, one: Family, now: dt.datetime) -> bool:
    """Whether a family has not ended, and its holder's account is open."""
    ended = exists().where(ENDS.c.family == FAMILIES.c.id)
    query = (
        select(FAMILIES.c.id)
        .join(ACCOUNTS, ACCOUNTS.c.id == FAMILIES.c.account_id)
        .where(FAMILIES.c.id == one.id, FAMILIES.c.expires_at > now, ~ended)
        .where(ACCOUNTS.c.disabled.is_(False))
    )
    return tx.connection.execute(query).first() is not None


def running(tx: Tx, account_id: str, now: dt.datetime, kind: str = "") -> list[Family]:
    """An account's families that have not ended, of one kind or all, in the order they began."""
    ended = exists().where(ENDS.c.family == FAMILIES.c.id)
    query = select(FAMILIES).where(
        FAMILIES.c.account_id == account_id, FAMILIES.c.expires_at > now, ~ended
    )
    if kind:
        query = query.where(FAMILIES.c.kind == kind)
    rows: Sequence[object] = tx.connection.execute(query.order_by(FAMILIES.c.id)).all()
    return [Family(*row) for row in rows]  # type: ignore[misc]


def ids(tx: Tx, account_id: str, kind: str) -> list[str]:
    """An account's families of a kind, ended or not."""
    query = select(FAMILIES.c.id).where(
        FAMILIES.c.account_id == account_id, FAMILIES.c.kind == kind
    )
    return list(tx.connection.execute(query.order_by(FAMILIES.c.id)).scalars())


def titles(tx: Tx, families: Sequence[str]) -> dict[str, str]:
    """What service tokens are called: told by their events, where it can be erased."""
    query = select(PARTS.c.event_id, PARTS.c.value).where(
        PARTS.c.event_id.in_(families), PARTS.c.part == "name", PARTS.c.value.is_not(None)
    )
    return {row.event_id: orjson.loads(row.value) for row in tx.connection.execute(query)}


def _one(tx: Tx, condition: object) -> Family | None:
    row = tx.connection.execute(select(FAMILIES).where(condition)).first()  # type: ignore[arg-type]
    return None if row is None else Family(*row)
