"""A cycle and its plans at an instant: the whole board or a part of it, never replayed (F5, N1)."""

import datetime as dt
from dataclasses import dataclass, replace

from planflow.access.scope import Scope
from planflow.engine import silence
from planflow.engine.scene import Scene, Seat
from planflow.errors import Finding, Refusal, invalid
from planflow.services import comparing, sights, two_persons
from planflow.services.comparing import Shown
from planflow.services.people import Reader
from planflow.services.showing import plan_view
from planflow.services.showing_cycles import cycle_view
from planflow.services.site import Site
from planflow.services.views import CycleView, NoTaskView, Page, PlanView
from planflow.store import boards, planting, surveys, trees
from planflow.store.boards import Then
from planflow.store.seats import CycleHead
from planflow.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Part:
    """Which plans: those at and below a unit of today, children of a unit of then, in a state."""

    unit: str | None = None
    parent: str | None = None
    state: str | None = None


def list_then(
    site: Site,
    reader: Reader,
    cycle: str,
    moment: dt.datetime,
    part: Part,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[PlanView]:
    """A page of plans as they stood at an instant, in the order of the tree of then.

    What may be done and the window are of today and left out, as working copies are (F3).
    """
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> Page[PlanView]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        head, scope = seen.head, sights.part(site, tx, seen, part.unit)
        if part.state is not None and not head.negotiation.knows(part.state):
            raise invalid(Finding("unknown_state", {"name": part.state[:64]}, "state"))
        then = surveys.cycle_as_of(tx, cycle, moment)
        if part.parent is not None:
            _check_parent(tx, cycle, then.position if then else 0, part.parent, scope)
        if then is None:
            return Page(items=[], next=None)
        filters = {"parent": part.parent, "state": part.state}
        around = (tx, head.negotiation, then, moment)
        found = boards.page(*around, scope, filters, cursor or "", size + 1)
        now = replace(head, state=then)
        shown = [_shown(tx, now, one, moment, reader, seen.scope) for one in found[:size]]
        last = found[size - 1].place.path if len(found) > size else None
        return Page(items=comparing.all_compared_then(tx, shown, moment), next=last)

    return site.database.read(work, reader.within(cycle))


def cycle_then(site: Site, reader: Reader, cycle: str, moment: dt.datetime) -> CycleView:
    """A cycle as it stood at an instant; before it was opened it is not found."""

    def work(tx: Tx) -> CycleView:
        seen = sights.of_cycle(site, tx, reader, cycle)
        then = surveys.cycle_as_of(tx, cycle, moment)
        if then is None:
            raise Refusal("not_found", {"kind": "cycle", "name": cycle})
        idle = boards.idle(tx, then, seen.scope)
        view = cycle_view(tx, replace(seen.head, state=then), reader, seen.scope)
        told = [NoTaskView(unit=one.code, name=one.name) for one in idle]
        return view.model_copy(update={"no_task": told})

    return site.database.read(work, reader.within(cycle))


def _check_parent(tx: Tx, cycle: str, position: int, code: str, scope: Scope) -> None:
    """A filter that names nothing would look like an empty answer."""
    if not planting.at(tx, cycle, position, code=code, scope=scope):
        raise Refusal("not_found", {"kind": "unit", "name": code})


def _shown(
    tx: Tx, head: CycleHead, then: Then, moment: dt.datetime, reader: Reader, scope: Scope
) -> Shown:
    own = Seat(then.place, then.plan)
    scene = silence.seen(Scene(head.negotiation, head.state, own, None, now=moment))
    partial = trees.is_partial(tx, head.state.id, then.place)
    # Without a standing there is nothing to act by: whoever looks back does not act there.
    beyond = sights.beyond(tx, head, scope, two_persons.named(then.plan, then.place.code))
    around = (scene, then.plan.position, reader, ())
    view = plan_view(*around, partial=partial, beyond=beyond)
    return Shown(scene, view.model_copy(update={"actions": [], "window": None}))
