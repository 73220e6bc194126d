"""Grants, delegated or given, and their ends: rows that are added and never changed (F9)."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    Boolean,
    ColumnElement,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
)

from planflow.access.grants import Grant
from planflow.store.identity_tables import TokenEndRow
from planflow.store.tables import (
    AccountRow,
    EventPartRow,
    GrantEndRow,
    GrantRow,
    UnitRow,
    table,
)
from planflow.store.transaction import Tx

GRANTS, ENDS, ACCOUNTS = table(GrantRow), table(GrantEndRow), table(AccountRow)
UNITS, PARTS = table(UnitRow), table(EventPartRow)
TOKEN_ENDS = table(TokenEndRow)


@dataclass(frozen=True, slots=True)
class Delegation:
    """A delegated grant as it is kept, with the earliest end of its chain, if there is one."""

    id: str
    account_id: str
    role: str
    unit: str
    start: dt.datetime
    end: dt.datetime
    line: tuple[str, ...]
    delegators: tuple[str, ...]
    onward: bool
    ended_at: dt.datetime | None
    reason: str


def add(tx: Tx, account_id: str, grant: Grant, start: dt.datetime, given_by: str) -> None:
    """Add a grant."""
    values = {
        "id": grant.id,
        "account_id": account_id,
        "role": grant.role,
        "unit_id": grant.unit_id,
        "valid_from": start,
        "valid_to": grant.until,
        "given_by": given_by,
        "line": " ".join(grant.line),
        "delegators": " ".join(grant.delegators),
        "onward": grant.onward,
    }
    tx.connection.execute(insert(GRANTS), values)


def end(tx: Tx, grant_id: str, now: dt.datetime, by: str) -> None:
    """End a grant, and with it all that rests on it."""
    values = {"grant_id": grant_id, "ended_at": now, "ended_by": by}
    tx.connection.execute(insert(ENDS), values)


def runs(now: dt.datetime | ColumnElement[Any]) -> ColumnElement[bool]:
    """A grant by itself: begun, not over, and not ended. What it rests on is asked for apart."""
    ended = exists().where(ENDS.c.grant_id == GRANTS.c.id)
    dated = or_(GRANTS.c.valid_to.is_(None), GRANTS.c.valid_to > now)
    return (GRANTS.c.valid_from <= now) & dated & ~ended


def resting(tx: Tx, found: Sequence[Grant], now: dt.datetime) -> list[Grant]:
    """Those of some grants whose whole chain runs, no account in it being shut.

    A second query only where any was delegated.
    """
    links = {link for grant in found for link in grant.line}
    if not links:
        return list(found)
    query = (
        select(GRANTS.c.id)
        .join(ACCOUNTS, ACCOUNTS.c.id == GRANTS.c.account_id)
        .where(GRANTS.c.id.in_(sorted(links)), runs(now), ACCOUNTS.c.disabled.is_(False))
    )
    running = set(tx.connection.execute(query).scalars())
    return [grant for grant in found if running.issuperset(grant.line)]


def still(
    tx: Tx, account_id: str, family: str, found: Sequence[Grant], now: dt.datetime
) -> list[Grant] | None:
    """Those of an account's grants that still run; None where its tokens ended or it was shut."""
    signed_out = exists().where(TOKEN_ENDS.c.family == family)
    joined = ACCOUNTS.outerjoin(GRANTS, (GRANTS.c.account_id == ACCOUNTS.c.id) & runs(now))
    query = select(GRANTS.c.id).select_from(joined).where(ACCOUNTS.c.id == account_id)
    rows = tx.connection.execute(query.where(ACCOUNTS.c.disabled.is_(False), ~signed_out))
    running = set(rows.scalars())
    if not running:  # not even the account's own row
        return None
    return resting(tx, [grant for grant in found if grant.id in running], now)


def lapsed(name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether anything ended on which an act rests; on SQLite, and on PostgreSQL.

    The parameter of this name is a text in JSON: `grants` with all they rest on, the `accounts` that
    hold these, and the `family` of tokens. What waits for a lock has looked already when it gets it: on
    PostgreSQL a function looks anew (`store.row_security`).
    """
    rests: Any = bindparam(name)

    def named(what: str) -> Any:
        each = func.json_each(rests, literal_column(f"'$.{what}'"))
        return select(each.table_valued("value").c.value)

    ended = exists().where(ENDS.c.grant_id.in_(named("grants")))
    shut = exists().where(ACCOUNTS.c.id.in_(named("accounts")), ACCOUNTS.c.disabled.is_(True))
    signed_out = exists().where(TOKEN_ENDS.c.family.in_(named("family")))
    return or_(ended, shut, signed_out), func.planflow_lapsed(rests, type_=Boolean)


def grant_of(row: Any) -> Grant:
    """A grant from its row."""
    return Grant(
        row.id,
        row.role,
        row.unit_id,
        row.valid_to,
        tuple(row.line.split()),
        tuple(row.delegators.split()),
        bool(row.onward),
    )


def running(tx: Tx, account_id: str, role: str, unit_id: str | None, now: dt.datetime) -> list[str]:
    """Ids of an account's grants of a role at a unit that are not over, begun or not."""
    where = (GRANTS.c.role == role) & (GRANTS.c.unit_id == unit_id)
    return _not_over(tx, account_id, where, now)


def held(tx: Tx, account_id: str, now: dt.datetime) -> list[str]:
    """Ids of all of an account's grants that are not over, begun or not."""
    return _not_over(tx, account_id, true(), now)


def _not_over(tx: Tx, account_id: str, where: ColumnElement[bool], now: dt.datetime) -> list[str]:
    ended = exists().where(ENDS.c.grant_id == GRANTS.c.id)
    dated = or_(GRANTS.c.valid_to.is_(None), GRANTS.c.valid_to > now)
    query = select(GRANTS.c.id).where(GRANTS.c.account_id == account_id, where, dated, ~ended)
    return list(tx.connection.execute(query.order_by(GRANTS.c.id)).scalars())


@dataclass(frozen=True, slots=True)
class Held:
    """A grant of an account that is not over, begun or not."""

    id: str
    account_id: str
    role: str
    unit: str | None
    start: dt.datetime
    end: dt.datetime | None
    line: str


def of_accounts(tx: Tx, account_ids: Sequence[str], now: dt.datetime) -> list[Held]:
    """What some accounts hold or will hold, in order of id."""
    ended = exists().where(ENDS.c.grant_id == GRANTS.c.id)
    told = (GRANTS.c.id, GRANTS.c.account_id, GRANTS.c.role, UNITS.c.code, GRANTS.c.valid_from)
    query = (
        select(*told, GRANTS.c.valid_to, GRANTS.c.line)
        .outerjoin(UNITS, UNITS.c.id == GRANTS.c.unit_id)
        .where(GRANTS.c.account_id.in_(account_ids), ~ended)
        .where(or_(GRANTS.c.valid_to.is_(None), GRANTS.c.valid_to > now))
    )
    return [Held(*row) for row in tx.connection.execute(query.order_by(GRANTS.c.id))]


def roles(tx: Tx, account_id: str, now: dt.datetime) -> set[str]:
    """Roles of an account's grants that are not over, begun or not, given or delegated."""
    ended = exists().where(ENDS.c.grant_id == GRANTS.c.id)
    query = select(GRANTS.c.role).where(
        GRANTS.c.account_id == account_id,
        or_(GRANTS.c.valid_to.is_(None), GRANTS.c.valid_to > now),
        ~ended,
    )
    return set(tx.connection.execute(query).scalars())


def delegations(tx: Tx, account_id: str, after: str, limit: int) -> list[Delegation]:
    """Delegations that an account has a part in, as receiver or up their chain; in order of id."""
    part = or_(
        (GRANTS.c.account_id == account_id) & (GRANTS.c.line != ""),
        GRANTS.c.delegators.contains(account_id, autoescape=True),
    )
    return _found(tx, part & (GRANTS.c.id > after), limit)


def delegation(tx: Tx, grant_id: str) -> Delegation | None:
    """A delegation by its id."""
    found = _found(tx, (GRANTS.c.id == grant_id) & (GRANTS.c.line != ""), 1)
    return found[0] if found else None


def names(tx: Tx, account_ids: Iterable[str]) -> dict[str, str]:
    """Names of accounts by their ids."""
    query = select(ACCOUNTS.c.id, ACCOUNTS.c.name).where(ACCOUNTS.c.id.in_(sorted(account_ids)))
    return {row.id: row.name for row in tx.connection.execute(query)}


def shut(tx: Tx, account_ids: Iterable[str]) -> set[str]:
    """Those of some accounts that are shut."""
    query = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(sorted(account_ids)))
    return set(tx.connection.execute(query.where(ACCOUNTS.c.disabled.is_(True))).scalars())


def _found(tx: Tx, condition: ColumnElement[bool], limit: int) -> list[Delegation]:
    query = select(GRANTS, UNITS.c.code).join(UNITS, UNITS.c.id == GRANTS.c.unit_id)
    rows = tx.connection.execute(query.where(condition).order_by(GRANTS.c.id).limit(limit)).all()
    links = {link for row in rows for link in (row.id, *row.line.split())}
    ends = _ends(tx, links)
    reasons = _reasons(tx, [row.id for row in rows])
    made = []
    for row in rows:
        grant = grant_of(row)
        over = [ends[link] for link in (*grant.line, grant.id) if link in ends]
        ended = min(over, default=None)
        span = (row.valid_from, row.valid_to, grant.line, grant.delegators, grant.onward)
        said = reasons.get(row.id, "")
        made.append(Delegation(row.id, row.account_id, row.role, row.code, *span, ended, said))
    return made


def _ends(tx: Tx, links: Collection[str]) -> dict[str, dt.datetime]:
    query = select(ENDS.c.grant_id, ENDS.c.ended_at).where(ENDS.c.grant_id.in_(sorted(links)))
    return {row.grant_id: row.ended_at for row in tx.connection.execute(query)}


def _reasons(tx: Tx, events: Sequence[str]) -> dict[str, str]:
    """What was said when each was delegated; a delegation bears the id of its event."""
    query = select(PARTS.c.event_id, PARTS.c.value).where(
        PARTS.c.event_id.in_(events), PARTS.c.part == "texts", PARTS.c.value.is_not(None)
    )
    return {row.event_id: orjson.loads(row.value)["text"] for row in tx.connection.execute(query)}
