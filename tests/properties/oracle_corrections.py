"""Corrections of closed rounds, as the second model judges them (N13, N14, decision 0023)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.properties.oracle_cycle import Cycle, People
from tests.properties.oracle_rules import Figures, added, must
from tests.properties.oracle_up import Body, exceeded, sound, within_bounds, within_ceiling

Proposal = dict[str, Any]


@dataclass
class Reach:
    """All that a correction moves: numbers and reserves that will stand, and by how much."""

    figures: dict[str, Figures]
    reserve: dict[str, Figures]
    by: dict[str, Figures]
    carried: dict[str, Figures]  # by decision: what a resolution makes of the root's number there


def corrections(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Propose other figures in a closed round: they must be what could stand at once."""
    name = body["round"]
    must(_correctable(cycle, unit, name))
    must(waiting(cycle, unit) is None)
    must(body.get("reason_code") is None or cycle.rules.code(body["reason_code"], None))
    must(not body.get("cites") or (body.get("document_no") and body.get("dated")))
    named = [{**body, "unit": unit}, *body.get("also", [])]
    must(len({one["unit"] for one in named}) == len(named))
    known = {unit, *(one["unit"] for one in named[1:] if cycle.sees(one["unit"]))}
    known = {one for each in known if cycle.takes_part(each, name) for one in cycle.upwards(each)}
    for one in named:
        must(one["unit"] in known and cycle.takes_part(one["unit"], name))
        sound(cycle, one["unit"], one.get("figures", {}))
        held = one.get("reserve", {})
        must(not held or (one["unit"], name) in cycle.reserve)
        must(all(each in cycle.rules.indicators and held[each] >= 0 for each in held))
    proposal: Proposal = {
        "id": "",
        "unit": unit,
        "round": name,
        "status": "proposed",
        "figures": {one["unit"]: dict(one.get("figures", {})) for one in named},
        "reserve": {one["unit"]: dict(one.get("reserve", {})) for one in named},
        "amends": bool(body.get("cites")),
        "hands": set(who),
    }
    proposal["was"] = _stood(cycle, proposal)
    reach = _reach(cycle, proposal)
    must(unit in reach.by)
    proposal["top"] = _top(cycle, reach)
    cycle.proposals.append(proposal)


def approve(cycle: Cycle, who: People, unit: str, _body: Body, which: str) -> None:
    """Let it stand: every rule is asked again, and nobody approves what they had a hand in."""
    one = _named(cycle, unit, which)
    must(_correctable(cycle, unit, one["round"]))
    must(_stood(cycle, one) == one["was"])
    reach = _reach(cycle, one)
    must(_top(cycle, reach) == one["top"])
    must(not who & one["hands"])
    for moved in reach.by:
        must(not who & cycle.hands_in(moved, one["round"]))
    for moved in reach.reserve:
        must(not who & cycle.splitters[moved, one["round"]])
    _write(cycle, one["round"], reach)
    for moved in reach.by:
        cycle.authors.setdefault((moved, one["round"]), set()).update(one["hands"])
    one["status"] = "approved"


def reject(cycle: Cycle, _who: People, unit: str, _body: Body, which: str) -> None:
    """Turn it down."""
    _named(cycle, unit, which)["status"] = "rejected"


def waiting(cycle: Cycle, unit: str) -> Proposal | None:
    """The correction of a unit that waits for a decision: one at a time."""
    found = (one for one in cycle.proposals if one["unit"] == unit)
    return next((one for one in found if one["status"] == "proposed"), None)


def _named(cycle: Cycle, unit: str, which: str) -> Proposal:
    one = waiting(cycle, unit)
    must(one is not None and which and one["id"] == which and unit not in cycle.idle)
    assert one is not None
    return one


def _correctable(cycle: Cycle, unit: str, name: str) -> bool:
    return cycle.rounds.get(name) == "closed" and cycle.takes_part(unit, name)


def _stood(cycle: Cycle, one: Proposal) -> list[int | None]:
    """What the figures and reserves that it names are now."""
    name = one["round"]
    return [
        *(cycle.number(u, name).get(i) for u, given in one["figures"].items() for i in given),
        *(cycle.reserve[u, name].get(i, 0) for u, given in one["reserve"].items() for i in given),
    ]


def _reach(cycle: Cycle, one: Proposal) -> Reach:
    """Carry what is asked for up to the root, and see that nothing is in its way."""
    name = one["round"]
    reach = Reach({}, {}, {}, {})
    for unit in reversed(cycle.downwards(name)):
        _carry(cycle, one, unit, reach)
    if one["amends"]:
        _decision_moves(cycle, name, reach)
    for unit, figures in reach.figures.items():
        sound(cycle, unit, figures)
    before = _elsewhere(cycle, name, reach)
    with _as_if(cycle, name, reach):
        for unit in reach.by:
            _within_limits(cycle, one, unit)
            _promises_stand(cycle, name, unit, reach.by[unit])
        _rests(cycle, name, reach, before)
    return reach


def _carry(cycle: Cycle, one: Proposal, unit: str, reach: Reach) -> None:
    """One unit moves by what those below move by and what its reserve takes."""
    name, now = one["round"], cycle.number(unit, one["round"])
    given, held = one["figures"].get(unit, {}), one["reserve"].get(unit, {})
    stood = cycle.reserve.get((unit, name), {})
    more = {i: held[i] - stood.get(i, 0) for i in held if held[i] != stood.get(i, 0)}
    below = added([reach.by[child] for child in cycle.children(unit, name) if child in reach.by])
    figures = dict(given)
    for indicator in cycle.rules.indicators:
        moves = below.get(indicator, 0) + more.get(indicator, 0)
        if _follows(cycle, unit, name, indicator):
            must(
                given.get(indicator, now.get(indicator, 0) + moves) == now.get(indicator, 0) + moves
            )
            if moves:
                figures[indicator] = now.get(indicator, 0) + moves
        must(not more.get(indicator) or _may_hold(cycle, unit, name, indicator, held))
    by = {i: figures[i] - now.get(i, 0) for i in figures if figures[i] != now.get(i, 0)}
    if by or more:
        reach.by[unit] = by
        reach.figures[unit] = {i: figures[i] for i in figures if figures[i] != now.get(i)}
        reach.reserve |= {unit: more and {i: held[i] for i in more}} if more else {}


def _follows(cycle: Cycle, unit: str, name: str, indicator: str) -> bool:
    """Whether the number is made of those below: of what is entered here nobody below has any."""
    if cycle.rules.kind(name) == "down":
        return cycle.passed_on(unit, indicator, name)
    return cycle.summed(unit, indicator, name)


def _may_hold(cycle: Cycle, unit: str, name: str, indicator: str, held: Figures) -> bool:
    """Only what is passed on is held back, and nothing where something was added on top (N5)."""
    marked = cycle.markup.get((unit, name), {}).get(indicator)
    return cycle.passed_on(unit, indicator, name) and not (marked and held[indicator])


def _decision_moves(cycle: Cycle, name: str, reach: Reach) -> None:
    source = cycle.rules.said(name, "total_from")
    if source is not None and cycle.root in reach.by:
        decided = cycle.number(cycle.root, source)
        after = {**cycle.number(cycle.root, name), **reach.figures[cycle.root]}
        off = {i: after.get(i, 0) for i in {**decided, **after}}
        reach.carried[source] = {i: v for i, v in off.items() if v != decided.get(i, 0)}


Numbers = Mapping[tuple[str, str], Any]


def _elsewhere(cycle: Cycle, name: str, reach: Reach) -> Numbers:
    """Numbers of the other rounds, and what is beyond a ceiling there."""
    found: dict[tuple[str, str], Any] = {}
    for unit in reach.by:
        for other in cycle.rounds:
            number = cycle.number(unit, other)
            found[unit, other] = (number, exceeded(cycle, unit, other, number))
    return found


def _within_limits(cycle: Cycle, one: Proposal, unit: str) -> None:
    """A resolution stands above the bound of an adjust, and makes its own total."""
    name = one["round"]
    after = cycle.number(unit, name)
    within_ceiling(cycle, unit, name, after)
    if not one["amends"]:
        within_bounds(cycle, unit, name, after)
        source = cycle.rules.said(name, "total_from")
        if source is not None and unit == cycle.root:
            decided = cycle.number(unit, source)
            must(all(decided.get(i, 0) == after.get(i, 0) for i in {**decided, **after}))


def _promises_stand(cycle: Cycle, name: str, unit: str, by: Figures) -> None:
    """No open promise amends the figure: it is kept or taken back first (N10)."""
    for one in cycle.promises:
        here = (one["unit"], one["status"], one["amends"]) == (unit, "open", name)
        must(not here or one["indicator"] not in by)


def _rests(cycle: Cycle, name: str, reach: Reach, before: Numbers) -> None:
    """An adjust moves along with its base, wholly; nothing else rests on what is corrected."""
    for unit, by in reach.by.items():
        for other in cycle.rounds:
            if other == name or (other in reach.carried and unit == cycle.root):
                continue
            was, over = before[unit, other]
            number = cycle.number(unit, other)
            based = cycle.rules.kind(other) == "adjust" and cycle.rules.said(other, "base") == name
            for i in cycle.rules.indicators:
                must(number.get(i, 0) - was.get(i, 0) == (by.get(i, 0) if based else 0))
            must(exceeded(cycle, unit, other, number) <= over)
            if cycle.rules.said(other, "total_from") == name and unit == cycle.root:
                must(not by or not number)


@contextlib.contextmanager
def _as_if(cycle: Cycle, name: str, reach: Reach) -> Iterator[None]:
    """Look at the cycle as it would be, then as it is."""
    corrected, reserve = dict(cycle.corrected), dict(cycle.reserve)
    _write(cycle, name, reach)
    try:
        yield
    finally:
        cycle.corrected, cycle.reserve = corrected, reserve


def _write(cycle: Cycle, name: str, reach: Reach) -> None:
    for unit, figures in reach.figures.items():
        cycle.corrected[unit, name] = {**cycle.corrected.get((unit, name), {}), **figures}
    for unit, held in reach.reserve.items():
        cycle.reserve[unit, name] = {**cycle.reserve[unit, name], **held}
    for source, figures in reach.carried.items():
        place = (cycle.root, source)
        cycle.corrected[place] = {**cycle.corrected.get(place, {}), **figures}


def _top(cycle: Cycle, reach: Reach) -> str:
    """The lowest unit that all of it lies at or below: its admin decides."""
    lines: list[list[str]] = [list(reversed(cycle.upwards(unit))) for unit in reach.by]
    shared: list[str] = [steps[0] for steps in zip(*lines, strict=False) if len(set(steps)) == 1]
    return shared[-1]
