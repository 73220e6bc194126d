"""Bytes of a request body to a command; every fault of the shape gets its own code and field."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from planflow.domain.figures import LARGEST
from planflow.errors import Finding, Refusal, invalid

T = TypeVar("T", bound=BaseModel)
_TOLD_AT_MOST = 100
DEEPEST = 32

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "int_type": "not_whole",
    "int_parsing": "not_whole",
    "int_from_float": "not_whole",
    "int_parsing_size": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "json_invalid": "malformed_json",
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_long": "too_many",
    "string_pattern_mismatch": "bad_name",
    "string_unicode": "bad_text",
    "bool_type": "not_boolean",
    "bad_moment": "bad_moment",
}

# What no text of ours holds and a screen would obey or hide: control characters but tabs and ends of
# lines, marks of direction, of no width, of other ends of lines; escaped in JSON, or as they are. One
# of them, the zero, not every database can hold.
_UNSEEN = re.compile(
    rb"(?<!\\)(?:\\\\)*\\(?:[bf]|u(?:00(?:0[0-8bcefBCEF]|1[0-9a-fA-F]|7[fF]|[89][0-9a-fA-F])"
    rb"|20(?:0[b-fB-F]|2[89a-eA-E]|6[0-46-9])|[fF][eE][fF][fF]))"
    rb"|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xa4\xa6-\xa9]|\xef\xbb\xbf"
)

_UNSEEN_IN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)


def has_unseen(text: str) -> bool:
    """Whether a text holds what `parse` refuses: control characters, marks that nobody sees."""
    return _UNSEEN_IN.search(text) is not None


def parse(kind: type[T], raw: bytes) -> T:
    """Read a command from JSON; an empty body is an empty object.

    Raises `Refusal` `invalid` with one finding per fault.
    """
    if raw.startswith(BOM_UTF8) or not _is_utf8(raw):
        raise invalid(Finding("body_not_utf8"))
    if _UNSEEN.search(raw):
        raise invalid(Finding("bad_text"))
    try:
        _check_depth(json.loads(raw or b"{}", object_pairs_hook=_without_repeats))
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise refusal(error) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # no JSON, or a number beyond reading
        if "integer string" in str(error):
            raise invalid(Finding("out_of_range", {"field": "", "limit": LARGEST})) from None
        raise invalid(Finding("malformed_json", {"field": ""})) from None


def attempt(kind: type[T], raw: bytes) -> Callable[[], T]:
    """Read a command now; what is answered gives it, or raises its refusal, when it is called."""
    try:
        command = parse(kind, raw)
    except Refusal as found:
        refused = found

        def refuse() -> T:
            raise refused

        return refuse
    return lambda: command


def refusal(error: ValidationError) -> Refusal:
    """Turn pydantic's findings into ours, without repeating the input (it may be personal)."""
    seen: dict[tuple[str, str], Finding] = {}
    for fault in error.errors(include_input=False, include_url=False)[:_TOLD_AT_MOST]:
        finding = _finding(fault)
        seen.setdefault((finding.code, finding.where), finding)
    found = list(seen.values())
    return invalid(*(one for one in found if not _of_another_form(one, found)))


def _of_another_form(one: Finding, found: list[Finding]) -> bool:
    """Whether it is only that a field, or what is around it, has not the other form that it may have."""
    inner = f"{one.where}."
    return one.code == "wrong_shape" and any(
        other is not one and (other.where == one.where or other.where.startswith(inner))
        for other in found
    )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_depth(read: Any) -> None:
    """Look at what was read level by level; nothing of ours is nested deep."""
    level = [read] if isinstance(read, dict | list) else []
    for _ in range(DEEPEST):
        parts = [one.values() if isinstance(one, dict) else one for one in level]
        level = [part for one in parts for part in one if isinstance(part, dict | list)]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Refusal:
    return invalid(Finding("nested_too_deep", {"limit": DEEPEST}))


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a field given twice: readers of JSON differ in which of the two they keep."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(Finding("repeated_field", {"field": twice[:64]}, twice[:64]))
    return found


def _finding(fault: Any) -> Finding:
    # pydantic names the member of a union it tried; a reader of the error knows only field names
    steps = [
        str(step) for step in fault["loc"] if not str(step).startswith(("constrained-", "Reason"))
    ]
    where = ".".join(step for step in steps if step != "[key]")
    if fault["type"] == "literal_error":
        known = fault["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        return Finding("unknown_option", {"field": where, "known": known}, where)
    limits = {key: value for key, value in fault.get("ctx", {}).items() if isinstance(value, int)}
    return Finding(_CODES.get(fault["type"], "wrong_shape"), {"field": where, **limits}, where)
