"""N13, F10: whatever somebody with the database in hand changes, the audit names it (SQLite).

Each change is made in a transaction of its own on one small file, audited, and rolled back. Whoever
recomputes everything, with the signing key as well, is found by a witness alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, text

from planflow.errors import Finding, Refusal
from planflow.ledger import proofs, witness
from planflow.ledger.canonical import canonical
from planflow.ledger.chain import START, link
from planflow.ledger.checkpoint import Checkpoint, read_checkpoint
from planflow.ledger.merkle import leaf_hash
from planflow.ledger.tiles import Tile
from planflow.services import audit, keys, people
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.store import ledger
from planflow.store.audit import events, trees
from planflow.store.audit.course import Course
from planflow.store.ledger import LogTree
from planflow.store.tables import METADATA
from planflow.store.transaction import Tx
from tests.conftest import Park, peopled
from tests.contract.audit import rows_of
from tests.contract.test_ledger import alone
from tests.databases import settings

SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
Values = dict[str, Any]
Statements = list[tuple[str, Values]]
Named = Callable[[Finding], bool]


@dataclass(frozen=True)
class Change:
    """What is done, and what the first finding must name."""

    what: str
    statements: Statements
    named: Named


@dataclass(frozen=True)
class Bench:
    """A finished, signed cycle, and a connection to which no trigger applies."""

    site: Site
    connection: Connection

    def first(self) -> Finding | None:
        """The audit's first finding, of what this transaction sees."""
        tx = Tx(self.connection, locks=False)
        key = keys.signer(self.site).key
        return next(audit.findings(self.site, tx, Course(self.site.id), key), None)

    def found(self, change: Change) -> Finding | None:
        for statement, values in change.statements:
            assert self.connection.execute(text(statement), values).rowcount >= 1, change.what
        found = self.first()
        self.connection.rollback()
        return found

    def all_found(self, changes: Iterator[Change]) -> Counter[str]:
        """Try changes one by one; each must be found, and named for what it is."""
        told: Counter[str] = Counter()
        for change in changes:
            found = self.found(change)
            assert found is not None, f"{change.what}: not found {change.statements}"
            assert change.named(found), f"{change.what}: {found} {change.statements}"
            told[f"{change.what} -> {found.code}"] += 1
        for line, count in sorted(told.items()):
            print(f"{count:7,} {line}")
        print(f"{told.total():7,} in all, every one found and named")
        return told

    def rows(self, name: str) -> list[Any]:
        found = list(rows_of(self.connection, name))
        self.connection.rollback()
        return found


def bench(park: Park, folder: Path, tokens: int) -> Iterator[Bench]:
    files = park["sqlite"]
    url = files.peopled()
    site = open_site(settings(url, ledger_folder=folder))
    keys.ready(site)
    world = peopled(site, files)
    world.past()
    sequencer = Sequencer.of(site)
    world.play_until("down1")
    world.change_tree({"rename": {"unit": "B", "name": "新乙县"}})  # by a document
    sequencer.advance()
    world.play_all()
    world.user("guest", "planner", "A")
    people.revoke(site, "guest", "planner", "A")
    for _ in range(tokens):
        people.shell_token(site, "city")
    sequencer.advance()
    with alone(url) as connection:
        connection.commit()
        made = Bench(site, connection)
        assert made.first() is None
        connection.rollback()
        yield made
    site.close()


@pytest.fixture(scope="module")
def small(park: Park, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from bench(park, tmp_path_factory.mktemp("small"), 0)


@pytest.fixture(scope="module")
def tiled(park: Park, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The same with more than one full tile in the site's log."""
    yield from bench(park, tmp_path_factory.mktemp("tiled"), 300)


def bent(value: Any, chance: Random) -> Any:
    """Another value of the same kind."""
    match value:
        case bytes():
            at = chance.randrange(len(value))
            return value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]
        case bool():
            return not value
        case int():
            return value + chance.choice([1_000, 1_001, 77_777])  # no other row's
        case None:
            return chance.choice([0, 1])
        case _:
            moment = str(value)
            return moment[:-1] + str((ord(moment[-1]) + 1) % 10) if moment else "x"


# Fields of events


def at_event(event: Any) -> Named:
    """The finding names the event by its id or by its place."""
    place = (event.stream, event.seq)

    def named(found: Finding) -> bool:
        params = found.params
        if params.get("event") == event.id or (params.get("stream"), params.get("seq")) == place:
            return True
        return str(params.get("key", "")).startswith(event.id)  # an entry without its event

    return named


LOOKED_UP = ("cycle_id", "unit_id", "actor")
COLUMNS = ("id", "stream", "seq", "kind", "round", "recorded_at", "leaf", "chain", *LOOKED_UP)
PARTS = ("event_id", "part", "number", "digest", "salt", "value")


def fields(bench: Bench, chance: Random) -> Iterator[Change]:
    """Every column of every event and of its entries, each once."""
    entries = bench.rows("event_part")
    known = {event.id: event for event in bench.rows("event")}
    times = bench.connection.execute(text("SELECT id, recorded_at FROM event"))
    raw_times: dict[str, Any] = {row.id: row.recorded_at for row in times}
    bench.connection.rollback()
    for event in known.values():
        for column in COLUMNS:
            old = raw_times[event.id] if column == "recorded_at" else getattr(event, column)
            where = {"own": event.id, "new": other(old, column, chance)}
            update = f"UPDATE event SET {column} = :new WHERE id = :own"
            yield Change(f"event.{column}", [(update, where)], at_event(event))
    for entry in entries:
        own = {"own": entry.event_id, "of": entry.part, "at": entry.number}
        where_it = "WHERE event_id = :own AND part = :of AND number = :at"
        for column in PARTS:
            new = other(getattr(entry, column), column, chance)
            update = f"UPDATE event_part SET {column} = :new {where_it}"
            named = at_event(known[entry.event_id])
            yield Change(f"event_part.{column}", [(update, own | {"new": new})], named)


def other(old: Any, column: str, chance: Random) -> Any:
    if column in ("salt", "value") and chance.random() < 0.1:
        return None
    if column == "number":
        return old + 1000
    if column == "seq":
        return old + 1000
    return f"{old}x" if isinstance(old, str) and column != "recorded_at" else bent(old, chance)


# Whole events


def whole_events(bench: Bench, chance: Random) -> Iterator[Change]:
    """Each event deleted, put in twice, exchanged with the next, and dated back."""
    ordered = sorted(bench.rows("event"), key=lambda one: (one.stream, one.seq))
    last = {event.stream: event.seq for event in ordered}
    for event in ordered:
        own = {"id": event.id, "stream": event.stream, "seq": event.seq}
        gone = "DELETE FROM event WHERE id = :id"
        yield Change("deleted", [(gone, own)], at_event(event))
        copy = (
            "INSERT INTO event SELECT :new, stream, :at, kind, round, recorded_at, leaf, chain, "
            "cycle_id, unit_id, actor "
            "FROM event WHERE id = :id"
        )
        at, new = last[event.stream] + 1, f"copy-{chance.randrange(10**9)}"
        put = [(copy, {"id": event.id, "new": new, "at": at})]
        place = (event.stream, at)
        yield Change("put in", put, lambda f, p=place: at_place(f, p))  # type: ignore[misc]
        back = "UPDATE event SET recorded_at = :at WHERE id = :id"
        dated = [(back, own | {"at": "2001-01-01 00:00:00.000000"})]
        yield Change("dated back", dated, at_event(event))
        if event.seq < last[event.stream]:
            move = "UPDATE event SET seq = :to WHERE stream = :stream AND seq = :seq"
            steps = ((event.seq, -1), (event.seq + 1, event.seq), (-1, event.seq + 1))
            moves = [(move, {"stream": event.stream, "seq": a, "to": b}) for a, b in steps]
            yield Change("exchanged", moves, lambda f, e=event: at_place(f, (e.stream, e.seq)))  # type: ignore[misc]


def appended(bench: Bench) -> Iterator[Change]:
    """A good leaf put at the end of each stream; then with the stream's head moved on to it."""
    ends: dict[str, Any] = {}
    for event in sorted(bench.rows("event"), key=lambda one: (one.stream, one.seq)):
        ends[event.stream] = event
    for end in ends.values():
        fields = orjson.loads(end.leaf)
        at = "2099-01-01T00:00:00.000000Z"
        fields |= {"id": "put-in", "seq": end.seq + 1, "recorded_at": at, "commitments": {}}
        leaf = canonical(fields)
        row = {"id": "put-in", "stream": end.stream, "seq": end.seq + 1, "leaf": leaf}
        row |= {"kind": end.kind, "round": end.round, "chain": link(end.chain, leaf)}
        row["recorded_at"] = "2099-01-01 00:00:00.000000"
        names = ", ".join(row)
        put = f"INSERT INTO event ({names}) VALUES ({', '.join(f':{name}' for name in row)})"

        def named(found: Finding) -> bool:
            return found.params.get("event") == "put-in"

        yield Change("appended", [(put, row)], named)
        update, values = head(end.stream, row["chain"])
        moved = update.replace("SET ", "SET position = :seq, recorded_at = :at, ")
        values |= {"seq": row["seq"], "at": row["recorded_at"]}
        yield Change("appended with its head", [(put, row), (moved, values)], named)


def at_place(found: Finding, place: tuple[str, int]) -> bool:
    return (found.params.get("stream"), found.params.get("seq")) == place


def recomputed(bench: Bench) -> Iterator[Change]:
    """An old leaf changed, and the whole chain after it and its head computed anew."""
    ordered = sorted(bench.rows("event"), key=lambda one: (one.stream, one.seq))
    for event in ordered:
        at = event.leaf.index(b'"actor":"') + 9
        letter = b"b" if event.leaf[at : at + 1] == b"a" else b"a"
        told = event.leaf[:at] + letter + event.leaf[at + 1 :]
        chain, statements = START, []
        for one in ordered:
            if one.stream != event.stream:
                continue
            leaf = told if one.id == event.id else one.leaf
            chain = link(chain, leaf)
            update = "UPDATE event SET leaf = :leaf, chain = :chain WHERE id = :id"
            statements.append((update, {"leaf": leaf, "chain": chain, "id": one.id}))
        statements.append(head(event.stream, chain))
        yield Change("recomputed", statements, at_event(event))


def head(stream: str, chain: bytes) -> tuple[str, Values]:
    kind, _, rest = stream.partition("/")
    cycle, _, unit = rest.partition("/")
    where = {"site": "1 = 1", "cycle": "id = :cycle"}.get(
        kind, "cycle_id = :cycle AND unit_id = :unit"
    )
    values = {"chain": chain, "cycle": cycle, "unit": unit}
    used = {name: values[name] for name in values if f":{name}" in f":chain {where}"}
    return f"UPDATE {kind} SET chain = :chain WHERE {where}", used


# The ledger


def tree_bits(bench: Bench, chance: Random) -> Iterator[Change]:
    """Bits of tiles, leaves and checkpoints, in an order of chance; for ever."""
    tiles, leaves = bench.rows("ledger_tile"), bench.rows("ledger_leaf")
    notes = bench.rows("ledger_checkpoint")
    assert tiles
    while True:
        yield tile_bit(chance.choice(tiles), chance)
        yield leaf_bit(chance.choice(leaves), chance)
        yield note_bit(chance.choice(notes), chance)


def tile_bit(row: Any, chance: Random) -> Change:
    own = {"log": row.log, "level": row.level, "number": row.number}
    update = "UPDATE ledger_tile SET root = :new WHERE log = :log AND level = :level AND number = :number"
    return Change(
        "tile",
        [(update, own | {"new": bent(row.root, chance)})],
        lambda found: found.code == "tile_wrong" and found.params.items() == own.items(),
    )


def leaf_bit(row: Any, chance: Random) -> Change:
    own = {"log": row.log, "position": row.position}
    column = chance.choice(["digest", "event_id"])
    new = other(getattr(row, column), column, chance)
    update = f"UPDATE ledger_leaf SET {column} = :new WHERE log = :log AND position = :position"

    def named(found: Finding) -> bool:
        return found.code == "leaf_wrong" and found.params["position"] == row.position

    return Change(f"leaf {column}", [(update, own | {"new": new})], named)


def note_bit(row: Any, chance: Random) -> Change:
    own = {"log": row.log, "size": row.size}
    raw = bytearray(row.note.encode())
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(7)
    new = raw.decode("latin-1") if new_is_odd(raw) else raw.decode()
    update = "UPDATE ledger_checkpoint SET note = :new WHERE log = :log AND size = :size"

    def named(found: Finding) -> bool:
        wrong = found.code in ("checkpoint_wrong", "checkpoint_forged")
        return wrong and (found.params["log"], found.params["size"]) == (row.log, row.size)

    return Change("checkpoint", [(update, own | {"new": new})], named)


def new_is_odd(raw: bytearray) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


# Rows


# What no event tells: when a token ends, what a person is typing, who has tried a key.
UNTOLD = {
    "plan": {"version", "draft", "draft_round", "typists"},
    "account": {"password_hash"},
}
CITED = ("event_id", "document_no", "cycle_id", "own")
ROWS = (
    *("citation", "unit", "unit_version", "past_year", "account", "access_grant", "protocol_text"),
    *("cycle", "cycle_state", "cycle_unit", "cycle_unit_version"),
    *("plan", "plan_state", "figure", "commitment", "extension", "grant_end"),
)


def row_changes(bench: Bench, chance: Random, names: Sequence[str] = ROWS) -> Iterator[Change]:
    """Every column of every row that events make."""
    for name in names:
        table = METADATA.tables[name]
        keys_of = [column.name for column in table.primary_key]
        columns = [c.name for c in table.columns if c.name not in UNTOLD.get(name, ())]
        listed = ", ".join([*columns, "rowid AS own"])
        rows = bench.connection.execute(text(f"SELECT {listed} FROM {name}")).mappings().all()
        bench.connection.rollback()
        for row in rows:
            for column in columns:
                new = other(row[column], column, chance)
                update = f"UPDATE {name} SET {column} = :new WHERE rowid = :own"
                change = [(update, {"new": new, "own": row["own"]})]
                yield Change(f"{name}.{column}", change, lambda f, r=row, n=name: of_row(f, n, r))  # type: ignore[misc]
            gone = [(f"DELETE FROM {name} WHERE rowid = :own", {"own": row["own"]})]
            yield Change(f"{name} gone", gone, lambda f, r=row, n=name: of_row(f, n, r))  # type: ignore[misc]
        assert keys_of


def of_row(found: Finding, name: str, row: Any) -> bool:
    """The finding names the table, or the stream whose head, terms or place the row is."""
    told = str(found.params.get("table", "")), str(found.params.get("stream", ""))
    alike = {"unit": "unit", "cycle_unit": "cycle_unit", "protocol_text": "protocol_text"}
    if told[0].startswith(alike.get(name, name)) or told[0] == name:
        return True
    own = {str(value) for value in row.values()}
    mine = bool(own & {*told[1].split("/"), *str(found.params.get("key", "")).split()})
    return mine or (name == "unit_version" and told[0].startswith(("unit", "cycle_unit")))


# Samples in the gate


def test_any_changed_field_of_an_event_is_found(small: Bench) -> None:
    chance = Random(SEED)
    changes = list(fields(small, chance))
    print(f"{len(changes):,} fields; of these a sample")
    told = small.all_found(iter(chance.sample(changes, 300)))
    assert {line.partition(" ")[0].partition(".")[2] for line in told} == {*COLUMNS, *PARTS}


def test_events_deleted_put_in_exchanged_dated_back_or_recomputed_are_found(small: Bench) -> None:
    chance = Random(SEED)
    changes = [*whole_events(small, chance), *recomputed(small)]
    small.all_found(appended(small))
    small.all_found(iter(chance.sample(changes, 200)))


def test_any_bit_of_the_trees_is_found(tiled: Bench) -> None:
    told = tiled.all_found(islice(tree_bits(tiled, Random(SEED)), 90))
    assert {line.partition(" ")[0] for line in told} == {"tile", "leaf", "checkpoint"}


def test_any_document_number_is_found(small: Bench) -> None:
    told = small.all_found(row_changes(small, Random(SEED), ["citation"]))
    columns = {line.partition(" ->")[0] for line in told}
    assert columns == {*(f"citation.{one}" for one in CITED), "citation gone"}
    made_up = "INSERT INTO citation VALUES (:event, '无', :cycle, 1)"
    where = [{"event": one.event_id, "cycle": one.cycle_id} for one in small.rows("citation")]
    where.append({"event": "none", "cycle": "c1"})
    changes = (Change("made up", [(made_up, one)], is_citation) for one in where)
    small.all_found(changes)


def is_citation(found: Finding) -> bool:
    return found.params.get("table") == "citation"


def test_any_column_of_any_row_is_found(small: Bench) -> None:
    chance = Random(SEED)
    changes = list(row_changes(small, chance))
    print(f"{len(changes):,} changes of rows; of these a sample")
    small.all_found(iter(chance.sample(changes, 300)))


# Whoever recomputes everything


def test_who_recomputes_everything_and_signs_is_found_by_a_witness_alone(small: Bench) -> None:
    """With the database, the key and the folder in hand: the audit is clean, a witness is not."""
    site, connection = small.site, small.connection
    key = keys.signer(site).key
    tree = LogTree("site", 1)
    before = ledger.last(Tx(connection, locks=False), tree)
    connection.rollback()
    assert before is not None
    seen = [read_checkpoint(before, key)]
    rewritten(connection)
    assert (found := small.first()) is not None
    assert found.code == "leaf_wrong"
    sign_again(connection, site, tree)
    found = next(_but_kept(small), None)
    assert found is None
    shown = Shown(connection, tree)
    with pytest.raises(Refusal) as told:
        witness.visit(shown, key, seen)
    assert told.value.code == "witness_rewritten"
    connection.rollback()


def _but_kept(bench: Bench) -> Iterator[Finding]:
    """The audit of somebody who took the checkpoints' folder along as well."""
    tx, course = Tx(bench.connection, locks=False), Course(bench.site.id)
    yield from events.findings(tx, course)
    yield from trees.findings(tx, course, keys.signer(bench.site).key)


def rewritten(connection: Connection) -> None:
    """A token that was given in the night was never given: one field of one leaf, and the chain."""
    chain = START
    rows = connection.execute(text("SELECT id, leaf FROM event WHERE stream = 'site' ORDER BY seq"))
    for row in rows.all():
        leaf = row.leaf.replace(b'"grant":""', b'"grant":"x"', 1)
        chain = link(chain, leaf)
        update = text("UPDATE event SET leaf = :leaf, chain = :chain WHERE id = :id")
        connection.execute(update, {"leaf": leaf, "chain": chain, "id": row.id})
    connection.execute(*_texted(head("site", chain)))


def _texted(statement: tuple[str, Values]) -> Any:
    return text(statement[0]), statement[1]


def sign_again(connection: Connection, site: Site, tree: LogTree) -> None:
    tx = Tx(connection, locks=False)
    for one in ledger.leaves(tx, tree, 0, ledger.size(tx, tree)):
        update = text("UPDATE ledger_leaf SET digest = :d WHERE log = 'site' AND position = :at")
        connection.execute(update, {"d": leaf_hash(one.leaf), "at": one.position})
    sizes = text("SELECT size FROM ledger_checkpoint WHERE log = 'site'")
    for size in connection.execute(sizes).scalars().all():
        root = proofs.tree_root(size, ledger.nodes(tx, tree, size))
        note = Checkpoint(f"{site.id}/site", size, root).signed(keys.signer(site))
        update = text("UPDATE ledger_checkpoint SET note = :n WHERE log = 'site' AND size = :s")
        connection.execute(update, {"n": note, "s": size})


class Shown:
    """What the rewritten database would show a witness."""

    def __init__(self, connection: Connection, tree: LogTree) -> None:
        self.tx, self.tree = Tx(connection, locks=False), tree

    def checkpoint(self, epoch: int | None) -> str:
        return ledger.last(self.tx, self.tree) or ""

    def tile(self, epoch: int, tile: Tile) -> bytes:
        return ledger.hashes(self.tx, self.tree, tile)


# The whole of it


@pytest.mark.soak
def test_thirty_thousand_changed_fields(small: Bench) -> None:
    chance, total = Random(SEED), 0
    while total < 30_000:
        total += small.all_found(fields(small, chance)).total()


@pytest.mark.soak
def test_seventy_thousand_other_changes(small: Bench, tiled: Bench) -> None:
    chance = Random(SEED)
    total = tiled.all_found(islice(tree_bits(tiled, chance), 20_000)).total()
    while total < 70_000:
        total += small.all_found(whole_events(small, chance)).total()
        total += small.all_found(recomputed(small)).total()
        total += small.all_found(appended(small)).total()
        total += small.all_found(row_changes(small, chance)).total()
