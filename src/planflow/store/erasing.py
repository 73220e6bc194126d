"""Salted values taken out of events: salt and value go, the digest stays, and all else (F2)."""

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from planflow.domain.events import place_of
from planflow.ledger.leaf import SINGLE, Entry, unseal
from planflow.store import factors, identities
from planflow.store.people import ACCOUNTS, TOKENS
from planflow.store.tables import EventPartRow, EventRow, table
from planflow.store.transaction import Tx

EVENTS, PARTS = table(EventRow), table(EventPartRow)


@dataclass(frozen=True, slots=True)
class Found:
    """A part of an event: the event's kind and cycle, the part's entries, and which are there still."""

    kind: str
    cycle: str
    entries: dict[int, bool]


def find(tx: Tx, event: str, part: str) -> Found | None:
    """A part of an event; None where there is no such event. Entries are none for no such part."""
    query = select(EVENTS.c.kind, EVENTS.c.stream).where(EVENTS.c.id == event)
    row = tx.connection.execute(query).first()
    if row is None:
        return None
    entries = select(PARTS.c.number, PARTS.c.value).where(
        PARTS.c.event_id == event, PARTS.c.part == part
    )
    found = {one.number: one.value is not None for one in tx.connection.execute(entries)}
    return Found(row.kind, place_of(row.stream)[0], found)


def erase(tx: Tx, event: str, part: str, numbers: list[int]) -> None:
    """Erase entries of a part. An embedded database writes over what was there."""
    if not tx.locks:
        tx.connection.exec_driver_sql("PRAGMA secure_delete=ON")
    own = (PARTS.c.event_id == event, PARTS.c.part == part, PARTS.c.number.in_(numbers))
    tx.connection.execute(update(PARTS).where(*own).values(salt=None, value=None))


def events_of_account(tx: Tx, kind: str, account_id: str) -> list[str]:
    """The events of a kind that are about an account."""
    query = (
        select(EVENTS.c.id, EVENTS.c.leaf, PARTS)
        .join(PARTS, PARTS.c.event_id == EVENTS.c.id)
        .where(EVENTS.c.kind == kind, PARTS.c.part == "account", PARTS.c.number == SINGLE)
    )
    return [
        str(row.id)
        for row in tx.connection.execute(query.order_by(EVENTS.c.id))
        if unseal(
            row.leaf, [Entry(row.part, row.number, row.digest, row.salt, row.value)]
        ).parts.get("account")
        == {"id": account_id}
    ]


def close_account(tx: Tx, account_id: str, password_hash: str) -> int:
    """Put an account's id in the place of its name, and drop all by which it is signed in to.

    Tells how many access tokens those were.
    """
    own = ACCOUNTS.c.id == account_id
    values = {"name": account_id, "password_hash": password_hash}
    tx.connection.execute(update(ACCOUNTS).where(own).values(**values))
    factors.drop(tx, account_id)
    identities.unlink(tx, account_id)
    done = tx.connection.execute(delete(TOKENS).where(TOKENS.c.account_id == account_id))
    return done.rowcount
