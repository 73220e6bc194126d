"""Cycles and plans told again by their events, row by row as the writer makes them (N13, F5)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, func, select

from planflow.domain.events import Event, cycle_stream, plan_stream
from planflow.domain.units import UnitNode
from planflow.engine import evolve
from planflow.engine.machine import Negotiation, compile_protocol
from planflow.engine.scene import Seat
from planflow.engine.state import NEW_PLAN, CycleState
from planflow.errors import Finding
from planflow.ledger.leaf import unseal
from planflow.store import surveys
from planflow.store.appending import rows_after
from planflow.store.audit import places
from planflow.store.audit.course import Course, columns_of, compare, differing
from planflow.store.tables import (
    CommitmentRow,
    CycleRow,
    CycleStateRow,
    CycleUnitRow,
    CycleUnitVersionRow,
    EventRow,
    ExtensionRow,
    FigureRow,
    PlanRow,
    PlanStateRow,
    ProtocolTextRow,
    table,
)
from planflow.store.transaction import Tx
from planflow.store.writing import Batch

PLANS, CYCLES, STATES = table(PlanRow), table(CycleRow), table(CycleStateRow)
EVENTS = table(EventRow)
TEXTS, VERSIONS, UNITS = table(ProtocolTextRow), table(CycleUnitVersionRow), table(CycleUnitRow)
MADE = (PlanStateRow, FigureRow, CommitmentRow, ExtensionRow)
Span = tuple[int | None, int | None]  # positions after the one, up to and with the other
_PLANS_AT_ONCE = 100
_EVENTS_AT_ONCE = 1_000


def findings(tx: Tx, course: Course) -> Iterator[Finding]:
    """Fold all cycles and plans again, and compare every row with what the fold makes."""
    for row in (
        tx.connection.execute(select(*columns_of(CYCLES)).order_by(CYCLES.c.id)).mappings().all()
    ):
        course.count("cycles")
        yield from _cycle(tx, course, row)
    for made in MADE:
        rows = table(made)
        on = (PLANS.c.cycle_id == rows.c.cycle_id) & (PLANS.c.unit_id == rows.c.unit_id)
        query = select(rows.c.cycle_id, rows.c.unit_id).outerjoin(PLANS, on)
        yield from _alone(tx, rows, query.where(PLANS.c.cycle_id.is_(None)))
    for rows in (STATES, PLANS, UNITS, VERSIONS):
        query = select(rows.c.cycle_id).outerjoin(CYCLES, CYCLES.c.id == rows.c.cycle_id)
        yield from _alone(tx, rows, query.where(CYCLES.c.id.is_(None)))


def _alone(tx: Tx, rows: Table, query: Any) -> Iterator[Finding]:
    """Rows of no plan, or of no cycle."""
    for row in tx.connection.execute(query.limit(1)):
        yield Finding("row_unexpected", {"table": rows.name, "key": " ".join(row)})


def _cycle(tx: Tx, course: Course, row: Any) -> Iterator[Finding]:
    digest = _digest(tx, row["id"])
    if digest != row["digest"]:
        yield Finding("row_differs", {"table": "cycle", "key": row["id"], "column": "digest"})
        return
    text = tx.connection.execute(select(TEXTS).where(TEXTS.c.digest == digest)).mappings().first()
    if text is None:
        yield Finding("row_missing", {"table": "protocol_text", "key": digest})
        return
    negotiation = compile_protocol(text["text"])
    named = {"name": negotiation.protocol.name}
    yield from differing("protocol_text", digest, named, text)
    state: CycleState | None = None
    meant = []
    for stored in surveys.events(tx, cycle_stream(row["id"])):
        event = unseal(stored.leaf, stored.entries)
        folded = _folded(event, lambda e, s=state: evolve.cycle(s, e, _last(negotiation)))
        if folded is None:
            yield _not_applicable(event)
            return
        state = folded
        yield from places.grown(tx, row["id"], event)
        meant.append(
            {
                "cycle_id": row["id"],
                "position": event.seq,
                "event_id": event.id,
                "recorded_at": event.recorded_at,
                "body": state.model_dump_json(),
            }
        )
    query = select(*columns_of(STATES)).where(STATES.c.cycle_id == row["id"])
    rows = tx.connection.execute(query).mappings()
    yield from compare("cycle_state", ("cycle_id", "position"), meant, rows)
    if state is not None:
        own = {"body": state.model_dump_json(), "digest": state.digest, "id": state.id}
        yield from differing("cycle", row["id"], own, row)
    yield from places.now(tx, row["id"])
    yield from _plans(tx, course, row["id"], negotiation)


def _digest(tx: Tx, cycle: str) -> str:
    """The digest of the protocol's text, as the cycle's first event tells it."""
    for stored in surveys.events(tx, cycle_stream(cycle), limit=1):
        return str(unseal(stored.leaf, stored.entries).parts["terms"]["digest"])
    return ""


def _last(negotiation: Negotiation) -> str:
    return negotiation.protocol.rounds[-1].name


def _folded(event: Event, fold: Any) -> Any:
    """The state after an event; None where the event says what no act could have said."""
    try:
        return fold(event)
    except Exception:  # the machine, a missing part, a bad value: it is told as one finding
        return None


def _not_applicable(event: Event) -> Finding:
    params = {"stream": event.stream, "seq": event.seq, "event": event.id}
    return Finding("event_not_applicable", params)


def _plans(tx: Tx, course: Course, cycle: str, negotiation: Negotiation) -> Iterator[Finding]:
    for page in _pages(tx, cycle):
        stood = _paths(tx, cycle, [row["unit_id"] for row in page])
        told = {row["unit_id"]: _Told(negotiation, row, stood[row["unit_id"]]) for row in page}
        for span in _spans(tx, page):
            stored = {made: _by_unit(tx, table(made), cycle, list(told), span) for made in MADE}
            for unit, plan in told.items():
                course.count("rows", sum(len(rows[unit]) for rows in stored.values()))
                yield from plan.over(tx, span, {made: stored[made][unit] for made in MADE})
        for plan in told.values():
            course.count("plans")
            yield from plan.head()


def _pages(tx: Tx, cycle: str) -> Iterator[list[Any]]:
    """Plans of a cycle, so many at once that their events are few; one with many stands alone."""
    query = select(*columns_of(PLANS)).where(PLANS.c.cycle_id == cycle).order_by(PLANS.c.unit_id)
    rows = tx.connection.execute(query.limit(_PLANS_AT_ONCE)).mappings().all()
    while rows:
        page: list[Any] = []
        for row in rows:
            if page and sum(one["position"] for one in page) + row["position"] > _EVENTS_AT_ONCE:
                yield page
                page = []
            page.append(row)
        yield page
        later = query.where(PLANS.c.unit_id > rows[-1]["unit_id"]).limit(_PLANS_AT_ONCE)
        rows = tx.connection.execute(later).mappings().all()


def _spans(tx: Tx, page: Sequence[Any]) -> Iterator[Span]:
    """Positions one after another; what lies before the first or beyond the last is in one of them."""
    row, after = page[0], None
    if (
        row["position"] > _EVENTS_AT_ONCE
    ):  # alone on its page; what it says of its length is no proof
        stream = plan_stream(row["cycle_id"], row["unit_id"])
        query = select(func.max(EVENTS.c.seq)).where(EVENTS.c.stream == stream)
        last = tx.connection.execute(query).scalar() or 0
        for position in range(_EVENTS_AT_ONCE, last, _EVENTS_AT_ONCE):
            yield after, position
            after = position
    yield after, None


class _Told:
    """One plan as its events tell it, so far; where they stop making sense, no more of it is told."""

    def __init__(
        self, negotiation: Negotiation, row: Any, stood: Sequence[tuple[int, str]]
    ) -> None:
        self._negotiation, self._row, self._stood = negotiation, row, stood
        self._state, self._broken = NEW_PLAN, False

    def over(self, tx: Tx, span: Span, stored: Mapping[Any, list[Any]]) -> Iterator[Finding]:
        """Fold the events of a span, and compare the rows that they make."""
        if self._broken:
            return
        cycle, unit = self._row["cycle_id"], self._row["unit_id"]
        batch = Batch()
        for event in _events(tx, cycle, unit, span):
            state = self._state
            after = _folded(event, lambda e, s=state: evolve.plan(self._negotiation, s, e))
            if after is None:
                self._broken = True
                yield _not_applicable(event)
                return
            node = UnitNode(unit, "", "", "", _path_at(self._stood, event.cycle_seq))
            rows_after(batch, cycle, Seat(node), state, after, event)
            self._state = after
        for made in MADE:
            rows = table(made)
            keys = [column.name for column in rows.primary_key]
            yield from compare(rows.name, keys, batch.rows.get(made, []), stored[made])

    def head(self) -> Iterator[Finding]:
        """Compare the plan's own row with what came of it."""
        if self._broken:
            return
        row = self._row
        key = f"{row['cycle_id']} {row['unit_id']}"
        meant: dict[str, Any] = {"state": self._state.state}
        if row["position"]:
            meant["body"] = self._state.model_dump_json()
        if self._stood:
            meant["path"] = self._stood[-1][1]
        yield from differing("plan", key, meant, row)
        if row["version"] < row["position"]:
            yield Finding("row_differs", {"table": "plan", "key": key, "column": "version"})


def _events(tx: Tx, cycle: str, unit: str, span: Span) -> Iterator[Event]:
    after, last = span
    stream = plan_stream(cycle, unit)
    for stored in surveys.events(tx, stream, after or 0, _EVENTS_AT_ONCE if last else None):
        if last is None or stored.seq <= last:
            yield unseal(stored.leaf, stored.entries)


def _by_unit(
    tx: Tx, rows: Table, cycle: str, units: Sequence[str], span: Span
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    query = select(*columns_of(rows)).where(rows.c.cycle_id == cycle, rows.c.unit_id.in_(units))
    after, last = span
    if after is not None:
        query = query.where(rows.c.position > after)
    if last is not None:
        query = query.where(rows.c.position <= last)
    for row in tx.connection.execute(query).mappings():
        found[row["unit_id"]].append(row)
    return found


def _paths(tx: Tx, cycle: str, units: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """Where units stood, from which position of the cycle on."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    query = select(VERSIONS.c.unit_id, VERSIONS.c.position, VERSIONS.c.path)
    query = query.where(VERSIONS.c.cycle_id == cycle, VERSIONS.c.unit_id.in_(units))
    for row in tx.connection.execute(query.order_by(VERSIONS.c.position)):
        found[row.unit_id].append((row.position, row.path))
    return found


def _path_at(stood: Sequence[tuple[int, str]], position: int) -> str:
    return next((path for at, path in reversed(stood) if at <= position), "")
