"""Numbers that were not published, made up so that they add up to those that were.

Each is worked out from the case's own figures by fixed weights: another case gives other numbers.
"""

from collections.abc import Mapping

from planflow.demo.case import GOAL, Case, Played
from planflow.quota.exact import apportion, total

Figures = dict[str, int]
Shares = dict[str, Figures]  # by county

# What the counties find and what they are issued differ, or there would be nothing to negotiate.
# The weights are invented; counties take them in turn.
FOUND = (21, 34, 18, 52, 87, 66, 148, 329, 245)
ISSUED = (19, 37, 16, 55, 79, 71, 152, 318, 253)


def reported(case: Case, place: int) -> Figures:
    """The city's figures of an up round: as published, else made up from the rounds that follow.

    The city settled its second figure between what the region suggested and what the counties had
    first reported, so the first report is put as far from the second as the suggestion is.
    """
    one = case.rounds[place]
    if one.figures is not None:
        return one.total
    later = {other.direction: other.total for other in reversed(case.rounds[place + 1 :])}
    second, suggested = later.get("up", {}), later.get("down", {})
    names = {**suggested, **second}.keys() - {GOAL}
    return {
        name: max(2 * second.get(name, suggested.get(name, 0)) - suggested.get(name, 0), 0)
        for name in sorted(names)
    }


def shares(case: Case, one: Played, figures: Mapping[str, int]) -> Shares:
    """A round's figures split over the counties; the goal goes to those that are published."""
    weights = FOUND if one.direction == "up" else ISSUED
    found: Shares = {county.code: {} for county in case.counties}
    for name, amount in figures.items():
        if name != GOAL:
            _split(found, name, amount, weights)
    for county in case.counties:
        if one.reached and (county.poor_county or county.code in one.reached):
            found[county.code][GOAL] = int(county.code in one.reached)
    return found


def moved(bases: Mapping[str, Mapping[str, int]], figures: Mapping[str, int]) -> Shares:
    """What an adjust changes at each county, so that its numbers add up to the city's."""
    before = total(bases.values())
    found: Shares = {code: {} for code in bases}
    for name, amount in figures.items():
        change = amount - before.get(name, 0)
        parts = passed_on({code: base.get(name, 0) for code, base in bases.items()}, change)
        for code, part in parts.items():
            if part:
                found[code][name] = bases[code].get(name, 0) + part
    return found


def passed_on(figures: Mapping[str, int], change: int) -> Figures:
    """A change split in proportion to what each has, so that none falls below zero."""
    parts = apportion(change, list(figures.values()))
    return dict(zip(figures, parts, strict=True))


def _split(found: Shares, name: str, amount: int, weights: tuple[int, ...]) -> None:
    parts = apportion(amount, [weights[place % len(weights)] for place in range(len(found))])
    for figures, part in zip(found.values(), parts, strict=True):
        figures[name] = part
