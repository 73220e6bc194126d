"""What an act on a plan may be about: a commitment, a correction, a paper; and who decides on it."""

from collections.abc import Callable

from planflow.access.scope import Scope
from planflow.domain.commands import Command, Correct
from planflow.domain.units import SEPARATOR, UnitNode
from planflow.engine.scene import Scene
from planflow.engine.state import PlanState
from planflow.errors import Refusal
from planflow.services.site import Site
from planflow.store import trees
from planflow.store.grounds import Named
from planflow.store.seats import CycleHead
from planflow.store.transaction import Tx

_KINDS = {"approve": "correction", "reject": "correction", "attest": "paper"}


def check(plan: PlanState, action: str, subject: str) -> None:
    """Whether the plan has what the act is about. Raises `Refusal` `not_found`."""
    kind = _KINDS.get(action, "commitment")
    known = {
        "commitment": {one.id for one in plan.promises},
        "correction": {one.id for one in plan.corrections},
        "paper": {one.id for one in plan.papers},
    }
    if subject and subject not in known[kind]:
        raise Refusal("not_found", {"kind": kind, "name": subject})


def hands(scene: Scene) -> frozenset[str]:
    """Everybody who had a hand in what an act on this plan may review (N14)."""
    plan = scene.own.plan
    waiting = (*(one for one in (plan.proposal, plan.pending) if one), *plan.papers)
    return frozenset(plan.record(scene.round).hands).union(*(one.hands for one in waiting))


def desk(unit: UnitNode, plan: PlanState) -> str | None:
    """The path of the unit whose admin decides on the correction that waits (N13)."""
    if plan.proposal is None:
        return None
    steps = unit.path.split(SEPARATOR)
    return SEPARATOR.join(steps[: steps.index(plan.proposal.top) + 1])


def asked(command_or_refusal: Callable[[], Command]) -> Correct | None:
    """A correction that was read; None where it was not: its refusal comes in its turn."""
    try:
        command = command_or_refusal()
    except Refusal:
        return None
    return command if isinstance(command, Correct) else None


def named(
    site: Site,
    tx: Tx,
    head: CycleHead,
    scope: Scope,
    unit: UnitNode,
    command: Correct | None,
) -> Named | None:
    """What a correction names, as far as its author sees it; nothing for a round that is none."""
    if command is None or command.round not in head.negotiation.protocol.rounds_by_name:
        return None
    codes = [one.unit for one in command.also]
    places = trees.nodes(site.database, tx, head.tree, codes)
    seen = [code for code, place in places.items() if scope.has(place.path)]
    return Named(command.round, [unit.code, *seen])
