"""One durable step in process: planflow beside its floor, in turn, in the same database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.floors import PostgresFloor, Rows, SqliteFloor
from bench.worlds import CYCLE, Bench, counties
from planflow.services import plans
from planflow.services.acting import Acted
from planflow.store.transaction import sqlite_module

TURNS = 5


class Client:
    """Somebody who submits and withdraws, again and again."""

    def __init__(self, bench: Bench, unit: str) -> None:
        self.bench, self.unit = bench, unit
        view = plans.get_plan(bench.site, bench.readers[unit], CYCLE, unit)
        self.version, self.submitted = view.version, view.state.endswith("submitted")

    def step(self) -> Acted:
        """One act: an event with its figures, or one that takes them back."""
        action = "withdraw" if self.submitted else "submit"
        done = self.bench.act(self.unit, self.unit, action, self.version)
        self.version, self.submitted = self.version + 1, not self.submitted
        return done

    def answered(self) -> str:
        """The same with the plan after it, as its reader is shown it."""
        return self.step().view(self.bench.readers[self.unit]).model_dump_json(by_alias=True)


def settled_floor(bench: Bench, url: str, unit: str) -> PostgresFloor:
    """A floor's client on a plan that has just submitted."""
    Client(bench, unit).step()
    return PostgresFloor(url, Rows.of(bench, unit))


def rate(steps: Sequence[Callable[[], object]], times: int) -> float:
    """Steps a second, each client in a thread of its own."""

    def loop(step: Callable[[], object]) -> None:
        for _ in range(times):
            step()

    with ThreadPoolExecutor(len(steps)) as pool:
        started = time.perf_counter()
        list(pool.map(loop, steps))
        return len(steps) * times / (time.perf_counter() - started)


def postgresql(bench: Bench, url: str, clients: int, times: int) -> Iterator[str]:
    """Clients on plans of their own; the floor's clients on other plans of the same cycle."""
    units = counties(2 * clients)
    ours = [Client(bench, unit) for unit in units[:clients]]
    floors = [settled_floor(bench, url, unit) for unit in units[clients:]]
    title = f"one durable step, {clients} clients, PostgreSQL, psycopg"
    base = [one.step for one in floors]
    yield from _compared(title, [one.step for one in ours], base, times)
    yield from _compared(f"{title}, with its answer", [one.answered for one in ours], base, times)
    for floor in floors:
        floor.close()


def sqlite(bench: Bench, times: int) -> Iterator[str]:
    """One client, and its floor on another plan of the same file."""
    mine, other = counties(2)
    ours = Client(bench, mine)
    Client(bench, other).step()
    floor = SqliteFloor(sqlite_module(), str(bench.site.database.path), Rows.of(bench, other))
    yield from _compared(
        "one durable step, 1 client, SQLite, its driver alone", [ours.step], [floor.step], times
    )
    floor.close()


def _compared(
    title: str,
    ours: Sequence[Callable[[], object]],
    floors: Sequence[Callable[[], object]],
    times: int,
) -> Iterator[str]:
    rate(ours, max(1, times // 5))
    rate(floors, max(1, times // 5))
    pairs = [(rate(ours, times), rate(floors, times)) for _ in range(TURNS)]
    ratios = sorted(one / other for one, other in pairs)
    mine, base = (statistics.median(side) for side in zip(*pairs, strict=True))
    yield (
        f"{title}: {statistics.median(ratios):.2f} of the floor "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}; {mine:,.0f}/s against {base:,.0f}/s)"
    )
