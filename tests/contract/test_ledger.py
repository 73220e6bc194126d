"""F10: one tree for each log; nothing is passed over, placed twice, or signed that is not as it was.

On both databases. Who tampers here has the database to himself and turns its triggers off.
"""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from planflow.domain.events import Draft
from planflow.errors import Fault, PlanflowError, Refusal
from planflow.ledger import checkpoint, epochs, proofs, tiles
from planflow.ledger.merkle import leaf_hash
from planflow.ledger.note import Key, Signer
from planflow.services import epochs as renewing
from planflow.services import keys, people
from planflow.services import ledger as reading
from planflow.services.people import Reader
from planflow.services.sequencing import AT_ONCE, Running, Sequencer
from planflow.services.site import Site, open_site
from planflow.store import ledger, sites
from planflow.store.appending import append_site
from planflow.store.ledger import LogTree
from planflow.store.transaction import Tx, sqlite_module
from tests.conftest import peopled
from tests.contract.audit import audit
from tests.databases import Databases, Files, Server, settings
from tests.world import World

LOG = "cycle/c1"
PLAN = {"persons": 60, "villages": 60, "county_exit": 1}


@dataclass
class Place:
    """A database with its world, and the folder outside it."""

    databases: Databases
    url: str
    folder: Path

    def open(self, url: str | None = None) -> World:
        """The world in this database, or in a copy of it."""
        made = settings(url or self.url, ledger_folder=self.folder)
        site = open_site(made)
        keys.ready(site)
        return peopled(site, self.databases)

    def copy(self) -> str:
        """The database as it is now, elsewhere. Nobody may be in it."""
        if isinstance(self.databases, Files):
            url = self.databases.empty()
            shutil.copy(str(make_url(self.url).database), str(make_url(url).database))
            return url
        name = f"copy_{next(_numbers)}"
        self.databases.run(f'CREATE DATABASE "{name}" TEMPLATE "{make_url(self.url).database}"')
        return self.databases.url(name)

    def tamper(self, *statements: str, **values: Any) -> None:
        """Change rows that nobody may change."""
        with alone(self.url) as connection:
            for statement in statements:
                connection.execute(text(statement), values)
            connection.commit()


_numbers = itertools.count(1)


class alone:  # noqa: N801 - reads as a word
    """A connection of somebody to whom no trigger applies."""

    def __init__(self, url: str) -> None:
        module = {"module": sqlite_module()} if url.startswith("sqlite") else {}
        self.engine = create_engine(url, poolclass=NullPool, **module)

    def __enter__(self) -> Connection:
        self.connection = self.engine.connect()
        if self.engine.dialect.name == "postgresql":
            self.connection.execute(text("SET session_replication_role = replica"))
        else:
            names = self.connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).scalars()
            for name in list(names):
                self.connection.execute(text(f'DROP TRIGGER "{name}"'))
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.engine.dispose()


@pytest.fixture
def place(databases: Databases, tmp_path: Path) -> Place:
    return Place(databases, databases.peopled(), tmp_path / "kept")


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    """A cycle with its first round open."""
    made = place.open()
    made.cycle("c1")
    made.open("up1")
    yield made
    made.site.close()


def advance(site: Site) -> int:
    return Sequencer.of(site).advance()


def report(world: World, times: int = 1) -> None:
    """Two events each time: county A submits and withdraws."""
    for _ in range(times):
        world.act("a", "A", "draft", {"figures": PLAN})
        world.act("a", "A", "submit")
        world.act("a", "A", "withdraw")


def read(site: Site, query: str, **values: Any) -> list[Any]:
    return list(site.records.read(lambda tx: tx.connection.execute(text(query), values).all()))


def faulted(code: str, act: Callable[[], object]) -> PlanflowError:
    with pytest.raises(PlanflowError) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def bundle(world: World, who: str, log: str, epoch: int | None = None) -> list[bytes]:
    """All leaves of a small log, as a reader takes them."""
    reader = world.readers[who]
    note = reading.last_checkpoint(world.site, reader, log, epoch)
    size = checkpoint.read_checkpoint(note, keys.signer(world.site).key).size
    assert size < tiles.WIDTH
    path = tiles.Tile(tiles.ENTRIES, 0, size).path
    return tiles.leaves_of(reading.tile(world.site, reader, log, epoch, path))


def check_receipts(world: World, key: Key) -> int:
    """Every event under a checkpoint proves itself, by the receipt alone."""
    count = 0
    for row in read(world.site, "SELECT id, leaf FROM event"):
        told = reading.receipt(world.site, world.readers["region"], row.id)
        leaf = base64.b64decode(told.leaf)
        assert leaf == row.leaf
        head = checkpoint.check_receipt(told.receipt, leaf, key)
        assert (head.log, head.epoch) == (told.log, told.epoch)
        count += 1
    return count


# One tree


def test_every_event_has_a_receipt_that_proves_itself(world: World) -> None:
    report(world, 3)
    assert advance(world.site) > 0
    assert advance(world.site) == 0
    key = keys.signer(world.site).key
    count = check_receipts(world, key)
    assert count == len(read(world.site, "SELECT 1 FROM ledger_leaf"))
    assert read(world.site, "SELECT 1 FROM ledger_queue") == []
    assert {row.log for row in read(world.site, "SELECT log FROM ledger_leaf")} == {"site", LOG}
    audit(world.site)


def test_a_receipt_is_pending_until_a_checkpoint_covers_it(world: World) -> None:
    report(world)
    event = read(world.site, "SELECT id FROM event WHERE kind = 'submitted'")[0].id
    reader = world.readers["a"]
    faulted("receipt_pending", lambda: reading.receipt(world.site, reader, event))
    sequencer = Sequencer.of(world.site)
    world.site.records.write(lambda tx: sequencer._place(tx, LOG))
    faulted("receipt_pending", lambda: reading.receipt(world.site, reader, event))
    advance(world.site)
    assert reading.receipt(world.site, reader, event).position == 2


def test_logs_and_receipts_outside_ones_scope_are_not_found(world: World) -> None:
    report(world)
    advance(world.site)
    site, readers = world.site, world.readers
    event = read(site, "SELECT id FROM event WHERE kind = 'submitted'")[0].id
    for who in ("a", "city", "region", "auditor"):
        reading.receipt(site, readers[who], event)
        reading.last_checkpoint(site, readers[who], "c1", None)
    faulted("not_found", lambda: reading.receipt(site, readers["b"], event))
    faulted("not_found", lambda: reading.receipt(site, readers["system"], event))
    faulted("not_found", lambda: reading.receipt(site, readers["region"], "none"))
    faulted("not_found", lambda: reading.last_checkpoint(site, readers["system"], "c1", None))
    faulted("not_found", lambda: reading.last_checkpoint(site, readers["region"], "c2", None))
    faulted("not_found", lambda: reading.last_checkpoint(site, readers["region"], "c1", 2))
    faulted("not_found", lambda: reading.tile(site, readers["system"], "c1", None, "0/000.p/1"))
    for path in ("0/000", "0/000.p/200", "1/000.p/1", "entries/001.p/1", "x"):
        faulted("not_found", lambda: reading.tile(site, readers["region"], "c1", None, path))  # noqa: B023
    reading.last_checkpoint(site, readers["system"], None, None)


def test_large_trees_have_full_tiles(place: Place) -> None:
    """Tiles over several levels, and proofs from them, against the tree of all leaves."""
    world = place.open()
    site, tree, size = world.site, LogTree("cycle/big", 1), 700
    leaves = [orjson.dumps({"n": number}) for number in range(size)]

    def work(tx: Tx) -> None:
        for at in range(0, size, 100):
            ledger.put(
                tx, tree, [(f"e{at + n}", one) for n, one in enumerate(leaves[at : at + 100])]
            )
        hashes = [leaf_hash(leaf) for leaf in leaves]
        assert ledger.size(tx, tree) == size
        nodes = ledger.nodes(tx, tree, size)
        root = proofs.tree_root(size, nodes)
        assert root == proofs.grown(0, nodes, hashes)
        for index in (0, 255, 256, 511, 512, 699):
            proof = proofs.inclusion(index, size, nodes)
            assert proofs.includes(root, size, index, hashes[index], proof)
        assert len(ledger.hashes(tx, tree, tiles.Tile(1, 0, 2))) == 64

    site.records.write(work)
    site.close()


def test_an_event_committed_late_is_placed_late_and_never_lost(
    world: World, databases: Databases
) -> None:
    """Its transaction began, and its id and time were made, before those of events placed already."""
    report(world)
    advance(world.site)
    site = world.site
    before = bundle(world, "region", "c1")
    late = Draft("grant_given", "", "", {"grant": {}}, site.mint())
    pen = site.pen(site.shell())

    def write(tx: Tx) -> None:
        append_site(tx, sites.lock_site(tx), late, pen, LOG)

    if isinstance(databases, Server):
        with site.records.engine.connect() as connection:
            write(Tx(connection, locks=True))
            report(world)  # begins later, commits earlier
            assert advance(site) == 2
            middle = bundle(world, "region", "c1")
            connection.commit()
    else:
        report(world)
        assert advance(site) == 2
        middle = bundle(world, "region", "c1")
        site.records.write(write)
    report(world)
    assert advance(site) == 3
    after = bundle(world, "region", "c1")
    assert (middle[: len(before)], after[: len(middle)]) == (before, middle)
    ids = [orjson.loads(leaf)["id"] for leaf in after]
    assert ids.index(late.id) == len(middle)
    assert late.id < ids[len(middle) - 1]  # by its id and its time it would stand before
    assert len(set(ids)) == len(ids)


TURNS = int(os.environ.get("PLANFLOW_LEDGER_TURNS", "6"))
COUNTIES = [f"K{number}" for number in range(8)]


@pytest.fixture
def crowd(place: Place) -> Iterator[list[World]]:
    """Eight counties in an open round, seen by as many processes as the database takes."""
    first = place.open()
    rows = "".join(f"{code},{code}县,county,C,\n" for code in COUNTIES)
    first.units(f"code,name,level,parent,attributes\n{rows}")
    for code in COUNTIES:
        first.user(code.lower(), "planner", code)
    first.cycle("c1", no_task=[{"unit": one, "reason": "无任务"} for one in "ABZ"])
    first.open("up1")
    worlds = [first]
    if isinstance(place.databases, Server):
        worlds.append(first.at(open_site(settings(place.url, ledger_folder=place.folder))))
    yield worlds
    for world in worlds:
        world.site.close()


def test_eight_writers_and_two_sequencers_make_one_tree(crowd: list[World]) -> None:
    """No gap, no place twice, no event left out; every checkpoint is a beginning of the last."""
    over = threading.Event()

    def write(number: int) -> None:
        world = crowd[number % len(crowd)]
        for _ in range(TURNS):
            for act in ("draft", "submit", "withdraw"):
                body = {"figures": {"persons": 1, "villages": 1}} if act == "draft" else None
                world.act(f"k{number}", f"K{number}", act, body)

    def sequence(number: int) -> int:
        done = 0
        while not over.is_set():
            done += advance(crowd[number % len(crowd)].site)
        return done

    with ThreadPoolExecutor(10) as pool:
        sequencers = [pool.submit(sequence, number) for number in range(2)]
        try:
            for writer in [pool.submit(write, number) for number in range(8)]:
                writer.result()
        finally:
            over.set()
        done = [one.result() for one in sequencers]
    done.append(advance(crowd[0].site))
    count = check_tree(crowd[0].site)
    assert count == 2 + 8 * TURNS * 2
    print(f"\n{count} leaves in the cycle's log; leaves that each sequencer signed: {done}")
    key = keys.signer(crowd[0].site).key
    assert check_receipts(crowd[0], key) == len(read(crowd[0].site, "SELECT 1 FROM event"))
    audit(crowd[0].site)


def check_tree(site: Site) -> int:
    """The cycle's log has each of its events once, each stream in its order; how many they are."""
    leaves = read(site, "SELECT * FROM ledger_leaf WHERE log = :log ORDER BY position", log=LOG)
    events = {row.id: row for row in read(site, "SELECT id, stream, seq, leaf FROM event")}
    named = f"{site.id}/{LOG}"
    mine = [one for one, row in events.items() if orjson.loads(row.leaf)["log"] == named]
    assert [row.position for row in leaves] == list(range(len(mine)))
    assert sorted(row.event_id for row in leaves) == sorted(mine)
    order: dict[str, list[int]] = {}
    for row in leaves:
        order.setdefault(events[row.event_id].stream, []).append(events[row.event_id].seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in order.values())
    hashes, key = [row.digest for row in leaves], keys.signer(site).key
    for row in read(
        site, "SELECT note FROM ledger_checkpoint WHERE log = :log ORDER BY size", log=LOG
    ):
        head = checkpoint.read_checkpoint(row.note, key)
        assert head.root == root_of(hashes[: head.size])
    assert head.size == len(mine)
    return len(mine)


def root_of(hashes: list[bytes]) -> bytes:
    return proofs.grown(0, lambda *_: b"", hashes)


# Nothing is signed that is not as it was


def fill(site: Site, count: int) -> None:
    """Many events of the site, in one unit of work."""

    def work(tx: Tx) -> None:
        for _ in range(count):
            draft = Draft("token_issued", "", "", {}, site.mint())
            append_site(tx, sites.lock_site(tx), draft, site.pen(site.shell()))

    site.records.write(work)


def test_full_tiles_are_read_back_too(place: Place) -> None:
    """More than one batch and several tiles; a tile's root that was changed before signing is found."""
    world = place.open()
    site, sequencer = world.site, Sequencer.of(world.site)
    before = len(read(site, "SELECT 1 FROM event"))
    fill(site, AT_ONCE + 100)
    assert advance(site) == before + AT_ONCE + 100
    sizes = [row.size for row in read(site, "SELECT size FROM ledger_checkpoint ORDER BY size")]
    assert sizes == [AT_ONCE, before + AT_ONCE + 100]
    roots = read(site, "SELECT level, number FROM ledger_tile ORDER BY number")
    assert [tuple(row) for row in roots] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    event = read(site, "SELECT id FROM event WHERE kind = 'token_issued' ORDER BY seq")[-1].id
    told = reading.receipt(site, world.readers["system"], event)
    key = sequencer.signer.key
    checkpoint.check_receipt(told.receipt, base64.b64decode(told.leaf), key)
    fill(site, 300)
    assert site.records.write(lambda tx: sequencer._place(tx, "site")) == 300
    place.tamper("UPDATE ledger_tile SET root = :hash WHERE number = 4", hash=bytes(32))
    faulted("ledger_mismatch", lambda: advance(site))
    place.tamper("UPDATE ledger_tile SET root = :hash WHERE number = 2", hash=bytes(32))
    faulted("ledger_rewritten", lambda: advance(site))
    site.close()


TAMPERINGS = {
    "another leaf": (
        "UPDATE event SET leaf = :leaf WHERE id = (SELECT event_id FROM ledger_leaf "
        "WHERE log = 'cycle/c1' ORDER BY position DESC LIMIT 1)"
    ),
    "another hash": (
        "UPDATE ledger_leaf SET digest = :hash WHERE log = 'cycle/c1' AND position = :last"
    ),
    "another event": (
        "UPDATE ledger_leaf SET event_id = (SELECT event_id FROM ledger_leaf WHERE log = 'site' "
        "AND position = 0) WHERE log = 'cycle/c1' AND position = :last"
    ),
    "a gap": "DELETE FROM ledger_leaf WHERE log = 'cycle/c1' AND position = :last - 1",
    "a deleted event": (
        "DELETE FROM event WHERE id = (SELECT event_id FROM ledger_leaf "
        "WHERE log = 'cycle/c1' AND position = :last)"
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_it_reads_back_before_it_signs(world: World, place: Place, what: str) -> None:
    report(world)
    advance(world.site)
    signed = read(
        world.site, "SELECT max(size) AS size FROM ledger_checkpoint WHERE log = :log", log=LOG
    )
    report(world)
    sequencer = Sequencer.of(world.site)
    assert world.site.records.write(lambda tx: sequencer._place(tx, LOG)) == 2
    last = signed[0].size + 1
    place.tamper(TAMPERINGS[what], leaf=b'{"id":"x","log":"y"}', hash=bytes(32), last=last)
    fault = faulted("ledger_mismatch", lambda: advance(world.site))
    assert fault.params["log"] == LOG
    assert fault.params["position"] == (last - 1 if what == "a gap" else last)
    heads = read(
        world.site, "SELECT max(size) AS size FROM ledger_checkpoint WHERE log = :log", log=LOG
    )
    assert heads == signed
    # The other log goes on.
    people.shell_token(world.site, "a")
    faulted("ledger_mismatch", lambda: advance(world.site))
    assert [row.log for row in read(world.site, "SELECT DISTINCT log FROM ledger_queue")] == [LOG]


def test_it_signs_nothing_over_a_signed_history_that_was_changed(
    world: World, place: Place
) -> None:
    report(world)
    advance(world.site)
    report(world)
    place.tamper(
        "UPDATE ledger_leaf SET digest = :hash WHERE log = 'cycle/c1' AND position = 3",
        hash=bytes(32),
    )
    fault = faulted("ledger_rewritten", lambda: advance(world.site))
    assert fault.params == {"log": LOG, "kept": 4}
    # Nor when the checkpoint in the database was taken away: it is kept elsewhere.
    place.tamper("DELETE FROM ledger_checkpoint WHERE log = 'cycle/c1'")
    faulted("ledger_rewritten", lambda: advance(world.site))


def test_it_signs_nothing_below_the_last_checkpoint(world: World, place: Place) -> None:
    report(world)
    advance(world.site)
    place.tamper(
        "DELETE FROM ledger_leaf WHERE log = 'cycle/c1' AND position >= 2",
        "INSERT INTO ledger_queue (event_id, log) "
        "SELECT id, 'cycle/c1' FROM event WHERE kind = 'submitted'",
    )
    fault = faulted("ledger_behind", lambda: advance(world.site))
    assert fault.params == {"log": LOG, "kept": 4, "size": 2}
    place.tamper("DELETE FROM ledger_checkpoint")
    faulted("ledger_behind", lambda: advance(world.site))
    assert read(world.site, "SELECT 1 FROM ledger_leaf WHERE log = :log", log=LOG) == [(1,), (1,)]


def test_a_checkpoint_of_another_key_or_log_is_none(world: World, place: Place) -> None:
    report(world)
    advance(world.site)
    report(world)
    keep, signer = keys.keep(world.site), keys.signer(world.site)
    good = keep.checkpoint(LOG)
    assert good is not None
    head = checkpoint.read_checkpoint(good, signer.key)
    keep.keep(LOG, head.signed(Signer(world.site.id, bytes(32))))
    faulted("note_unsigned", lambda: advance(world.site))
    other = keep.checkpoint("site")
    assert other is not None
    keep.keep(LOG, other)
    faulted("other_log", lambda: advance(world.site))
    keep.keep(LOG, good)
    assert advance(world.site) == 2


# After a restore


@dataclass
class Restored:
    """A world in a database restored from an older copy, and the last checkpoint of what was lost."""

    world: World
    lost: checkpoint.Checkpoint

    @property
    def pair(self) -> tuple[Reader, Reader]:
        """Two persons who may begin a new epoch."""
        return self.world.readers["system"], self.world.readers["second"]


@pytest.fixture
def restored(place: Place) -> Iterator[Restored]:
    """Four leaves under a checkpoint, two events queued; lost are 8 leaves of 12, and a cycle."""
    world = place.open()
    world.cycle("c1")
    world.open("up1")
    report(world)
    advance(world.site)
    report(world)
    world.site.close()
    backup = place.copy()
    world = place.open()
    world.name = "c1"
    report(world, 3)
    world.cycle("c2")
    advance(world.site)
    lost = Sequencer.of(world.site).kept(LOG)
    world.site.close()
    back = place.open(backup)
    back.name = "c1"
    back.user("second", "secadmin", None)
    assert lost is not None
    yield Restored(back, lost)
    back.site.close()


def test_a_restored_database_signs_nothing(restored: Restored) -> None:
    site = restored.world.site
    before = read(site, "SELECT * FROM ledger_checkpoint WHERE log = :log", log=LOG)
    for _ in range(2):
        fault = faulted("ledger_behind", lambda: advance(site))
        assert fault.params == {"log": LOG, "kept": 12, "size": 4}
        report(restored.world)
    assert read(site, "SELECT * FROM ledger_checkpoint WHERE log = :log", log=LOG) == before
    assert len(read(site, "SELECT 1 FROM ledger_leaf WHERE log = :log", log=LOG)) == 4


def test_a_new_epoch_takes_two_persons_and_a_reason(restored: Restored) -> None:
    site, readers = restored.world.site, restored.world.readers
    system, second = restored.pair
    renew = renewing.new_epoch
    faulted("forbidden", lambda: renew(site, system, readers["region"], "x"))
    faulted("forbidden", lambda: renew(site, readers["auditor"], second, "x"))
    faulted("same_person", lambda: renew(site, system, system, "x"))
    faulted("invalid", lambda: renew(site, system, second, " "))
    faulted("ledger_behind", lambda: advance(site))
    assert read(site, "SELECT 1 FROM ledger_epoch") == []


def test_after_a_restore_a_new_epoch_says_what_was_lost(restored: Restored) -> None:
    """The old receipts stand; what was queued or recorded since follows in the new tree."""
    world, site = restored.world, restored.world.site
    report(world)
    opened = {one.log: one for one in renewing.new_epoch(site, *restored.pair, "磁盘损坏")}
    assert {LOG, "cycle/c2"} <= set(opened)
    assert (opened[LOG].epoch, opened[LOG].left, opened[LOG].had) == (2, 4, 12)
    leaves = bundle(world, "region", "c1")
    epoch = epochs.epoch_of(leaves[0])
    assert epoch is not None
    assert (epoch.old, epoch.left) == (restored.lost, 4)
    assert max(leaves[0]) < 128  # the reason is a salted part, and no text of the leaf
    old = bundle(world, "region", "c1", 1)
    assert epoch.root == root_of([leaf_hash(leaf) for leaf in old])
    kinds = [orjson.loads(leaf)["kind"] for leaf in leaves]
    assert kinds == ["epoch_opened", *["submitted", "withdrawn"] * 2]
    report(world)
    assert advance(site) == 2
    events = read(site, "SELECT 1 FROM event")
    assert check_receipts(world, keys.signer(site).key) == len(events)
    faulted("nothing_lost", lambda: renewing.new_epoch(site, *restored.pair, "x"))
    audit(site)


def test_an_epoch_that_cites_another_checkpoint_is_none(restored: Restored, place: Place) -> None:
    """Rows that claim an epoch do not make one: its first leaf must cite what was kept."""
    site = restored.world.site
    kept = keys.keep(site).checkpoint(LOG)
    assert kept is not None
    renewing.new_epoch(site, *restored.pair, "恢复")
    other = checkpoint.Checkpoint(restored.lost.origin, 11, bytes(32))
    keys.keep(site).keep(LOG, other.signed(keys.signer(site)))
    report(restored.world)
    faulted("ledger_rewritten", lambda: advance(site))
    keys.keep(site).keep(LOG, kept)
    assert advance(site) == 2


def test_a_rewritten_log_gets_no_new_epoch(world: World, place: Place) -> None:
    report(world)
    world.user("second", "secadmin", None)
    advance(world.site)
    place.tamper("UPDATE ledger_leaf SET digest = :hash WHERE position = 3", hash=bytes(32))
    readers = world.readers
    faulted(
        "nothing_lost",
        lambda: renewing.new_epoch(world.site, readers["system"], readers["second"], "x"),
    )


def test_a_restore_below_an_epoch_begins_the_next_one(place: Place) -> None:
    world = place.open()
    world.cycle("c1")
    world.open("up1")
    advance(world.site)
    world.site.close()
    backup, other = place.copy(), place.copy()
    world = place.open()
    world.name = "c1"
    report(world)
    advance(world.site)
    world.site.close()
    for number, url in enumerate((backup, other), 2):
        restored = place.open(url)
        restored.user("second", "secadmin", None)
        system, second = restored.readers["system"], restored.readers["second"]
        opened = renewing.new_epoch(restored.site, system, second, "恢复")
        assert {one.log: one.epoch for one in opened}[LOG] == number
        leaf = bundle(restored, "region", "c1")[0]
        epoch = epochs.epoch_of(leaf)
        assert epoch is not None
        assert (epoch.number, epoch.old.epoch) == (number, number - 1)
        restored.site.close()


# The key


def test_the_key_is_made_once_for_its_owner_alone(place: Place) -> None:
    world = place.open()
    path = keys.keep(world.site).folder / "key"
    seed = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    keys.ready(world.site)
    assert path.read_text() == seed
    assert [one.name for one in path.parent.iterdir()] == ["key"]
    assert seed.strip() not in repr(keys.signer(world.site))
    assert seed.strip() not in repr(Sequencer.of(world.site))
    world.site.close()


def test_several_machines_need_one_key(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No key is made for a server's database, unless a folder was named; the log says what to do."""
    monkeypatch.delenv("PLANFLOW_LEDGER_FOLDER")
    site = open_site(settings(databases.peopled()))
    try:
        if isinstance(databases, Server):
            keys.ready(site)
            faulted("ledger_key_missing", lambda: advance(site))
            with Running(site):
                told_by = time.monotonic() + 20
                while "ledger_key_missing: " not in caplog.text and time.monotonic() < told_by:
                    time.sleep(0.1)
            assert "PLANFLOW_LEDGER_KEY" in caplog.text
    finally:
        site.close()
    seed = base64.b64encode(bytes(range(32))).decode()
    given = open_site(settings(databases.peopled(), ledger_key=seed))
    try:
        assert keys.signer(given).seed == bytes(range(32))
        assert seed not in repr(given.settings)
    finally:
        given.close()


def test_a_key_that_is_none_is_refused(place: Place) -> None:
    world = place.open()
    (keys.keep(world.site).folder / "key").write_text("too short")
    with pytest.raises(Refusal):
        advance(world.site)
    (keys.keep(world.site).folder / "key").unlink()
    (keys.keep(world.site).folder / "key").mkdir()
    with pytest.raises(Fault) as caught:
        advance(world.site)
    assert caught.value.code == "ledger_folder_unusable"
    world.site.close()


# The queue


def test_events_of_older_databases_are_queued_by_the_migration(databases: Databases) -> None:
    """And what is no leaf stays behind, for an audit to find."""
    leaves = {
        "one": b'{"id":"one","log":"s/site"}',
        "two": b'{"id":"two","log":"s/practice/c1"}',
        "no leaf": b"x",
    }
    config = Config()
    config.set_main_option("script_location", "planflow.store:migrations")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    [ours] = [one for one in scripts if one.path.endswith("_ledger.py")]
    with alone(databases.empty()) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(ours.down_revision))
        for seq, (event_id, leaf) in enumerate(leaves.items()):
            connection.execute(
                text(
                    "INSERT INTO event VALUES (:id, 'site', :seq, '', '', '2019-07-12 00:00:00', "
                    ":leaf, :leaf)"
                ),
                {"id": event_id, "seq": seq, "leaf": leaf},
            )
        command.upgrade(config, ours.revision)
        queued = connection.execute(text("SELECT event_id, log FROM ledger_queue")).all()
    assert {tuple(row) for row in queued} == {("one", "site"), ("two", "practice/c1")}
