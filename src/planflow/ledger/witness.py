"""What another party checks before it cosigns a log: that nothing it saw before was changed (F10).

The log's own signature proves nothing here: whoever holds the key and the database can recompute and
sign any tree. A witness remembers, and says no to every tree that does not begin with what it saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from planflow.errors import Refusal
from planflow.ledger import proofs, tiles
from planflow.ledger.checkpoint import Checkpoint, read_checkpoint
from planflow.ledger.epochs import Epoch, epoch_of
from planflow.ledger.merkle import EMPTY, leaf_hash
from planflow.ledger.note import Key
from planflow.ledger.tiles import Nodes, Tile


class Server(Protocol):
    """One log as a server shows it."""

    def checkpoint(self, epoch: int | None) -> str:
        """The last checkpoint, of one epoch or of all."""

    def tile(self, epoch: int, tile: Tile) -> bytes:
        """A tile or a bundle of leaves."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint to cosign; where it is of a new epoch, what that epoch says was lost."""

    note: str
    head: Checkpoint
    epoch: Epoch | None = None


def visit(server: Server, key: Key, seen: Sequence[Checkpoint]) -> list[Accepted]:
    """Check what a server shows against all that was seen of a log, oldest first.

    Raises `Refusal`: `witness_rewritten`, `witness_smaller`, `witness_no_epoch`, `other_log`,
    `tile_malformed`, and those of `open_note`.
    """
    note = server.checkpoint(None)
    newest = read_checkpoint(note, key)
    if not seen:
        return [_first(server, Accepted(note, newest))]
    known, accepted = list(seen), []
    if newest.log != known[-1].log:
        raise Refusal("other_log", {"log": newest.log, "expected": known[-1].log})
    if newest.epoch < known[-1].epoch:
        raise Refusal("witness_no_epoch", {"log": newest.log})
    if newest.epoch == known[-1].epoch:
        _extends(server, known[-1], newest)
        accepted.append(Accepted(note, newest))
    for number in range(known[-1].epoch + 1, newest.epoch + 1):
        note = server.checkpoint(number)
        head = read_checkpoint(note, key)
        accepted.append(Accepted(note, head, _begins(server, number, head, known)))
        known.append(head)
    return accepted


def _first(server: Server, accepted: Accepted) -> Accepted:
    """At the first visit there is nothing to compare with, but the tree must be the signed one."""
    head = accepted.head
    root = proofs.tree_root(head.size, _nodes(server, head.epoch, head.size))
    if root != head.root:
        raise _rewritten(head, head)
    return accepted


def _extends(server: Server, old: Checkpoint, new: Checkpoint) -> None:
    if new.size < old.size:
        raise Refusal("witness_smaller", {"log": new.origin, "seen": old.size, "size": new.size})
    proof = proofs.consistency(old.size, new.size, _nodes(server, new.epoch, new.size))
    if not proofs.extends(old.root, old.size, new.root, new.size, proof):
        raise _rewritten(old, new)


def _begins(server: Server, number: int, head: Checkpoint, known: list[Checkpoint]) -> Epoch:
    """A new epoch is one only by its first leaf, which cites what was seen, and loses something."""
    [leaf] = tiles.leaves_of(server.tile(number, tiles.Tile(tiles.ENTRIES, 0, 1)))
    proof = proofs.inclusion(0, head.size, _nodes(server, number, head.size))
    stands = proofs.includes(head.root, head.size, 0, leaf_hash(leaf), proof)
    epoch, last = epoch_of(leaf), known[-1]
    if not stands or epoch is None or (epoch.number, epoch.old.log) != (head.epoch, head.log):
        raise Refusal("witness_no_epoch", {"log": head.origin})
    shorter = epoch.old.size < last.size or epoch.old.epoch != last.epoch
    if shorter or (epoch.old.size == last.size and epoch.old.root != last.root):
        raise Refusal("witness_no_epoch", {"log": head.origin})
    left = Checkpoint(epoch.old.origin, epoch.left, epoch.root)
    before = [one for one in known if one.epoch == left.epoch and one.size <= left.size]
    if before:
        _extends(server, before[-1], left)
    elif left.size == 0 and left.root != EMPTY:
        raise Refusal("witness_no_epoch", {"log": head.origin})
    return epoch


def _nodes(server: Server, epoch: int, size: int) -> Nodes:
    return Nodes(size, lambda tile: server.tile(epoch, tile))


def _rewritten(old: Checkpoint, new: Checkpoint) -> Refusal:
    return Refusal("witness_rewritten", {"log": new.origin, "seen": old.size, "size": new.size})
