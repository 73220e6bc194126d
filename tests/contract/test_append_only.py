"""F5: the database itself refuses UPDATE, DELETE, REPLACE, UPSERT and TRUNCATE on history.

On both databases, from a connection that knows nothing of planflow, after every migration, after a
batch migration, and on PostgreSQL also as the application's role, which owns nothing (F7). An entry
of an event may be erased, which sets its salt and value to null together and changes nothing else.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from planflow.config import Settings
from planflow.errors import Fault
from planflow.services import keys, people, tokens
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.store import ledger
from planflow.store.beginning import APPLICATION, RECORDS
from planflow.store.ledger import LogTree
from planflow.store.transaction import Tx, sqlite_module
from tests.conftest import Park, peopled
from tests.contract.attacks import (
    CURRENT,
    ERASABLE,
    HISTORY,
    attacks,
    erasures,
    fill,
    rows,
    shape,
    tables,
)
from tests.databases import Databases, Server, settings
from tests.world import TREE, USERS, World

TRIGGER = "append_only"  # what the triggers say
NO_RIGHT = "permission denied"  # what PostgreSQL says to a role without the privilege
SCRIPTS = "planflow.store:migrations"


@dataclass(frozen=True)
class Foreign:
    """How another program opens the database."""

    kind: str
    name: str
    module: ModuleType | None = None
    recursive: bool = False

    @contextmanager
    def connect(self, url: str) -> Iterator[Connection]:
        """A connection that is not planflow's, with that program's settings."""
        if self.kind != "sqlite":
            with engine_of(url).connect() as connection:
                yield connection
            return
        engine = create_engine(url, module=self.module)

        @event.listens_for(engine, "connect")
        def set_up(raw: Any, _record: Any) -> None:
            raw.execute(f"PRAGMA recursive_triggers={'ON' if self.recursive else 'OFF'}")

        with engine.connect() as connection:
            yield connection
        engine.dispose()


FOREIGN = [
    Foreign("sqlite", "system", sqlite3, recursive=False),
    Foreign("sqlite", "system-recursive", sqlite3, recursive=True),
    Foreign("sqlite", "bundled", sqlite_module(), recursive=False),
    Foreign("sqlite", "bundled-recursive", sqlite_module(), recursive=True),
    Foreign("postgresql", "postgresql"),
]


def engine_of(url: str) -> Engine:
    """An engine of one connection, given back at once."""
    module = {"module": sqlite_module()} if url.startswith("sqlite") else {}
    return create_engine(url, poolclass=NullPool, **module)


def refused(connection: Connection, statement: str, *words: str) -> None:
    """Try a statement; it must fail with one of these words, and nothing of it stays."""
    with pytest.raises(DBAPIError) as caught:
        connection.exec_driver_sql(statement)
    connection.rollback()
    told = str(caught.value.orig)
    assert any(word in told for word in words), f"{statement}\n{told}"


def assault(connection: Connection, names: set[str], *words: str) -> int:
    """Try everything on every table named; the number of statements that were refused."""
    dialect, count = connection.dialect.name, 0
    shapes = {name: shape(connection, name) for name in sorted(names)}
    before = {name: rows(connection, name) for name in shapes}
    connection.rollback()
    for name, one in shapes.items():
        assert before[name], f"{name} is empty: a statement that changes no row proves nothing"
        for statement in attacks(dialect, one):
            refused(connection, statement, *words)
            count += 1
    if ERASABLE in names:
        for statement in erasures(dialect):
            refused(connection, statement, *words)
            count += 1
    assert {name: rows(connection, name) for name in shapes} == before
    connection.rollback()
    return count


@pytest.fixture(scope="module")
def played(park: Park) -> Callable[[str], str]:
    """A database of a kind in which a whole cycle was played, made once."""
    made: dict[str, str] = {}

    def find(kind: str) -> str:
        if kind not in made:
            made[kind] = play(park[kind])
        return made[kind]

    return find


def play(databases: Databases) -> str:
    url = databases.peopled()
    site = open_site(settings(url))
    play_on(peopled(site, databases))
    site.close()
    return url


def a_long_log(tx: Tx) -> None:
    """A log with full tiles, and with a second epoch."""
    ledger.put(tx, LogTree("practice/long", 1), [(f"e{at}", b"leaf") for at in range(600)])
    ledger.open_epoch(tx, LogTree("practice/long", 2), "e600", b"leaf")


def play_on(world: World) -> None:
    """A whole cycle, and the beginning of another in which somebody is given more time, twice.

    Somebody stands in for the city's admin for a while.
    """
    world.end("city", world.delegate("city", "a", "C").id)
    tokens.sign_out(world.site, people.shell_token(world.site, "a").access_token)
    world.play_all()
    assert world.get().settled
    world.cycle("next")
    world.change_tree({"rename": {"unit": "B", "name": "新乙县"}})  # by a document
    world.open("up1")
    for due in ("2198-12-31", "2199-12-31"):
        world.act("city", "A", "extensions", {"due_at": due, "reason": "入户核查未完"})
    assert world.history("A", "city")  # which is recorded
    with tempfile.TemporaryDirectory() as folder:
        kept = world.site.settings.model_copy(update={"ledger_folder": Path(folder)})
        site = replace(world.site, settings=kept)
        keys.keep(site).make_seed()
        assert Sequencer.of(site).advance() > 0
    world.site.records.write(a_long_log)


def test_every_table_is_history_or_is_meant_to_change(database_url: str) -> None:
    with engine_of(database_url).connect() as connection:
        assert tables(connection) == HISTORY | CURRENT | {ERASABLE}


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda one: one.name)
def test_history_of_a_whole_cycle_cannot_be_changed(
    played: Callable[[str], str], foreign: Foreign
) -> None:
    with foreign.connect(played(foreign.kind)) as connection:
        if foreign.kind == "sqlite":
            found = connection.exec_driver_sql("PRAGMA recursive_triggers").scalar_one()
            assert bool(found) == foreign.recursive
        count = assault(connection, HISTORY | {ERASABLE}, TRIGGER)
    print(f"{foreign.name}: {count} statements refused on {len(HISTORY) + 1} tables")
    assert count > 9 * 20


def test_an_entry_can_be_erased_and_not_brought_back(databases: Databases) -> None:
    url = play(databases)
    back = "UPDATE event_part SET salt = digest, value = digest WHERE salt IS NULL"
    with engine_of(url).connect() as connection:
        one = "WHERE event_id = (SELECT min(event_id) FROM event_part)"
        connection.execute(text(f"UPDATE event_part SET salt = NULL, value = NULL {one}"))
        connection.commit()
        refused(connection, back, TRIGGER)
        gone = connection.execute(text("SELECT count(*) FROM event_part WHERE salt IS NULL"))
        assert gone.scalar_one() >= 1


# Migrations


def configured(connection: Connection, *folders: Path) -> Config:
    """Alembic's settings for planflow's revisions, and for those in further folders."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    own = Path(ScriptDirectory.from_config(config).versions)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, (own, *folders))))
    config.attributes["connection"] = connection
    return config


def revisions(config: Config) -> list[str]:
    """All revisions from the first on."""
    return [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def test_history_is_protected_after_every_revision(databases: Databases) -> None:
    databases.migrated()  # PostgreSQL's roles are there: `store.migrating` makes them first
    url, counts = databases.empty(), {}
    with engine_of(url).connect() as connection:
        for revision in revisions(configured(connection)):
            command.upgrade(configured(connection), revision)
            connection.commit()
            present = (HISTORY | {ERASABLE}) & tables(connection)
            for name in present:
                if not rows(connection, name):
                    fill(connection, shape(connection, name))
            connection.commit()
            counts[revision] = assault(connection, present, TRIGGER)
    print(f"statements refused after each revision: {counts}")
    assert len(counts) >= 1
    assert min(counts.values()) > 9 * 20


BATCH = '''
"""A throw-away revision that rebuilds the event table."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "batch", "{head}"
branch_labels = depends_on = None
TRIGGERS = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'"


def upgrade():
    with op.batch_alter_table("{table}", recreate="always") as batch:
        batch.add_column(sa.Column("more", sa.String(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        # This is the danger: the triggers went with the old table.
        assert op.get_bind().execute(sa.text(TRIGGERS)).scalar_one() == 0
        print("triggers dropped")
'''


@pytest.mark.parametrize("name", ["event", "event_part", "figure"])
def test_history_is_protected_after_a_batch_migration(
    databases: Databases, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = play(databases)
    with engine_of(url).connect() as connection:
        before = rows(connection, name)
        head = revisions(configured(connection))[-1]
        (tmp_path / "batch.py").write_text(BATCH.format(head=head, table=name), "utf-8")
        command.upgrade(configured(connection, tmp_path), "batch")
        connection.commit()
        assert "more" in shape(connection, name).columns
        assert [row[:-1] for row in rows(connection, name)] == before
        assault(connection, {name}, TRIGGER)
    told = capsys.readouterr().out
    assert ("triggers dropped" in told) == (connection.dialect.name == "sqlite")


# The application's role


@dataclass(frozen=True)
class Divided:
    """A database that one role owns and another one works in."""

    owner: str
    application: str
    records: str
    role: str

    def settings(self, owner: str | None = None) -> Settings:
        """Settings of a site in it."""
        return settings(self.application, owner, records_url=SecretStr(self.records))


@pytest.fixture
def divided(park: Park) -> Divided:
    server = park["postgresql"]
    assert isinstance(server, Server)
    database = make_url(server.empty()).database or ""
    owner, role, records = f"owner_{database}", f"app-{database}", f"records-{database}"
    server.migrated()  # the roles that planflow works in are one server's
    server.run(
        f'CREATE ROLE "{owner}" LOGIN',
        f'CREATE ROLE "{role}" LOGIN IN ROLE {APPLICATION}',
        f'CREATE ROLE "{records}" LOGIN IN ROLE {RECORDS}',
        f'ALTER DATABASE "{database}" OWNER TO "{owner}"',
    )
    addresses = (server.url(database, one) for one in (owner, role, records))
    owned, application, kept = addresses
    return Divided(owned, application, kept, role)


@pytest.fixture
def divided_site(divided: Divided) -> Iterator[Site]:
    site = open_site(divided.settings(divided.owner), migrate=True)
    yield site
    site.close()


STRUCTURE = [
    "DROP TABLE event",
    "DROP TABLE event CASCADE",
    "ALTER TABLE event ADD COLUMN more text",
    "ALTER TABLE event DROP COLUMN leaf",
    "ALTER TABLE event RENAME TO happened",
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "ALTER TABLE event DISABLE TRIGGER event_refuse",
    "ALTER TABLE event_part DISABLE TRIGGER event_part_erase_only",
    "DROP TRIGGER event_refuse ON event",
    "ALTER TRIGGER event_refuse ON event RENAME TO nothing",
    "CREATE OR REPLACE TRIGGER event_refuse BEFORE UPDATE ON event "
    "FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION planflow_refuse()",
    "CREATE OR REPLACE FUNCTION planflow_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN NULL; END $$",
    "DROP FUNCTION planflow_refuse() CASCADE",
    "ALTER FUNCTION planflow_refuse() RENAME TO nothing",
    "CREATE RULE swallow AS ON INSERT TO event DO INSTEAD NOTHING",
    "ALTER TABLE event OWNER TO CURRENT_USER",
    "SET session_replication_role = replica",
    "CREATE TABLE more (id text)",
    "DROP SCHEMA public CASCADE",
    "UPDATE alembic_version SET version_num = 'spoilt'",
    "DELETE FROM alembic_version",
]
NOT_OWNER = ("must be owner", NO_RIGHT)


def test_a_role_that_owns_nothing_runs_a_whole_cycle(divided_site: Site, divided: Divided) -> None:
    world = a_world_of_its_own(divided_site)
    play_on(world)
    owned = text("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user")
    with engine_of(divided.application).connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == divided.role
        assert connection.execute(owned).scalar_one() == 0
        seeing_all_of(connection, "next")
        count = assault(connection, {"extension"}, NO_RIGHT, TRIGGER)
        seeing_all_of(connection, "c1")
        count += assault(connection, HISTORY - {"extension"}, NO_RIGHT, TRIGGER)
        count += assault(connection, {ERASABLE}, NO_RIGHT, TRIGGER)
        for statement in STRUCTURE:
            refused(connection, statement, *NOT_OWNER)
    with engine_of(divided.records).connect() as connection:
        count += assault(connection, HISTORY, NO_RIGHT, TRIGGER)
        for statement in STRUCTURE:
            refused(connection, statement, *NOT_OWNER)
    with engine_of(divided.owner).connect() as connection:
        count += assault(connection, HISTORY | {ERASABLE}, TRIGGER)
    print(
        f"{count} statements refused, and twice {len(STRUCTURE)} on tables, triggers and functions"
    )


def seeing_all_of(connection: Connection, cycle: str) -> None:
    """Let the application's role see a cycle whole, as for its root, as long as the connection lasts."""
    for name, value in {"cycle": cycle, "whole": cycle, "paths": "R"}.items():
        setting = {"name": f"planflow.{name}", "value": value}
        connection.execute(text("SELECT set_config(:name, :value, false)"), setting)
    connection.commit()


def test_the_role_cannot_migrate_and_is_told_so(divided: Divided) -> None:
    with pytest.raises(Fault) as caught:
        open_site(divided.settings(), migrate=True)
    assert caught.value.code == "database_readonly"


def test_whoever_keeps_the_records_may_erase_an_entry_and_nobody_else(
    divided_site: Site, divided: Divided
) -> None:
    a_world_of_its_own(divided_site)
    erase = "UPDATE event_part SET salt = NULL, value = NULL"
    with engine_of(divided.application).connect() as connection:
        refused(connection, erase, NO_RIGHT)
    with engine_of(divided.records).connect() as connection:
        done = connection.execute(text(erase))
        connection.commit()
        assert done.rowcount > 0
        back = "UPDATE event_part SET salt = digest, value = digest"
        refused(connection, back, TRIGGER)


def a_world_of_its_own(site: Site) -> World:
    world = World(site)
    world.units(TREE)
    for name in ("region", "city", "a", "b"):
        world.user(name, *USERS[name])
    return world
