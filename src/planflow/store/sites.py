"""The site's own row: identity and head of its stream; registered units; idempotency keys."""

import datetime as dt
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from planflow.store.appending import Head
from planflow.store.tables import (
    ProtocolTextRow,
    RequestKeyRow,
    SiteRow,
    UnitRow,
    UnitVersionRow,
    table,
)
from planflow.store.transaction import Tx

SITE, UNITS, VERSIONS = table(SiteRow), table(UnitRow), table(UnitVersionRow)
KEYS, TEXTS = table(RequestKeyRow), table(ProtocolTextRow)
_AT_ONCE = 2_000
_KEY_TRIES, _KEY_PAUSE = 60, 0.05  # three seconds


@dataclass(frozen=True, slots=True)
class Registered:
    """A unit as registered today."""

    id: str
    code: str
    name: str
    level: str
    parent_id: str | None
    attributes: str


@dataclass(frozen=True, slots=True)
class KeyUsed:
    """An idempotency key that took effect."""

    body_digest: bytes
    position: int
    version: int
    event_id: str | None
    chain: str | None
    cycle_position: int
    at: dt.datetime | None = None  # when it did; told when it is found again


def site_id(tx: Tx) -> str:
    """The site's id, given when its schema was made."""
    return str(tx.connection.execute(select(SITE.c.id)).scalar_one())


def lock_site(tx: Tx) -> Head:
    """Take the site's stream for writing; one at a time."""
    query = select(SITE.c.position, SITE.c.chain, SITE.c.recorded_at)
    row = tx.connection.execute(query.with_for_update() if tx.locks else query).one()
    return Head(row.position, row.chain, row.recorded_at)


def registered(tx: Tx, codes: Sequence[str] | None = None) -> dict[str, Registered]:
    """Registered units by code: those named, or all."""
    found: dict[str, Registered] = {}
    if codes is None:
        rows: Iterable[Any] = tx.connection.execute(select(UNITS))
        return {row.code: Registered(*row) for row in rows}
    for part in _parts(list(codes)):
        rows = tx.connection.execute(select(UNITS).where(UNITS.c.code.in_(part)))
        found |= {row.code: Registered(*row) for row in rows}
    return found


def by_id(tx: Tx, unit_id: str) -> Registered:
    """A registered unit by its identity."""
    return Registered(*tx.connection.execute(select(UNITS).where(UNITS.c.id == unit_id)).one())


def below(tx: Tx, root: Registered) -> Iterator[tuple[Registered, str]]:
    """All registered units below one, level by level, each with the code of its parent."""
    codes = {root.id: root.code}
    seen = {root.id}
    while codes:
        found: dict[str, str] = {}
        for part in _parts(list(codes)):
            rows = tx.connection.execute(select(UNITS).where(UNITS.c.parent_id.in_(part)))
            for row in rows:
                unit = Registered(*row)
                if unit.id in seen:
                    continue
                seen.add(unit.id)
                found[unit.id] = unit.code
                yield unit, codes[row.parent_id]
        codes = found


def line_of(tx: Tx, unit_id: str) -> list[str]:
    """Identities from a registered unit up to its root, itself first."""
    line: list[str] = []
    above: str | None = unit_id
    while above is not None and above not in line:
        line.append(above)
        above = tx.connection.execute(
            select(UNITS.c.parent_id).where(UNITS.c.id == above)
        ).scalar_one_or_none()
    return line


def children_of(
    tx: Tx, parent_id: str | None, after: str, limit: int, only: Collection[str] | None = None
) -> list[Registered]:
    """Registered units directly below one (or without parent), by code, after a code."""
    query = select(UNITS).where(UNITS.c.parent_id == parent_id, UNITS.c.code > after)
    if only is not None:
        query = query.where(UNITS.c.id.in_(sorted(only)))
    return [
        Registered(*row) for row in tx.connection.execute(query.order_by(UNITS.c.code).limit(limit))
    ]


def write_units(tx: Tx, added: list[Registered], changed: list[Registered], position: int) -> None:
    """Register units, and keep every version by its position in the site's stream."""
    for part in _parts(added):
        tx.connection.execute(insert(UNITS), [_row(unit) for unit in part])
    for unit in changed:
        tx.connection.execute(update(UNITS).where(UNITS.c.id == unit.id).values(_row(unit)))
    for part in _parts([*added, *changed]):
        rows = [{**_row(unit), "unit_id": unit.id, "position": position} for unit in part]
        tx.connection.execute(
            insert(VERSIONS), [{k: v for k, v in row.items() if k != "id"} for row in rows]
        )


def keep_protocol(tx: Tx, digest: str, name: str, text: str) -> None:
    """Keep the exact text of a protocol, once."""
    if (
        tx.connection.execute(select(TEXTS.c.digest).where(TEXTS.c.digest == digest)).first()
        is None
    ):
        tx.connection.execute(insert(TEXTS), {"digest": digest, "name": name, "text": text})


def hold_key(tx: Tx, scope: dict[str, str]) -> bool:
    """Hold a key for this unit of work; False if its first call is still running after a short wait.

    With one writer the first call is over before the second begins.
    """
    if not tx.locks:
        return True
    query = select(
        func.pg_try_advisory_xact_lock(func.hashtextextended("\n".join(scope.values()), 0))
    )
    for _ in range(_KEY_TRIES):
        if tx.connection.execute(query).scalar_one():
            return True
        time.sleep(_KEY_PAUSE)
    return False


def key_used(tx: Tx, scope: dict[str, str]) -> KeyUsed | None:
    """What an idempotency key did; `scope` is account_id, method, path and key."""
    query = select(
        KEYS.c.body_digest,
        KEYS.c.position,
        KEYS.c.version,
        KEYS.c.event_id,
        KEYS.c.chain,
        KEYS.c.cycle_position,
        KEYS.c.created_at,
    )
    row = tx.connection.execute(query.filter_by(**scope)).first()
    return None if row is None else KeyUsed(*row)


def use_key(tx: Tx, scope: dict[str, str], used: KeyUsed, now: dt.datetime) -> None:
    """Remember what a key did, in the same unit of work."""
    values = {
        **scope,
        "body_digest": used.body_digest,
        "position": used.position,
        "version": used.version,
        "event_id": used.event_id,
        "chain": used.chain,
        "cycle_position": used.cycle_position,
        "created_at": now,
    }
    tx.connection.execute(insert(KEYS), values)


def _row(unit: Registered) -> dict[str, Any]:
    return {
        "id": unit.id,
        "code": unit.code,
        "name": unit.name,
        "level": unit.level,
        "parent_id": unit.parent_id,
        "attributes": unit.attributes,
    }


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    for at in range(0, len(items), _AT_ONCE):
        yield items[at : at + _AT_ONCE]
