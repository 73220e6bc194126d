"""Whether a well-formed protocol makes sense (§4): every rule, each finding with its line."""

from collections.abc import Iterator

from planflow.errors import Finding
from planflow.protocol.lint_decisions import decisions
from planflow.protocol.lint_names import duplicates, unknown_names
from planflow.protocol.lint_rounds import rounds
from planflow.protocol.lint_terms import terms
from planflow.protocol.models import Protocol
from planflow.protocol.source import Lines


def lint(protocol: Protocol, lines: Lines) -> list[Finding]:
    """Return all findings about a protocol, in no particular order."""
    rules = (duplicates, unknown_names, rounds, decisions, terms, _indicators, _purposes)
    return [finding for rule in rules for finding in rule(protocol, lines)]


def _indicators(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    for place, one in enumerate(protocol.indicators):
        path = ("indicators", place)
        if one.maximum is not None and one.minimum > one.maximum:
            limits = {"minimum": one.minimum, "maximum": one.maximum}
            field = "minimum" if (*path, "minimum") in lines else "maximum"
            yield lines.finding("minimum_above_maximum", (*path, field), name=one.name, **limits)
        if one.applies_to is not None and one.entry_level is None:
            yield lines.finding("entry_level_missing", (*path, "applies_to"), name=one.name)


def _purposes(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    """Every act that must give a reason needs at least one that may be given (N4, N7, N11)."""
    kinds = {one.kind for one in protocol.rounds}
    needed = ["return", "settle"] if kinds & {"up", "adjust"} else []
    if "adjust" in kinds:
        needed.append("adjust")
    given = {purpose for code in protocol.reason_codes for purpose in code.purposes}
    for purpose in needed:
        if purpose not in given:
            yield lines.finding("purpose_without_reason", ("reason_codes",), purpose=purpose)
