"""Declared silence (N9): what it makes of a unit that did not answer in time.

At close it is one event in the cycle's stream. What that means for a unit is worked out whenever
its plan is looked at: nothing is written for units that wrote nothing.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from planflow.domain.calendar import Calendar, workday_before
from planflow.domain.moments import end_of, local_date
from planflow.domain.units import UnitNode
from planflow.engine import checks, numbers
from planflow.engine.machine import START_OF_KIND, Negotiation, enter, lapses, stage
from planflow.engine.scene import Ground, Scene, Seat, takes_part, window_of
from planflow.engine.state import CycleState, Lapse, PlanState
from planflow.protocol import silence
from planflow.protocol.models import Round


@dataclass(frozen=True, slots=True)
class Silences:
    """Rules that settle units of a round now, by level; the time of each of these levels is over.

    `received` holds, for down rounds, the latest instant of an issue that counts as received.
    """

    rules: Mapping[str, str]
    received: Mapping[str, dt.datetime]
    now: dt.datetime


def seen(scene: Scene) -> Scene:
    """A scene as the rules see it: every plan with what silence made of it."""
    if not any(terms.silence for terms in scene.cycle.terms.values()):
        return scene
    return replace(
        scene,
        own=_seat(scene, scene.own),
        parent=_seat(scene, scene.parent) if scene.parent else None,
        children=tuple(_seat(scene, one) for one in scene.children),
        descendants=tuple(_seat(scene, one) for one in scene.descendants),
        issued=_seat(scene, scene.issued) if scene.issued else None,
        ground=_ground(scene, scene.ground) if scene.ground else None,
    )


def catch_up(
    negotiation: Negotiation,
    cycle: CycleState,
    unit: UnitNode,
    plan: PlanState,
    now: dt.datetime | None,
) -> PlanState:
    """Fold what the cycle's stream says of silence into a plan's own fold (F1)."""
    found: dict[str, Lapse] = {}
    state, order = plan.state, list(cycle.rounds)
    for name in order:
        rule = _settling(negotiation, cycle, name, unit, plan, now)
        if not rule:
            continue
        found[name] = Lapse(rule=rule, figures=_figures(negotiation, unit, plan, name, rule))
        own = state.rpartition(".")[0]
        if not cycle.is_open(name) and (own not in order or order.index(own) <= order.index(name)):
            there = state if own == name else negotiation.step(state, enter(name))
            state = negotiation.step(there, "lapse")
    return plan.but(lapses=found, state=state) if found else plan


def due_now(cycle: CycleState, name: str, now: dt.datetime, calendar: Calendar) -> Silences:
    """What silence settles if the round is closed now."""
    terms, rules = cycle.terms_of(name), {}
    received: dict[str, dt.datetime] = {}
    for level, rule in terms.silence.items():
        days = silence.received_after(rule)
        window = terms.windows.get(level)
        if days is not None:
            last = workday_before(local_date(now, cycle.zone), days, calendar)
            received[level], rules[level] = end_of(last, cycle.zone), rule
        elif silence.settles(rule) and window is not None and window.over(now):
            rules[level] = rule
    return Silences(rules, received, now)


def _seat(scene: Scene, seat: Seat) -> Seat:
    kept = seat.stored
    plan = catch_up(scene.negotiation, scene.cycle, seat.unit, kept, scene.now)
    return replace(seat, plan=plan, kept=kept)


def _ground(scene: Scene, ground: Ground) -> Ground:
    seats = {code: _seat(scene, one) for code, one in ground.seats.items()}
    return replace(ground, seats=seats)


def _settling(
    negotiation: Negotiation,
    cycle: CycleState,
    name: str,
    unit: UnitNode,
    plan: PlanState,
    now: dt.datetime | None,
) -> str:
    """The rule that settles a unit's round, or settled it at close; empty where none does."""
    one, terms = negotiation.protocol.rounds_by_name[name], cycle.terms_of(name)
    if not takes_part(negotiation, unit, name) or _stage(plan, one) not in lapses(one.kind):
        return ""
    if unit.is_root and one.kind != "down":
        return ""  # it has no act to be silent with (N2)
    if not cycle.is_open(name):
        return terms.applied.get(unit.level, "")
    # What was issued counts as received only at close: until then whoever got it may sign.
    rule = terms.silence.get(unit.level, "")
    over = now is not None and window_of(cycle, unit, plan, name).over(now)
    return rule if over and one.kind != "down" and silence.settles(rule) else ""


def _stage(plan: PlanState, one: Round) -> str:
    """The last stage a unit reached in a round by acts of its own or of its parent."""
    reached = plan.record(one.name).stage
    if reached:
        return reached
    return stage(plan.state) if plan.round == one.name else START_OF_KIND[one.kind]


def _figures(
    negotiation: Negotiation, unit: UnitNode, plan: PlanState, name: str, rule: str
) -> dict[str, int]:
    protocol = negotiation.protocol
    one = protocol.rounds_by_name[name]
    if rule == silence.ZERO:
        return {
            each.name: 0
            for each in protocol.indicators
            if name in each.required_in and checks.applies(protocol, each, unit)
        }
    if rule != silence.LAST_ISSUED:
        return {}
    if one.kind == "adjust":
        return numbers.base(plan, one)
    before = protocol.rounds[: list(protocol.rounds_by_name).index(name)]
    issued = (each for each in reversed(before) if each.kind == "down")
    last = next((each for each in issued if numbers.reached(plan, each.name)), None)
    return numbers.in_force(protocol, plan, last.name) if last else {}
