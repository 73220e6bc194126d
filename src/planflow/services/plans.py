"""Plans: every act on one, and the ways to look at one (F1, N8, N18)."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from planflow.access import table as access
from planflow.access.table import Standing
from planflow.domain import commands as c
from planflow.domain.events import Draft, plan_stream
from planflow.domain.parsing import attempt
from planflow.domain.units import UnitNode
from planflow.engine import silence, up
from planflow.engine.decide import decide
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene
from planflow.engine.state import NEW_PLAN
from planflow.errors import Finding, Refusal, in_terms, invalid
from planflow.ledger.leaf import unseal
from planflow.services import calls, comparing, people, subjects
from planflow.services.calls import Call
from planflow.services.comparing import Shown
from planflow.services.people import Reader
from planflow.services.showing import diff_view, plan_view
from planflow.services.site import Site
from planflow.services.views import DiffView, EventView, Page, PlanView
from planflow.store import appending, planting, reading, surveys, trees
from planflow.store.appending import Recorded
from planflow.store.reading import Stage
from planflow.store.seats import CycleHead, Lock, cycle_head
from planflow.store.sites import KeyUsed
from planflow.store.transaction import Tx

_TURNING = ("decide",)  # acts that may move the cycle's rounds
_CURSOR = re.compile(r"[0-9]{1,15}")
COMMANDS: dict[str, type[c.Command]] = {
    kind.action: kind
    for kind in (
        c.SaveDraft,
        c.Submit,
        c.Withdraw,
        c.Accept,
        c.Return,
        c.Issue,
        c.Acknowledge,
        c.Present,
        c.Decide,
        c.Extend,
        c.Commit,
        c.DistributeCommitment,
        c.FulfilCommitment,
        c.WaiveCommitment,
        c.ChooseHeadline,
        c.Correct,
        c.ApproveCorrection,
        c.RejectCorrection,
        c.ConfirmIssue,
        c.RecordPaper,
        c.AttestPaper,
    )
}


@dataclass(frozen=True, slots=True)
class Sight:
    """A plan a reader may see: its cycle, unit, parent in the round, and the reader's grants there."""

    head: CycleHead
    unit: UnitNode
    parent: UnitNode | None
    standings: list[Standing]


def act(
    site: Site, reader: Reader, call: Call, cycle: str, unit: str, action: str, subject: str = ""
) -> PlanView:
    """Carry out one act on a plan, or refuse it and write nothing.

    `subject` is the id of the commitment, correction or paper it is about.
    Checks run in the contract's order: sight, right, replay, version, shape, rules. Raises `Refusal`.
    """

    # Read before any row is locked, told when its turn in the order of checks has come.
    command_or_refusal = attempt(COMMANDS[action], call.body)
    asked = subjects.asked(command_or_refusal) if action == c.Correct.action else None
    ways = _ways(command_or_refusal)

    def work(tx: Tx) -> PlanView:
        lock: Lock = "update" if action in _TURNING else "share"
        sight = _sight(site, tx, reader, cycle, unit, lock)
        if not subject:
            _right(sight, action, ways)
        calls.wait_for(tx, reader, call)
        around = (sight.head, sight.unit, sight.parent, action)
        named = subjects.named(site, tx, sight.head, sight.standings, sight.unit, asked)
        stage = reading.stage(site.database, tx, *around, named, clock=site.clock)
        subjects.check(stage.scene.own.plan, action, subject)
        grant = _right(sight, action, ways, stage.scene)
        used = calls.replayed(tx, reader, call)
        if used is not None:
            return _replayed(tx, stage, reader, sight, used)
        version = stage.heads[unit].version
        calls.check_version(call, version)
        command = command_or_refusal()
        hand = people.hand(site, reader, grant)
        after, done = _carry_out(site, tx, stage, command, hand, subject)
        event, chain = (done.event.id, done.chain.hex()) if done else (None, None)
        position, now = after.scene.own.plan.position, after.heads[unit].version
        then = KeyUsed(call.digest, position, now, event, chain, after.cycle.state.position)
        calls.remember(tx, site, reader, call, then)
        view = _shown(tx, after.scene, now, reader, sight.standings).view
        return view.model_copy(update={"event": event, "chain": chain})

    return site.database.write(work)


def get_plan(
    site: Site, reader: Reader, cycle: str, unit: str, as_of: dt.datetime | None = None
) -> PlanView:
    """A plan as it stands, or as it stood at an instant: then without draft and actions."""

    def work(tx: Tx) -> PlanView:
        then = _place_then(site, tx, reader, cycle, unit, as_of) if as_of else None
        sight = _sight(site, tx, reader, cycle, then.now if then else unit, "none")
        stage = reading.stage(
            site.database, tx, sight.head, sight.unit, sight.parent, clock=site.clock
        )
        if as_of is not None:
            place = then.place if then else sight.unit
            return comparing.compared_then(tx, _then(tx, stage, reader, sight, as_of, place), as_of)
        shown = _shown(tx, stage.scene, stage.heads[unit].version, reader, sight.standings)
        return comparing.compared(tx, [shown], reader.lang)[0]

    return site.database.read(work)


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
        head, standings = _cycle(site, tx, reader, cycle, "none")
        scopes = [one.path for one in standings if one.role in access.READERS]
        if unit is not None:
            scopes = [_sight(site, tx, reader, cycle, unit, "none").unit.path]
        _check_filters(site, tx, head, scopes, parent, state)
        wanted = {"parent": parent, "state": state}
        codes = surveys.page(
            tx, head.negotiation, head.state, scopes, wanted, cursor or "", size + 1
        )
        places = trees.nodes(site.database, tx, head.tree, codes[:size])
        wanted_places = [places[code] for code in codes[:size]]
        stages = reading.stages(site.database, tx, head, wanted_places, clock=site.clock)
        shown = [
            _shown(tx, one.scene, one.heads[one.scene.own.unit.code].version, reader, standings)
            for one in stages
        ]
        last = places[codes[size - 1]].path if len(codes) > size else None
        return Page(items=comparing.compared(tx, shown, reader.lang), next=last)

    return site.database.read(work)


def history(
    site: Site, reader: Reader, cycle: str, unit: str, cursor: str | None, limit: int | None = None
) -> Page[EventView]:
    """A plan's events in order; free texts that were erased are absent."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)
    after = int(cursor) if cursor and _CURSOR.fullmatch(cursor) else 0

    def work(tx: Tx) -> Page[EventView]:
        sight = _sight(site, tx, reader, cycle, unit, "none")
        stream = plan_stream(cycle, sight.unit.id)
        found = list(surveys.events(tx, stream, after, size + 1))
        items = []
        for stored in found[:size]:
            event = unseal(stored.leaf, stored.entries)
            items.append(
                EventView(
                    id=event.id,
                    seq=event.seq,
                    kind=event.kind,
                    round=event.round,
                    recorded_at=event.recorded_at,
                    actor=event.actor,
                    grant=event.grant,
                    delegators=list(event.delegators),
                    cites=list(event.cites),
                    parts=dict(event.parts),
                    chain=stored.chain.hex(),
                )
            )
        return Page(items=items, next=str(items[-1].seq) if len(found) > size else None)

    return site.database.read(work)


def diff(
    site: Site, reader: Reader, cycle: str, unit: str, before: str | None, after: str | None
) -> DiffView:
    """Two rounds of a plan: figures and reasons that differ, and the promises between them."""

    def work(tx: Tx) -> DiffView:
        sight = _sight(site, tx, reader, cycle, unit, "none")
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

    return site.database.read(work)


def _check_filters(
    site: Site, tx: Tx, head: CycleHead, scopes: list[str], parent: str | None, state: str | None
) -> None:
    """A filter that names nothing would look like an empty answer."""
    if parent is not None:
        place = trees.node(site.database, tx, head.tree, parent)
        if place is None or not any(place.within(scope) for scope in scopes):
            raise Refusal("not_found", {"kind": "unit", "name": parent})
    if state is not None and not head.negotiation.knows(state):
        raise invalid(Finding("unknown_state", {"name": state[:64]}, "state"))


def _cycle(
    site: Site, tx: Tx, reader: Reader, cycle: str, lock: Lock
) -> tuple[CycleHead, list[Standing]]:
    head = cycle_head(site.database, tx, cycle, lock)
    standings = people.standings(site, tx, reader, head.tree) if head else []
    if head is None or not any(one.role in access.READERS for one in standings):
        raise Refusal("not_found", {"kind": "cycle", "name": cycle})
    return head, standings


def _sight(site: Site, tx: Tx, reader: Reader, cycle: str, unit: str, lock: Lock) -> Sight:
    """Find a plan in the reader's scope; one outside it is not found (404, never 403)."""
    head, standings = _cycle(site, tx, reader, cycle, lock)
    place = trees.node(site.database, tx, head.tree, unit)
    if place is None or not access.may_read(standings, place.path):
        raise Refusal("not_found", {"kind": "unit", "name": unit})
    taking = reading.taking_now(head)
    return Sight(head, place, trees.above(site.database, tx, head.tree, place, taking), standings)


def _ways(command_or_refusal: Callable[[], c.Command]) -> tuple[bool, ...]:
    """Whether the act is for oneself or on behalf; of a body that cannot be read, either (代报)."""
    try:
        command = command_or_refusal()
    except Refusal:  # told when its turn in the order of checks has come
        return False, True
    return (getattr(command, "on_behalf_of", None) is not None,)


def _right(sight: Sight, action: str, ways: tuple[bool, ...], scene: Scene | None = None) -> str:
    """The grant to act by: of several, one in whose chain nobody had a hand in it, if any (N14)."""
    above = sight.parent.path if sight.parent else None
    avoid = subjects.hands(scene) if scene else ()
    desk = subjects.desk(sight.unit, scene.own.plan) if scene else None
    for way in ways:
        grant = access.grant_for(
            sight.standings, action, sight.unit.path, above, desk, on_behalf=way, avoid=avoid
        )
        if grant is not None:
            return grant
    raise Refusal("forbidden", {"action": action})


def _carry_out(
    site: Site, tx: Tx, stage: Stage, command: c.Command, hand: Hand, subject: str
) -> tuple[Stage, Recorded | None]:
    """Decide and write; a working copy leaves no event."""
    if isinstance(command, c.SaveDraft):
        with in_terms(stage.scene.negotiation.terms):
            draft = up.save_draft(stage.scene, command, hand)
        typists = sorted({*stage.scene.own.typists, *hand.people})
        return appending.save_working_copy(tx, stage, draft, typists), None
    drafts: list[Draft] = decide(stage.scene, command, hand, subject)
    own = stage.scene.own.unit
    pen = site.pen(hand, stage.scene.now)
    on_plans = [draft for draft in drafts if draft.unit]
    after, done = appending.append_plans(tx, stage, on_plans, pen)
    for turn in drafts:
        if not turn.unit:  # rounds are moved by an act of the root, which has no parent
            head = appending.append_turn(tx, after, turn, pen)
            after = reading.stage(site.database, tx, head, own, None, clock=site.clock)
    return after, done[own.code]


def _replayed(tx: Tx, stage: Stage, reader: Reader, sight: Sight, used: KeyUsed) -> PlanView:
    """The answer of the first call once more, as all was then, through today's scope."""
    cycle = surveys.cycle_at(tx, stage.scene.cycle.id, used.cycle_position)
    plan = surveys.as_of(tx, cycle.id, sight.unit.id, position=used.position) or NEW_PLAN
    # The working copy keeps no history: an older one is not shown in place of the newer (F3).
    kept = stage.heads[sight.unit.code].version == used.version
    draft = stage.scene.own.draft if kept else None
    own = replace(stage.scene.own, plan=plan, draft=draft, kept=None)
    scene = silence.seen(replace(stage.scene, cycle=cycle, own=own, now=used.at))
    view = _shown(tx, scene, used.version, reader, sight.standings).view
    return view.model_copy(update={"event": used.event_id, "chain": used.chain})


@dataclass(frozen=True, slots=True)
class _Then:
    """A unit's place in the tree of an earlier time, and its code today."""

    place: UnitNode
    now: str


def _place_then(
    site: Site, tx: Tx, reader: Reader, cycle: str, unit: str, moment: dt.datetime
) -> _Then | None:
    """Whom a code meant at an instant (N1); None where it meant nobody, or before the cycle."""
    head, _ = _cycle(site, tx, reader, cycle, "none")
    state = surveys.cycle_as_of(tx, cycle, moment)
    found = planting.at(tx, cycle, state.position, code=unit, gone=True) if state else []
    if not found:
        return None
    now = trees.node_of_unit(site.database, tx, head.tree, [found[0].id])
    return _Then(found[0], now[found[0].id].code)


def _then(
    tx: Tx, stage: Stage, reader: Reader, sight: Sight, moment: dt.datetime, place: UnitNode
) -> Shown:
    """A plan at an instant; its `version` counts events, for it is no write token."""
    cycle = stage.scene.cycle
    cycle = surveys.cycle_as_of(tx, cycle.id, moment) or cycle.but(
        rounds={}, settled=False, terms={}
    )
    plan = surveys.as_of(tx, cycle.id, sight.unit.id, moment) or NEW_PLAN
    own = replace(stage.scene.own, unit=place, plan=plan, kept=None)
    scene = silence.seen(replace(stage.scene, cycle=cycle, own=own, now=moment))
    view = _shown(tx, scene, plan.position, reader, sight.standings).view
    # What may be done now was not the question, and the working copy keeps no history (F3).
    return Shown(scene, view.model_copy(update={"draft": None, "actions": []}))


def _shown(
    tx: Tx, scene: Scene, version: int, reader: Reader, standings: Sequence[Standing]
) -> Shown:
    partial = trees.is_partial(tx, scene.cycle.id, scene.own.unit)
    return Shown(scene, plan_view(scene, version, reader, standings, partial=partial))
