"""Durations and silence in a protocol: for levels that take part, and with a meaning (§4, N9).

Names of levels that are not declared are left to `lint_names`.
"""

from collections.abc import Iterator

from planflow.errors import Finding
from planflow.protocol import silence
from planflow.protocol.models import Protocol, Round
from planflow.protocol.source import Lines, Path

_TERMS = ("durations", "silence")


def terms(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    """Find what is wrong with the time that rounds give and with what they make of silence."""
    for place, one in enumerate(protocol.rounds):
        for field in _TERMS:
            for level in getattr(one, field):
                yield from _term(protocol, lines, ("rounds", place, field, level), one)


def _term(protocol: Protocol, lines: Lines, path: Path, one: Round) -> Iterator[Finding]:
    level = str(path[-1])
    if level not in protocol.level_order:
        return
    if not _takes_part(protocol, one, level):
        yield lines.finding("term_outside_round", path, round=one.name, name=level)
    elif path[-2] == "silence":
        for fault in silence.faults(protocol, one, level, one.silence[level]):
            yield lines.finding(fault.code, path, **fault.params)


def _takes_part(protocol: Protocol, one: Round, level: str) -> bool:
    # One misspelt level of the round is a finding by itself, not one for everything it leaves out.
    misspelt = not set(one.levels) <= set(protocol.level_order)
    return misspelt or level in protocol.levels_of(one.name)
