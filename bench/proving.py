"""What the ledger costs: to a step, to who audits, and to who asks for a proof."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.steps import Client, rate
from bench.worlds import Bench, counties
from planflow.ledger import chain, merkle, proofs
from planflow.ledger.tiles import Nodes, Tile
from planflow.services import keys
from planflow.services.sequencing import Running, Sequencer
from planflow.store.ledger_tables import LedgerQueueRow
from planflow.store.writing import Batch

TURNS = 5
TEN_MILLION = 10_000_000
# A process keeps the peak of the one it was forked from: a small one stands between.
_WEIGHED = """\
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@contextmanager
def _unqueued() -> Iterator[None]:
    """Events that nobody places in a tree."""
    plain = Batch.add

    def add(self: Batch, kind: Any, /, **row: Any) -> None:
        if kind is not LedgerQueueRow:
            plain(self, kind, **row)

    Batch.add = add  # type: ignore[method-assign]
    try:
        yield
    finally:
        Batch.add = plain  # type: ignore[method-assign]


def step(bench: Bench, clients: int, times: int) -> Iterator[str]:
    """A step while a sequencer places, reads back and signs, against one that is not queued."""
    ours = [Client(bench, unit) for unit in counties(clients)]
    steps = [one.step for one in ours]
    keys.ready(bench.site)
    rate(steps, times)
    pairs = []
    for _ in range(TURNS):
        with Running(bench.site):
            with_it = rate(steps, times)
        with _unqueued():
            pairs.append((with_it, rate(steps, times)))
    ratio = statistics.median(one / other for one, other in pairs)
    fast, base = (statistics.median(side) for side in zip(*pairs, strict=True))
    yield (
        f"a step with the ledger at work, {clients} clients, PostgreSQL: {ratio:.2f} of one without "
        f"({fast:,.0f}/s against {base:,.0f}/s)"
    )


def auditing(bench: Bench, events: int) -> Iterator[str]:
    """Chain and tree over stored bytes, on one core: the leaves of the site again and again."""
    query = text("SELECT leaf FROM event ORDER BY stream, seq LIMIT 1000")
    with bench.site.records.engine.connect() as connection:
        stored = [bytes(row.leaf) for row in connection.execute(query)]
    leaves = list(itertools.islice(itertools.cycle(stored), events))
    started = time.perf_counter()
    link = chain.START
    hashes = []
    for leaf in leaves:
        link = chain.link(link, leaf)
        hashes.append(merkle.leaf_hash(leaf))
    merkle.root(hashes)
    took = time.perf_counter() - started
    yield f"auditing {events:,} events over stored bytes, one core: {events / took:,.0f} a second"


def whole(bench: Bench, url: str, clients: int, sizes: Sequence[int]) -> Iterator[str]:
    """The whole audit, as an auditor runs it, of a database that grows."""
    ours = [Client(bench, unit) for unit in counties(clients)]
    keys.ready(bench.site)
    count = text("SELECT count(*) FROM event")
    environment = {**os.environ, "PLANFLOW_DATABASE_URL": url}
    for size in sizes:
        with bench.site.records.engine.connect() as connection:
            missing = size - int(connection.execute(count).scalar_one())
        rate([one.step for one in ours], max(0, missing) // clients)
        Sequencer.of(bench.site).advance()
        started = time.perf_counter()
        program = str(Path(sys.executable).with_name("planflow"))
        call = [sys.executable, "-c", _WEIGHED, program, "audit"]
        told = subprocess.run(call, env=environment, capture_output=True, text=True)  # noqa: S603, PLW1510 - our own program
        status, _, used = told.stdout.partition(" ")
        took = time.perf_counter() - started
        yield (
            f"  {size:>9,} events: {size / took:,.0f} a second, {int(used) >> 10} MiB of memory "
            f"at most, exit {status}"
        )


def proof(times: int) -> Iterator[str]:
    """A proof of inclusion in a tree of ten million, each from tiles that were not read before."""

    def fetch(tile: Tile) -> bytes:
        return bytes(32 * tile.width)

    started = time.perf_counter()
    for at in range(times):
        nodes = Nodes(TEN_MILLION, fetch)
        proofs.inclusion(at * 7_919 % TEN_MILLION, TEN_MILLION, nodes)
    took = (time.perf_counter() - started) / times * 1000
    yield f"a proof for an event in a tree of {TEN_MILLION:,}: {took:.2f} ms of work"
