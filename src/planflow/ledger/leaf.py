"""An event as bytes: the leaf that is hashed, and the salted values it commits to (F2).

Nothing but the leaf is ever hashed into a chain or a tree. A value stands in it only as a
commitment: the Merkle root over the leaf hashes of `salt || canonical value` of its entries, so
that one entry can be shown, or erased, without the others.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from planflow.domain.events import VERSION, Draft, Event, Many
from planflow.errors import Fault
from planflow.ledger import merkle
from planflow.ledger.canonical import canonical

LARGEST_LEAF = 16 * 1024
SALT_BYTES = 16
SINGLE = -1  # the number of an entry that is its part's one value; members of a `Many` count from 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One salted value of an event. `salt` and `value` are None once erased; the digest stays."""

    part: str
    number: int
    digest: bytes
    salt: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where and by whom an event is recorded."""

    log: str
    stream: str
    seq: int
    recorded_at: dt.datetime
    actor: str
    grant: str
    via: str = ""
    delegators: tuple[str, ...] = ()  # in whose place the actor acts, by a delegation (F9)
    cycle_seq: int = 0  # the last event of the cycle's own stream that this one rests on (F1)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event ready to be stored."""

    leaf: bytes
    entries: tuple[Entry, ...]


def seal(draft: Draft, place: Place, salt: Callable[[], bytes]) -> Sealed:
    """Turn a decided event into its leaf and salted entries.

    Raises `Fault` `event_too_large` beyond 16 KiB of leaf.
    """
    entries = tuple(_entries(draft.parts, salt))
    leaf = canonical(
        {
            "v": VERSION,
            "id": draft.id,
            "log": place.log,
            "stream": place.stream,
            "seq": place.seq,
            "kind": draft.kind,
            "round": draft.round,
            "recorded_at": format_time(place.recorded_at),
            "actor": place.actor,
            "grant": place.grant,
            "via": place.via,
            "delegators": list(place.delegators),
            "cycle_seq": place.cycle_seq,
            "cites": list(draft.cites),
            "commitments": commitments(entries),
        }
    )
    if len(leaf) > LARGEST_LEAF:
        raise Fault("event_too_large", {"size": len(leaf), "limit": LARGEST_LEAF})
    return Sealed(leaf, entries)


def commitments(entries: Iterable[Entry]) -> dict[str, Any]:
    """Part name to its commitment; entries must be grouped by part and in order.

    The root in hex; for a part of many entries with their number, which an audit path needs, and
    without which an entry could change places, or two erased ones pass for one, unseen.
    """
    found: dict[str, Any] = {}
    for part, group in groupby(entries, key=lambda entry: entry.part):
        members = list(group)
        numbers = [entry.number for entry in members]
        root = merkle.root([entry.digest for entry in members]).hex()
        whole = numbers == list(range(len(members)))
        found[part] = {"root": root, "size": len(members)} if whole else root
        if not whole and numbers != [SINGLE]:
            found[part] = ""  # no such part was ever sealed
    return found


def unseal(leaf: bytes, entries: Sequence[Entry]) -> Event:
    """Read a stored event back; erased entries are left out. Checks nothing: see `chain`."""
    fields = orjson.loads(leaf)
    parts: dict[str, Any] = {}
    for entry in entries:
        if entry.value is None:
            continue
        value = orjson.loads(entry.value)
        if entry.number == SINGLE:
            parts[entry.part] = value
        else:
            parts.setdefault(entry.part, []).append(value)
    return Event(
        id=fields["id"],
        stream=fields["stream"],
        seq=fields["seq"],
        kind=fields["kind"],
        round=fields["round"],
        recorded_at=dt.datetime.fromisoformat(fields["recorded_at"]),
        actor=fields["actor"],
        grant=fields["grant"],
        via=fields["via"],
        delegators=tuple(fields["delegators"]),
        cycle_seq=fields["cycle_seq"],
        cites=tuple(fields["cites"]),
        parts=parts,
        v=fields["v"],
    )


def named(leaf: bytes) -> tuple[str, str]:
    """The event and the log that a leaf names; nothing where the bytes are no leaf."""
    try:
        fields = orjson.loads(leaf)
        return str(fields["id"]), str(fields["log"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def entry_digest(salt: bytes, value: bytes) -> bytes:
    """Commit to one entry's value."""
    return merkle.leaf_hash(salt + value)


def format_time(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with six decimals."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat("T", "microseconds") + "Z"


def _entries(parts: Mapping[str, Any], salt: Callable[[], bytes]) -> Iterable[Entry]:
    for part in sorted(parts):
        value = parts[part]
        numbered = enumerate(value.entries) if isinstance(value, Many) else [(SINGLE, value)]
        for number, content in numbered:
            grain, data = salt(), canonical(content)
            yield Entry(part, number, entry_digest(grain, data), grain, data)
