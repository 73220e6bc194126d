"""Names in a protocol: declared once, and declared at all wherever they are used (§4)."""

from collections.abc import Iterable, Iterator
from typing import Any

from planflow.errors import Finding
from planflow.protocol.models import Protocol
from planflow.protocol.nearest import nearest
from planflow.protocol.source import Lines, Path

_DECLARED = {
    "levels": "duplicate_level",
    "indicators": "duplicate_indicator",
    "rounds": "duplicate_round",
    "reason_codes": "duplicate_reason_code",
}
_LISTS = (("indicators", "required_in"), ("rounds", "levels"), ("reason_codes", "purposes"))
_LINKS = ("answers", "base", "reason_against", "total_from", "reopens")

Use = tuple[Path, str]


def duplicates(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    """Find names declared twice and entries listed twice."""
    for part, code in _DECLARED.items():
        declared = [
            ((part, place, "name"), one.name) for place, one in enumerate(getattr(protocol, part))
        ]
        yield from _repeated(declared, code, lines)
    for part, entry in _LISTS:
        for place, one in enumerate(getattr(protocol, part)):
            listed = _items((part, place, entry), getattr(one, entry))
            yield from _repeated(listed, "duplicate_entry", lines)


def unknown_names(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    """Find names of levels, rounds and indicators that are used but not declared."""
    declared: tuple[tuple[str, Iterable[Use], Iterable[Any]], ...] = (
        ("level", _levels_used(protocol), protocol.levels),
        ("round", _rounds_used(protocol), protocol.rounds),
        ("indicator", _indicators_used(protocol), protocol.indicators),
    )
    for noun, uses, declarations in declared:
        known = dict.fromkeys(one.name for one in declarations)
        unknown = [(path, name) for path, name in uses if name not in known]
        for place, (path, name) in enumerate(unknown):
            params = {noun: name, **nearest(name, list(known), place)}
            yield lines.finding(f"unknown_{noun}", path, **params)


def _repeated(uses: Iterable[Use], code: str, lines: Lines) -> Iterator[Finding]:
    seen: dict[str, Path] = {}
    for path, name in uses:
        if name in seen:
            yield lines.finding(code, path, name=name, first=lines.at(seen[name]))
        else:
            seen[name] = path


def _items(path: Path, names: Iterable[str]) -> Iterator[Use]:
    for place, name in enumerate(names):
        yield (*path, place), name


def _levels_used(protocol: Protocol) -> Iterator[Use]:
    for place, indicator in enumerate(protocol.indicators):
        if indicator.entry_level is not None:
            yield ("indicators", place, "entry_level"), indicator.entry_level
    for place, one in enumerate(protocol.rounds):
        path = ("rounds", place)
        yield from _items((*path, "levels"), one.levels)
        for field in ("acts", "durations", "silence"):
            for level in getattr(one, field):
                yield (*path, field, level), level
        if one.bounds is not None:
            yield (*path, "bounds", "level"), one.bounds.level


def _rounds_used(protocol: Protocol) -> Iterator[Use]:
    for place, indicator in enumerate(protocol.indicators):
        yield from _items(("indicators", place, "required_in"), indicator.required_in)
    for place, one in enumerate(protocol.rounds):
        for link in _LINKS:
            name = getattr(one, link)
            if name is not None:
                yield ("rounds", place, link), name
        if one.ceiling is not None:
            yield ("rounds", place, "ceiling", "round"), one.ceiling.round


def _indicators_used(protocol: Protocol) -> Iterator[Use]:
    for place, one in enumerate(protocol.rounds):
        for name in one.bounds.indicators if one.bounds is not None else ():
            yield ("rounds", place, "bounds", "indicators", name), name
