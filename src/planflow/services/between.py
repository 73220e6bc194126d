"""One plan at two instants, or after two of its events such as submissions: what differs (N7, F5)."""

import datetime as dt
from dataclasses import dataclass

from planflow.domain.figures import TASK
from planflow.domain.units import UnitNode
from planflow.engine import numbers, silence
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import NEW_PLAN
from planflow.errors import Finding, invalid
from planflow.services import apart, sights
from planflow.services.people import Reader
from planflow.services.review_views import BetweenView, MarkView, PromiseApartView
from planflow.services.showing import commitment, figures_of
from planflow.services.site import Site
from planflow.services.views import ApartView, ReasonsApartView
from planflow.store import boards, surveys
from planflow.store.seats import CycleHead
from planflow.store.transaction import Tx

By = dict[str, dict[str, int]]  # by indicator, by round or basis


@dataclass(frozen=True, slots=True)
class End:
    """One end of a comparison: an instant, or the number of an event of the plan; and its field."""

    field: str
    moment: dt.datetime | None = None
    seq: int | None = None


def between(site: Site, reader: Reader, cycle: str, unit: str, start: End, end: End) -> BetweenView:
    """What differs. Raises `Refusal`."""

    def work(tx: Tx) -> BetweenView:
        seen = sights.of_cycle(site, tx, reader, cycle)
        head, place = seen.head, sights.place(site, tx, seen, unit)
        before, after = (_then(tx, head, place, one) for one in (start, end))
        return _view(before, after)

    return site.database.read(work, reader.within(cycle))


def _then(tx: Tx, head: CycleHead, place: UnitNode, end: End) -> Scene:
    cycle, moment = head.state.id, end.moment
    if moment is None:
        moment = surveys.time_of(tx, cycle, place.id, end.seq or 0)
    if moment is None:
        now = surveys.as_of(tx, cycle, place.id) or NEW_PLAN
        params = {"field": end.field, "ge": 1, "le": now.position}
        raise invalid(Finding("out_of_range", params, end.field))
    then = surveys.cycle_as_of(tx, cycle, moment)
    found = boards.one(tx, then, moment, place.id) if then else None
    own = Seat(found.place, found.plan) if found else Seat(place)
    state = then or head.state.but(rounds={}, settled=False, terms={})
    return silence.seen(Scene(head.negotiation, state, own, None, now=moment))


def _view(before: Scene, after: Scene) -> BetweenView:
    promises = [{one.id: commitment(one) for one in s.own.plan.promises} for s in (before, after)]
    ids = dict.fromkeys([*promises[0], *promises[1]])
    pairs = {one: (promises[0].get(one), promises[1].get(one)) for one in ids}
    return BetweenView(
        cycle=after.cycle.id,
        unit=after.own.unit.code,
        **{"from": _mark(before)},
        to=_mark(after),
        figures=_apart(figures_of(before), figures_of(after)),
        also={
            name: found
            for name in after.negotiation.protocol.rounds_by_name
            if (found := _apart(_further(before, name), _further(after, name)))
        },
        reasons=_reasons(before, after),
        commitments=[
            PromiseApartView(id=name, **{"from": old}, to=new)
            for name, (old, new) in pairs.items()
            if old != new
        ],
    )


def _mark(scene: Scene) -> MarkView:
    plan, at = scene.own.plan, scene.now or dt.datetime.min
    return MarkView(at=at, seq=plan.position, state=scene.state(scene.own))


def _apart(before: By, after: By) -> dict[str, dict[str, ApartView]]:
    names = dict.fromkeys([*before, *after])
    found = {name: apart.apart(before.get(name, {}), after.get(name, {})) for name in names}
    return {name: one for name, one in found.items() if one}


def _further(scene: Scene, name: str) -> By:
    return numbers.further(scene.negotiation.protocol, scene.own.plan, name)


def _reasons(before: Scene, after: Scene) -> dict[str, dict[str, ReasonsApartView]]:
    """The last number of a round is the one in force: settled after reported."""
    old, new = (
        {
            (one.round, one.indicator): one.reason_code or None
            for one in numbers.numbers(scene.own.plan)
            if one.basis == TASK
        }
        for scene in (before, after)
    )
    found: dict[str, dict[str, ReasonsApartView]] = {}
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            pair = ReasonsApartView(**{"from": old.get(key)}, to=new.get(key))
            found.setdefault(key[0], {})[key[1]] = pair
    return found
