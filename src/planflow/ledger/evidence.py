"""Evidence that is checked without a server and without a database: events with their proofs (F10).

Nothing in it is told that is not bound: what the events say stands in their leaves, which log they
are of in the checkpoint that a key signed. A value withheld, or erased, leaves its digest; one that
an event of the bundle says is erased is told apart.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planflow.errors import Refusal
from planflow.ledger import checkpoint, note, proofs
from planflow.ledger.chain import START, Break, Stored, break_of, fields_of
from planflow.ledger.checkpoint import Checkpoint
from planflow.ledger.leaf import Entry, entry_digest
from planflow.ledger.merkle import leaf_hash

_HEX = r"^([0-9a-f]{2})*$"
_HASH = r"^[0-9a-f]{64}$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Value(_Part):
    """A salted value, or the digest that stands for it."""

    part: str
    number: int
    salt: str | None = Field(default=None, pattern=_HEX)
    value: str | None = None
    digest: str | None = Field(default=None, pattern=_HASH)

    def entry(self) -> Entry | None:
        """What the event commits to; None where it is neither shown nor withheld."""
        if self.digest is not None and self.salt is None and self.value is None:
            return Entry(self.part, self.number, bytes.fromhex(self.digest), None, None)
        if self.digest is not None or self.salt is None or self.value is None:
            return None
        salt, value = bytes.fromhex(self.salt), self.value.encode()
        return Entry(self.part, self.number, entry_digest(salt, value), salt, value)


class Proven(_Part):
    """An event with its place in a tree and the proof of it."""

    leaf: str
    chain: str = Field(pattern=_HASH)
    tree: int = Field(ge=0)
    position: int = Field(ge=0)
    proof: list[str]
    values: list[Value]


class Run(_Part):
    """Events of one stream that follow each other; `before` is the chain they go on from."""

    stream: str
    before: str = Field(pattern=_HASH)
    events: list[Proven]


class Evidence(_Part):
    """A bundle's content."""

    format: Literal["planflow-bundle/1"]
    key: str
    trees: list[str]
    runs: list[Run]


@dataclass
class Checked:
    """What was checked, and of which streams which events."""

    key: str
    pinned: bool
    events: int = 0
    links: int = 0
    signatures: int = 0
    proofs: int = 0
    shown: int = 0
    withheld: int = 0
    erased: int = 0
    runs: list[tuple[str, int, int]] = field(default_factory=list)
    protocols: set[str] = field(default_factory=set)
    gone: set[tuple[str, str, int]] = field(default_factory=set)  # values of which digests are left
    told: set[tuple[str, str, int]] = field(
        default_factory=set
    )  # those that an event says are erased


def read(raw: bytes) -> Evidence:
    """A bundle's content from its bytes. Raises `Refusal` `evidence_malformed` naming the place."""
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refusal("evidence_malformed", {"place": f"bundle.json, {error.pos}"}) from None
    try:
        found = Evidence.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(one) for one in error.errors()[0]["loc"])
        raise Refusal("evidence_malformed", {"place": f"bundle.json: {place}"}) from None
    again = written(found)
    if again != raw:
        at = next((n for n, (a, b) in enumerate(zip(again, raw, strict=False)) if a != b), len(raw))
        raise Refusal("evidence_malformed", {"place": f"bundle.json, {at}"})
    return found


def written(evidence: Evidence) -> bytes:
    """The one way to write it."""
    return orjson.dumps(evidence.model_dump(exclude_none=True), option=orjson.OPT_SORT_KEYS)


def check(evidence: Evidence, protocol: bytes, pinned: str | None = None) -> Checked:
    """Check all of it. Raises `Refusal`: `evidence_empty`, `evidence_other_key`, `evidence_wrong`
    with the first event that is wrong, `evidence_protocol`, and those of keys and notes.
    """
    key = note.read_key(evidence.key)
    if pinned is not None and note.read_key(pinned) != key:
        raise Refusal("evidence_other_key", {"key": str(key), "expected": pinned.strip()})
    done = Checked(str(key), pinned is not None)
    heads = []
    for text in evidence.trees:
        heads.append(checkpoint.read_checkpoint(text, key))
        done.signatures += 1
    for run in evidence.runs:
        _check_run(run, heads, done)
    done.erased = len(done.gone & done.told)
    done.withheld = len(done.gone) - done.erased
    if not done.events or not done.proofs:
        raise Refusal("evidence_empty")
    digest = sha256(protocol).hexdigest()
    if digest not in done.protocols:
        raise Refusal("evidence_protocol", {"digest": digest})
    return done


def _check_run(run: Run, heads: list[Checkpoint], done: Checked) -> None:
    previous, expected, last = bytes.fromhex(run.before), 0, ""
    for one in run.events:
        fields, entries = fields_of(one.leaf.encode()), [value.entry() for value in one.values]
        if fields is None or not isinstance(fields["seq"], int) or None in entries:
            raise _wrong(Break(run.stream, expected or 1, "", "leaf_unreadable"))
        expected = expected or fields["seq"]
        known = tuple(entry for entry in entries if entry is not None)
        link = bytes.fromhex(one.chain)
        place = (fields["id"], run.stream, fields["seq"])
        found = break_of(Stored(*place, one.leaf.encode(), link, known), previous, expected)
        found = found or _unproven(one, fields, heads, last)
        found = found or _badly_begun(expected, previous, run, fields)
        if found:
            raise _wrong(found)
        _count(done, fields, known)
        done.links += expected == 1 or bool(last)  # the first of a later run hangs on nothing shown
        previous, expected, last = link, expected + 1, fields["recorded_at"]
    if run.events:
        done.runs.append((run.stream, expected - len(run.events), expected - 1))


def _badly_begun(seq: int, previous: bytes, run: Run, fields: dict[str, Any]) -> Break | None:
    """The first event of a stream follows nothing, and no other one does."""
    if (seq == 1) == (previous == START):
        return None
    return Break(run.stream, seq, fields["id"], "chain_broken")


def _unproven(
    one: Proven, fields: dict[str, Any], heads: list[Checkpoint], last: str
) -> Break | None:
    def wrong(what: str) -> Break:
        return Break(fields["stream"], fields["seq"], fields["id"], what)

    if one.tree >= len(heads):
        return wrong("not_in_tree")
    head = heads[one.tree]
    if fields["log"] != head.log:
        return wrong("log_differs")
    steps = [step for step in map(note.decode, one.proof) if step]
    leaf = leaf_hash(one.leaf.encode())
    whole = len(steps) == len(one.proof)
    if not whole or not proofs.includes(head.root, head.size, one.position, leaf, steps):
        return wrong("not_in_tree")
    return None if _instant(fields["recorded_at"]) > _instant(last) else wrong("time_not_later")


def _instant(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (TypeError, ValueError, OverflowError):
        return dt.datetime.min.replace(tzinfo=dt.UTC)


def _count(done: Checked, fields: dict[str, Any], entries: tuple[Entry, ...]) -> None:
    done.events += 1
    done.proofs += 1
    done.shown += sum(entry.value is not None for entry in entries)
    done.gone |= {(fields["id"], one.part, one.number) for one in entries if one.value is None}
    if fields["kind"] == "part_erased":
        done.told.update(_erased(entries))
    if fields["kind"] == "cycle_opened":
        done.protocols.update(_digests(entries))


def _erased(entries: tuple[Entry, ...]) -> Iterator[tuple[str, str, int]]:
    for entry in entries:
        if entry.part == "erased" and entry.value is not None:
            try:
                told = orjson.loads(entry.value)
                yield from [(told["event"], told["part"], number) for number in told["numbers"]]
            except (ValueError, TypeError, KeyError):
                continue


def _digests(entries: tuple[Entry, ...]) -> Iterator[str]:
    for entry in entries:
        if entry.part == "terms" and entry.value is not None:
            try:
                yield str(orjson.loads(entry.value)["digest"])
            except (ValueError, TypeError, KeyError):
                continue


def _wrong(found: Break) -> Refusal:
    return Refusal("evidence_wrong", findings=[found.finding])
