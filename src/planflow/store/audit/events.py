"""Every event where it stands: order, time, chain, leaf, content, and the head of its stream (F2, F4)."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Select, literal, select, tuple_

from planflow.domain.events import SITE, cycle_log, cycle_stream, place_of, plan_stream
from planflow.errors import Finding
from planflow.ledger.chain import START, Break, Stored, break_of, fields_of
from planflow.ledger.epochs import KIND
from planflow.ledger.leaf import Entry
from planflow.store.audit import citations
from planflow.store.audit.course import AT_ONCE, Course, instant, octets, raw
from planflow.store.audit.erasures import Erasures
from planflow.store.tables import CycleRow, EventPartRow, EventRow, PlanRow, SiteRow, table
from planflow.store.transaction import Tx

EVENTS, PARTS = table(EventRow), table(EventPartRow)
PLANS, CYCLES, SITES = table(PlanRow), table(CycleRow), table(SiteRow)


def findings(tx: Tx, course: Course) -> Iterator[Finding]:
    """Walk all streams; of each, the first event that is wrong."""
    erased = Erasures()
    walk = _Walk("", course, erased)
    for row, entries, named in _events(tx):
        if row.stream != walk.stream:
            yield from walk.end(tx)
            walk = _Walk(row.stream, course, erased)
        yield from walk.step(row, entries, named)
    yield from walk.end(tx)
    yield from erased.findings(tx)
    yield from _without_events(tx)
    orphans = select(PARTS.c.event_id, PARTS.c.part).outerjoin(
        EVENTS, EVENTS.c.id == PARTS.c.event_id
    )
    for part in tx.connection.execute(orphans.where(EVENTS.c.id.is_(None)).limit(AT_ONCE)):
        key = f"{part.event_id} {part.part}"
        yield Finding("row_unexpected", {"table": "event_part", "key": key})
    yield from citations.orphans(tx)


class _Walk:
    """One stream, from its first event to its head. After the first break nothing follows."""

    def __init__(self, stream: str, course: Course, erased: Erasures) -> None:
        self.stream = stream
        self._course, self._erased = course, erased
        self._broken = False
        self._seq, self._chain, self._last, self._id = 0, START, "", ""

    def step(
        self, row: Any, entries: tuple[Entry, ...], named: Mapping[str, Any]
    ) -> Iterator[Finding]:
        self._course.count("events")
        self._course.count("erased", sum(one.value is None for one in entries))
        if self._broken:
            return
        leaf, chain = octets(row.leaf), octets(row.chain)
        stored = Stored(row.id, row.stream, row.seq, leaf, chain, entries)
        found = break_of(stored, self._chain, self._seq + 1) or self._row_break(row)
        if found:
            self._broken = True
            yield found.finding
        else:
            self._erased.see(row, entries)
            yield from citations.findings(row, entries, named)
        self._seq, self._chain, self._id = self._seq + 1, chain, row.id
        self._last = instant(row.recorded_at)

    def _row_break(self, row: Any) -> Break | None:
        fields = fields_of(row.leaf) or {}
        at = instant(row.recorded_at)
        told = {"kind": row.kind, "round": row.round, "recorded_at": at, "actor": row.actor}
        wrong = [name for name, value in told.items() if fields.get(name) != value]
        what, part = "", ""
        if wrong:
            what, part = "row_differs_from_leaf", wrong[0]
        elif place_of(self.stream) != (row.cycle_id, row.unit_id):
            what, part = "row_differs_from_leaf", "stream"
        elif fields["log"] not in self._logs(fields):
            what = "log_differs"
        elif at <= self._last:
            what = "time_not_later"
        return Break(self.stream, self._seq + 1, row.id, what, part) if what else None

    def _logs(self, fields: dict[str, Any]) -> set[str]:
        site, (kind, _, rest) = self._course.site, self.stream.partition("/")
        if kind == SITE:
            return {f"{site}/{SITE}"} if fields["kind"] != KIND else {fields["log"]}
        cycle = rest.partition("/")[0] if kind == "plan" else rest
        return {f"{site}/{cycle_log(cycle, practice=practice)}" for practice in (False, True)}

    def end(self, tx: Tx) -> Iterator[Finding]:
        """What the stream's head says of its end."""
        if not self.stream:
            return
        self._course.count("streams")
        if self._broken:
            return
        head = tx.connection.execute(_head_of(self.stream)).first()
        if head is None or head.position < self._seq:
            seq = head.position + 1 if head else 1
            params = {"stream": self.stream, "seq": seq, "event": self._id}
            yield Finding("event_unexpected", params)
        elif head.position > self._seq:
            yield Finding("event_missing", {"stream": self.stream, "seq": self._seq + 1})
        else:
            at = instant(head.recorded_at)
            for column, same in (("chain", head.chain == self._chain), ("at", at == self._last)):
                if not same:
                    name = {"at": "recorded_at"}.get(column, column)
                    params = {"table": self.stream.partition("/")[0], "key": self.stream}
                    yield Finding("row_differs", {**params, "column": name})


def _head_of(stream: str) -> Select[Any]:
    kind, _, rest = stream.partition("/")
    cycle, _, unit = rest.partition("/")
    rows = {SITE: SITES, "cycle": CYCLES}.get(kind, PLANS)
    query = select(rows.c.position, rows.c.chain, raw(rows.c.recorded_at))
    if rows is CYCLES:
        return query.where(CYCLES.c.id == rest)
    if rows is PLANS:
        return query.where(PLANS.c.cycle_id == cycle, PLANS.c.unit_id == unit)
    return query


def _without_events(tx: Tx) -> Iterator[Finding]:
    """Heads of streams of which no event is left."""
    names = {
        SITES: literal(SITE),
        CYCLES: literal(cycle_stream("")) + CYCLES.c.id,
        PLANS: literal(plan_stream("", "").removesuffix("/"))
        + PLANS.c.cycle_id
        + "/"
        + PLANS.c.unit_id,
    }
    for rows, stream in names.items():
        first = (EVENTS.c.stream == stream) & (EVENTS.c.seq == 1)
        query = select(stream.label("stream")).select_from(rows.outerjoin(EVENTS, first))
        query = query.where(rows.c.position > 0, EVENTS.c.id.is_(None)).limit(AT_ONCE)
        for row in tx.connection.execute(query):
            # Where others of it are left, the walk has found what is missing.
            rest = select(EVENTS.c.id).where(EVENTS.c.stream == row.stream).limit(1)
            if tx.connection.execute(rest).first() is None:
                yield Finding("event_missing", {"stream": row.stream, "seq": 1})


def _events(tx: Tx) -> Iterator[tuple[Any, tuple[Entry, ...], Mapping[str, Any]]]:
    """All events in the order of their streams, page by page, with entries and citations."""
    query = select(*map(raw, EVENTS.columns)).order_by(EVENTS.c.stream, EVENTS.c.seq)
    rows = tx.connection.execute(query.limit(AT_ONCE)).all()
    while rows:
        entries: dict[str, list[Entry]] = {row.id: [] for row in rows}
        parts = select(*map(raw, PARTS.columns)).where(PARTS.c.event_id.in_(list(entries)))
        order = (PARTS.c.event_id, PARTS.c.part, PARTS.c.number)
        for part in tx.connection.execute(parts.order_by(*order)):
            salt, value = (None if it is None else octets(it) for it in (part.salt, part.value))
            one = Entry(part.part, part.number, octets(part.digest), salt, value)
            entries[part.event_id].append(one)
        named = citations.of_events(tx, list(entries))
        for row in rows:
            yield row, tuple(entries[row.id]), named[row.id]
        after = tuple_(EVENTS.c.stream, EVENTS.c.seq) > (rows[-1].stream, rows[-1].seq)
        rows = tx.connection.execute(query.where(after).limit(AT_ONCE)).all()
