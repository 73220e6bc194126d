"""The tree of a cycle: read at any time, changed by an event of the root's admin (N1, N18)."""

import datetime as dt

from planflow.domain.parsing import parse
from planflow.domain.tree_commands import ChangeTree
from planflow.domain.units import UnitNode
from planflow.engine import silence, tree
from planflow.engine.ground import Entry, Ground
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import CycleState
from planflow.services import calls, cycles, sights, units
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.views import CycleView, Page, PlaceView
from planflow.store import appending, planting, sites, surveys, trees
from planflow.store.appending import Head, Recorded
from planflow.store.seats import CycleHead, PlanHead, seats_of
from planflow.store.transaction import Tx


def change_tree(site: Site, reader: Reader, call: Call, cycle: str) -> CycleView:
    """Change an open cycle's tree: one event for it and one in each plan touched. The root's admin.

    Raises `Refusal`.
    """

    def act(tx: Tx, head: CycleHead, hand: Hand) -> tuple[CycleState, Recorded]:
        command = parse(ChangeTree, call.body)
        return _change(site, tx, head, command, hand)

    def work(tx: Tx) -> CycleView:
        calls.wait_for(tx, reader, call)
        # Codes and parents are compared with the register, which must not change meanwhile; it comes
        # before the cycle, as when one is opened.
        sites.lock_site(tx)
        head = cycles.head_of(site, tx, reader, cycle, "update")
        return cycles.as_root(site, tx, reader, call, head, act, "tree")

    return site.database.write(work, reader.within(cycle))


def get_tree(
    site: Site,
    reader: Reader,
    cycle: str,
    as_of: dt.datetime | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[PlaceView]:
    """The tree now or at an instant, by path: what stands today in the reader's scope."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> Page[PlaceView]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        head, scope = seen.head, seen.scope
        then = surveys.cycle_as_of(tx, cycle, as_of) if as_of else head.state
        if then is None:
            return Page(items=[], next=None)
        found = planting.at(
            tx, cycle, then.position, scope=scope, after=cursor or "", limit=size + 1
        )
        last = found[size - 1].path if len(found) > size else None
        return Page(items=[_view(one) for one in found[:size]], next=last)

    return site.database.read(work, reader.within(cycle))


def _change(
    site: Site, tx: Tx, head: CycleHead, command: ChangeTree, hand: Hand
) -> tuple[CycleState, Recorded]:
    heads: dict[str, PlanHead] = {}
    now = site.clock()
    ground = _ground(site, tx, head, command, heads, now)
    plan = tree.change(ground, command, hand)
    pen = site.pen(hand, now)
    end = Head(head.state.position, head.chain, head.recorded_at)
    cycle = head.state.id
    own, *others = plan.drafts
    state, done = appending.append_cycle(tx, head.negotiation, head.state, end, own, pen, cycle)
    planting.change(tx, cycle, state.tree, [planting.Move(one.node, one.old) for one in plan.moves])
    if not head.state.practice:  # an exercise leaves the register as it is
        units.rename(site, tx, plan.renamed, hand)
    come = {one.node.code: one.node for one in plan.moves if one.old is None}
    after = CycleHead(state, head.negotiation, done.chain, done.event.recorded_at)
    seats = dict(ground.seats)
    seats |= seats_of(tx, after, list(come.values()), "update", heads)
    # The whole act has one time: whoever asks for it sees the tree and its figures change together.
    at_once = site.pen(hand, done.event.recorded_at)
    appending.write_plans(tx, after, seats, heads, others, at_once)
    return state, done


def _ground(
    site: Site,
    tx: Tx,
    head: CycleHead,
    command: ChangeTree,
    heads: dict[str, PlanHead],
    now: dt.datetime,
) -> Ground:
    """Everything the command names, locked: the cycle is, then plans by path."""
    cycle, database = head.state.id, site.database
    named = sorted(_codes(command))
    places = trees.nodes(database, tx, head.tree, named)
    above = {code for place in places.values() for code in place.ancestors}
    places |= trees.nodes(database, tx, head.tree, sorted(above))
    seats = seats_of(tx, head, list(places.values()), "update", heads)
    succeeded = [places[code] for code in _succeeded(command) if code in places]
    below: dict[str, dict[str, tuple[Seat, ...]]] = {one.code: {} for one in succeeded}
    for name in ("", *head.state.rounds):
        taking = head.taking(name) if name else head.taking_now
        found = trees.below(database, tx, head.tree, succeeded, taking)
        everyone = [child for children in found.values() for child in children]
        under = seats_of(tx, head, everyone, "update", {})
        for code, children in found.items():
            below[code][name] = tuple(_seen(head, under[one.code], now) for one in children)
    busy = [
        one.no_task.unit
        for one in command.changes
        if one.no_task and one.no_task.unit in places
        if planting.busy(tx, cycle, places[one.no_task.unit].path)
    ]
    return Ground(
        head.negotiation,
        head.state,
        {code: _seen(head, seat, now) for code, seat in seats.items()},
        planting.children(tx, cycle, [one.code for one in succeeded]),
        below,
        {code: _entry(one) for code, one in sites.registered(tx, named).items()},
        frozenset(busy),
    )


def _seen(head: CycleHead, seat: Seat, now: dt.datetime) -> Seat:
    """A seat with what declared silence made of its plan."""
    return silence.seen(Scene(head.negotiation, head.state, seat, None, now=now)).own


def _codes(command: ChangeTree) -> set[str]:
    found: set[str] = set()
    for one in command.changes:
        if one.join:
            found |= {one.join.unit, one.join.parent}
        if one.split:
            found |= {one.split.unit, *(heir.unit for heir in one.split.into)}
        if one.merge:
            found |= {*one.merge.units, one.merge.into}
        if one.rename:
            found |= {one.rename.unit, *((one.rename.code,) if one.rename.code else ())}
        if one.no_task:
            found.add(one.no_task.unit)
    return found


def _succeeded(command: ChangeTree) -> list[str]:
    found = {one.split.unit for one in command.changes if one.split}
    return sorted(
        found | {code for one in command.changes if one.merge for code in one.merge.units}
    )


def _entry(unit: sites.Registered) -> Entry:
    marks = frozenset(part for part in unit.attributes.split(";") if part)
    return Entry(unit.id, unit.code, unit.name, unit.level, unit.parent_id, marks)


def _view(place: UnitNode) -> PlaceView:
    return PlaceView(
        unit=place.code,
        name=place.name,
        level=place.level,
        parent=place.parent or None,
        attributes=sorted(place.attributes),
        no_task=place.no_task,
    )
