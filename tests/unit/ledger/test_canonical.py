"""F2: our byte form is RFC 8785 for the JSON we hash: no floats, ASCII keys, whole numbers below 2^53.

The oracle is a library written for the RFC.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from planflow.ledger.canonical import canonical

LARGEST = 2**53 - 1
# Every character but surrogates, which are no text; control characters and quotes more often.
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from('\x00\x01\x08\t\n\x0b\x0c\r\x1f\x7f\x80"\\/\u2028\u2029\ufeff\uffff😀é脱')
)
KEYS = st.text(st.characters(max_codepoint=0x7F))
NUMBERS = st.integers(-LARGEST, LARGEST) | st.sampled_from((0, -1, LARGEST, -LARGEST))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=30,
)
seen: Counter[str] = Counter()


@settings(max_examples=500, deadline=None)
@given(VALUES)
def test_it_equals_a_library_written_for_the_rfc(value: Any) -> None:
    seen[type(value).__name__] += 1
    data = canonical(value)
    assert data == rfc8785.dumps(value)
    assert json.loads(data) == value


def test_every_kind_of_value_was_tried() -> None:
    print(f"{seen.total()} values: {dict(seen)}")
    if seen:
        assert set(seen) == {"NoneType", "bool", "int", "str", "list", "dict"}


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"b": 1, "a": [True, None, "区"]}, '{"a":[true,null,"区"],"b":1}'),
        ({"A": 1, "a": 2, "_": 3, "1": 4, "": 5}, '{"":5,"1":4,"A":1,"_":3,"a":2}'),
        ('\x00\b\t\n\f\r\x1f"\\/\x7f\u2028', '"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\x7f\u2028"'),
        (LARGEST, "9007199254740991"),
        (-LARGEST, "-9007199254740991"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_known_forms(value: Any, data: str) -> None:
    assert canonical(value) == data.encode()


def test_a_surrogate_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical("\ud800")
