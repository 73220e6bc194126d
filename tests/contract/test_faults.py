"""N13, F7: a database that is newer, older, read-only, full, taken or none: a Fault of its own code.

Nothing is half written: after the Fault the database holds what it held, and once the cause is gone
the same act succeeds. The causes are real ones: files without write permission, a limit on pages,
locks of another process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url

from planflow.errors import Fault, Refusal
from planflow.services import people, units
from planflow.services.site import Site, migrate, open_site
from planflow.store.transaction import sqlite_module
from tests.conftest import Park, peopled
from tests.contract.audit import audit
from tests.databases import Databases, Server, settings
from tests.world import World, snapshot

FIGURES = {"figures": {"persons": 60, "villages": 60}}
NOBODY = 65534


def fault(act: Callable[[], object]) -> Fault:
    """The Fault an act ends with."""
    with pytest.raises(Fault) as caught:
        act()
    return caught.value


def started(databases: Databases, url: str) -> World:
    """A world with a cycle in which somebody may submit."""
    world = peopled(open_site(settings(url)), databases)
    world.cycle()
    world.open("up1")
    world.act("a", "A", "draft", FIGURES)
    return world


def path_of(url: str) -> Path:
    """The file of an SQLite database."""
    return Path(str(make_url(url).database))


# The schema


@contextmanager
def owning(site: Site) -> Iterator[Connection]:
    """A unit of work of the database's owner."""
    with site.records.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL ROLE NONE"))
        yield connection


def stamp(site: Site, revision: str) -> None:
    """Let the database say it has another revision."""
    with owning(site) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})


def test_a_database_newer_than_the_program_is_left_alone(databases: Databases) -> None:
    url = databases.peopled()
    site = open_site(settings(url))
    stamp(site, "9999")
    before = snapshot(site)
    for act in (
        lambda: open_site(settings(url)),
        lambda: open_site(settings(url), migrate=True),
        lambda: migrate(settings(url)),
        site.ready,
    ):
        found = fault(act)
        assert found.code == "database_newer"
        assert found.params["found"] == "9999"
    assert snapshot(site) == before
    site.close()


def test_an_older_database_asks_to_be_migrated(databases: Databases) -> None:
    url = databases.peopled()
    site = open_site(settings(url))
    with owning(site) as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    assert fault(site.ready).code == "database_older"
    site.close()


def test_an_empty_server_database_is_not_migrated_unasked(park: Park) -> None:
    url = park["postgresql"].empty()
    found = fault(lambda: open_site(settings(url)))
    assert (found.code, found.params["found"]) == ("database_older", "-")
    open_site(settings(url), migrate=True).close()
    open_site(settings(url)).close()


def test_an_empty_file_is_made_a_site(park: Park) -> None:
    open_site(settings(park["sqlite"].empty())).close()


def test_migrating_again_changes_nothing(databases: Databases) -> None:
    url = databases.peopled()
    site = open_site(settings(url))
    before = snapshot(site)
    assert migrate(settings(url)) == migrate(settings(url))
    open_site(settings(url), migrate=True).close()
    assert snapshot(site) == before
    site.close()


# Read-only


@contextmanager
def as_nobody(*paths: Path) -> Iterator[None]:
    """Take the right to write away; root, whom permissions do not bind, becomes nobody meanwhile."""
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that anybody may enter."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):  # noqa: S108 - its mode stays
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def copy_into(folder: Path, databases: Databases) -> str:
    """A peopled SQLite database in a folder, without its write-ahead log."""
    found = path_of(databases.peopled())
    target = folder / "planflow.db"
    found.rename(target)
    return f"sqlite:///{target}"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_without_write_permission_is_read_and_not_written(
    park: Park, open_folder: Path
) -> None:
    url = copy_into(open_folder, park["sqlite"])
    world = started(park["sqlite"], url)
    before = world.snapshot()
    world.site.close()
    open_folder.chmod(0o777)
    with as_nobody(path_of(url)):
        # The folder may be written to, the file may not: as after a restored backup.
        site = open_site(settings(url))
        again = peopled(site, park["sqlite"])
        again.name = "c1"
        assert again.plan("a", "A").state == "up1.drafting"
        assert fault(lambda: again.act("a", "A", "submit")).code == "database_readonly"
        assert again.snapshot() == before
        site.close()
    open_and_submit(park["sqlite"], url)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_folder_without_write_permission_is_a_fault(park: Park, open_folder: Path) -> None:
    url = copy_into(open_folder, park["sqlite"])
    started(park["sqlite"], url).site.close()
    with as_nobody(open_folder, path_of(url)):
        for how in ({}, {"migrate": True}, {"serving": True}):
            found = fault(partial(open_site, settings(url), **how))
            assert found.code in {"database_readonly", "database_unavailable"}, how
        new = f"sqlite:///{open_folder / 'deeper' / 'new.db'}"
        assert fault(lambda: open_site(settings(new))).code == "database_unavailable"
    open_and_submit(park["sqlite"], url)


def open_and_submit(databases: Databases, url: str) -> None:
    """Once the cause is gone, the act succeeds and the history is whole."""
    world = peopled(open_site(settings(url)), databases)
    world.name = "c1"
    assert world.act("a", "A", "submit").state == "up1.submitted"
    audit(world.site)
    world.site.close()


def test_a_connection_that_may_only_read(databases: Databases) -> None:
    """SQLite by query_only, PostgreSQL by default_transaction_read_only, as on a standby."""
    url = databases.peopled()
    world = started(databases, url)
    before = world.snapshot()
    with only_reading(world.site, databases) as restarted:
        assert fault(lambda: world.act("a", "A", "submit")).code == "database_readonly"
        assert fault(lambda: world.close("up1")).code == "database_readonly"
        assert fault(lambda: world.units("code,name,level,parent\nX,x,region,\n")).code == (
            "database_readonly"
        )
        assert world.snapshot() == before
        restarted()
    assert world.act("a", "A", "submit").state == "up1.submitted"
    world.site.close()


@contextmanager
def only_reading(site: Site, databases: Databases) -> Iterator[Callable[[], None]]:
    engine = site.database.engine
    if isinstance(databases, Server):
        name = make_url(databases.url(str(engine.url.database))).database
        databases.run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        engine.dispose()
        yield engine.dispose
        databases.run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = off')
        engine.dispose()
        return

    def read_only(raw: Any, _record: Any) -> None:
        raw.execute("PRAGMA query_only = ON")

    event.listen(engine, "connect", read_only)
    engine.dispose()
    yield engine.dispose
    event.remove(engine, "connect", read_only)
    engine.dispose()


def test_an_address_that_asks_for_reading_only(
    park: Park, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`file:...?mode=ro`: read, not written, and no folder called `file:` is made."""
    monkeypatch.chdir(tmp_path)
    url = park["sqlite"].peopled()
    started(park["sqlite"], url).site.close()
    reading = f"sqlite:///file:{path_of(url)}?mode=ro&uri=true"
    site = open_site(settings(reading))
    again = peopled(site, park["sqlite"])
    again.name = "c1"
    assert again.plan("a", "A").state == "up1.drafting"
    assert fault(lambda: again.act("a", "A", "submit")).code == "database_readonly"
    site.close()
    assert list(tmp_path.iterdir()) == []


# Full


def test_a_full_disk_leaves_nothing_half_written(park: Park) -> None:
    """At every size at which the file may stop growing, an act is whole or not there."""
    databases = park["sqlite"]
    world = started(databases, databases.peopled())
    site = world.site
    for more in range(4):
        with at_most(site, more):
            assert fill(world) == "disk_full"
            # What succeeded before is whole, and what was refused left no trace.
            audit(site)
            full = world.snapshot()
            if world.state("A") == "up1.submitted":
                assert fault(lambda: world.act("a", "A", "withdraw", {})).code == "disk_full"
            else:
                assert fault(lambda: world.act("a", "A", "draft", big())).code == "disk_full"
            assert world.snapshot() == full
    if world.state("A") == "up1.submitted":
        world.act("a", "A", "withdraw")
    world.act("a", "A", "draft", FIGURES)
    assert world.act("a", "A", "submit").state == "up1.submitted"
    audit(site)
    site.close()


def big() -> dict[str, Any]:
    """A working copy larger than any free page."""
    names = ("persons", "villages", "county_exit", "households")
    also = {f"basis_{n}": dict.fromkeys(names, 1) for n in range(500)}
    reasons = {name: {"text": "因" * 2000} for name in names}
    return {"figures": {"persons": 1, "villages": 1}, "also": also, "reasons": reasons}


def fill(world: World) -> str:
    """Act until there is no more room; the code it ends with."""
    acts: tuple[tuple[str, dict[str, Any]], ...] = (
        ("draft", FIGURES),
        ("submit", {"note": "满" * 1000}),
        ("withdraw", {}),
    )
    for _ in range(200):
        for action, body in acts:
            try:
                world.act("a", "A", action, body)
            except Refusal:
                continue  # the last time ended in the middle of these three
            except Fault as found:
                return found.code
    return ""


@contextmanager
def at_most(site: Site, more: int) -> Iterator[None]:
    """Let the file grow by a few pages at most."""
    engine = site.database.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + more

    def limit(raw: Any, _record: Any) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "connect", limit)
    engine.dispose()
    yield
    event.remove(engine, "connect", limit)
    engine.dispose()


@pytest.mark.parametrize(
    ("state", "code"),
    [("53100", "disk_full"), ("25006", "database_readonly"), ("57014", "database_busy")],
)
def test_what_the_server_says_of_itself_is_named(park: Park, state: str, code: str) -> None:
    """The server's own error in the middle of an act: its code, and nothing of the act stays."""
    databases = park["postgresql"]
    world = started(databases, databases.peopled())
    with owning(world.site) as connection:
        raising = f"BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{state}'; END"
        connection.exec_driver_sql(
            f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER fail BEFORE INSERT ON figure FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    before = world.snapshot()
    assert fault(lambda: world.act("a", "A", "submit")).code == code
    assert world.snapshot() == before
    world.site.close()


# Taken, gone, or not a database


SERVE = """
import sys
from pydantic import SecretStr
from planflow.config import Settings
from planflow.services.site import open_site
from planflow.errors import Fault, Refusal
try:
    site = open_site(Settings(database_url=SecretStr(sys.argv[1])), serving=True)
except Fault as fault:
    print(fault.code, flush=True)
else:
    print("serving", flush=True)
    sys.stdin.readline()
    site.close()
"""


@contextmanager
def another_process(url: str) -> Iterator[Any]:
    """A process of its own that serves the database, if it may; its first line is what it says."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()  # type: ignore[union-attr]


def test_a_second_serving_process_is_refused(park: Park) -> None:
    url = park["sqlite"].peopled()
    with another_process(url) as first:
        assert first.stdout.readline() == "serving\n"
        with another_process(url) as second:
            assert second.stdout.readline() == "second_process\n"
        assert fault(lambda: open_site(settings(url), serving=True)).code == "second_process"
        open_site(settings(url)).close()  # the command line may still look
    with another_process(url) as third:
        assert third.stdout.readline() == "serving\n"
        third.kill()  # the claim ends with its process, however it ends
        third.wait()
    site = open_site(settings(url), serving=True)
    assert fault(lambda: open_site(settings(url), serving=True)).code == "second_process"
    site.close()
    open_site(settings(url), serving=True).close()


def test_many_processes_may_serve_a_server_database(park: Park) -> None:
    url = park["postgresql"].peopled()
    with another_process(url) as first:
        assert first.stdout.readline() == "serving\n"
        open_site(settings(url), serving=True).close()


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2"])
def test_an_sqlite_that_corrupts_is_refused(
    park: Park, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(sqlite_module(), "sqlite_version", version)
    found = fault(lambda: open_site(settings(park["sqlite"].empty())))
    assert (found.code, found.params["version"]) == ("sqlite_too_old", version)


def test_the_sqlite_in_use_is_new_enough(park: Park) -> None:
    site = open_site(settings(park["sqlite"].migrated()))
    with site.database.engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
        assert tuple(map(int, version.split("."))) >= (3, 51, 3)
        full = 2
        meant = {"journal_mode": "wal", "synchronous": full, "recursive_triggers": 1}
        for name, value in meant.items():
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() == value
    site.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are notes\n" * 1000, "utf-8")
    found = fault(lambda: open_site(settings(f"sqlite:///{path}")))
    assert found.code == "not_a_database"
    assert path.read_text("utf-8").startswith("these are notes")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql://h/x", "unknown_database"),
        ("planflow.db", "bad_database_url"),
        ("postgresql://u:secret@127.0.0.1:1/x", "database_unavailable"),
        ("sqlite:////dev/null/planflow.db", "database_unavailable"),
        ("sqlite://", "bad_database_url"),
        ("sqlite:///:memory:", "bad_database_url"),
    ],
)
def test_an_address_that_leads_nowhere(url: str, code: str) -> None:
    """A database in memory is nowhere too: every connection would have one of its own."""
    pytest.importorskip("psycopg")
    found = fault(lambda: open_site(settings(url)))
    assert found.code == code
    assert "secret" not in f"{found} {found.params}"


def test_a_server_that_dropped_its_connections_is_found_again(park: Park) -> None:
    """A restart of the server costs each plan nothing: at most one Fault, and then it goes on."""
    server = park["postgresql"]
    assert isinstance(server, Server)
    world = started(server, server.peopled())
    name = world.site.database.engine.url.database
    before = world.snapshot()
    server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    for look in (lambda: world.plan("a", "A"), world.snapshot):  # by each of the two roles
        try:
            look()
        except Fault as found:
            assert found.code == "database_unavailable"  # noqa: PT017 - it may also go unnoticed
    assert world.snapshot() == before
    assert world.act("a", "A", "submit").state == "up1.submitted"
    world.site.close()


def test_a_character_that_a_database_cannot_hold_is_the_askers_mistake(world: World) -> None:
    """N13: the same on both databases, and never "the database is gone"."""
    world.play_until("down1")
    allocations = [{"unit": "C", "figures": {"persons": 1, "villages": 1}}]
    for field in ("document_no", "reason"):
        body = {"allocations": allocations, field: "1\x00号"}
        seen = world.refused("invalid", partial(world.act, "region", "R", "issue", body))
        assert seen.codes == ["bad_text"]
    # A backslash before it makes it six plain characters.
    world.act("region", "R", "issue", {"allocations": allocations, "document_no": "\\u0000"})
    asked: list[Callable[[], object]] = [
        lambda: world.plan("region", "\x00"),
        lambda: world.plan("region", "R", "\x00"),
        lambda: people.sign_in(world.site, "\x00", "password-1"),
        lambda: units.get_unit(world.site, world.readers["region"], "\x00"),
    ]
    for ask in asked:
        with pytest.raises(Refusal):
            ask()
