"""Cycles and their rounds: acts of the root's admin (N1, N2, N6, N9)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from planflow.access.scope import Scope, Standing, units_read
from planflow.access.table import anywhere, cycle_grant
from planflow.domain.commands import CloseRound, DropCycle, OpenCycle, OpenRound
from planflow.domain.parsing import parse
from planflow.domain.units import SEPARATOR, UnitNode
from planflow.engine import rounds, silence, windows
from planflow.engine.hand import Hand
from planflow.engine.machine import compile_protocol
from planflow.engine.rounds import Survey
from planflow.engine.scene import Scene
from planflow.engine.state import CycleState
from planflow.engine.windows import Opening
from planflow.errors import Finding, Refusal, in_terms, invalid
from planflow.ledger.chain import START
from planflow.services import calls, fixing, people, sights
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.showing_cycles import cycle_item, cycle_view
from planflow.services.site import Site
from planflow.services.views import CycleItem, CycleView, Page
from planflow.store import people as accounts
from planflow.store import planting, reading, sites, surveys, trees
from planflow.store.appending import Head, Recorded, append_cycle, append_plans
from planflow.store.closing import standing_at_close
from planflow.store.seats import CycleHead, Lock, cycle_head
from planflow.store.sites import KeyUsed
from planflow.store.transaction import Tx

_OPENING = "open_cycle"


def create_cycle(site: Site, reader: Reader, call: Call) -> CycleView:
    """Open a cycle over the tree below its root, as registered now. The root's admin.

    Raises `Refusal`.
    """

    def work(tx: Tx) -> CycleView:
        if not anywhere((grant.role for grant in reader.grants), _OPENING):
            raise Refusal("forbidden", {"action": _OPENING})
        calls.wait_for(tx, reader, call)
        register = sites.lock_site(tx)  # one at a time: the tree must not change while it is fixed
        by = people.still(site, tx, reader)
        used = calls.replayed(tx, reader, call)
        command = parse(OpenCycle, call.body)
        if used is not None:
            head = head_of(site, tx, reader, command.id, "none")
            then = replace(head, state=surveys.cycle_at(tx, command.id, used.position))
            return cycle_view(tx, then, reader, _whole(head), used.event_id, used.chain)
        grant = _root_grant(tx, by, command)
        text = _text(site, command)
        negotiation = compile_protocol(text)
        # One that was dropped keeps its name: its events are there.
        if cycle_head(site.database, tx, command.id, dropped=True) is not None:
            raise Refusal("already_exists", {"kind": "cycle", "name": command.id})
        rows = fixing.tree(tx, negotiation, command)
        hand = people.hand(site, reader, grant)
        drafts = rounds.open_cycle(negotiation, command, fixing.as_fixed(rows, register), hand)
        sites.keep_protocol(tx, negotiation.digest, negotiation.protocol.name, text)
        pen, start = site.pen(hand), Head(0, START, None)
        state, done = append_cycle(tx, negotiation, None, start, drafts[0], pen, command.id)
        planting.fix(tx, rows, state.tree)
        calls.remember(tx, site, reader, call, _used(call, done))
        head = CycleHead(state, negotiation, done.chain, done.event.recorded_at)
        return cycle_view(tx, head, reader, _whole(head), done.event.id, done.chain.hex())

    return site.database.write(work)


def get_cycle(site: Site, reader: Reader, cycle: str) -> CycleView:
    """A cycle's terms and the standing of its rounds. Anyone with a reading role in its tree."""

    def work(tx: Tx) -> CycleView:
        seen = sights.of_cycle(site, tx, reader, cycle)
        return cycle_view(tx, seen.head, reader, seen.scope)

    return site.database.read(work, reader.within(cycle))


def list_cycles(
    site: Site, reader: Reader, cursor: str | None, limit: int | None = None
) -> Page[CycleItem]:
    """A page of the cycles in whose trees the reader has a reading role, by id."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)
    ids = sorted(units_read(reader.grants))

    def work(tx: Tx) -> Page[CycleItem]:
        found = trees.cycles_with(tx, ids, cursor or "", size + 1) if ids else []
        items = [cycle_item(one) for one in found[:size]]
        return Page(items=items, next=items[-1].id if len(found) > size else None)

    return site.database.read(work)


def drop_cycle(site: Site, reader: Reader, call: Call, cycle: str) -> CycleView:
    """Drop a practice cycle: from then on nobody finds it; its events stay. The root's admin."""

    def act(tx: Tx, head: CycleHead, hand: Hand) -> tuple[CycleState, Recorded]:
        draft = rounds.drop_cycle(head.state, parse(DropCycle, call.body), hand)[0]
        return _append(site, tx, head, draft, hand, site.clock())

    def work(tx: Tx) -> CycleView:
        head = head_of(site, tx, reader, cycle, "update", dropped=True)
        # Only the very call that dropped it may be answered again.
        if head.state.dropped and calls.replayed(tx, reader, call) is None:
            raise Refusal("not_found", {"kind": "cycle", "name": cycle})
        return as_root(site, tx, reader, call, head, act, "drop")

    return site.database.write(work, reader.within(cycle))


def open_round(site: Site, reader: Reader, call: Call, cycle: str, name: str) -> CycleView:
    """Open a round: one event, however many units take part. The root's admin."""

    def work(tx: Tx, head: CycleHead, hand: Hand) -> tuple[CycleState, Recorded]:
        command, now = parse(OpenRound, call.body), site.clock()
        root = root_of(site, tx, head)
        opening = Opening(head.negotiation, head.state, name, now, site.calendar, root.level)
        terms = windows.terms_of(opening, command)
        draft = rounds.open_round(head.negotiation, head.state, name, hand, terms)[0]
        return _append(site, tx, head, draft, hand, now)

    return _on_round(site, reader, call, cycle, name, work, "open")


def close_round(site: Site, reader: Reader, call: Call, cycle: str, name: str) -> CycleView:
    """Close a round when everyone is done, or settled by declared silence. The root's admin.

    An up round writes the root's sum. Silence is one event, however many units it settles (N9).
    """

    def work(tx: Tx, head: CycleHead, hand: Hand) -> tuple[CycleState, Recorded]:
        command = parse(CloseRound, call.body)
        root = root_of(site, tx, head)
        stage = reading.stage(site.database, tx, head, root, None, "submit", clock=site.clock)
        now = stage.scene.now
        survey = Survey()
        if head.state.is_open(name) and now is not None:
            survey = _survey(site, tx, head, name, now, every=command.apply_silence)
        drafts = rounds.close_round(stage.scene, name, command, survey, hand)
        # The root's sum belongs to the round: it is written while the round is still open.
        append_plans(tx, stage, drafts[1:], site.pen(hand, now))
        return _append(site, tx, head, drafts[0], hand, now)

    return _on_round(site, reader, call, cycle, name, work, "close")


def root_of(site: Site, tx: Tx, head: CycleHead) -> UnitNode:
    """The unit at the top of a cycle's tree."""
    root = trees.node(site.database, tx, head.tree, head.state.root)
    if root is None:
        raise AssertionError("a cycle's tree holds its root")
    return root


def _on_round(
    site: Site,
    reader: Reader,
    call: Call,
    cycle: str,
    name: str,
    act: Callable[[Tx, CycleHead, Hand], tuple[CycleState, Recorded]],
    action: str,
) -> CycleView:
    def work(tx: Tx) -> CycleView:
        head = head_of(site, tx, reader, cycle, "update")
        if name not in head.negotiation.protocol.rounds_by_name:
            raise Refusal("not_found", {"kind": "round", "name": name})
        return as_root(site, tx, reader, call, head, act, action)

    return site.database.write(work, reader.within(cycle))


def as_root(
    site: Site,
    tx: Tx,
    reader: Reader,
    call: Call,
    head: CycleHead,
    act: Callable[[Tx, CycleHead, Hand], tuple[CycleState, Recorded]],
    action: str,
) -> CycleView:
    """An act of the root's admin on a cycle that is locked for it."""
    cycle, root = head.state.id, head.state.root
    by = people.still(site, tx, reader)  # the cycle is locked: it may have been waited for
    grant = cycle_grant(people.standings(site, tx, by, head.tree), action, root)
    if grant is None:
        raise Refusal("forbidden", {"action": action})
    calls.wait_for(tx, reader, call)
    used = calls.replayed(tx, reader, call)
    if used is not None:
        then = replace(head, state=surveys.cycle_at(tx, cycle, used.position))
        return cycle_view(tx, then, reader, _whole(head), used.event_id, used.chain)
    hand = people.hand(site, reader, grant)
    with in_terms(head.negotiation.terms):
        state, done = act(tx, head, hand)
    calls.remember(tx, site, reader, call, _used(call, done))
    after = CycleHead(state, head.negotiation, done.chain, None)
    return cycle_view(tx, after, reader, _whole(after), done.event.id, done.chain.hex())


def _whole(head: CycleHead) -> Scope:
    """What the root's admin sees, who alone acts on a cycle."""
    return Scope((head.state.root,))


def _append(
    site: Site, tx: Tx, head: CycleHead, draft: Any, hand: Hand, now: dt.datetime | None
) -> tuple[CycleState, Recorded]:
    end = Head(head.state.position, head.chain, head.recorded_at)
    pen = site.pen(hand, now)
    return append_cycle(tx, head.negotiation, head.state, end, draft, pen, head.state.id)


def head_of(
    site: Site, tx: Tx, reader: Reader, cycle: str, lock: Lock, *, dropped: bool = False
) -> CycleHead:
    """A cycle in the reader's sight; one they have no reading role in is not found."""
    return sights.of_cycle(site, tx, reader, cycle, lock, dropped=dropped).head


def _root_grant(tx: Tx, reader: Reader, command: OpenCycle) -> str:
    """The grant to open a cycle by. The same answer where there is no such unit: none is tried out."""
    root_id = accounts.unit_id(tx, command.root)
    placed = [Standing(g.id, g.role, g.unit_id) for g in reader.grants if g.unit_id]
    grant = cycle_grant(placed, _OPENING, root_id) if root_id else None
    if grant is None:
        raise Refusal("forbidden", {"action": _OPENING})
    return grant


def _text(site: Site, command: OpenCycle) -> str:
    """The exact text of the protocol that a cycle is to run."""
    if command.protocol not in site.protocols:
        params = {"protocol": command.protocol, "known": ", ".join(site.protocols)}
        raise invalid(Finding("unknown_protocol", params, "protocol"))
    return site.protocols[command.protocol]


def _survey(
    site: Site, tx: Tx, head: CycleHead, name: str, now: dt.datetime, *, every: bool
) -> Survey:
    """The whole tree at close; codes of all silent units only where they are to be settled."""
    cycle, negotiation = head.state.id, head.negotiation
    due = silence.due_now(head.state, name, now, site.calendar)
    standing = standing_at_close(negotiation, cycle, name, due)
    units, count = standing.first(tx, standing.unfinished)
    silent, silent_count = standing.first(tx, standing.silent) if due.rules else ([], 0)
    codes = list(standing.codes(tx, standing.silent)) if every and silent_count else []
    promises = surveys.open_promises(tx, cycle, name)
    parents = _above_changes(site, tx, head, name, now, frozenset(codes))
    return Survey(units, count, promises, parents, silent, silent_count, codes, due.rules)


def _above_changes(
    site: Site, tx: Tx, head: CycleHead, name: str, now: dt.datetime, silent: frozenset[str]
) -> list[Scene]:
    """Units whose own figure may no longer be what those below make it.

    In an adjust everybody above a change; in an up round whoever is settled by silence above somebody
    who did answer.
    """
    kind = head.negotiation.protocol.rounds_by_name[name].kind
    if kind not in ("up", "adjust") or (kind == "up" and not silent):
        return []
    paths = surveys.moved_in(tx, head.state.id, name)
    codes = {code for path in paths for code in path.split(SEPARATOR)}
    wanted = sorted(codes if kind == "adjust" else codes & silent)
    places = list(trees.nodes(site.database, tx, head.tree, wanted).values())
    stages = reading.stages(site.database, tx, head, places, clock=lambda: now)
    return [stage.scene for stage in stages if stage.scene.children]


def _used(call: Call, done: Recorded) -> KeyUsed:
    seq = done.event.seq
    return KeyUsed(call.digest, seq, seq, done.event.id, done.chain.hex(), seq)
