"""Decisions, ceilings and decided totals in a protocol: what they rest on and whom they bind (§4, N2).

Names that are not declared are left to `lint_names`, links to later rounds to `lint_rounds`.
"""

from collections.abc import Iterator

from planflow.errors import Finding
from planflow.protocol.lint_rounds import Here, looked_at
from planflow.protocol.models import Protocol
from planflow.protocol.source import Lines


def decisions(protocol: Protocol, lines: Lines) -> Iterator[Finding]:
    """Find what is wrong with decision rounds and with what ties figures to other rounds."""
    for here in looked_at(protocol, lines):
        if here.round.kind == "decision":
            yield from _decision(here)
        elif here.round.reopens is not None:
            yield here.finding("decision_only", "reopens")
        yield from _ceiling(here)
        yield from _total(here)


def _decision(here: Here) -> Iterator[Finding]:
    """Something lies before it to be presented; a rejection leads back to a round that can run (N2)."""
    if here.place == 0:
        yield here.finding("decision_first", "kind")
    if here.round.levels:
        yield here.finding("decision_levels", "levels")
    name = here.round.reopens
    if name is None:
        yield here.finding("reopens_missing", "reopens")
        return
    between = here.protocol.rounds[here.places.get(name, here.place) + 1 : here.place]
    other = next((one.name for one in between if one.kind != "decision"), None)
    if other is not None:
        yield here.finding("reopens_too_far", "reopens", name=name, between=other)


def _ceiling(here: Here) -> Iterator[Finding]:
    """A ceiling was issued, in an earlier round, to everybody who must keep it (N3)."""
    ceiling = here.round.ceiling
    if ceiling is None:
        return
    if here.round.kind != "up":
        yield here.finding("ceiling_not_up", "ceiling")
    if ceiling.also_sum and not here.protocol.summed_indicators():
        yield here.finding("ceiling_without_sum", "ceiling", "also_sum")
    name = ceiling.round
    if name not in here.places:
        return
    if here.places[name] >= here.place:
        yield here.finding("unreachable_round", "ceiling", "round", name=name)
    elif here.named(name).kind != "down":
        yield here.finding("ceiling_not_down", "ceiling", "round", name=name)
    else:
        issued = here.levels(here.named(name))
        for level in here.levels(here.round):
            if level not in issued:
                yield here.finding("level_without_ceiling", "ceiling", name=level, base=name)


def _total(here: Here) -> Iterator[Finding]:
    """Only what is issued can be held to a decision, and only to one that was taken before."""
    name = here.round.total_from
    if name is None:
        return
    if here.round.kind != "down":
        yield here.finding("total_not_down", "total_from")
    elif here.places.get(name, here.place) < here.place and here.named(name).kind != "decision":
        yield here.finding("total_not_decision", "total_from", name=name)
