"""Logs in rows: what is queued, the leaves in their order, tiles' roots, checkpoints, epochs (F10).

An event is queued beside itself, in its own transaction, and stays queued until a signed checkpoint
covers it. Its place is given later, by whoever holds the lease, to what is then committed: no order
comes from a serial number, so that an event committed late is only placed late, never passed over.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, func, insert, select

from planflow.ledger import merkle, tiles
from planflow.ledger.tiles import Nodes, Tile
from planflow.store.ledger_tables import (
    LedgerCheckpointRow,
    LedgerEpochRow,
    LedgerLeafRow,
    LedgerQueueRow,
    LedgerTileRow,
)
from planflow.store.tables import EventRow, PlanRow, table
from planflow.store.transaction import Tx

QUEUE, LEAVES, TILES = table(LedgerQueueRow), table(LedgerLeafRow), table(LedgerTileRow)
CHECKPOINTS, EPOCHS, EVENTS = table(LedgerCheckpointRow), table(LedgerEpochRow), table(EventRow)
PLANS = table(PlanRow)
_LEASE = 0x6C6564676572  # "ledger": the key of the advisory lock


@dataclass(frozen=True, slots=True)
class LogTree:
    """One tree: a log in one epoch."""

    log: str
    epoch: int

    def of(self, rows: Table) -> ColumnElement[bool]:
        """The condition that a row is this tree's."""
        return and_(rows.c.log == self.log, rows.c.epoch == self.epoch)

    def row(self, **more: Any) -> dict[str, Any]:
        """Values of a row of this tree's."""
        return {"log": self.log, "epoch": self.epoch, **more}


@dataclass(frozen=True, slots=True)
class Placed:
    """A leaf with its place in a tree, and its event as stored."""

    position: int
    event_id: str
    digest: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """Where an event's leaf stands, and the first checkpoint that covers it."""

    tree: LogTree
    position: int
    size: int
    note: str
    leaf: bytes


def lease(tx: Tx, *, wait: bool = False) -> bool:
    """Take the one lease of all sequencers for this unit of work; False if another has it.

    With one writer, writing is the lease.
    """
    if not tx.locks:
        return True
    lock = func.pg_advisory_xact_lock if wait else func.pg_try_advisory_xact_lock
    return tx.connection.execute(select(lock(_LEASE))).scalar_one() is not False


def queued(tx: Tx) -> list[str]:
    """Logs with events that no checkpoint covers yet."""
    return list(
        tx.connection.execute(select(QUEUE.c.log).distinct().order_by(QUEUE.c.log)).scalars()
    )


def current(tx: Tx, log: str) -> LogTree:
    """The tree that a log grows in now."""
    found = tx.connection.execute(select(func.max(EPOCHS.c.epoch)).where(EPOCHS.c.log == log))
    return LogTree(log, found.scalar_one() or 1)


def size(tx: Tx, tree: LogTree) -> int:
    """How many leaves a tree has."""
    found = tx.connection.execute(select(func.max(LEAVES.c.position)).where(tree.of(LEAVES)))
    last = found.scalar_one()
    return 0 if last is None else int(last) + 1


def place(tx: Tx, tree: LogTree, most: int) -> int:
    """Give queued events of a log their places, as many as told; return how many that were."""
    # Looked up event by event in its index: a join would be planned by statistics, which are behind
    # in a tree that grows fast, and then reads the whole tree for each event.
    placed = select(LEAVES.c.position).where(tree.of(LEAVES), LEAVES.c.event_id == QUEUE.c.event_id)
    query = (
        select(EVENTS.c.id, EVENTS.c.leaf)
        .select_from(QUEUE.join(EVENTS, EVENTS.c.id == QUEUE.c.event_id))
        .where(QUEUE.c.log == tree.log, placed.scalar_subquery().is_(None))
        .order_by(EVENTS.c.recorded_at, EVENTS.c.id)
        .limit(most)
    )
    found = tx.connection.execute(query).all()
    if found:
        put(tx, tree, [(row.id, row.leaf) for row in found])
    return len(found)


def put(tx: Tx, tree: LogTree, events: list[tuple[str, bytes]]) -> None:
    """Put leaves at a tree's end, with the roots of the tiles that they fill."""
    before = size(tx, tree)
    rows = [
        tree.row(position=at, event_id=event_id, digest=merkle.leaf_hash(leaf))
        for at, (event_id, leaf) in enumerate(events, before)
    ]
    tx.connection.execute(insert(LEAVES), rows)
    after, level = before + len(events), 0
    while full := range(before >> tiles.HEIGHT, after >> tiles.HEIGHT):
        filled = []
        for number in full:
            raw = hashes(tx, tree, Tile(level, number))
            root = merkle.root([raw[at : at + 32] for at in range(0, len(raw), 32)])
            filled.append(tree.row(level=level, number=number, root=root))
        tx.connection.execute(insert(TILES), filled)
        before, after, level = before >> tiles.HEIGHT, after >> tiles.HEIGHT, level + 1


def hashes(tx: Tx, tree: LogTree, tile: Tile) -> bytes:
    """The hashes of a tile: of leaves, or of the full tiles below."""
    if tile.level == 0:
        query = select(LEAVES.c.digest).where(tree.of(LEAVES))
        number = LEAVES.c.position
    else:
        query = select(TILES.c.root).where(tree.of(TILES), TILES.c.level == tile.level - 1)
        number = TILES.c.number
    query = query.where(number >= tile.start, number < tile.start + tile.width).order_by(number)
    return b"".join(tx.connection.execute(query).scalars())


def nodes(tx: Tx, tree: LogTree, size: int) -> Nodes:
    """The nodes of a tree's first leaves."""
    return Nodes(size, lambda tile: hashes(tx, tree, tile))


def leaves(tx: Tx, tree: LogTree, start: int, stop: int) -> list[Placed]:
    """Leaves of a tree in their order, read back with their events."""
    query = (
        select(LEAVES.c.position, LEAVES.c.event_id, LEAVES.c.digest, EVENTS.c.leaf)
        .join(EVENTS, EVENTS.c.id == LEAVES.c.event_id)
        .where(tree.of(LEAVES), LEAVES.c.position >= start, LEAVES.c.position < stop)
        .order_by(LEAVES.c.position)
    )
    return [Placed(*row) for row in tx.connection.execute(query)]


def last(tx: Tx, tree: LogTree) -> str | None:
    """The last checkpoint published for a tree."""
    query = select(CHECKPOINTS.c.note).where(tree.of(CHECKPOINTS))
    return tx.connection.execute(query.order_by(CHECKPOINTS.c.size.desc()).limit(1)).scalar()


def publish(tx: Tx, tree: LogTree, size: int, note: str, now: dt.datetime) -> None:
    """Publish a checkpoint; what it covers is no longer queued."""
    tx.connection.execute(insert(CHECKPOINTS), tree.row(size=size, note=note, made_at=now))
    before = select(func.max(CHECKPOINTS.c.size)).where(
        tree.of(CHECKPOINTS), CHECKPOINTS.c.size < size
    )
    start = tx.connection.execute(before).scalar_one() or 0
    covered = select(LEAVES.c.event_id).where(
        tree.of(LEAVES), LEAVES.c.position >= start, LEAVES.c.position < size
    )
    tx.connection.execute(delete(QUEUE).where(QUEUE.c.event_id.in_(covered)))


def open_epoch(tx: Tx, tree: LogTree, event_id: str, leaf: bytes) -> None:
    """Begin a tree anew with the leaf that says why."""
    tx.connection.execute(insert(EPOCHS), tree.row(event_id=event_id))
    put(tx, tree, [(event_id, leaf)])


def event(tx: Tx, event_id: str) -> tuple[str, bytes] | None:
    """An event's stream and leaf."""
    query = select(EVENTS.c.stream, EVENTS.c.leaf).where(EVENTS.c.id == event_id)
    row = tx.connection.execute(query).first()
    return None if row is None else (row.stream, row.leaf)


def path_of_plan(tx: Tx, cycle: str, unit_id: str) -> str | None:
    """Where a plan's unit stands in its cycle's tree, or stood when it left it."""
    query = select(PLANS.c.path).where(PLANS.c.cycle_id == cycle, PLANS.c.unit_id == unit_id)
    return tx.connection.execute(query).scalar()


def find(tx: Tx, event_id: str) -> Found | None:
    """Where an event's leaf stands under a checkpoint: in the newest tree that has it so."""
    query = select(LEAVES.c.log, LEAVES.c.epoch, LEAVES.c.position, EVENTS.c.leaf)
    query = query.join(EVENTS, EVENTS.c.id == LEAVES.c.event_id)
    query = query.where(LEAVES.c.event_id == event_id).order_by(LEAVES.c.epoch.desc())
    for row in tx.connection.execute(query).all():
        tree = LogTree(row.log, row.epoch)
        covers = select(CHECKPOINTS.c.size, CHECKPOINTS.c.note).where(
            tree.of(CHECKPOINTS), CHECKPOINTS.c.size > row.position
        )
        head = tx.connection.execute(covers.order_by(CHECKPOINTS.c.size).limit(1)).first()
        if head is not None:
            return Found(tree, row.position, head.size, head.note, row.leaf)
    return None
