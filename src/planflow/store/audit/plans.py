"""Cycles and plans told again by their events, row by row as the writer makes them (N13, F5)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, select

from planflow.domain.events import Event, cycle_stream, plan_stream
from planflow.domain.units import UnitNode
from planflow.engine import evolve
from planflow.engine.machine import Negotiation, compile_protocol
from planflow.engine.scene import Seat
from planflow.engine.state import NEW_PLAN, CycleState, PlanState
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
TEXTS, VERSIONS, UNITS = table(ProtocolTextRow), table(CycleUnitVersionRow), table(CycleUnitRow)
MADE = (PlanStateRow, FigureRow, CommitmentRow, ExtensionRow)
_PLANS_AT_ONCE = 100


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
    query = select(*columns_of(PLANS)).where(PLANS.c.cycle_id == cycle).order_by(PLANS.c.unit_id)
    page = tx.connection.execute(query.limit(_PLANS_AT_ONCE)).mappings().all()
    while page:
        units = [row["unit_id"] for row in page]
        stood = _paths(tx, cycle, units)
        stored = {made: _by_unit(tx, table(made), cycle, units) for made in MADE}
        for row in page:
            course.count("plans")
            batch, state = Batch(), NEW_PLAN
            for event in _events(tx, cycle, row["unit_id"]):
                path = _path_at(stood[row["unit_id"]], event.cycle_seq)
                unit = UnitNode(row["unit_id"], "", "", "", path)
                after = _folded(event, lambda e, s=state: evolve.plan(negotiation, s, e))
                if after is None:
                    yield _not_applicable(event)
                    break
                rows_after(batch, cycle, Seat(unit), state, after, event)
                state = after
            else:
                told = {made: stored[made][row["unit_id"]] for made in MADE}
                yield from _compared(course, batch, told)
                yield from _head(cycle, row, state, stood[row["unit_id"]])
        later = query.where(PLANS.c.unit_id > units[-1]).limit(_PLANS_AT_ONCE)
        page = tx.connection.execute(later).mappings().all()


def _events(tx: Tx, cycle: str, unit: str) -> Iterator[Event]:
    for stored in surveys.events(tx, plan_stream(cycle, unit)):
        yield unseal(stored.leaf, stored.entries)


def _compared(course: Course, batch: Batch, told: dict[Any, list[Any]]) -> Iterator[Finding]:
    for made in MADE:
        rows = table(made)
        keys = [column.name for column in rows.primary_key]
        meant: Iterable[Any] = batch.rows.get(made, [])
        course.count("rows", len(told[made]))
        yield from compare(rows.name, keys, meant, told[made])


def _head(
    cycle: str, row: Any, state: PlanState, stood: Sequence[tuple[int, str]]
) -> Iterator[Finding]:
    meant: dict[str, Any] = {"state": state.state}
    if row["position"]:
        meant["body"] = state.model_dump_json()
    if stood:
        meant["path"] = stood[-1][1]
    yield from differing("plan", f"{cycle} {row['unit_id']}", meant, row)
    if row["version"] < row["position"]:
        params = {"table": "plan", "key": f"{cycle} {row['unit_id']}", "column": "version"}
        yield Finding("row_differs", params)


def _by_unit(tx: Tx, rows: Table, cycle: str, units: Sequence[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    query = select(*columns_of(rows)).where(rows.c.cycle_id == cycle, rows.c.unit_id.in_(units))
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
