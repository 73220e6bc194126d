"""F10: a witness cosigns only what holds all it saw before, whoever signed it.

The operator here has the signing key, and recomputes whole trees at will.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import pytest

from planflow.errors import Refusal
from planflow.ledger import checkpoint, merkle, tiles
from planflow.ledger.checkpoint import Checkpoint
from planflow.ledger.epochs import Epoch, epoch_of
from planflow.ledger.note import Signer
from planflow.ledger.tiles import Tile
from planflow.ledger.witness import Accepted, visit

SITE = Signer("site-1", bytes(range(32)))
LOG = "site-1/cycle/c1"


def leaf(text: str, **more: object) -> bytes:
    return orjson.dumps({"id": text, "log": LOG, "kind": "submitted", "cites": [], **more})


@dataclass
class Operator:
    """A server that shows whatever its operator wants, rightly signed: trees by their epoch."""

    trees: dict[int, list[bytes]] = field(default_factory=dict)
    signer: Signer = SITE
    log: str = LOG

    def head(self, epoch: int) -> Checkpoint:
        hashes = [merkle.leaf_hash(one) for one in self.trees[epoch]]
        return Checkpoint(checkpoint.origin(self.log, epoch), len(hashes), merkle.root(hashes))

    def checkpoint(self, epoch: int | None) -> str:
        return self.head(epoch or max(self.trees)).signed(self.signer)

    def tile(self, epoch: int, tile: Tile) -> bytes:
        leaves = self.trees[epoch]
        if tile.level == tiles.ENTRIES:
            return tiles.bundle(leaves[tile.start : tile.start + tile.width])
        hashes = [merkle.leaf_hash(one) for one in leaves]
        each = 256**tile.level
        parts = [hashes[at * each : (at + 1) * each] for at in range(tile.start, tile.start + 256)]
        return b"".join(merkle.root(part) for part in parts[: tile.width])

    def begin(self, old: Checkpoint, left: int, root: bytes | None = None, **more: object) -> None:
        """A new epoch, as its operator tells it."""
        hashes = [merkle.leaf_hash(one) for one in self.trees[old.epoch][:left]]
        epoch = Epoch(old, left, merkle.root(hashes) if root is None else root)
        told = {"kind": "epoch_opened", "cites": list(epoch.cites), **more}
        self.trees[max(self.trees) + 1] = [leaf("epoch", **told), leaf("after")]


def history(count: int) -> list[bytes]:
    return [leaf(f"event {number}") for number in range(count)]


def heads(accepted: list[Accepted]) -> list[Checkpoint]:
    return [one.head for one in accepted]


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code


def test_it_follows_a_log_that_only_grows() -> None:
    server = Operator({1: history(1)})
    seen = heads(visit(server, SITE.key, []))
    for size in (1, 2, 3, 8, 255, 256, 257, 600):
        server.trees[1] = history(size)
        accepted = visit(server, SITE.key, seen)
        assert heads(accepted) == [server.head(1)]
        assert checkpoint.read_checkpoint(accepted[0].note, SITE.key).size == size
        seen += heads(accepted)


@pytest.mark.parametrize("size", [5, 6, 300])
def test_it_refuses_every_history_that_was_rewritten(size: int) -> None:
    """Recomputed whole and signed with the real key: changed, left out, put in, exchanged."""
    honest = history(5)
    seen = heads(visit(Operator({1: honest}), SITE.key, []))
    for at in range(5):
        changed = history(size)
        changed[at] = leaf("another")
        put_in = [*honest[:at], leaf("another"), *history(size)[at : size - 1]]
        swapped = history(size)
        swapped[at], swapped[at - 1] = swapped[at - 1], swapped[at]
        for wrong in (changed, put_in, swapped):
            server = Operator({1: wrong})
            refused("witness_rewritten", lambda: visit(server, SITE.key, seen))  # noqa: B023
    left_out = Operator({1: history(size + 1)[1:]})
    refused("witness_rewritten", lambda: visit(left_out, SITE.key, seen))


def test_it_refuses_a_history_that_became_shorter() -> None:
    seen = heads(visit(Operator({1: history(5)}), SITE.key, []))
    refused("witness_smaller", lambda: visit(Operator({1: history(4)}), SITE.key, seen))


def test_a_server_that_lies_about_its_tree_is_refused() -> None:
    """Its checkpoint goes on from what was seen; its tiles do not."""

    class Liar(Operator):
        def tile(self, epoch: int, tile: Tile) -> bytes:
            return bytes(len(super().tile(epoch, tile)))

    refused("witness_rewritten", lambda: visit(Liar({1: history(5)}), SITE.key, []))
    seen = heads(visit(Operator({1: history(5)}), SITE.key, []))
    refused("witness_rewritten", lambda: visit(Liar({1: history(9)}), SITE.key, seen))


def test_another_key_or_log_is_refused() -> None:
    other = Signer("site-1", bytes(32))
    server = Operator({1: history(3)}, other)
    refused("note_unsigned", lambda: visit(server, SITE.key, []))
    seen = heads(visit(Operator({1: history(3)}), SITE.key, []))
    elsewhere = Operator({1: history(3)}, log="site-1/cycle/c2")
    refused("other_log", lambda: visit(elsewhere, SITE.key, seen))


# Epochs


def restored(left: int) -> tuple[Operator, list[Checkpoint]]:
    """A witness saw 3, 6 and 9 leaves; of them, some are left."""
    server = Operator({1: history(3)})
    seen: list[Checkpoint] = []
    for size in (3, 6, 9):
        server.trees[1] = history(size)
        seen += heads(visit(server, SITE.key, seen))
    server.trees[1] = history(left)
    return server, seen


@pytest.mark.parametrize("left", [0, 1, 3, 4, 6, 8])
def test_it_accepts_an_epoch_that_says_what_was_lost(left: int) -> None:
    server, seen = restored(left)
    server.begin(seen[-1], left)
    [accepted] = visit(server, SITE.key, seen)
    assert accepted.head == server.head(2)
    assert accepted.epoch is not None
    assert (accepted.epoch.old, accepted.epoch.left) == (seen[-1], left)
    server.trees[2].append(leaf("more"))
    assert heads(visit(server, SITE.key, [*seen, accepted.head])) == [server.head(2)]


def test_it_accepts_several_epochs_one_after_the_other() -> None:
    server, seen = restored(4)
    server.begin(seen[-1], 4)
    server.begin(server.head(2), 1)
    accepted = visit(server, SITE.key, seen)
    assert [one.head.epoch for one in accepted] == [2, 3]


def test_a_checkpoint_that_was_signed_after_the_last_visit_may_be_lost() -> None:
    server, seen = restored(4)
    later = Operator({1: history(12)}).head(1)
    server.begin(later, 4)
    [accepted] = visit(server, SITE.key, seen)
    assert accepted.epoch is not None
    assert accepted.epoch.old.size == 12


def test_it_accepts_nothing_else_as_an_epoch() -> None:
    server, seen = restored(4)
    last = seen[-1]
    not_lost = Epoch(last, 9, last.root)
    wrong: list[Callable[[Operator], None]] = [
        lambda one: one.begin(seen[-2], 4),  # cites an older checkpoint than was seen
        lambda one: one.begin(Checkpoint(LOG, 9, bytes(32)), 4),  # cites one that never was
        lambda one: one.begin(last, 4, kind="submitted"),
        lambda one: one.begin(last, 4, cites=[]),
        lambda one: one.begin(last, 4, cites=list(not_lost.cites)),
        lambda one: one.begin(last, 4, log="site-1/cycle/c2"),
        lambda one: one.begin(last, 0, root=bytes(32)),
        lambda one: one.trees.update({2: history(2)}),
        lambda one: one.trees.update({2: [b"no leaf"]}),
        lambda one: one.trees.update({3: history(2), 2: history(2)}),
    ]
    for spoil in wrong:
        one = Operator(dict(server.trees))
        spoil(one)
        refused("witness_no_epoch", lambda: visit(one, SITE.key, seen))  # noqa: B023
    back = [*seen, Checkpoint(f"{LOG}/epoch/2", 1, bytes(32))]
    refused("witness_no_epoch", lambda: visit(server, SITE.key, back))


def test_an_epoch_is_no_cover_for_a_rewritten_beginning() -> None:
    """What is said to be left must hold what was seen of it."""
    server, seen = restored(4)
    server.trees[1][1] = leaf("another")
    server.begin(seen[-1], 4)
    refused("witness_rewritten", lambda: visit(server, SITE.key, seen))


def test_an_epoch_reads_back_as_it_was_cited() -> None:
    old = Checkpoint(LOG, 9, bytes(32))
    epoch = Epoch(old, 4, bytes(range(32)))
    told = leaf("epoch", kind="epoch_opened", cites=list(epoch.cites))
    assert epoch_of(told) == epoch
    for wrong in (
        leaf("x", kind="epoch_opened", cites=[*epoch.cites, "more"]),
        leaf("x", kind="epoch_opened", cites=["checkpoint x y z", *epoch.cites[1:]]),
        leaf("x", kind="epoch_opened", cites=None),
        orjson.dumps([1]),
        b"",
    ):
        assert epoch_of(wrong) is None
