"""Every tree of the ledger, hashed anew from the events: leaves, tiles, checkpoints, epochs (F10)."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, union

from planflow.errors import Finding, PlanflowError
from planflow.ledger import checkpoint, epochs, merkle, tiles
from planflow.ledger.leaf import named
from planflow.ledger.merkle import EMPTY, leaf_hash, node_hash
from planflow.ledger.note import Key
from planflow.store.audit.course import AT_ONCE, Course
from planflow.store.ledger import CHECKPOINTS, EPOCHS, EVENTS, LEAVES, QUEUE, TILES, LogTree
from planflow.store.transaction import Tx


def findings(tx: Tx, course: Course, key: Key | None) -> Iterator[Finding]:
    """Hash all trees anew. Without a key signatures are not checked."""
    for tree in trees(tx):
        yield from _Tree(tx, tree, course, key).findings()
    yield from _unplaced(tx)


def trees(tx: Tx) -> list[LogTree]:
    """All trees of which there is any row."""
    parts = [select(rows.c.log, rows.c.epoch) for rows in (LEAVES, TILES, CHECKPOINTS, EPOCHS)]
    return [LogTree(*row) for row in sorted(tx.connection.execute(union(*parts)).all())]


class _Tree:
    """One tree as it grows leaf by leaf: a root at every size costs but the complete parts."""

    def __init__(self, tx: Tx, tree: LogTree, course: Course, key: Key | None) -> None:
        self._tx, self._tree, self._course, self._key = tx, tree, course, key
        self._parts: list[bytes] = []
        self._rows: defaultdict[int, list[bytes]] = defaultdict(list)  # hashes of a tile not full
        self._full: defaultdict[int, int] = defaultdict(int)  # full tiles so far, by level
        self._size = 0

    def findings(self) -> Iterator[Finding]:
        heads = self._checkpoints()
        head = next(heads, None)
        for row in self._leaves():
            wrong = self._leaf_wrong(row)
            if wrong:
                params = {"log": self._tree.log, "position": self._size, "event": row.event_id}
                yield Finding("leaf_wrong", params)
                return
            yield from self._grow(row.digest)
            while head is not None and head.size <= self._size:
                yield from self._check(head)
                head = next(heads, None)
        if head is not None:
            params = {"log": self._tree.log, "kept": head.size, "size": self._size}
            yield Finding("leaves_missing", params)
        yield from self._more_tiles()
        yield from self._unsigned()

    def _leaf_wrong(self, row: Any) -> bool:
        """Whether a leaf is missing, out of its place, or not its event's."""
        first = self._size == 0 and self._tree.epoch > 1
        log = f"{self._course.site}/{self._tree.log}"
        if row.position != self._size or row.leaf is None or leaf_hash(row.leaf) != row.digest:
            return True
        if first and not self._begins(row):
            return True
        return named(row.leaf) != (row.event_id, log)

    def _begins(self, row: Any) -> bool:
        """Whether an epoch's first leaf says so, and is the one it is said to begin with."""
        epoch = epochs.epoch_of(row.leaf)
        own = select(EPOCHS.c.event_id).where(self._tree.of(EPOCHS))
        event = self._tx.connection.execute(own).scalar()
        return epoch is not None and (epoch.number, event) == (self._tree.epoch, row.event_id)

    def _grow(self, digest: bytes) -> Iterator[Finding]:
        self._course.count("leaves")
        self._size += 1
        self._parts.append(digest)
        for _ in range((self._size & -self._size).bit_length() - 1):
            right = self._parts.pop()
            self._parts.append(node_hash(self._parts.pop(), right))
        level, value = 0, digest
        while True:
            self._rows[level].append(value)
            if len(self._rows[level]) < tiles.WIDTH:
                return
            value, number = merkle.root(self._rows[level]), self._full[level]
            self._rows[level] = []
            self._full[level] += 1
            own = (self._tree.of(TILES), TILES.c.level == level, TILES.c.number == number)
            stored = self._tx.connection.execute(select(TILES.c.root).where(*own)).scalar()
            self._course.count("tiles")
            if stored != value:
                params = {"log": self._tree.log, "level": level, "number": number}
                yield Finding("tile_wrong", params)
            level += 1

    def _check(self, head: Any) -> Iterator[Finding]:
        self._course.count("checkpoints")
        params = {"log": self._tree.log, "size": head.size}
        origin = checkpoint.origin(f"{self._course.site}/{self._tree.log}", self._tree.epoch)
        text = f"{head.note.rpartition(_BLANK)[0]}\n"
        root = EMPTY
        for number, part in enumerate(reversed(self._parts)):
            root = part if number == 0 else node_hash(part, root)
        if head.size != self._size or text != checkpoint.Checkpoint(origin, head.size, root).text:
            yield Finding("checkpoint_wrong", params)
        elif self._key is not None:
            self._course.count("signatures")
            try:
                checkpoint.read_checkpoint(head.note, self._key)
            except PlanflowError:
                yield Finding("checkpoint_forged", params)

    def _leaves(self) -> Iterator[Any]:
        """Leaves with their events, in their order, page by page."""
        query = select(LEAVES.c.position, LEAVES.c.event_id, LEAVES.c.digest, EVENTS.c.leaf)
        query = query.outerjoin(EVENTS, EVENTS.c.id == LEAVES.c.event_id)
        query = query.where(self._tree.of(LEAVES)).order_by(LEAVES.c.position).limit(AT_ONCE)
        rows = self._tx.connection.execute(query).all()
        while rows:
            yield from rows
            later = query.where(LEAVES.c.position > rows[-1].position)
            rows = self._tx.connection.execute(later).all()

    def _checkpoints(self) -> Iterator[Any]:
        query = select(CHECKPOINTS.c.size, CHECKPOINTS.c.note).where(self._tree.of(CHECKPOINTS))
        query = query.order_by(CHECKPOINTS.c.size).limit(AT_ONCE)
        rows = self._tx.connection.execute(query).all()
        while rows:
            yield from rows
            later = query.where(CHECKPOINTS.c.size > rows[-1].size)
            rows = self._tx.connection.execute(later).all()

    def _more_tiles(self) -> Iterator[Finding]:
        """Tiles that no leaves fill."""
        for row in self._tx.connection.execute(
            select(TILES.c.level, TILES.c.number).where(self._tree.of(TILES))
        ):
            if not 0 <= row.number < self._full[row.level]:
                params = {"log": self._tree.log, "level": row.level, "number": row.number}
                yield Finding("tile_wrong", params)

    def _unsigned(self) -> Iterator[Finding]:
        """Leaves beyond the last checkpoint wait for one; they are queued still."""
        last = select(CHECKPOINTS.c.size).where(self._tree.of(CHECKPOINTS))
        size = self._tx.connection.execute(last.order_by(CHECKPOINTS.c.size.desc())).scalar() or 0
        query = (
            select(LEAVES.c.position, LEAVES.c.event_id)
            .outerjoin(QUEUE, QUEUE.c.event_id == LEAVES.c.event_id)
            .where(self._tree.of(LEAVES), LEAVES.c.position >= size, QUEUE.c.event_id.is_(None))
            .order_by(LEAVES.c.position)
        )
        # In a later epoch's tree the same event may have been signed.
        for row in self._tx.connection.execute(query.limit(AT_ONCE)):
            others = select(LEAVES.c.epoch).where(
                LEAVES.c.event_id == row.event_id, LEAVES.c.epoch > self._tree.epoch
            )
            if self._tx.connection.execute(others.limit(1)).first() is None:
                params = {"log": self._tree.log, "position": row.position, "event": row.event_id}
                yield Finding("leaf_unsigned", params)


_BLANK = "\n\n"


def _unplaced(tx: Tx) -> Iterator[Finding]:
    """Events that are in no tree and wait for none: nobody recorded them through planflow."""
    query = (
        select(EVENTS.c.stream, EVENTS.c.seq, EVENTS.c.id)
        .outerjoin(LEAVES, LEAVES.c.event_id == EVENTS.c.id)
        .outerjoin(QUEUE, QUEUE.c.event_id == EVENTS.c.id)
        .where(LEAVES.c.event_id.is_(None), QUEUE.c.event_id.is_(None))
    )
    for row in tx.connection.execute(query.limit(AT_ONCE)):
        yield Finding("event_unplaced", {"stream": row.stream, "seq": row.seq, "event": row.id})
