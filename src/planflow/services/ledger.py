"""What a reader may take of the ledger: checkpoints, tiles, the key, and events' receipts (F10)."""

import base64

from planflow.domain.events import SITE, cycle_log, cycle_stream, place_of
from planflow.errors import Refusal
from planflow.ledger import checkpoint, proofs, tiles
from planflow.services import keys, sights
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.views import ReceiptView
from planflow.store import ledger
from planflow.store.ledger import LogTree
from planflow.store.transaction import Tx

FIRST_LEAF = tiles.Tile(tiles.ENTRIES, 0, 1)


def public_key(site: Site) -> str:
    """The key that signs all checkpoints of this site, as a vkey: what a reader pins."""
    return f"{keys.signer(site).key}\n"


def last_checkpoint(site: Site, reader: Reader, log: str | None, epoch: int | None) -> str:
    """The last checkpoint of the site's log, or of a cycle's. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> str:
        return _head(tx, _tree(site, tx, reader, log, epoch))[1]

    return site.database.read(work)


def sight(site: Site, reader: Reader, log: str | None) -> None:
    """Whether a reader may look at a log at all. Raises `Refusal` `not_found`."""
    site.database.read(lambda tx: _tree(site, tx, reader, log, None))


def tile(site: Site, reader: Reader, log: str | None, epoch: int | None, path: str) -> bytes:
    """A tile or a bundle of leaves that a checkpoint covers. Raises `Refusal` `not_found`.

    Leaves tell who acted when in which plan: a cycle's are for those who see all its plans. Hashes are
    everybody's who sees any of them, and so is the leaf that opens an epoch: a witness needs no more.
    """
    found = tiles.read_path(path)

    def look(tx: Tx) -> LogTree:
        tree = _tree(site, tx, reader, log, epoch)
        opening = tree.epoch > 1 and found == FIRST_LEAF
        if found and found.level == tiles.ENTRIES and not opening and tree.log != SITE:
            seen = sights.of_cycle(site, tx, reader, tree.log.partition("/")[2])
            if not seen.scope.has(seen.head.state.root):
                raise Refusal("not_found", {"kind": "tile", "name": path})
        return tree

    tree = site.database.read(look)

    def work(tx: Tx) -> bytes:
        # Of a tree that a new epoch left behind, also what no checkpoint covers: a witness asks.
        closed = epoch is not None and tree != ledger.current(tx, tree.log)
        size = ledger.size(tx, tree) if closed else _head(tx, tree)[0]
        if found is None or not found.within(size):
            raise Refusal("not_found", {"kind": "tile", "name": path})
        if found.level != tiles.ENTRIES:
            return ledger.hashes(tx, tree, found)
        rows = ledger.leaves(tx, tree, found.start, found.start + found.width)
        return tiles.bundle(row.leaf for row in rows)

    return site.records.read(work)  # leaves are published: everybody's who may look at the log


def receipt(site: Site, reader: Reader, event_id: str) -> ReceiptView:
    """An event's receipt, which proves itself with the site's key alone.

    Raises `Refusal` `not_found`, or `receipt_pending` until a checkpoint covers the event.
    """

    event = site.records.read(lambda tx: ledger.event(tx, event_id))
    stream = event[0] if event else ""

    def work(tx: Tx) -> ReceiptView:
        if not _in_sight(site, tx, reader, stream):
            raise Refusal("not_found", {"kind": "event", "name": event_id})
        found = ledger.find(tx, event_id)
        if found is None:
            raise Refusal("receipt_pending")
        nodes = ledger.nodes(tx, found.tree, found.size)
        proof = proofs.inclusion(found.position, found.size, nodes)
        return ReceiptView(
            event=event_id,
            log=f"{site.id}/{found.tree.log}",
            epoch=found.tree.epoch,
            position=found.position,
            leaf=base64.b64encode(found.leaf).decode(),
            receipt=checkpoint.receipt(found.position, proof, found.note),
        )

    return site.database.read(work, reader.within(place_of(stream)[0]))


def _tree(site: Site, tx: Tx, reader: Reader, log: str | None, epoch: int | None) -> LogTree:
    """The tree that is meant, in the reader's sight: the site's log is everybody's who is signed in."""
    name = SITE
    if log is not None and log != SITE:
        cycle = log.removeprefix(cycle_stream(""))
        try:
            seen = sights.of_cycle(site, tx, reader, cycle)
        except Refusal:
            raise Refusal("not_found", {"kind": "log", "name": log}) from None
        name = cycle_log(cycle, practice=seen.head.state.practice)
    return ledger.current(tx, name) if epoch is None else LogTree(name, epoch)


def _head(tx: Tx, tree: LogTree) -> tuple[int, str]:
    note = ledger.last(tx, tree)
    if note is None:
        raise Refusal("not_found", {"kind": "log", "name": tree.log})
    return checkpoint.checkpoint_of(note.rpartition("\n\n")[0] + "\n").size, note


def _in_sight(site: Site, tx: Tx, reader: Reader, stream: str) -> bool:
    """Whether a stream's events are the reader's to see: of the site, a cycle, or a plan in scope."""
    kind, _, rest = stream.partition("/")
    if kind == SITE:
        return True
    cycle, _, unit_id = rest.partition("/")
    try:
        scope = sights.of_cycle(site, tx, reader, cycle).scope
    except Refusal:
        return False
    path = ledger.path_of_plan(tx, cycle, unit_id) if unit_id else None
    return not unit_id or (path is not None and scope.has(path))
