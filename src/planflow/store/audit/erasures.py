"""Erasures: what is gone was erased by an event, and what an event says is erased is gone (F2)."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from sqlalchemy import select

from planflow.errors import Finding
from planflow.ledger.leaf import SINGLE, Entry
from planflow.store.audit.course import AT_ONCE
from planflow.store.tables import EventPartRow, table
from planflow.store.transaction import Tx

KIND, PART = "part_erased", "erased"
PARTS = table(EventPartRow)
Key = tuple[str, str, int]  # event, part, number of the entry


class Erasures:
    """Entries that are gone, and entries that events say are gone."""

    def __init__(self) -> None:
        self._gone: set[Key] = set()
        self._told: set[Key] = set()

    def see(self, event: Any, entries: Iterable[Entry]) -> None:
        """One more event, sound as it is."""
        for one in entries:
            if one.value is None:
                self._gone.add((event.id, one.part, one.number))
            elif (event.kind, one.part, one.number) == (KIND, PART, SINGLE):
                told = orjson.loads(one.value)
                self._told |= {(told["event"], told["part"], n) for n in told["numbers"]}

    def findings(self, tx: Tx) -> Iterator[Finding]:
        """What nobody said of one another."""
        for key in sorted(self._gone - self._told):
            yield _finding("erasure_unrecorded", key)
        ids = sorted({event for event, _, _ in self._told - self._gone})
        for at in range(0, len(ids), AT_ONCE):
            there = select(PARTS.c.event_id, PARTS.c.part, PARTS.c.number).where(
                PARTS.c.event_id.in_(ids[at : at + AT_ONCE]), PARTS.c.value.is_not(None)
            )
            back = {tuple(row) for row in tx.connection.execute(there)}
            for key in sorted(self._told & back):
                yield _finding("erasure_undone", key)


def _finding(code: str, key: Key) -> Finding:
    event, part, number = key
    named = part if number == SINGLE else f"{part} {number}"
    return Finding(code, {"event": event, "part": named})
