"""What the ledger costs: to a step, to who audits, and to who asks for a proof."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from bench.steps import Client, rate
from bench.worlds import Bench, counties
from planflow.ledger import chain, merkle, proofs
from planflow.ledger.tiles import Nodes, Tile
from planflow.services import keys
from planflow.services.sequencing import Running
from planflow.store.ledger_tables import LedgerQueueRow
from planflow.store.writing import Batch

TURNS = 5
TEN_MILLION = 10_000_000


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
    with bench.site.database.engine.connect() as connection:
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
