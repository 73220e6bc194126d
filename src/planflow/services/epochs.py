"""The way on after a restore: two persons begin a new epoch of each log that fell behind (F10)."""

from dataclasses import dataclass

from planflow.access.scope import KEEPERS
from planflow.domain.events import Draft, spoken
from planflow.errors import Finding, Refusal, invalid
from planflow.ledger.epochs import KIND, Epoch
from planflow.ledger.merkle import EMPTY
from planflow.ledger.proofs import tree_root
from planflow.services import people
from planflow.services.people import Reader
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site
from planflow.store import ledger, sites
from planflow.store.appending import append_site
from planflow.store.ledger import LogTree
from planflow.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that began anew: how many leaves are left of the old tree, and how many it had."""

    log: str
    epoch: int
    left: int
    had: int


def new_epoch(site: Site, acting: Reader, confirming: Reader, reason: str) -> list[Opened]:
    """Begin a new epoch of every log whose rows end below the checkpoint kept for it.

    Nothing is hidden: the first leaf cites the old checkpoint and the lost range. Raises `Refusal`:
    `forbidden`, `same_person`, `invalid`, `nothing_lost`; `Fault` `ledger_rewritten` where rows are
    not missing but other than those signed.
    """
    for reader in (acting, confirming):
        if not any(grant.role in KEEPERS for grant in reader.grants):
            raise Refusal("forbidden", {"action": "new_epoch"})
    if acting.user_id == confirming.user_id:
        raise Refusal("same_person", {"name": acting.name})
    if not reason.strip():
        raise invalid(Finding("empty", {"field": "reason"}, "reason"))
    sequencer = Sequencer.of(site)

    def work(tx: Tx) -> list[Opened]:
        ledger.lease(tx, wait=True)
        found = [_lost(tx, sequencer, log) for log in sequencer.keep.logs()]
        lost = [epoch for epoch in found if epoch is not None]
        if not lost:
            raise Refusal("nothing_lost")
        return [_open(tx, site, epoch, acting, confirming, reason) for epoch in lost]

    opened = site.records.write(work)
    sequencer.advance()
    return opened


def _lost(tx: Tx, sequencer: Sequencer, log: str) -> Epoch | None:
    """What was lost of a log; None where nothing was."""
    kept, tree = sequencer.kept(log), ledger.current(tx, log)
    if kept is None or kept.epoch < tree.epoch:
        return None
    old = LogTree(log, kept.epoch)
    size = ledger.size(tx, old)
    if size >= kept.size:
        return None
    root = tree_root(size, ledger.nodes(tx, old, size)) if size else EMPTY
    return Epoch(kept, size, root)


def _open(
    tx: Tx, site: Site, epoch: Epoch, acting: Reader, confirming: Reader, reason: str
) -> Opened:
    log = epoch.old.log.partition("/")[2]
    grant = next(grant.id for grant in acting.grants if grant.role in KEEPERS)
    pen = site.pen(people.hand(site, acting, grant))
    parts = {"confirmed": {"by": confirming.user_id}} | spoken({"reason": reason})
    draft = Draft(KIND, "", "", parts, site.mint(), epoch.cites)
    append_site(tx, sites.lock_site(tx), draft, pen, log)
    recorded = ledger.event(tx, draft.id)
    if recorded is None:
        raise AssertionError("an event lies where it was written")
    ledger.open_epoch(tx, LogTree(log, epoch.number), draft.id, recorded[1])
    return Opened(log, epoch.number, epoch.left, epoch.old.size)
