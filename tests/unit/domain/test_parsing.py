"""A body's faults: each its own code and field, and never the input itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.domain import commands as c
from planflow.domain.parsing import parse
from planflow.errors import Refusal

PROMISE = {"indicator": "x", "from": 1, "to": 2, "funded": True, "settle_in": "r", "reason": "y"}


def faults(kind: type[Any], raw: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as caught:
        parse(kind, raw)
    assert caught.value.code == "invalid"
    return [(one.code, one.where) for one in caught.value.findings]


@pytest.mark.parametrize(
    ("kind", "body", "code", "where"),
    [
        (c.SaveDraft, {}, "missing", "figures"),
        (c.SaveDraft, {"figures": 1}, "wrong_shape", "figures"),
        (c.SaveDraft, {"figures": {"x": 1.0}}, "not_whole", "figures.x"),
        (c.SaveDraft, {"figures": {"x": "1"}}, "not_whole", "figures.x"),
        (c.SaveDraft, {"figures": {"x": True}}, "not_whole", "figures.x"),
        (c.SaveDraft, {"figures": {"x": None}}, "not_whole", "figures.x"),
        (c.SaveDraft, {"figures": {"x": 2**53}}, "out_of_range", "figures.x"),
        (c.SaveDraft, {"figures": {"x": -(2**53)}}, "out_of_range", "figures.x"),
        (c.SaveDraft, {"figures": {"x": 10**300}}, "out_of_range", "figures.x"),
        (c.SaveDraft, {"figures": {"": 1}}, "empty", "figures."),
        (c.SaveDraft, {"figures": {}, "more": 1}, "unknown_field", "more"),
        (c.SaveDraft, {"figures": {}, "reasons": {"x": ""}}, "empty", "reasons.x"),
        (c.SaveDraft, {"figures": {}, "reasons": {"x": 1}}, "wrong_shape", "reasons.x"),
        (c.Submit, {"note": "x" * 2001}, "too_long", "note"),
        (c.Return, {"text": "x"}, "missing", "reason_code"),
        (
            c.Issue,
            {"allocations": [{"unit": "a b", "figures": {}}]},
            "bad_name",
            "allocations.0.unit",
        ),
        (c.Issue, {"allocations": [{"figures": {}}]}, "missing", "allocations.0.unit"),
        (c.Issue, {"allocations": [], "cites": ["x"] * 21}, "too_many", "cites"),
        (c.Issue, {"allocations": [], "dated": "someday"}, "wrong_shape", "dated"),
        (c.Commit, {**PROMISE, "from": 0.5}, "not_whole", "from"),
        (c.Commit, {**PROMISE, "funded": 1}, "not_boolean", "funded"),
        (c.Commit, {**PROMISE, "funded": "true"}, "not_boolean", "funded"),
        (c.OpenCycle, {"id": "A b"}, "bad_name", "id"),
        (c.OpenRound, {"force": True}, "unknown_field", "force"),
    ],
)
def test_a_fault_has_its_code_and_field(
    kind: type[Any], body: dict[str, Any], code: str, where: str
) -> None:
    assert (code, where) in faults(kind, json.dumps(body).encode())


@pytest.mark.parametrize("raw", [b"{", b"nonsense", b'{"figures": {"x": 1}} more'])
def test_what_is_no_json_is_said_once(raw: bytes) -> None:
    assert faults(c.SaveDraft, raw) == [("malformed_json", "")]


@pytest.mark.parametrize(
    "raw",
    [b"\xff", b"\xef\xbb\xbf{}", '{"note": "\u67f3\u5dde"}'.encode("gbk"), "{}".encode("utf-16")],
)
def test_a_text_in_another_encoding_is_told_so(raw: bytes) -> None:
    assert faults(c.Submit, raw) == [("body_not_utf8", "")]


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse(c.Submit, b"") == c.Submit()


def test_every_fault_is_named_once() -> None:
    body = {"figures": {"x": 1.5, "y": 2**53}, "reasons": {"x": []}, "z": 0}
    assert faults(c.SaveDraft, json.dumps(body).encode()) == [
        ("not_whole", "figures.x"),
        ("out_of_range", "figures.y"),
        ("wrong_shape", "reasons.x"),
        ("unknown_field", "z"),
    ]


@pytest.mark.parametrize(
    ("reason", "code", "where"),
    [
        ("x" * 3_000, "too_long", "reasons.x"),
        ({"reason_code": "a", "text": "x" * 3_000}, "too_long", "reasons.x.text"),
        ({"text": 1}, "wrong_shape", "reasons.x.text"),
        ({"other": 1}, "unknown_field", "reasons.x.other"),
        (1, "wrong_shape", "reasons.x"),
    ],
)
def test_of_a_field_with_two_forms_the_one_that_was_meant_is_told(
    reason: object, code: str, where: str
) -> None:
    body = {"figures": {}, "reasons": {"x": reason}}
    assert faults(c.SaveDraft, json.dumps(body).encode()) == [(code, where)]


def test_the_input_is_not_repeated() -> None:
    with pytest.raises(Refusal) as caught:
        parse(c.Return, b'{"reason_code": "x", "text": {"name": "Zhang San"}}')
    assert "Zhang" not in repr(caught.value.findings) + str(caught.value)


DEEP = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(body=DEEP, name=st.sampled_from(sorted(c.Issue.model_fields)))
def test_whatever_comes_is_read_or_refused(body: object, name: str) -> None:
    raw = json.dumps({name: body}).encode("utf-8", "surrogatepass")
    answer: c.Issue | Refusal
    try:
        answer = parse(c.Issue, raw)
    except Refusal as refusal:
        answer = refusal
    assert isinstance(answer, c.Issue) or (answer.code == "invalid" and answer.findings)
