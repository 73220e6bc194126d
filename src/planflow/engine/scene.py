"""What a decision may look at: the unit, the units beside it that its rules read, the cycle."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from planflow.domain.units import UnitNode
from planflow.engine.machine import SETTLED, Negotiation, enter
from planflow.engine.state import NEW_PLAN, CycleState, PlanState, Window

_ALWAYS = Window()


@dataclass(frozen=True, slots=True)
class Seat:
    """A unit with its plan: what the rules read, declared silence included (N9).

    `kept` is the fold of the plan's own stream alone where that is another: the store keeps it.
    """

    unit: UnitNode
    plan: PlanState = NEW_PLAN
    draft: dict[str, object] | None = None
    typists: tuple[str, ...] = ()
    kept: PlanState | None = None

    @property
    def on_behalf(self) -> bool:
        """Whether the working copy was typed for the unit by its parent (代报)."""
        return bool(self.draft and self.draft.get("on_behalf_of"))

    @property
    def stored(self) -> PlanState:
        """The plan as its own events tell it."""
        return self.plan if self.kept is None else self.kept


@dataclass(frozen=True, slots=True)
class Ground:
    """What a correction in a closed round may move: the units it names, and all above them (N13).

    `above` and `below` are the nearest units that take part in that round.
    """

    round: str
    seats: Mapping[str, Seat]
    above: Mapping[str, str]
    below: Mapping[str, tuple[UnitNode, ...]]


@dataclass(frozen=True)
class Scene:
    """One plan and its neighbours: nearest units above and below that take part (N2).

    `now` is the instant the act is recorded at; without it no window has begun or ended. `ground`
    is there for a correction being proposed or waiting; `said` are texts of an issue being confirmed.
    """

    negotiation: Negotiation
    cycle: CycleState
    own: Seat
    parent: Seat | None
    children: tuple[Seat, ...] = ()
    descendants: tuple[Seat, ...] = field(default=())  # those below who hold parts of its promises
    issued: Seat | None = (
        None  # the unit or the nearest above that was issued what the round answers
    )
    now: dt.datetime | None = None
    ground: Ground | None = None
    said: Mapping[str, str] = field(default_factory=dict)

    # What nearly every guard asks is found once; a scene never changes.
    @cached_property
    def round(self) -> str:
        """The open round; empty between rounds."""
        return self.cycle.open_round

    @cached_property
    def here(self) -> str:
        """The state of its own plan."""
        return standing(self.negotiation, self.cycle, self.own.unit, self.own.plan)

    def state(self, seat: Seat) -> str:
        """The state of a plan as it stands now: rounds opened since its last act count (N2)."""
        if seat is self.own:
            return self.here
        return standing(self.negotiation, self.cycle, seat.unit, seat.plan)

    def window(self, seat: Seat) -> Window:
        """When a unit may act in the open round."""
        return window_of(self.cycle, seat.unit, seat.plan, self.round)


def takes_part(negotiation: Negotiation, unit: UnitNode, round_name: str) -> bool:
    """Whether a unit acts in a round; a decision is the root's alone (N2)."""
    if negotiation.protocol.rounds_by_name[round_name].kind == "decision":
        return unit.is_root
    if unit.no_task or unit.since > negotiation.protocol.place_of(round_name):
        return False
    return unit.level in negotiation.protocol.levels_of(round_name)


def answered_round(negotiation: Negotiation, round_name: str) -> str:
    """The round that this one answers; empty where it answers none."""
    one = negotiation.protocol.rounds_by_name.get(round_name)
    return one.answers or "" if one else ""


def window_of(cycle: CycleState, unit: UnitNode, plan: PlanState, round_name: str) -> Window:
    """When a unit may act in a round: its level's window, or until its extension ends (N9)."""
    window = cycle.terms_of(round_name).windows.get(unit.level, _ALWAYS)
    extended = plan.extensions.get(round_name)
    # More time is never less: one given in a round's first run does not shorten its second.
    longer = extended and window.due_at and extended > window.due_at
    return window.but(due_at=extended) if longer else window


def standing(negotiation: Negotiation, cycle: CycleState, unit: UnitNode, plan: PlanState) -> str:
    """Fold what the cycle's stream says about a plan into its own last state (F1)."""
    if cycle.settled:
        return negotiation.step(plan.state, "settle") if plan.state != SETTLED else SETTLED
    entered = [name for name in cycle.rounds if takes_part(negotiation, unit, name)]
    if not entered or entered[-1] == plan.round:
        return plan.state
    return negotiation.step(plan.state, enter(entered[-1]))
