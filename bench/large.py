"""What grows: long histories, wide parents, whole regions; and a page of plans."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import event, text

from bench.steps import Client
from bench.worlds import CYCLE, FIGURES, Bench, counties
from planflow.engine.state import PlanState, Record
from planflow.services import boards, cycles, plans
from planflow.services.site import Site
from planflow.store import driver

ACCEPTED = PlanState(
    state="up1.accepted", position=1, rounds={"up1": Record(reported={"task": FIGURES})}
).model_dump_json()


@contextmanager
def statements(bench: Bench) -> Iterator[list[float]]:
    """The times the database took for each statement, in milliseconds."""
    engine, took, begun = bench.site.database.engine, [], [0.0]

    def before(*_: object) -> None:
        begun.append(time.perf_counter())

    def after(*_: object) -> None:
        took.append((time.perf_counter() - begun.pop()) * 1000)

    plain = driver.carried

    def carried(connection: Any, work: Callable[[Any], Any]) -> Any:
        """The hot path goes past the engine's events."""
        started = time.perf_counter()
        try:
            return plain(connection, work)
        finally:
            took.append((time.perf_counter() - started) * 1000)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    driver.carried = carried
    try:
        yield took
    finally:
        driver.carried = plain
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def timed(work: Callable[[], object]) -> float:
    """How long something took, in milliseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def long_history(bench: Bench, events: int) -> Iterator[str]:
    """A step on a plan with many events against a step on a new one, in turn."""
    old, new = (Client(bench, unit) for unit in counties(2))
    while old.version < events:
        old.step()
    pairs = [(timed(old.step), timed(new.step)) for _ in range(200)]
    ratio = statistics.median(one for one, _ in pairs) / statistics.median(b for _, b in pairs)
    yield f"a step on a plan with {events:,} events: {ratio:.2f} of a step on a new plan"


def page(bench: Bench, size: int) -> Iterator[str]:
    """How many statements pages of plans take, however long they are."""
    told = []
    for limit in (1, size):
        with statements(bench) as took:
            plans.list_plans(bench.site, bench.readers["R"], CYCLE, None, None, None, limit)
        told.append(len(took))
    yield f"a page of {size} plans: {told[1]} statements, a page of one: {told[0]}"


def board(bench: Bench) -> Iterator[str]:
    """All pages of a whole board as of an instant against the same board now, in turn."""
    site, root = bench.site, bench.readers["R"]
    moment = site.clock()

    def now() -> None:
        cursor = None
        while True:
            cursor = plans.list_plans(site, root, CYCLE, None, None, cursor).next
            if cursor is None:
                return

    def then() -> None:
        cursor = None
        while True:
            cursor = boards.list_then(site, root, CYCLE, moment, boards.Part(), cursor).next
            if cursor is None:
                return

    pairs = [(timed(then), timed(now)) for _ in range(3)]
    old, new = (statistics.median(one) for one in zip(*pairs, strict=True))
    told = f"{old:,.0f} ms against {new:,.0f} ms now"
    yield f"  {bench.units:9,} units as of an instant: {old / new:.2f} of the board now ({told})"


LATER = dt.timedelta(days=900)
ANSWERED = (
    "INSERT INTO plan (cycle_id, unit_id, path, version, position, state, chain, body, "
    "draft_round, typists) SELECT u.cycle_id, u.unit_id, u.path, 1, 1, 'up1.accepted', :chain, "
    ":body, '', '' FROM cycle_unit u LEFT JOIN plan p USING (cycle_id, unit_id) "
    "WHERE u.cycle_id = :cycle AND p.unit_id IS NULL AND u.parent_code IS NOT NULL "
    "AND (u.level = 'county' OR u.code NOT LIKE '%00')"
)


def later(bench: Bench) -> Site:
    """The same site when every window is over."""
    return replace(bench.site, clock=lambda: dt.datetime.now(dt.UTC) + LATER)


def whole_round(bench: Bench) -> Iterator[str]:
    """Open a round over everybody; close it where all but one in a hundred villages have answered.

    The answers are put there as rows alone, for a plan's own events are not what is measured.
    """
    units = bench.units
    body = {
        "windows": {"village": {"due_at": "2027-06-30"}},
        "silence": {"village": "zero"},
    }
    root, call = bench.readers["R"], bench.call
    with statements(bench) as took:
        cycles.open_round(bench.site, root, call(body), CYCLE, "up1")
    yield f"  {units:9,} units: opening a round, {sum(took):.0f} ms of database work"
    with bench.site.records.engine.connect().execution_options(planflow_writes=True) as connection:
        if not bench.site.records.embedded:
            connection.execute(text("SET LOCAL ROLE NONE"))  # statistics are the owner's to make
        given = {"cycle": CYCLE, "chain": bytes(32), "body": ACCEPTED}
        connection.execute(text(ANSWERED), given)
        connection.execute(text("ANALYZE"))
        connection.commit()
    with statements(bench) as took:
        closed = call({"apply_silence": True, "reason": "late"})
        view = cycles.close_round(later(bench), root, closed, CYCLE, "up1")
    silent = view.silence["up1"].units
    yield f"  {units:9,} units: closing it, {silent:,} silent, {sum(took):,.0f} ms of database work"


def wide_issue(bench: Bench, children: int) -> Iterator[str]:
    """Issue to so many children at once."""
    root = bench.readers["R"]
    declared = {"windows": {"county": {"due_at": "2027-06-30"}}, "silence": {"county": "zero"}}
    cycles.open_round(bench.site, root, bench.call(declared), CYCLE, "up1")
    bench = replace(bench, site=later(bench))
    cycles.close_round(
        bench.site, root, bench.call({"apply_silence": True, "reason": "late"}), CYCLE, "up1"
    )
    cycles.open_round(bench.site, root, bench.call(), CYCLE, "down1")
    body: dict[str, Any] = {
        "allocations": [{"unit": c, "figures": FIGURES} for c in counties(children)]
    }
    body["total"] = {name: children * value for name, value in FIGURES.items()}
    version = plans.get_plan(bench.site, bench.readers["R"], CYCLE, "R").version
    took = timed(lambda: bench.act("R", "R", "issue", version, body))
    yield f"  {children:9,} children: {took:,.0f} ms"
