"""Over HTTP: one worker of planflow beside one of the bare floor, the same clients calling each."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.steps import TURNS, Client
from bench.worlds import CYCLE, FIGURES, Bench, counties
from planflow.services import people

_TIMES = 300
PLAN = f"/api/v1/cycles/{CYCLE}/plans"


@contextmanager
def served(app: str, *flags: str, **environment: str) -> Iterator[str]:
    """An application under uvicorn, one worker; its address."""
    # While one side is asked, the connections of the other wait: on a busy machine for long.
    waits = ("--timeout-keep-alive", "120")
    call = [sys.executable, "-m", "uvicorn", app, "--no-access-log", "--port", "0", *waits, *flags]
    process = subprocess.Popen(  # noqa: S603 - our own program
        call, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr or ():
            if found := re.search(r"running on (http://[\w.:]+)", line):
                yield found[1]
                return
        raise RuntimeError(f"{app} did not start")
    finally:
        process.terminate()
        process.communicate(timeout=30)


@dataclass
class Caller:
    """One connection that is kept, and what it was answered."""

    url: str
    answers: Counter[int] = field(default_factory=Counter)
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"{}"
    ) -> bytes:
        """One request; the body of its answer."""
        if self.writer is None or self.reader is None:
            place = urlsplit(self.url)
            self.reader, self.writer = await asyncio.open_connection(place.hostname, place.port)
        told = {"host": "bench", "content-length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.answers[int(head.split(" ", 2)[1])] += 1
        length = re.search(r"content-length: (\d+)", head)
        return await self.reader.readexactly(int(length[1]) if length else 0)

    async def close(self) -> None:
        """Let the connection go."""
        if self.writer is not None:
            self.writer.close()
            await self.writer.wait_closed()


class Planner(Caller):
    """Submits and withdraws over HTTP."""

    def __init__(self, url: str, bench: Bench, unit: str) -> None:
        super().__init__(url)
        client = Client(bench, unit)
        self.unit, self.version, self.submitted = unit, client.version, client.submitted
        self.token = bench.tokens[unit]

    async def step(self) -> None:
        """One act."""
        action = "withdraw" if self.submitted else "submit"
        headers = {"authorization": f"Bearer {self.token}", "if-match": f'"{self.version}"'}
        await self.send("POST", f"{PLAN}/{self.unit}/{action}", headers)
        self.version, self.submitted = self.version + 1, not self.submitted


class Bare(Caller):
    """Calls the floor."""

    def __init__(self, url: str, unit: str) -> None:
        super().__init__(url)
        self.unit = unit

    async def step(self) -> None:
        """The same rows."""
        await self.send("POST", f"/step/{self.unit}", {})


async def rate(callers: Sequence[Planner | Bare | Empty], times: int) -> float:
    """Requests a second of all callers at once."""

    async def loop(caller: Planner | Bare | Empty) -> None:
        for _ in range(times):
            await caller.step()

    started = time.perf_counter()
    await asyncio.gather(*(loop(one) for one in callers))
    return len(callers) * times / (time.perf_counter() - started)


def step(bench: Bench, url: str, clients: int, times: int) -> Iterator[str]:
    """A step over HTTP against the bare floor."""
    units = counties(2 * clients)
    for unit in units[clients:]:
        Client(bench, unit).step()
    own, floor = url, url.replace("+psycopg", "")
    with (
        served("planflow_api.app:create_app", "--factory", PLANFLOW_DATABASE_URL=own) as ours,
        served("bench.bare:app", BENCH_URL=floor) as bare,
    ):
        yield asyncio.run(_compared(bench, ours, bare, units, clients, times))
        empty = asyncio.run(_empty(ours, clients, times))
    yield f"what such a request is made of, one at a time: {_parts(bench, units[0], 1e6 / empty)}"


class Empty(Caller):
    """Asks for a route that does nothing."""

    async def step(self) -> None:
        """Server, framework and frame alone."""
        await self.send("GET", "/healthz", {})


async def _empty(url: str, clients: int, times: int) -> float:
    callers = [Empty(url) for _ in range(clients)]
    await rate(callers, times)
    found = await rate(callers, 2 * times)
    for one in callers:
        await one.close()
    return found


def _parts(bench: Bench, unit: str, empty: float) -> str:
    """Where the time of a request goes, in microseconds of one client that waits for nobody."""
    client, reader, token = Client(bench, unit), bench.readers[unit], bench.tokens[unit]
    done = client.step()
    parts: dict[str, Callable[[], object]] = {
        "signing in": lambda: people.authenticate(bench.site, token, "en"),
        "the act": client.step,
        "its answer": lambda: done.view(reader).model_dump_json(by_alias=True),
    }
    took = {"server and framework": empty}
    for name, work in parts.items():
        started = time.perf_counter()
        for _ in range(_TIMES):
            work()
        took[name] = (time.perf_counter() - started) / _TIMES * 1e6
    return ", ".join(f"{name} {value:,.0f} µs" for name, value in took.items())


async def _compared(
    bench: Bench, ours: str, bare: str, units: Sequence[str], clients: int, times: int
) -> str:
    mine = [Planner(ours, bench, unit) for unit in units[:clients]]
    base = [Bare(bare, unit) for unit in units[clients:]]
    await rate(mine, max(1, times // 5))
    await rate(base, max(1, times // 5))
    pairs = [(await rate(mine, times), await rate(base, times)) for _ in range(TURNS)]
    for one in (*mine, *base):
        await one.close()
    answers = sum((one.answers for one in (*mine, *base)), Counter[int]())
    ratios = sorted(one / other for one, other in pairs)
    fast, floor = (statistics.median(side) for side in zip(*pairs, strict=True))
    return (
        f"one step over HTTP, one worker, {clients} clients, against FastAPI with asyncpg: "
        f"{statistics.median(ratios):.2f} of the floor ({ratios[0]:.2f} to {ratios[-1]:.2f}; "
        f"{fast:,.0f}/s against {floor:,.0f}/s; answers {dict(answers)})"
    )


def crowd(bench: Bench, url: str, count: int) -> Iterator[str]:
    """Everybody's draft and submission at once, over HTTP, by one worker."""
    with served("planflow_api.app:create_app", "--factory", PLANFLOW_DATABASE_URL=url) as address:
        yield asyncio.run(_crowd(bench, address, count))


async def _crowd(bench: Bench, address: str, count: int) -> str:
    """The region's admin types for nobody here: each county's planner has a token of their own."""
    codes = iter(counties(count))
    callers = [Caller(address) for _ in range(32)]
    body = f'{{"figures": {{"persons": {FIGURES["persons"]}, "villages": 6}}}}'.encode()

    async def work(caller: Caller) -> None:
        for code in codes:
            told = {"authorization": f"Bearer {bench.tokens[code]}"}
            at = f"{PLAN}/{code}"
            await caller.send("PUT", f"{at}/draft", {**told, "if-match": '"0"'}, body)
            await caller.send("POST", f"{at}/submit", {**told, "if-match": '"1"'})

    started = time.perf_counter()
    await asyncio.gather(*(work(caller) for caller in callers))
    took = time.perf_counter() - started
    for caller in callers:
        await caller.close()
    answers = sum((caller.answers for caller in callers), Counter[int]())
    return f"{count:,} units draft and submit: {took:.1f} s, answers {dict(answers)}"
