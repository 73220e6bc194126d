"""One act on a plan: every check in the contract's order, the decision, its event, its receipt (F1)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from planflow.access import table as access
from planflow.access.scope import Standing, scope
from planflow.domain import commands as c
from planflow.domain.events import Draft
from planflow.domain.parsing import attempt
from planflow.domain.units import UnitNode
from planflow.engine import silence, up
from planflow.engine.decide import decide
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene
from planflow.engine.state import NEW_PLAN
from planflow.errors import Refusal, in_terms
from planflow.services import calls, people, sights, subjects, two_persons
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.showing import plan_view
from planflow.services.sights import Sight
from planflow.services.site import Site
from planflow.services.views import PlanView
from planflow.store import appending, opening, reading, surveys, trees
from planflow.store.appending import Recorded
from planflow.store.reading import Stage
from planflow.store.seats import CycleHead
from planflow.store.sites import KeyUsed
from planflow.store.transaction import Tx

_TURNING = ("decide",)  # acts that may move the cycle's rounds
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
class Acted:
    """An act that was done: its receipt, the plan's version after it, and the plan for who asks for it.

    `event` and `chain` are None for a working copy. The view is made when no row is locked any more.
    """

    version: int
    event: str | None
    chain: str | None
    _scene: Scene
    _standings: list[Standing]
    _partial: bool
    _beyond: frozenset[str]

    def view(self, reader: Reader) -> PlanView:
        """The plan after the act as its reader sees it, with the act's receipt."""
        around = (self._scene, self.version, reader, self._standings)
        shown = plan_view(*around, partial=self._partial, beyond=self._beyond)
        shown.event, shown.chain = self.event, self.chain
        return shown


def act(
    site: Site, reader: Reader, call: Call, cycle: str, unit: str, action: str, subject: str = ""
) -> Acted:
    """Carry out one act on a plan, or refuse it and write nothing.

    `subject` is the id of the commitment, correction or paper it is about.
    Checks run in the contract's order: sight, right, replay, version, shape, rules. Raises `Refusal`.
    """

    # Read before any row is locked, told when its turn in the order of checks has come.
    command_or_refusal = attempt(COMMANDS[action], call.body)
    asked = subjects.asked(command_or_refusal) if action == c.Correct.action else None
    ways = _ways(command_or_refusal)

    def work(tx: Tx) -> Acted:
        calls.hold(tx, reader, call)  # before any row is locked
        sight = _sight_of_act(site, tx, reader, cycle, unit, action)
        if not subject:
            _right(sight, action, ways)
        calls.check_key(call)
        around = (sight.head, sight.unit, sight.parent, action)
        named = subjects.named(site, tx, sight.head, scope(sight.standings), sight.unit, asked)
        read: dict[str, Any] = {
            "clock": site.clock,
            "opened": sight.opened,
            "sees": scope(sight.standings),
        }
        stage = reading.stage(site.database, tx, *around, named, **read)
        subjects.check(stage.scene.own.plan, action, subject)
        sight = _seen_still(site, tx, reader, sight, action, stage.scene.now)
        grant = _right(sight, action, ways, stage.scene)
        used = calls.replayed(tx, reader, call)
        if used is not None:
            return _replayed(tx, stage, sight, used)
        version = stage.heads[unit].version
        calls.check_version(call, version)
        command = command_or_refusal()
        hand = people.hand(site, reader, grant)
        after, done = _carry_out(site, tx, stage, command, hand, subject)
        event, chain = (done.event.id, done.chain.hex()) if done else (None, None)
        position, now = after.scene.own.plan.position, after.heads[unit].version
        then = KeyUsed(call.digest, position, now, event, chain, after.cycle.state.position)
        calls.remember(tx, site, reader, call, then)
        return _acted(tx, after.scene, now, sight, event, chain)

    return site.database.write(work, reader.within(cycle))


def _sight_of_act(site: Site, tx: Tx, reader: Reader, cycle: str, unit: str, action: str) -> Sight:
    """The same for an act, the cycle locked; the plan and the one above it as well on the short way."""
    if action in _TURNING:
        return sights.of_plan(site, tx, reader, cycle, unit, "update")

    standings: list[Standing] = []

    def seen(head: CycleHead, place: UnitNode) -> bool:
        standings[:] = people.standings(site, tx, reader, head.tree)
        return scope(standings).has(place.path)

    # A correction locks all that it reaches first, from the top down (N18).
    short = action not in reading.ON_CORRECTIONS
    rests = reader.rests_on()
    opened = opening.opened(site.database, tx, cycle, unit, seen, rests) if short else None
    if opened is None:
        sight = sights.of_plan(site, tx, reader, cycle, unit, "share")
        opening.remember(site.database, sight.head)
        return sight
    return Sight(opened.head, opened.unit, opened.parent, standings, opened)


def _seen_still(
    site: Site, tx: Tx, reader: Reader, sight: Sight, action: str, now: dt.datetime | None
) -> Sight:
    """The sight as the reader's grants are once all is locked: some may have ended meanwhile (F9)."""
    opened = sight.opened if action not in reading.LOCKING_MORE else None
    over = now is not None and reader.over(now)
    if opened is not None and not opened.lapsed and not over:
        return sight
    standings = people.standings(site, tx, people.still(site, tx, reader), sight.head.tree)
    if not scope(standings).has(sight.unit.path):
        raise Refusal("not_found", {"kind": "unit", "name": sight.unit.code})
    return replace(sight, standings=standings)


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


def _replayed(tx: Tx, stage: Stage, sight: Sight, used: KeyUsed) -> Acted:
    """The answer of the first call once more, as all was then, through today's scope."""
    cycle = surveys.cycle_at(tx, stage.scene.cycle.id, used.cycle_position)
    plan = surveys.as_of(tx, cycle.id, sight.unit.id, position=used.position) or NEW_PLAN
    # The working copy keeps no history: an older one is not shown in place of the newer (F3).
    kept = stage.heads[sight.unit.code].version == used.version
    draft = stage.scene.own.draft if kept else None
    own = replace(stage.scene.own, plan=plan, draft=draft, kept=None)
    scene = silence.seen(replace(stage.scene, cycle=cycle, own=own, now=used.at))
    return _acted(tx, scene, used.version, sight, used.event_id, used.chain)


def _acted(
    tx: Tx, scene: Scene, version: int, sight: Sight, event: str | None, chain: str | None
) -> Acted:
    own = scene.own
    partial = trees.is_partial(tx, scene.cycle.id, own.unit)
    named = two_persons.named(own.plan, own.unit.code)
    beyond = sights.beyond(tx, sight.head, scope(sight.standings), named)
    return Acted(version, event, chain, scene, sight.standings, partial, beyond)
