"""Events for a bundle: of a plan, of a round, those cited; and where they stand in signed trees."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from planflow.access.scope import Scope
from planflow.domain.events import plan_stream
from planflow.ledger.chain import START, Stored
from planflow.ledger.leaf import Entry
from planflow.store import row_security
from planflow.store.ledger import LEAVES, LogTree, last
from planflow.store.scopes import within
from planflow.store.tables import EventPartRow, EventRow, PlanRow, ProtocolTextRow, table
from planflow.store.transaction import Tx

EVENTS, PARTS, PLANS = table(EventRow), table(EventPartRow), table(PlanRow)
TEXTS = table(ProtocolTextRow)
_IN_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """An event's place in the newest tree that has it under a signed checkpoint."""

    tree: LogTree
    position: int


def of_stream(tx: Tx, stream: str, limit: int) -> list[str]:
    """Ids of a stream's events."""
    query = select(EVENTS.c.id).where(EVENTS.c.stream == stream).order_by(EVENTS.c.seq)
    return list(tx.connection.execute(query.limit(limit)).scalars())


def of_round(tx: Tx, cycle: str, scope: Scope, name: str, limit: int) -> list[str]:
    """Ids of the events of a round in the plans at or below some places."""
    mine = EVENTS.c.stream == literal(plan_stream(cycle, "")) + PLANS.c.unit_id
    query = (
        select(EVENTS.c.id)
        .join(PLANS, mine)
        .where(PLANS.c.cycle_id == cycle, EVENTS.c.round == name)
        .where(within(PLANS.c.path, scope))
        .order_by(PLANS.c.path, EVENTS.c.seq)
    )
    return list(tx.connection.execute(query.limit(limit)).scalars())


def events(tx: Tx, ids: Sequence[str], *, cited: bool = False) -> Iterator[Stored]:
    """Events by their ids with all their entries; those that are none are left out.

    `cited`: of other units' events as well, of whose entries there may be the digests alone.
    """
    for part in _parts(ids):
        entries: dict[str, list[Entry]] = {one: [] for one in part}
        if cited and tx.locks:
            known = literal(part, ARRAY(Text))
            events: Any = row_security.leaves(known)
            parts: Any = row_security.addressed(known)
        else:
            events, parts = EVENTS, PARTS
        query = select(parts).where(parts.c.event_id.in_(part))
        order = (parts.c.event_id, parts.c.part, parts.c.number)
        for row in tx.connection.execute(query.order_by(*order)):
            entry = Entry(row.part, row.number, row.digest, row.salt, row.value)
            entries[row.event_id].append(entry)
        for row in tx.connection.execute(select(events).where(events.c.id.in_(part))):
            own = tuple(entries[row.id])
            yield Stored(row.id, row.stream, row.seq, row.leaf, row.chain, own)


def before(tx: Tx, stream: str, seq: int) -> bytes:
    """The chain that an event of a stream goes on from."""
    query = select(EVENTS.c.chain).where(EVENTS.c.stream == stream, EVENTS.c.seq == seq - 1)
    if tx.locks:
        query = select(row_security.chain(stream, seq - 1))
    found: bytes | None = tx.connection.execute(query).scalar()
    return START if found is None else bytes(found)


def standings(tx: Tx, ids: Sequence[str]) -> tuple[dict[str, Standing], dict[LogTree, str]]:
    """Where events stand, and the last checkpoint of each tree; what none covers is left out."""
    notes: dict[LogTree, str | None] = {}
    found: dict[str, Standing] = {}
    for part in _parts(ids):
        query = select(LEAVES).where(LEAVES.c.event_id.in_(part)).order_by(LEAVES.c.epoch)
        for row in tx.connection.execute(query):
            tree = LogTree(row.log, row.epoch)
            if tree not in notes:
                notes[tree] = last(tx, tree)
            note = notes[tree]
            if note is not None and row.position < size_of(note):
                found[row.event_id] = Standing(tree, row.position)
    used = {one.tree for one in found.values()}
    return found, {tree: note for tree, note in notes.items() if note and tree in used}


def paths(tx: Tx, cycle: str, streams: Iterable[str]) -> dict[str, str]:
    """Where the plans of some streams stand in their cycle's tree."""
    ids = {one.removeprefix(plan_stream(cycle, "")): one for one in streams}
    found: dict[str, str] = {}
    for part in _parts(list(ids)):
        query = select(PLANS.c.unit_id, PLANS.c.path).where(
            PLANS.c.cycle_id == cycle, PLANS.c.unit_id.in_(part)
        )
        found |= {ids[row.unit_id]: row.path for row in tx.connection.execute(query)}
    return found


def protocol_text(tx: Tx, digest: str) -> str:
    """The exact text of a protocol that is kept."""
    query = select(TEXTS.c.text).where(TEXTS.c.digest == digest)
    return str(tx.connection.execute(query).scalar_one())


def size_of(note: str) -> int:
    """How many leaves a checkpoint covers."""
    return int(note.split("\n", 2)[1])


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(items), _IN_AT_MOST):
        yield items[at : at + _IN_AT_MOST]
