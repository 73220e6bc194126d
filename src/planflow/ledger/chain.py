"""The hash chain of one stream, and the check that a stream is whole (F2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from planflow.errors import Finding
from planflow.ledger import merkle
from planflow.ledger.leaf import Entry, commitments, entry_digest

START = bytes(32)
_CODES = {
    "missing_or_out_of_order": "event_out_of_order",
    "chain_broken": "event_chain_broken",
    "leaf_unreadable": "event_unreadable",
    "row_differs_from_leaf": "event_row_differs",
    "time_not_later": "event_time_backwards",
    "log_differs": "event_log_differs",
    "commitment_differs": "event_commitment_differs",
    "value_differs": "event_value_differs",
    "not_in_tree": "event_unproven",
}
_NEEDED = {"id", "log", "stream", "seq", "kind", "round", "recorded_at", "cites", "commitments"}


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
    part: str = ""

    @property
    def finding(self) -> Finding:
        """The same for a person."""
        params = {"stream": self.stream, "seq": self.seq, "event": self.event, "part": self.part}
        return Finding(_CODES[self.what], params, f"{self.stream} {self.seq}")


def link(previous: bytes, leaf: bytes) -> bytes:
    """Extend a chain by one event: H(previous || leaf hash)."""
    return sha256(previous + merkle.leaf_hash(leaf)).digest()


def first_break(events: Iterable[Stored]) -> Break | None:
    """Walk one whole stream from its first event; return the first that is wrong, if any."""
    previous, expected = START, 1
    for event in events:
        broken = break_of(event, previous, expected)
        if broken:
            return broken
        previous, expected = event.chain, expected + 1
    return None


def break_of(event: Stored, previous: bytes, expected: int) -> Break | None:
    """What is wrong with an event where it stands in its stream, if anything is."""
    what, part = _fault(event, previous, expected)
    return Break(event.stream, expected, event.id, what, part) if what else None


def fields_of(leaf: bytes) -> dict[str, Any] | None:
    """What a leaf says; None where the bytes are no leaf."""
    try:
        fields = orjson.loads(leaf)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and fields.keys() >= _NEEDED else None


def _fault(event: Stored, previous: bytes, expected: int) -> tuple[str, str]:
    if event.seq != expected:
        return "missing_or_out_of_order", ""
    if link(previous, event.leaf) != event.chain:
        return "chain_broken", ""
    fields = fields_of(event.leaf)
    if fields is None:
        return "leaf_unreadable", ""
    if (fields["id"], fields["stream"], fields["seq"]) != (event.id, event.stream, event.seq):
        return "row_differs_from_leaf", ""
    return _content_fault(event, fields)


def _content_fault(event: Stored, fields: dict[str, Any]) -> tuple[str, str]:
    found, meant = commitments(event.entries), fields["commitments"]
    if found != meant:
        return "commitment_differs", _differing(found, meant)
    for entry in event.entries:
        if entry.value is None and entry.salt is None:
            continue
        if entry.value is None or entry.salt is None:
            return "value_differs", entry.part
        if entry_digest(entry.salt, entry.value) != entry.digest:
            return "value_differs", entry.part
    return "", ""


def _differing(found: dict[str, Any], meant: Any) -> str:
    names = sorted({*found, *meant}) if isinstance(meant, dict) else []
    return next((name for name in names if found.get(name) != meant.get(name)), "")
