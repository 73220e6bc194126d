"""F2: the leaf of an event holds commitments only, at most 16 KiB, and reads back as it was sealed."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.domain.events import Draft, Many
from planflow.errors import Fault
from planflow.ledger.chain import START, Stored, first_break, link
from planflow.ledger.leaf import LARGEST_LEAF, Entry, Place, Sealed, seal, unseal
from planflow.ledger.merkle import node_hash

NOW = dt.datetime(2019, 7, 12, 1, 2, 3, 456789, dt.UTC)
PLACE = Place("site/cycle/c1", "plan/c1/u1", 1, NOW, "actor", "grant")
FIELDS = {
    "v",
    "id",
    "log",
    "stream",
    "seq",
    "kind",
    "round",
    "recorded_at",
    "actor",
    "grant",
    "via",
    "delegators",
    "cycle_seq",
    "cites",
    "commitments",
}


def salts() -> Callable[[], bytes]:
    numbers = itertools.count()
    return lambda: sha256(str(next(numbers)).encode()).digest()[:16]


def issue_to(count: int) -> Draft:
    """An issue to so many children, as the engine writes it."""
    entries = [
        {
            "unit": f"45022410{number:04d}",
            "event": f"01a20908-daef-7956-b4db-{number:012d}",
            "figures": {"persons": 9_007_199_254_740_991, "villages": number, "county_exit": 1},
        }
        for number in range(count)
    ]
    split = {"total": {"persons": 1}, "reserve": {"persons": 1}}
    terms = {"document_no": "柳扶〔2019〕1号", "cites": ["号" * 100] * 20, "dated": "2019-07-12"}
    texts = {"reason": "更正" * 1000}
    parts = {"split": split, "terms": terms, "allocations": Many(entries), "texts": texts}
    return Draft("distributed", "450224", "down2", parts, "event-1", ("other",) * 3)


@pytest.mark.parametrize("count", [1, 100, 3000])
def test_an_issue_to_thousands_of_children_fits_a_leaf(count: int) -> None:
    sealed = seal(issue_to(count), PLACE, salts())
    print(f"an issue to {count:,} children: a leaf of {len(sealed.leaf)} bytes")
    assert len(sealed.leaf) <= 16 * 1024
    assert len(sealed.leaf) < 1024  # whatever the number of children
    assert len(sealed.entries) == count + 3


def test_a_leaf_holds_nothing_but_its_fields_and_commitments() -> None:
    sealed = seal(issue_to(3), PLACE, salts())
    fields = json.loads(sealed.leaf)
    assert set(fields) == FIELDS
    assert set(fields["commitments"]) == {"allocations", "split", "terms", "texts"}
    many = fields["commitments"].pop("allocations")
    assert many["size"] == 3
    roots = [many["root"], *fields["commitments"].values()]
    assert all(len(bytes.fromhex(root)) == 32 for root in roots)
    assert fields["recorded_at"] == "2019-07-12T01:02:03.456789Z"
    assert "柳" not in sealed.leaf.decode()
    assert "9007199254740991" not in sealed.leaf.decode()


def test_a_leaf_beyond_the_limit_is_a_fault() -> None:
    parts = {f"part{number}": number for number in range(300)}
    with pytest.raises(Fault) as caught:
        seal(Draft("submitted", "u", "up1", parts, "event-1"), PLACE, salts())
    assert caught.value.code == "event_too_large"
    assert caught.value.params["limit"] == LARGEST_LEAF == 16 * 1024


def test_equal_values_have_different_commitments() -> None:
    """A salt of its own for every entry: nobody can guess a small figure from its digest."""
    draft = Draft("submitted", "u", "up1", {"a": 1, "b": 1, "c": Many([1, 1])}, "event-1")
    sealed = seal(draft, PLACE, salts())
    assert len({entry.digest for entry in sealed.entries}) == 4
    assert len({entry.salt for entry in sealed.entries}) == 4


SIMPLE = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
VALUES = SIMPLE | st.lists(SIMPLE, max_size=3) | st.dictionaries(st.sampled_from("abc"), SIMPLE)
PARTS = st.dictionaries(
    st.sampled_from(["figures", "reasons", "texts", "terms"]),
    VALUES | st.lists(VALUES, min_size=1, max_size=8).map(Many),
)


@given(PARTS)
def test_it_reads_back_as_it_was_sealed(parts: dict[str, Any]) -> None:
    sealed = seal(Draft("submitted", "u", "up1", parts, "event-1", ("x",)), PLACE, salts())
    event = unseal(sealed.leaf, sealed.entries)
    assert (event.id, event.stream, event.seq, event.kind) == (
        "event-1",
        PLACE.stream,
        1,
        "submitted",
    )
    assert (event.recorded_at, event.actor, event.grant) == (NOW, "actor", "grant")
    assert (event.cites, event.round) == (("x",), "up1")
    assert event.parts == {
        name: list(value.entries) if isinstance(value, Many) else value
        for name, value in parts.items()
    }
    assert first_break([stored(sealed)]) is None


def test_neither_number_nor_count_of_entries_can_change() -> None:
    """One value is not a list of one, and two erased entries are not their inner node."""
    draft = Draft("x", "u", "up1", {"one": 1, "two": Many([1, 2])}, "event-1")
    sealed = seal(draft, PLACE, salts())
    one, first, second = sealed.entries
    listed = replace(one, number=0)
    inner = Entry("two", 0, node_hash(first.digest, second.digest), None, None)
    for entries in (
        (listed, first, second),
        (one, inner),
        (one, replace(inner, number=-1)),
        (one, replace(first, number=-1), second),
        (one, first, replace(second, number=2)),
    ):
        broken = first_break([stored(replace(sealed, entries=entries))])
        assert broken is not None
        assert broken.what == "commitment_differs"


def stored(sealed: Sealed, seq: int = 1, previous: bytes = START) -> Stored:
    chain = link(previous, sealed.leaf)
    return Stored("event-1", PLACE.stream, seq, sealed.leaf, chain, sealed.entries)


def test_the_chain_is_what_it_says() -> None:
    """H(previous || H(0x00 || leaf)), from 32 zero bytes on."""
    leaf = sha256(b"\x00" + b"leaf").digest()
    assert bytes(32) == START
    assert link(START, b"leaf") == sha256(bytes(32) + leaf).digest()


def test_a_stream_that_does_not_begin_with_its_first_event_is_broken() -> None:
    second = seal(
        Draft("x", "u", "up1", {}, "event-1"), Place("l", PLACE.stream, 2, NOW, "a", "g"), salts()
    )
    broken = first_break([stored(second, seq=2)])
    assert broken is not None
    assert broken.what == "missing_or_out_of_order"
