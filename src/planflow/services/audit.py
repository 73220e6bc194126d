"""The audit of a live database, on one snapshot: events, ledger, and every row they make (N13, F10)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from planflow.errors import Finding, PlanflowError
from planflow.ledger.note import Key, read_key
from planflow.services import keys
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site
from planflow.store import ledger
from planflow.store.audit import events, plans, register, trees
from planflow.store.audit.course import Course
from planflow.store.transaction import Tx

Tell = Callable[[str, int], None]
TOLD_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Audited:
    """What was looked at, and what was found; the first finding first."""

    counts: dict[str, int]
    findings: list[Finding] = field(default_factory=list)
    signer: str = ""
    roots: dict[str, str] = field(default_factory=dict)  # of each tree, its last checkpoint


def audit(site: Site, tell: Tell, vkey: str | None = None) -> Audited:
    """Audit all of a site. Raises `Refusal` `vkey_malformed` for a key that is none."""
    key = read_key(vkey) if vkey else _own_key(site)

    def work(tx: Tx) -> Audited:
        course = Course(site.id, tell)
        found = list(islice(findings(site, tx, course, key), TOLD_AT_MOST))
        notes = {tree: ledger.last(tx, tree) for tree in trees.trees(tx)}
        roots = {f"{tree.log} {tree.epoch}": note for tree, note in notes.items() if note}
        return Audited(dict(course.counts), found, str(key) if key else "", roots)

    return site.records.read(work)


def findings(site: Site, tx: Tx, course: Course, key: Key | None) -> Iterator[Finding]:
    """All that is wrong; what rests on something wrong comes after it."""
    parts = {
        "events": events.findings(tx, course),
        "ledger": trees.findings(tx, course, key),
        "checkpoints": _kept(site, tx),
        "register": register.findings(tx, course),
        "plans": plans.findings(tx, course),
    }
    spoilt = False
    for name, part in parts.items():
        try:
            for one in part:
                spoilt = True
                yield one
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
            # What rests on something wrong need not be readable; by itself it is a finding.
            if not spoilt:
                yield Finding("audit_stuck", {"table": name})
            return


def _kept(site: Site, tx: Tx) -> Iterator[Finding]:
    """The checkpoints kept outside the database, which no one who changes it takes along."""
    try:
        sequencer = Sequencer.of(site)
        logs = sequencer.keep.logs()
    except PlanflowError:
        return  # audited elsewhere, or by somebody without the key
    for log in logs:
        try:
            tree = ledger.current(tx, log)
            sequencer.check(tx, tree, ledger.size(tx, tree))
        except PlanflowError as error:
            yield Finding(error.code, error.params)  # told in the words of whoever refuses to sign


def _own_key(site: Site) -> Key | None:
    try:
        return keys.signer(site).key
    except PlanflowError:
        return None
