"""The sequencer: queued leaves get their places, and a signed checkpoint covers them (F10).

Before it signs, it reads back what it is about to sign. It refuses where the history it finds is not
the one it signed before, or kept outside the database.
"""

import logging
import threading
from dataclasses import dataclass
from typing import Self

from planflow.errors import Fault, PlanflowError, Refusal
from planflow.ledger import checkpoint, epochs, proofs
from planflow.ledger.checkpoint import Checkpoint
from planflow.ledger.leaf import named
from planflow.ledger.merkle import leaf_hash
from planflow.ledger.note import Signer
from planflow.messages import sentence
from planflow.services import keys
from planflow.services.site import Site
from planflow.store import ledger
from planflow.store.keeping import Keep
from planflow.store.ledger import LogTree, Placed
from planflow.store.transaction import Tx

LOG = logging.getLogger("planflow.ledger")
AT_ONCE = 1_000
PAUSE = 0.5  # seconds between two rounds: under load a checkpoint at least every second
LONG_PAUSE = 10.0  # after a refusal, which a person must look at


@dataclass(frozen=True, slots=True)
class Sequencer:
    """What places and signs for one site."""

    site: Site
    signer: Signer
    keep: Keep

    @classmethod
    def of(cls, site: Site) -> Self:
        """The site's sequencer. Raises `Fault` `ledger_key_missing`."""
        return cls(site, keys.signer(site), keys.keep(site))

    def advance(self) -> int:
        """Place and sign all that is queued now, unless another is at it; how many leaves that was.

        One log's fault keeps no other from going on. Raises `Fault`: `ledger_behind`,
        `ledger_rewritten`, `ledger_mismatch`, `ledger_folder_unusable`.
        """
        done, fault = 0, None
        for log in self.site.records.read(ledger.queued):
            try:
                done += self._advance(log)
            except PlanflowError as found:
                fault = fault or found
        if fault is not None:
            raise fault
        return done

    def _advance(self, log: str) -> int:
        done = 0
        while True:
            placed = self.site.records.write(lambda tx: self._place(tx, log))
            signed = self.site.records.write(lambda tx: self._sign(tx, log))
            if placed is None or signed is None:
                return done
            done += signed
            if placed < AT_ONCE:
                return done

    def _place(self, tx: Tx, log: str) -> int | None:
        if not ledger.lease(tx):
            return None
        tree = ledger.current(tx, log)
        self.check(tx, tree, ledger.size(tx, tree))
        return ledger.place(tx, tree, AT_ONCE)

    def _sign(self, tx: Tx, log: str) -> int | None:
        """Sign what was placed and committed before."""
        if not ledger.lease(tx):
            return None
        tree = ledger.current(tx, log)
        size = ledger.size(tx, tree)
        signed = self.check(tx, tree, size)
        if size == signed:
            return 0
        origin = self.origin(tree)
        found = ledger.leaves(tx, tree, signed, size)
        _check_leaves(found, f"{self.site.id}/{log}", signed, size)
        root = proofs.grown(
            signed, ledger.nodes(tx, tree, signed), (leaf_hash(one.leaf) for one in found)
        )
        if root != proofs.tree_root(size, ledger.nodes(tx, tree, size)):
            raise _mismatch(origin, signed)
        note = Checkpoint(origin, size, root).signed(self.signer)
        # Kept before it is published: a checkpoint that anyone saw is never below the one kept.
        self.keep.keep(log, note)
        ledger.publish(tx, tree, size, note, self.site.clock())
        return size - signed

    def origin(self, tree: LogTree) -> str:
        """The name of a tree in its checkpoints."""
        return checkpoint.origin(f"{self.site.id}/{tree.log}", tree.epoch)

    def check(self, tx: Tx, tree: LogTree, size: int) -> int:
        """Check the rows against the last checkpoint and the one kept; the size that was signed last.

        Raises `Fault`: `ledger_behind`, `ledger_rewritten`.
        """
        last, kept = self.last(tx, tree), self.kept(tree.log)
        if kept is not None and kept.epoch != tree.epoch:
            self._check_epoch(tx, tree, kept)
            kept = None
        for known in (last, kept):
            if known is None:
                continue
            if size < known.size:
                raise _behind(tree, known, size)
            if proofs.tree_root(known.size, ledger.nodes(tx, tree, known.size)) != known.root:
                raise _rewritten(tree, known)
        return last.size if last else 0

    def last(self, tx: Tx, tree: LogTree) -> Checkpoint | None:
        """The last checkpoint published for a tree; it must be ours."""
        return self._read(ledger.last(tx, tree), tree.log)

    def kept(self, log: str) -> Checkpoint | None:
        """The last checkpoint kept outside the database; it must be ours."""
        return self._read(self.keep.checkpoint(log), log)

    def _read(self, note: str | None, log: str) -> Checkpoint | None:
        if note is None:
            return None
        found = checkpoint.read_checkpoint(note, self.signer.key)
        if found.log != f"{self.site.id}/{log}":
            raise Refusal("other_log", {"log": found.log, "expected": log})
        return found

    def _check_epoch(self, tx: Tx, tree: LogTree, kept: Checkpoint) -> None:
        """A checkpoint of an older epoch is good where this one's first leaf cites it."""
        if kept.epoch > tree.epoch:
            raise _behind(tree, kept, 0)
        first = ledger.leaves(tx, tree, 0, 1)
        epoch = epochs.epoch_of(first[0].leaf) if first else None
        if epoch is None or epoch.old != kept:
            raise _rewritten(tree, kept)


def _check_leaves(found: list[Placed], log: str, start: int, stop: int) -> None:
    """Hash again what lies in the database: each leaf in its place, its own, and of its log."""
    by_position = {one.position: one for one in found}
    for position in range(start, stop):
        one = by_position.get(position)
        if one is None:
            raise _mismatch(log, position)
        if leaf_hash(one.leaf) != one.digest or named(one.leaf) != (one.event_id, log):
            raise _mismatch(log, position, one.event_id)


def _behind(tree: LogTree, known: Checkpoint, size: int) -> Fault:
    return Fault("ledger_behind", {"log": tree.log, "kept": known.size, "size": size})


def _rewritten(tree: LogTree, known: Checkpoint) -> Fault:
    return Fault("ledger_rewritten", {"log": tree.log, "kept": known.size})


def _mismatch(log: str, position: int, event_id: str = "") -> Fault:
    return Fault(
        "ledger_mismatch", {"log": log.partition("/")[2], "position": position, "event": event_id}
    )


class Running:
    """A sequencer in a thread of its own, as long as a site is served."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="planflow-ledger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        told = ""
        while not self._stop.wait(PAUSE):
            try:
                Sequencer.of(self._site).advance()
                told = ""
            except PlanflowError as error:
                # What a ledger's fault names is a log, a place, a number: no person and no figure.
                if error.code != told:
                    why = sentence(error.code, error.params, self._site.settings.lang)
                    LOG.error("the ledger does not go on: %s: %s", error, why)
                told = error.code
                self._stop.wait(LONG_PAUSE)
            except Exception as error:
                LOG.error("the ledger does not go on: %s", type(error).__name__)
                self._stop.wait(LONG_PAUSE)
