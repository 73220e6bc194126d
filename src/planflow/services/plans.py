"""Plans: the ways to look at one (F1, N8)."""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from planflow.access.scope import Scope, Standing
from planflow.access.scope import scope as scope_of
from planflow.domain.events import Event, plan_stream
from planflow.domain.units import UnitNode
from planflow.engine import silence
from planflow.engine.scene import Scene
from planflow.engine.state import NEW_PLAN, CycleState
from planflow.errors import Finding, Refusal, invalid
from planflow.ledger.chain import Stored
from planflow.ledger.leaf import unseal
from planflow.services import comparing, reads, sights, two_persons
from planflow.services.addressing import addressed, within_sight
from planflow.services.comparing import Shown
from planflow.services.people import Reader
from planflow.services.showing import diff_view, plan_view
from planflow.services.sights import Sight
from planflow.services.site import Site
from planflow.services.views import DiffView, EventView, Page, PlanView
from planflow.store import boards, planting, reading, surveys, trees
from planflow.store.accesses import Access
from planflow.store.reading import Stage
from planflow.store.seats import CycleHead
from planflow.store.transaction import Tx

_CURSOR = re.compile(r"[0-9]{1,15}")


def get_plan(
    site: Site, reader: Reader, cycle: str, unit: str, as_of: dt.datetime | None = None
) -> PlanView:
    """A plan as it stands, or as it stood at an instant: then without draft and actions."""

    def work(tx: Tx) -> PlanView:
        then = _place_then(site, tx, reader, cycle, unit, as_of) if as_of else None
        now = then.now if then else unit  # its code today is not told to whoever may not see it
        sight = sights.of_plan(site, tx, reader, cycle, now, "none", unit)
        stage = reading.stage(
            site.database, tx, sight.head, sight.unit, sight.parent, clock=site.clock
        )
        if as_of is not None and then is not None:
            return comparing.compared_then(tx, _then(tx, stage, reader, sight, as_of, then), as_of)
        shown = _shown(
            tx, stage.scene, stage.heads[unit].version, reader, sight.head, sight.standings
        )
        return comparing.compared(tx, [shown], reader.lang)[0]

    return site.database.read(work, reader.within(cycle))


def list_plans(
    site: Site,
    reader: Reader,
    cycle: str,
    parent: str | None,
    state: str | None,
    cursor: str | None,
    limit: int | None = None,
    unit: str | None = None,
) -> Page[PlanView]:
    """A page of plans in the reader's scope, or at and below a unit, by place in the tree."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> Page[PlanView]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        head, scope = seen.head, sights.part(site, tx, seen, unit)
        _check_filters(site, tx, head, scope, parent, state)
        wanted = {"parent": parent, "state": state}
        codes = surveys.page(
            tx, head.negotiation, head.state, scope, wanted, cursor or "", size + 1
        )
        places = trees.nodes(site.database, tx, head.tree, codes[:size])
        wanted_places = [places[code] for code in codes[:size]]
        stages = reading.stages(site.database, tx, head, wanted_places, clock=site.clock)
        around = (head, seen.standings)
        shown = [
            _shown(tx, one.scene, one.heads[one.scene.own.unit.code].version, reader, *around)
            for one in stages
        ]
        last = places[codes[size - 1]].path if len(codes) > size else None
        return Page(items=comparing.compared(tx, shown, reader.lang), next=last)

    return site.database.read(work, reader.within(cycle))


def history(
    site: Site, reader: Reader, cycle: str, unit: str, cursor: str | None, limit: int | None = None
) -> Page[EventView]:
    """A plan's events in order; texts that were erased, and what is other units', are absent.

    What others said is shown: that somebody read it is recorded.
    """
    size = min(limit or site.settings.page_limit, site.settings.page_limit)
    after = int(cursor) if cursor and _CURSOR.fullmatch(cursor) else 0

    def work(tx: Tx) -> tuple[Page[EventView], list[Access]]:
        sight = sights.of_plan(site, tx, reader, cycle, unit, "none")
        stream = plan_stream(cycle, sight.unit.id)
        found = list(surveys.events(tx, stream, after, size + 1))
        events = [unseal(stored.leaf, stored.entries) for stored in found[:size]]
        named = {code for event in events for code in addressed(event.parts)}
        beyond = sights.beyond(tx, sight.head, scope_of(sight.standings), named)
        items = [_event(one, event, beyond) for one, event in zip(found, events, strict=False)]
        paths = [sight.unit.path] * len(items)
        shown = reads.of_others(
            "history", reader, sight.standings, paths, cycle=cycle, unit=sight.unit
        )
        return Page(items=items, next=str(items[-1].seq) if len(found) > size else None), shown

    return reads.answered(site, reader.user_id, work, reader.within(cycle))


def _event(stored: Stored, event: Event, beyond: Collection[str]) -> EventView:
    """An event as its readers are shown it, without what is about units that they do not see."""
    return EventView(
        id=event.id,
        seq=event.seq,
        kind=event.kind,
        round=event.round,
        recorded_at=event.recorded_at,
        actor=event.actor,
        grant=event.grant,
        delegators=list(event.delegators),
        cites=list(event.cites),
        parts=within_sight(event.parts, beyond),
        chain=stored.chain.hex(),
    )


def diff(
    site: Site, reader: Reader, cycle: str, unit: str, before: str | None, after: str | None
) -> DiffView:
    """Two rounds of a plan: figures and reasons that differ, and the promises between them."""

    def work(tx: Tx) -> DiffView:
        sight = sights.of_plan(site, tx, reader, cycle, unit, "none")
        protocol = sight.head.negotiation.protocol
        for field, name in (("from", before), ("to", after)):
            if name is None:
                raise invalid(Finding("missing", {"field": field}, field))
            if name not in protocol.rounds_by_name:
                known = ", ".join(protocol.rounds_by_name)
                raise invalid(Finding("unknown_round", {"round": name[:64], "known": known}, field))
        stage = reading.stage(
            site.database, tx, sight.head, sight.unit, sight.parent, clock=site.clock
        )
        return diff_view(stage.scene, before or "", after or "")

    return site.database.read(work, reader.within(cycle))


def _check_filters(
    site: Site, tx: Tx, head: CycleHead, scope: Scope, parent: str | None, state: str | None
) -> None:
    """A filter that names nothing would look like an empty answer."""
    if parent is not None:
        place = trees.node(site.database, tx, head.tree, parent)
        if place is None or not scope.has(place.path):
            raise Refusal("not_found", {"kind": "unit", "name": parent})
    if state is not None and not head.negotiation.knows(state):
        raise invalid(Finding("unknown_state", {"name": state[:64]}, "state"))


@dataclass(frozen=True, slots=True)
class _Then:
    """A cycle and a unit's place in its tree of an earlier time, and the unit's code today."""

    cycle: CycleState
    place: UnitNode
    now: str


def _place_then(
    site: Site, tx: Tx, reader: Reader, cycle: str, unit: str, moment: dt.datetime
) -> _Then:
    """Whom a code meant at an instant, or else means today (N1).

    Raises `Refusal` `not_found` before the cycle was opened, and where the unit was not in its tree.
    """
    head = sights.of_cycle(site, tx, reader, cycle).head
    state = surveys.cycle_as_of(tx, cycle, moment)
    if state is None:
        raise Refusal("not_found", {"kind": "cycle", "name": cycle})
    found = planting.at(tx, cycle, state.position, code=unit, gone=True)
    if found:
        now = trees.node_of_unit(site.database, tx, head.tree, [found[0].id])
        return _Then(state, found[0], now[found[0].id].code)
    today = trees.node(site.database, tx, head.tree, unit)
    then = boards.one(tx, state, moment, today.id) if today else None
    if then is None:
        raise Refusal("not_found", {"kind": "unit", "name": unit})
    return _Then(state, then.place, unit)


def _then(
    tx: Tx, stage: Stage, reader: Reader, sight: Sight, moment: dt.datetime, then: _Then
) -> Shown:
    """A plan at an instant; its `version` counts events, for it is no write token."""
    plan = surveys.as_of(tx, then.cycle.id, sight.unit.id, moment) or NEW_PLAN
    own = replace(stage.scene.own, unit=then.place, plan=plan, kept=None)
    scene = silence.seen(replace(stage.scene, cycle=then.cycle, own=own, now=moment))
    view = _shown(tx, scene, plan.position, reader, sight.head, sight.standings).view
    # What may be done now was not the question, and the working copy keeps no history (F3).
    return Shown(scene, view.model_copy(update={"draft": None, "actions": []}))


def _shown(
    tx: Tx, scene: Scene, version: int, reader: Reader, head: CycleHead, standings: list[Standing]
) -> Shown:
    own = scene.own
    partial = trees.is_partial(tx, scene.cycle.id, own.unit)
    named = two_persons.named(own.plan, own.unit.code)
    beyond = sights.beyond(tx, head, scope_of(standings), named)
    view = plan_view(scene, version, reader, standings, partial=partial, beyond=beyond)
    return Shown(scene, view)
