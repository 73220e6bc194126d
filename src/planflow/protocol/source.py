"""Protocol text to plain data, with the line of every key (§4). Nothing in a file is ever executed.

The parser's events are read directly instead of its object construction: they still show anchors,
tags and repeated keys, and a file nested too deep is given up before it costs anything.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from planflow.domain.figures import LARGEST
from planflow.errors import Finding

Path = tuple[str | int, ...]

LARGEST_FILE = 256 * 1024
DEEPEST = 20
_LONGEST_NUMBER = 20
_SHOWN = 80
_NESTED_KEY = "?"

_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_BOOLEANS = {
    word: value
    for value in (True, False)
    for word in (str(value).lower(), str(value), str(value).upper())
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Control characters, marks of direction and of no width, halves of characters: nothing a title may hold.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff]"
)


def shown(name: object) -> str:
    """Return a name from a file, short enough for a sentence."""
    text = str(name)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class Lines(dict[Path, int]):
    """The line on which each key or item stands."""

    def at(self, path: Path) -> int:
        """Return the line of a path or, where it is absent, of what it is missing from."""
        for end in range(len(path), -1, -1):
            if path[:end] in self:
                return self[path[:end]]
        return 1

    def finding(self, code: str, path: Path, /, **params: Any) -> Finding:
        """Make a finding about a path, with its line and dotted field."""
        return located(code, self.at(path), path, **params)


def located(code: str, line: int, path: Path = (), /, **params: Any) -> Finding:
    """Make a finding about a line."""
    where = ".".join(shown(step) for step in path)
    return Finding(code, {"line": line, "field": where, **params}, f"line {line}")


@dataclass
class Source:
    """What a text says as plain data; `spoilt` are paths that already have a finding."""

    plain: Any = None
    lines: Lines = field(default_factory=Lines)
    findings: list[Finding] = field(default_factory=list)
    spoilt: set[Path] = field(default_factory=set)
    broken: bool = False


class _GivenUpError(Exception):
    """The rest of the text cannot or must not be read."""


def read(text: str) -> Source:
    """Read one YAML document. Never raises: every fault is a finding of the source."""
    source = Source()
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Source(findings=[located("bad_character", line)], broken=True)
    try:
        _Reader(source, loader).document()
    except _GivenUpError:
        source.broken = True
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _break(source, mark.line if mark else loader.line)
    except (yaml.YAMLError, ValueError, OverflowError):
        # an escape such as "\UFFFFFFFF" makes the parser itself stumble
        _break(source, loader.line)
    finally:
        loader.dispose()
    return source


def _break(source: Source, index: int) -> None:
    source.broken = True
    source.findings.append(located("malformed_yaml", index + 1))


def _resolved(text: str) -> str | float | None:
    """Give a word its meaning by YAML's core rules: `no` and dates are texts."""
    if text in _NULLS:
        return None
    if _FRACTION.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return math.nan
    return _BOOLEANS.get(text, text)


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


class _Reader:
    """Turns events into dicts, tuples and scalars, and notes what is not allowed."""

    def __init__(self, source: Source, loader: yaml.SafeLoader) -> None:
        self._source = source
        self._next: Callable[[], Any] = loader.get_event

    def document(self) -> None:
        """Read the only document of the stream into the source."""
        self._next()
        event = self._next()
        if not isinstance(event, yaml.DocumentStartEvent):
            self._give_up("empty_file", event)
        event = self._next()
        self._source.lines[()] = _line(event)
        self._source.plain = self._value(event, ())
        if self._source.plain is None and not self._source.findings:
            self._give_up("empty_file", event)
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._give_up("several_documents", event)

    def _fault(self, code: str, event: Any, path: Path, **params: Any) -> None:
        self._source.spoilt.add(path)
        line = _line(event)
        self._source.findings.append(located(code, line, path, **params))

    def _give_up(self, code: str, event: Any, path: Path = (), **params: Any) -> None:
        self._fault(code, event, path, **params)
        raise _GivenUpError

    def _value(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._fault("alias_refused", event, path)
            return None
        if event.anchor is not None:
            self._fault("anchor_refused", event, path)
        if event.tag is not None:
            self._fault("tag_refused", event, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= DEEPEST:
            self._give_up("too_deep", event, path, limit=DEEPEST)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> tuple[Any, ...]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, len(items))
            self._source.lines[here] = _line(event)
            items.append(self._value(event, here))
        return tuple(items)

    def _mapping(self, path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event, (*path, _NESTED_KEY))
            here = (*path, key if isinstance(key, str) else _NESTED_KEY)
            if not isinstance(key, str):
                self._fault("key_not_text", event, here)
            elif key in entries:
                self._fault("duplicate_key", event, here, first=self._source.lines[here])
            else:
                self._source.lines[here] = _line(event)
            value = self._value(self._next(), here)
            if isinstance(key, str):
                entries.setdefault(key, value)
        return entries

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if _UNFIT.search(text):
            self._fault("bad_character", event, path)
            return None
        plain, _ = event.implicit
        if not plain:
            return text
        if _INTEGER.fullmatch(text):
            return self._integer(event, path)
        return _resolved(text)

    def _integer(self, event: Any, path: Path) -> int | None:
        text: str = event.value
        # the length first: turning millions of digits into a number is work for an attacker
        if len(text) <= _LONGEST_NUMBER:
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            number = int(text, base)
            if abs(number) <= LARGEST:
                return number
        self._fault("out_of_range", event, path, limit=LARGEST)
        return None
