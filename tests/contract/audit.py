"""Whether a database's history is whole: what is stored is what its events say, and nothing is bent.

Two views that must agree: planflow's own replay, and an oracle that reads rows with SQL and hashes
with hashlib alone.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Select, select

from planflow.domain.events import Event
from planflow.engine import evolve, numbers
from planflow.engine.machine import Negotiation, compile_protocol
from planflow.engine.state import NEW_PLAN, CycleState, PlanState
from planflow.ledger.chain import Stored, first_break
from planflow.ledger.leaf import unseal
from planflow.services.site import Site
from planflow.store import surveys
from planflow.store.tables import METADATA
from planflow.store.transaction import Tx

T = METADATA.tables
START = bytes(32)


@dataclass
class Audit:
    """What was looked at, to be told."""

    streams: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    figures: int = 0
    commitments: int = 0
    grants: int = 0

    @property
    def events(self) -> int:
        """Events in all streams."""
        return sum(self.kinds.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.kinds.items()))
        return (
            f"{self.events} events in {self.streams} streams, {self.figures} figure rows, "
            f"{self.commitments} commitment rows: {kinds}"
        )


def audit(site: Site) -> Audit:
    """Check the whole database; raises AssertionError naming the stream."""
    return site.records.read(audit_of)


def audit_of(tx: Tx) -> Audit:
    """The same within a unit of work."""
    done = Audit()
    rows = rows_of(tx.connection, "event")
    by_stream: dict[str, list[Any]] = defaultdict(list)
    for row in sorted(rows, key=lambda one: (one.stream, one.seq)):
        by_stream[row.stream].append(row)
    known = {row.id for row in rows}
    for stream, events in by_stream.items():
        stored = stream_of(tx, stream)
        assert first_break(stored) is None, f"{stream}: {first_break(stored)}"
        _check_rows(tx.connection, stream, events, known)
        done.streams += 1
        done.kinds.update(row.kind for row in events)
    assert {row.event_id for row in rows_of(tx.connection, "event_part", "event_id")} <= known
    _check_cycles(tx, done)
    done.grants = _check_grants(tx)
    _check_site(tx.connection, by_stream["site"])
    _check_nothing_extra(tx.connection, by_stream)
    return done


def rows_of(connection: Connection, name: str, *columns: str, **where: Any) -> Sequence[Any]:
    """Rows of a table."""
    found = T[name]
    query: Select[Any] = (
        select(*(found.c[column] for column in columns)) if columns else select(found)
    )
    for column, value in where.items():
        query = query.where(found.c[column] == value)
    return connection.execute(query).all()


def streams(connection: Connection) -> list[str]:
    """Names of all streams."""
    return sorted(connection.execute(select(T["event"].c.stream).distinct()).scalars())


def stream_of(tx: Tx, stream: str) -> list[Stored]:
    """A whole stream as planflow reads it."""
    return list(surveys.events(tx, stream))


# The oracle: rows, JSON and SHA-256


def naive_root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, as its text says it."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01" + naive_root(hashes[:split]) + naive_root(hashes[split:])).digest()


def commitment(entries: dict[int, bytes]) -> str | dict[str, str | int]:
    """One value's root, or the root of many with their number."""
    root = naive_root([digest for _, digest in sorted(entries.items())]).hex()
    if sorted(entries) == [-1]:
        return root
    assert sorted(entries) == list(range(len(entries)))
    return {"root": root, "size": len(entries)}


def _check_rows(connection: Connection, stream: str, events: list[Any], known: set[str]) -> None:
    """Order, times, chain and commitments of one stream, by hashlib alone (F2, F4)."""
    chain, last = START, dt.datetime.min.replace(tzinfo=dt.UTC)
    for seq, row in enumerate(events, 1):
        where = f"{stream} {seq}"
        chain = sha256(chain + sha256(b"\x00" + row.leaf).digest()).digest()
        assert (row.seq, row.chain) == (seq, chain), where
        assert row.recorded_at > last, f"{where}: not later than the one before"
        last = row.recorded_at
        leaf = json.loads(row.leaf)
        at = row.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        told = (leaf["id"], leaf["stream"], leaf["seq"], leaf["kind"], leaf["round"])
        assert told == (row.id, row.stream, row.seq, row.kind, row.round), where
        assert leaf["recorded_at"] == at, where
        assert len(row.leaf) <= 16 * 1024, where
        # An epoch cites a checkpoint of the tree before it, and no event.
        assert leaf["kind"] == "epoch_opened" or set(leaf["cites"]) <= known, f"{where} cites"
        parts: dict[str, dict[int, bytes]] = defaultdict(dict)
        for part in rows_of(connection, "event_part", event_id=row.id):
            parts[part.part][part.number] = part.digest
            if part.value is not None:
                assert part.digest == sha256(b"\x00" + part.salt + part.value).digest(), where
                assert len(part.salt) == 16, where
        roots = {name: commitment(entries) for name, entries in parts.items()}
        assert leaf["commitments"] == roots, where


# Grants: who is who is history too (F9)


# What one does with one's own account, by no grant.
OWN = {"password_changed", "tokens_ended", "service_token_made"}
OWN |= {"factor_confirmed", "factor_dropped", "recovery_code_used"}


def _check_grants(tx: Tx) -> int:
    """Grants and their ends are what the site's events say; every act names a grant of its actor."""
    given: dict[str, tuple[Any, ...]] = {}
    ended: dict[str, str] = {}
    for one in stream_of(tx, "site"):
        event = unseal(one.leaf, one.entries)
        if event.kind in ("grant_given", "grant_delegated"):
            terms = event.parts["grant"]
            moments = [
                dt.datetime.fromisoformat(terms[n]) if terms[n] else None for n in ("from", "to")
            ]
            chain = (terms.get("line", []), terms.get("delegators", []), terms.get("onward", False))
            who = (terms["account"], terms["role"], terms["unit"] or None, terms["by"])
            given[terms["grant"]] = (*who, *moments, *map(tuple, chain[:2]), chain[2])
        elif event.kind == "grant_ended":
            assert event.parts["grant"]["grant"] not in ended
            ended[event.parts["grant"]["grant"]] = event.parts["grant"]["by"]
    rows = rows_of(tx.connection, "access_grant")
    assert given == {
        row.id: (
            *(row.account_id, row.role, row.unit_id, row.given_by, row.valid_from, row.valid_to),
            *(tuple(row.line.split()), tuple(row.delegators.split()), row.onward),
        )
        for row in rows
    }
    assert ended == {row.grant_id: row.ended_by for row in rows_of(tx.connection, "grant_end")}
    accounts = rows_of(tx.connection, "account")
    for leaf in (json.loads(row.leaf) for row in rows_of(tx.connection, "event")):
        if leaf["grant"]:
            grant = given[leaf["grant"]]
            assert (leaf["actor"], leaf["delegators"]) == (grant[0], list(grant[-2])), leaf["id"]
        else:
            own = {row.id for row in accounts} if leaf["kind"] in OWN else set()
            assert leaf["actor"] in {"shell", *own}, leaf["id"]
            assert leaf["delegators"] == []
    return len(given)


# Replay: what is stored is the fold of the events (N13)


def _check_cycles(tx: Tx, done: Audit) -> None:
    for cycle in rows_of(tx.connection, "cycle"):
        texts = rows_of(tx.connection, "protocol_text", digest=cycle.digest)
        assert sha256(texts[0].text.encode()).hexdigest() == cycle.digest
        negotiation = compile_protocol(texts[0].text)
        events = stream_of(tx, f"cycle/{cycle.id}")
        _check_cycle(tx.connection, negotiation, cycle, events)
        woods = Woods(tx.connection, cycle.id)
        for one in events:
            woods.grow(unseal(one.leaf, one.entries))
        woods.check(tx.connection)
        for plan in rows_of(tx.connection, "plan", cycle_id=cycle.id):
            assert plan.path == woods.path(plan.unit_id)
            _check_plan(tx, negotiation, plan, done, woods)


def _check_cycle(
    connection: Connection, negotiation: Negotiation, cycle: Any, events: list[Stored]
) -> None:
    state: CycleState | None = None
    last = negotiation.protocol.rounds[-1].name
    stored = {row.position: row for row in rows_of(connection, "cycle_state", cycle_id=cycle.id)}
    assert sorted(stored) == list(range(1, len(events) + 1))
    for one in events:
        event = unseal(one.leaf, one.entries)
        state = evolve.cycle(state, event, last)
        row = stored[event.seq]
        told = (row.body, row.event_id, row.recorded_at)
        assert told == (state.model_dump_json(), event.id, event.recorded_at)
    assert state is not None
    assert cycle.body == state.model_dump_json()
    _check_head(cycle, events)


def _check_plan(tx: Tx, negotiation: Negotiation, plan: Any, done: Audit, woods: Woods) -> None:
    where = {"cycle_id": plan.cycle_id, "unit_id": plan.unit_id}
    stored = stream_of(tx, f"plan/{plan.cycle_id}/{plan.unit_id}")
    if not stored:
        assert (plan.position, plan.chain, plan.state) == (0, START, "waiting")
        assert rows_of(tx.connection, "plan_state", **where) == []
        return
    _check_head(plan, stored)
    assert plan.version >= plan.position
    events = [unseal(one.leaf, one.entries) for one in stored]
    states = replay(negotiation, events)
    rows = {row.position: row for row in rows_of(tx.connection, "plan_state", **where)}
    assert sorted(rows) == list(range(1, len(events) + 1))
    for event, state in zip(events, states, strict=True):
        row = rows[event.seq]
        path = woods.paths[event.cycle_seq][plan.unit_id]
        told = (row.state, row.body, row.event_id, row.recorded_at, row.path)
        meant = (state.state, state.model_dump_json(), event.id, event.recorded_at, path)
        assert told == meant, f"{plan.path} {event.seq}: {told} != {meant}"
    assert (plan.state, plan.body) == (states[-1].state, states[-1].model_dump_json())
    assert evolve.replay(negotiation, events) == states[-1]
    done.figures += _check_figures(tx.connection, where, states)
    done.commitments += _check_commitments(tx.connection, where, states[-1])
    _check_extensions(tx.connection, where, states[-1])


def replay(negotiation: Negotiation, events: Sequence[Event]) -> list[PlanState]:
    """The state after each event."""
    states, state = [], NEW_PLAN
    for event in events:
        state = evolve.plan(negotiation, state, event)
        states.append(state)
    return states


def _check_figures(connection: Connection, where: dict[str, str], states: list[PlanState]) -> int:
    """The latest row of each key up to a position is the number that stood there (F5)."""
    found = sorted(rows_of(connection, "figure", **where), key=lambda row: row.position)
    standing: dict[tuple[str, ...], tuple[Any, ...]] = {}
    rows = list(found)
    for position, state in enumerate(states, 1):
        while rows and rows[0].position == position:
            row = rows.pop(0)
            key = (row.round, row.side, row.basis, row.indicator)
            standing[key] = (row.value, row.reason_code, row.document_no)
        meant = {
            (n.round, n.side, n.basis, n.indicator): (n.value, n.reason_code, n.document_no)
            for n in numbers.numbers(state)
        }
        assert {key: told for key, told in standing.items() if told[0] is not None} == meant
    assert rows == []
    return len(found)


def _check_commitments(connection: Connection, where: dict[str, str], state: PlanState) -> int:
    found = sorted(rows_of(connection, "commitment", **where), key=lambda row: row.position)
    latest = {row.id: (row.whole_id, row.indicator, row.settle_in, row.status) for row in found}
    assert latest == {
        one.id: (one.part_of or one.id, one.indicator, one.settle_in, one.status)
        for one in state.promises
    }
    return len(found)


def _check_extensions(connection: Connection, where: dict[str, str], state: PlanState) -> None:
    """The latest extension of each round is the one the plan has (N9)."""
    found = sorted(rows_of(connection, "extension", **where), key=lambda row: row.position)
    assert {row.round: row.due_at for row in found} == state.extensions


# The tree: the fold of the opening and of every change (N1)


@dataclass
class Woods:
    """A cycle's tree, grown from its events alone; names and attributes come from the register."""

    connection: Connection
    cycle: str
    places: dict[str, dict[str, Any]] = field(default_factory=dict)  # unit's id → place
    versions: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    paths: dict[int, dict[str, str]] = field(default_factory=dict)  # position → id → path

    def grow(self, event: Event) -> None:
        """One more event of the cycle."""
        before = {one: self._told(one) for one in self.places}
        if event.kind == "cycle_opened":
            self._open(event)
        elif event.kind == "tree_changed":
            self._change(event)
        for one in self.places:
            if self._told(one) != before.get(one):
                self.versions[one, event.seq] = self._told(one)
        self.paths[event.seq] = {one: self.path(one) for one in self.places}

    def path(self, unit: str) -> str:
        """Codes from the root down to a unit."""
        place = self.places[unit]
        above = place["parent"]
        return f"{self.path(above)}/{place['code']}" if above else str(place["code"])

    def check(self, connection: Connection) -> None:
        """Every version that is stored, and the tree as it is, are what was grown."""
        rows = rows_of(connection, "cycle_unit_version", cycle_id=self.cycle)
        assert {(row.unit_id, row.position): _place(row) for row in rows} == self.versions
        now = rows_of(connection, "cycle_unit", cycle_id=self.cycle)
        assert {row.unit_id: _place(row) for row in now} == {
            one: self._told(one) for one in self.places
        }

    def _open(self, event: Event) -> None:
        position = event.parts["terms"]["site_position"]
        names = {
            row.unit_id: (row.name, row.attributes)
            for row in sorted(
                rows_of(self.connection, "unit_version"), key=lambda row: row.position
            )
            if row.position <= position
        }
        rows = [row for chunk in event.parts["tree"] for row in chunk]
        ids = {code: unit for unit, code, *_ in rows}
        for unit, code, parent, level, idle in rows:
            name, attributes = names[unit]
            own = {"code": code, "name": name, "level": level, "parent": ids.get(parent)}
            own |= {"attributes": attributes, "no_task": idle, "since": 0, "left": False}
            self.places[unit] = own

    def _change(self, event: Event) -> None:
        told = {one["id"]: one for one in event.parts["places"]}
        ids = {place["code"]: unit for unit, place in self.places.items()}
        ids |= {one["code"]: unit for unit, one in told.items()}
        for unit, one in told.items():
            own = {name: value for name, value in one.items() if name != "id"}
            self.places[unit] = own | {"parent": ids.get(one["parent"])}
        for place in self.places.values():
            above = place["parent"]
            while above:
                over = self.places[above]
                if over["no_task"] and not over["left"]:
                    place["no_task"] = True  # below one without task there is none
                above = self.places[above]["parent"]

    def _told(self, unit: str) -> tuple[Any, ...]:
        place = self.places[unit]
        above = self.places[place["parent"]]["code"] if place["parent"] else None
        named = ("code", "name", "level", "attributes", "no_task", "since", "left")
        return (*(place[name] for name in named), above, self.path(unit))


def _place(row: Any) -> tuple[Any, ...]:
    own = (row.code, row.name, row.level, row.attributes, row.no_task, row.since, row.gone)
    return (*own, row.parent_code, row.path)


def _check_head(row: Any, stored: list[Stored]) -> None:
    last = unseal(stored[-1].leaf, stored[-1].entries)
    told = (row.position, row.chain, row.recorded_at)
    assert told == (last.seq, stored[-1].chain, last.recorded_at)


def _check_site(connection: Connection, events: list[Any]) -> None:
    row = rows_of(connection, "site")[0]
    last = events[-1]
    assert (row.position, row.chain, row.recorded_at) == (last.seq, last.chain, last.recorded_at)


def _check_nothing_extra(connection: Connection, by_stream: dict[str, list[Any]]) -> None:
    """No stream without its row, and no rows of plans or cycles without their events."""
    heads = {"site"}
    heads |= {f"cycle/{row.id}" for row in rows_of(connection, "cycle")}
    heads |= {f"plan/{row.cycle_id}/{row.unit_id}" for row in rows_of(connection, "plan")}
    assert set(by_stream) <= heads
    written = {row.event_id for row in rows_of(connection, "plan_state")}
    written |= {row.event_id for row in rows_of(connection, "cycle_state")}
    streams = (rows for stream, rows in by_stream.items() if stream != "site")
    assert written == {row.id for rows in streams for row in rows}
