"""The hash chain of one stream, and the check that a stream is whole (F2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from planflow.ledger import merkle
from planflow.ledger.leaf import Entry, commitments, entry_digest

START = bytes(32)


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it lies in the database."""

    id: str
    stream: str
    seq: int
    leaf: bytes
    chain: bytes
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Break:
    """The first event of a stream that is wrong, and how."""

    stream: str
    seq: int
    event: str
    what: str


def link(previous: bytes, leaf: bytes) -> bytes:
    """Extend a chain by one event: H(previous || leaf hash)."""
    return sha256(previous + merkle.leaf_hash(leaf)).digest()


def first_break(events: Iterable[Stored]) -> Break | None:
    """Walk one whole stream from its first event; return the first that is wrong, if any."""
    previous, expected = START, 1
    for event in events:
        what = _fault(event, previous, expected)
        if what:
            return Break(event.stream, expected, event.id, what)
        previous, expected = event.chain, expected + 1
    return None


def _fault(event: Stored, previous: bytes, expected: int) -> str:
    if event.seq != expected:
        return "missing_or_out_of_order"
    if link(previous, event.leaf) != event.chain:
        return "chain_broken"
    fields = orjson.loads(event.leaf)
    if (fields["id"], fields["stream"], fields["seq"]) != (event.id, event.stream, event.seq):
        return "row_differs_from_leaf"
    if commitments(event.entries) != fields["commitments"]:
        return "commitment_differs"
    for entry in event.entries:
        if entry.value is None or entry.salt is None:
            continue
        if entry_digest(entry.salt, entry.value) != entry.digest:
            return "value_differs"
    return ""
