"""What stands beside an offer, and patterns among the units below (N15): a scene read with its past."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from planflow.domain.figures import TASK
from planflow.domain.past import Past, PastYear
from planflow.engine import numbers
from planflow.engine.numbers import Number
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import PlanState
from planflow.quota import signals
from planflow.quota.signals import Signal

ASKED, ANSWERED = "asked", "answered"
YEARS_OF_OUTCOMES = 5
_UNIT_SPEAKS = ("up", "adjust")


@dataclass(frozen=True, slots=True)
class Beside:
    """Last year's plan and outcome, and the last number of the side that does not speak now."""

    last_plan: int | None = None
    last_outcome: int | None = None
    other_side: Number | None = None


@dataclass(slots=True)
class Talk:
    """What a unit asked last by indicator, what it was last told, and what it was told of that."""

    asked: dict[str, Number] = field(default_factory=dict)
    answered: dict[str, Number] = field(default_factory=dict)
    of_asked: dict[str, Number] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A signal with the side whose figures it is about."""

    side: str
    signal: Signal


def talk(plan: PlanState) -> Talk:
    """The last words of both sides: reported is asked; settled or issued is an answer."""
    found = Talk()
    for one in numbers.numbers(plan):
        if one.basis != TASK:
            continue
        if one.side == "reported":
            found.asked[one.indicator] = one
            found.of_asked.pop(one.indicator, None)
        elif one.side in ("settled", "issued"):
            found.answered[one.indicator] = found.of_asked[one.indicator] = one
    return found


def beside(scene: Scene, past: Past) -> dict[str, Beside]:
    """What stands beside the unit's numbers, by indicator; indicators without anything are absent."""
    said, last = talk(scene.own.plan), scene.cycle.year - 1
    other: Mapping[str, Number] = {}
    if not scene.own.unit.is_root:  # nobody stands on the other side of a root
        other = said.answered if _unit_speaks(scene) else said.asked
    found = {}
    for name in scene.negotiation.protocol.indicators_by_name:
        year = _year(past, name, last)
        one = Beside(year.plan if year else None, year.outcome if year else None, other.get(name))
        if one != Beside():
            found[name] = one
    return found


def patterns(scene: Scene, pasts: Mapping[str, Past]) -> list[Pattern]:
    """Patterns among the units below, with what they asked, were told and once brought.

    `pasts` is the past by unit id. Units without a figure are left out, never taken for zero.
    """
    children = [(seat, talk(seat.plan)) for seat in scene.children]
    asked: dict[str, dict[str, int]] = {}
    found: list[Pattern] = []
    for name in scene.negotiation.protocol.indicators_by_name:
        asked[name] = _figures(children, lambda said: said.asked, name)
        found += _of_indicator(scene, name, asked[name], children, pasts)
    found += _found(ASKED, signals.same_shape({k: v for k, v in asked.items() if v}))
    return found


def _of_indicator(
    scene: Scene,
    name: str,
    asked: dict[str, int],
    children: list[tuple[Seat, Talk]],
    pasts: Mapping[str, Past],
) -> Iterator[Pattern]:
    answered = _figures(children, lambda said: said.answered, name)
    of_asked = _figures(children, lambda said: said.of_asked, name)
    outcomes = _outcomes(scene, name, pasts)
    last = scene.cycle.year - 1
    brought = {unit: years[last] for unit, years in outcomes.items() if last in years}
    means = {unit: tuple(years.values()) for unit, years in outcomes.items()}
    for side, figures in ((ASKED, asked), (ANSWERED, answered)):
        yield from _found(side, signals.ratchet(name, figures, brought))
        yield from _found(side, signals.round_numbers(name, figures))
    yield from _found(ASKED, signals.padding(name, asked, means))
    yield from _found(ASKED, signals.equal_figures(name, asked))
    yield from _found(ANSWERED, signals.constant_rate(name, asked, of_asked))


def _figures(
    children: list[tuple[Seat, Talk]], of: Callable[[Talk], Mapping[str, Number]], name: str
) -> dict[str, int]:
    return {seat.unit.code: of(said)[name].value for seat, said in children if name in of(said)}


def _outcomes(scene: Scene, name: str, pasts: Mapping[str, Past]) -> dict[str, dict[int, int]]:
    """Outcomes of the last years by unit and year, as far as they are stated."""
    first, this = scene.cycle.year - YEARS_OF_OUTCOMES, scene.cycle.year
    return {
        seat.unit.code: {
            one.year: one.outcome
            for one in pasts.get(seat.unit.id, {}).get(name, ())
            if one.outcome is not None and first <= one.year < this
        }
        for seat in scene.children
    }


def _found(side: str, signal: Signal | None) -> Iterator[Pattern]:
    if signal is not None:
        yield Pattern(side, signal)


def _unit_speaks(scene: Scene) -> bool:
    """Whether the offer of the round that is open, or was last, is the unit's own."""
    name = scene.round or next(reversed(scene.cycle.rounds), "")
    one = scene.negotiation.protocol.rounds_by_name.get(name)
    return one is not None and one.kind in _UNIT_SPEAKS


def _year(past: Past, indicator: str, year: int) -> PastYear | None:
    return next((one for one in past.get(indicator, ()) if one.year == year), None)
