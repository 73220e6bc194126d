"""Events into the database: leaf, parts, chain, and the rows they make, in one unit of work (F2, F5)."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import func, select, update

from planflow.domain.events import (
    SITE,
    Draft,
    Event,
    cycle_log,
    cycle_stream,
    documents,
    place_of,
    plan_stream,
)
from planflow.engine import evolve, numbers
from planflow.engine.machine import Negotiation
from planflow.engine.scene import Seat
from planflow.engine.state import CycleState, PlanState
from planflow.ledger import chain as chains
from planflow.ledger.leaf import Place, seal, unseal
from planflow.store.ledger_tables import LedgerQueueRow
from planflow.store.reading import Stage
from planflow.store.seats import CycleHead, PlanHead, kept
from planflow.store.tables import (
    CitationRow,
    CommitmentRow,
    CycleRow,
    CycleStateRow,
    EventPartRow,
    EventRow,
    ExtensionRow,
    FigureRow,
    PlanRow,
    PlanStateRow,
    SiteRow,
    table,
)
from planflow.store.transaction import Tx
from planflow.store.writing import Batch, upsert

PLANS = table(PlanRow)
TICK = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Pen:
    """Who writes, when, for which site, and with which salts."""

    site: str
    actor: str
    grant: str
    now: dt.datetime
    salt: Callable[[], bytes]
    via: str = ""
    delegators: tuple[str, ...] = ()

    def not_before(self, moments: Iterable[dt.datetime | None]) -> "Pen":
        """The same pen, writing later than all of these: one act has one time (F4)."""
        known = [moment + TICK for moment in moments if moment is not None]
        return replace(self, now=max([self.now, *known]))


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a stream: what the next event follows."""

    position: int
    chain: bytes
    recorded_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as recorded, with the chain after it."""

    event: Event
    chain: bytes


def record(
    batch: Batch, pen: Pen, log: str, stream: str, head: Head, draft: Draft, cycle_seq: int = 0
) -> Recorded:
    """Seal one event at the end of a stream; its time is strictly later than the last one's (F4)."""
    moment = pen.not_before([head.recorded_at]).now
    place = Place(
        f"{pen.site}/{log}",
        stream,
        head.position + 1,
        moment,
        pen.actor,
        pen.grant,
        pen.via,
        pen.delegators,
        cycle_seq,
    )
    sealed = seal(draft, place, pen.salt)
    link = chains.link(head.chain, sealed.leaf)
    cycle, unit = place_of(stream)
    batch.add(
        EventRow,
        id=draft.id,
        stream=stream,
        seq=place.seq,
        kind=draft.kind,
        round=draft.round,
        recorded_at=moment,
        leaf=sealed.leaf,
        chain=link,
        cycle_id=cycle,
        unit_id=unit,
        actor=pen.actor,
    )
    for number, own in documents(draft.parts).items() if cycle else ():
        batch.add(CitationRow, event_id=draft.id, document_no=number, cycle_id=cycle, own=own)
    batch.add(LedgerQueueRow, event_id=draft.id, log=log)
    for entry in sealed.entries:
        batch.add(
            EventPartRow,
            event_id=draft.id,
            part=entry.part,
            number=entry.number,
            digest=entry.digest,
            salt=entry.salt,
            value=entry.value,
        )
    # What is folded is read back from what is kept, so that replay cannot tell another story.
    return Recorded(unseal(sealed.leaf, sealed.entries), link)


def append_plans(
    tx: Tx, stage: Stage, drafts: Iterable[Draft], pen: Pen
) -> tuple[Stage, dict[str, Recorded]]:
    """Record events of plans in a scene; return the scene after them and the last one per unit."""
    heads, seats, drafts = dict(stage.heads), stage.seats(), list(drafts)
    # One act has one time in all its plans, later than the round it rests on.
    touched = [heads[draft.unit].recorded_at for draft in drafts]
    pen = pen.not_before([stage.cycle.recorded_at, *touched])
    states, last = write_plans(tx, stage.cycle, seats, heads, drafts, pen)
    moved = {code: replace(seats[code], plan=states[code], kept=None) for code in last}
    as_kept = {
        code: replace(seat, plan=seat.kept, kept=None) if seat.kept else seat
        for code, seat in seats.items()
    }
    return stage.after(as_kept | moved, heads), last


def write_plans(
    tx: Tx,
    head: CycleHead,
    seats: Mapping[str, Seat],
    heads: dict[str, PlanHead],
    drafts: Iterable[Draft],
    pen: Pen,
) -> tuple[dict[str, PlanState], dict[str, Recorded]]:
    """Record events of plans of a cycle; states after them and the last event, by unit code.

    `heads` learns the plans' new counters.
    """
    batch = Batch()
    states = {code: seat.stored for code, seat in seats.items()}
    last: dict[str, Recorded] = {}
    bodies: dict[str, str] = {}
    cycle, negotiation = head.state.id, head.negotiation
    log = cycle_log(cycle, practice=head.state.practice)
    for draft in drafts:
        seat, before_it = seats[draft.unit], heads[draft.unit]
        stream = plan_stream(cycle, seat.unit.id)
        end = Head(before_it.position, before_it.chain, before_it.recorded_at)
        done = record(batch, pen, log, stream, end, draft, head.state.position)
        before = states[draft.unit]
        after = evolve.plan(negotiation, before, done.event)
        states[draft.unit], last[draft.unit] = after, done
        seq, at = done.event.seq, done.event.recorded_at
        heads[draft.unit] = PlanHead(before_it.version + 1, seq, done.chain, at)
        bodies[draft.unit] = rows_after(batch, cycle, seat, before, after, done.event)
        kept(bodies[draft.unit], after)
    for code in last:
        batch.head(_plan_row(cycle, seats[code], states[code], heads[code], bodies[code]))
    batch.flush(tx)
    return states, last


def rows_after(
    batch: Batch, cycle: str, seat: Seat, before: PlanState, after: PlanState, event: Event
) -> str:
    """The rows that an event of a plan makes beside itself (F5); the text of the state after it."""
    body = after.model_dump_json()
    _state_rows(batch, cycle, seat, after, event, body)
    _figure_rows(batch, cycle, seat, before, after, event.seq)
    _commitment_rows(batch, cycle, seat, before, after, event.seq)
    _extension_rows(batch, cycle, seat, before, after, event.seq)
    return body


def save_working_copy(tx: Tx, stage: Stage, draft: dict[str, Any], typists: Sequence[str]) -> Stage:
    """Keep a unit's working copy: no event, but a new version (F3)."""
    seat = stage.scene.own
    head = stage.heads[seat.unit.code]
    head = replace(head, version=head.version + 1)
    body = seat.stored.model_dump_json()
    row = _plan_row(stage.cycle.state.id, seat, seat.stored, head, body)
    kept = {"draft": orjson.dumps(draft).decode(), "typists": " ".join(typists)}
    upsert(tx, [row | kept | {"draft_round": stage.scene.round}])
    mine = replace(seat, draft=draft, typists=tuple(typists))
    return stage.after(
        {**stage.seats(), seat.unit.code: mine}, {**stage.heads, seat.unit.code: head}
    )


def append_cycle(
    tx: Tx,
    negotiation: Negotiation,
    state: CycleState | None,
    head: Head,
    draft: Draft,
    pen: Pen,
    cycle: str,
) -> tuple[CycleState, Recorded]:
    """Record an event in a cycle's own stream."""
    batch = Batch()
    stream = cycle_stream(cycle)
    # Later than every act in the cycle: those that follow rest on this one.
    acted = select(func.max(PLANS.c.recorded_at)).where(PLANS.c.cycle_id == cycle)
    pen = pen.not_before([tx.connection.execute(acted).scalar_one()])
    practice = state.practice if state else draft.parts["terms"]["practice"]
    log = cycle_log(cycle, practice=practice)
    done = record(batch, pen, log, stream, head, draft, head.position)
    after = evolve.cycle(state, done.event, negotiation.protocol.rounds[-1].name)
    body = after.model_dump_json()
    seq, at = done.event.seq, done.event.recorded_at
    batch.add(
        CycleStateRow, cycle_id=cycle, position=seq, event_id=draft.id, recorded_at=at, body=body
    )
    now = {"position": seq, "chain": done.chain, "recorded_at": at, "body": body}
    if state is None:
        batch.add(CycleRow, id=cycle, digest=negotiation.digest, **now)
    batch.flush(tx)
    if state is not None:
        cycles = table(CycleRow)
        tx.connection.execute(update(cycles).where(cycles.c.id == cycle).values(**now))
    return after, done


def append_turn(tx: Tx, stage: Stage, draft: Draft, pen: Pen) -> CycleHead:
    """Record the cycle's own part of an act on a plan; the cycle must be locked for it."""
    head = stage.cycle
    end = Head(head.state.position, head.chain, head.recorded_at)
    state, done = append_cycle(tx, head.negotiation, head.state, end, draft, pen, head.state.id)
    return CycleHead(state, head.negotiation, done.chain, done.event.recorded_at)


def append_site(tx: Tx, head: Head, draft: Draft, pen: Pen, log: str = SITE) -> Recorded:
    """Record an event in the site's stream; its row must be locked."""
    batch = Batch()
    done = record(batch, pen, log, SITE, head, draft)
    batch.flush(tx)
    now = {"position": done.event.seq, "chain": done.chain, "recorded_at": done.event.recorded_at}
    tx.connection.execute(update(table(SiteRow)).values(**now))
    return done


def _plan_row(
    cycle: str, seat: Seat, state: PlanState, head: PlanHead, body: str
) -> dict[str, Any]:
    return {
        "cycle_id": cycle,
        "unit_id": seat.unit.id,
        "path": seat.unit.path,
        "version": head.version,
        "position": head.position,
        "state": state.state,
        "chain": head.chain,
        "recorded_at": head.recorded_at,
        "body": body,
    }


def _state_rows(
    batch: Batch, cycle: str, seat: Seat, after: PlanState, event: Event, body: str
) -> None:
    batch.add(
        PlanStateRow,
        cycle_id=cycle,
        unit_id=seat.unit.id,
        position=event.seq,
        event_id=event.id,
        recorded_at=event.recorded_at,
        path=seat.unit.path,
        state=after.state,
        body=body,
    )


def _figure_rows(
    batch: Batch, cycle: str, seat: Seat, before: PlanState, after: PlanState, position: int
) -> None:
    """What changed among the numbers that stand; one that no longer stands gets a null."""
    old = {_key(number): number for number in numbers.numbers(before)}
    new = {_key(number): number for number in numbers.numbers(after)}
    for key in {**old, **new}:
        number = new.get(key)
        if number == old.get(key):
            continue
        round_name, side, basis, indicator = key
        batch.add(
            FigureRow,
            cycle_id=cycle,
            unit_id=seat.unit.id,
            round=round_name,
            indicator=indicator,
            side=side,
            basis=basis,
            position=position,
            path=seat.unit.path,
            value=number.value if number else None,
            reason_code=number.reason_code if number else "",
            document_no=number.document_no if number else "",
        )


def _key(number: numbers.Number) -> tuple[str, str, str, str]:
    return number.round, number.side, number.basis, number.indicator


def _commitment_rows(
    batch: Batch, cycle: str, seat: Seat, before: PlanState, after: PlanState, position: int
) -> None:
    for promise in after.promises:
        if before.promise(promise.id) == promise:
            continue
        batch.add(
            CommitmentRow,
            cycle_id=cycle,
            id=promise.id,
            position=position,
            unit_id=seat.unit.id,
            whole_id=promise.part_of or promise.id,
            path=seat.unit.path,
            indicator=promise.indicator,
            settle_in=promise.settle_in,
            status=promise.status,
        )


def _extension_rows(
    batch: Batch, cycle: str, seat: Seat, before: PlanState, after: PlanState, position: int
) -> None:
    for name, due_at in after.extensions.items():
        if before.extensions.get(name) == due_at:
            continue
        batch.add(
            ExtensionRow,
            cycle_id=cycle,
            unit_id=seat.unit.id,
            round=name,
            position=position,
            due_at=due_at,
        )
