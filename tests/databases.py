"""Real databases for tests: an SQLite file, or a database of a PostgreSQL server made from pip alone.

Every test gets a fresh one. It is a copy of a database that was migrated, and peopled, once.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from planflow.config import Settings
from planflow.services.site import open_site
from tests.world import TREE, USERS, World

KINDS = ("sqlite", "postgresql")
LONGEST_RUN = 600  # minutes: tokens of the templates' people are good in the longest soak
Make = Callable[
    [str], dict[str, str]
]  # fills the empty database at an address; tokens of its people


def settings(url: str, owner: str | None = None, **more: Any) -> Settings:
    """Settings of a site at an address."""
    migrate_url = SecretStr(owner) if owner else None
    return Settings(database_url=SecretStr(url), migrate_url=migrate_url, **more)


def migrate_it(url: str) -> dict[str, str]:
    """Give an empty database this program's schema."""
    open_site(settings(url), migrate=True).close()
    return {}


def people_it(url: str) -> dict[str, str]:
    """Migrate a database and give it the units and users of `tests.world`; their tokens."""
    site = open_site(settings(url, token_minutes=LONGEST_RUN), migrate=True)
    try:
        world = World(site)
        world.units(TREE)
        for name, (role, unit) in USERS.items():
            world.user(name, role, unit)
        return world.tokens
    finally:
        site.close()


@dataclass
class Files:
    """SQLite databases in a folder."""

    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def empty(self) -> str:
        """A database without a schema."""
        return f"sqlite:///{self.folder / f'{next(self._numbers)}.db'}"

    def migrated(self) -> str:
        """A fresh database with this program's schema."""
        return self.prepared("migrated", migrate_it)

    def peopled(self) -> str:
        """A fresh database with the units and users of `tests.world`."""
        return self.prepared("peopled", people_it)

    def prepared(self, what: str, make: Make) -> str:
        """A fresh copy of a database that `make` filled once; `tokens` keeps its people's."""
        template = self.folder / f"{what}.template"
        if not template.exists():
            self.tokens.update(make(f"sqlite:///{template}"))
        url = self.empty()
        shutil.copy(template, str(make_url(url).database))
        return url

    def drop(self, url: str) -> None:
        """Remove a database that is no longer needed."""
        path = Path(str(make_url(url).database))
        for one in path.parent.glob(f"{path.name}*"):
            one.unlink()

    def stop(self) -> None:
        """Nothing runs."""


@dataclass
class Server:
    """A PostgreSQL server of this test process."""

    uri: str
    stop: Any
    tokens: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _templates: set[str] = field(default_factory=set)

    def url(self, database: str, role: str | None = None) -> str:
        """The address of a database of the server, for its superuser or for a role."""
        url = make_url(self.uri).set(drivername="postgresql+psycopg", database=database)
        return (url.set(username=role) if role else url).render_as_string(hide_password=False)

    def empty(self) -> str:
        """A database without a schema."""
        return self._create("template1")

    def migrated(self) -> str:
        """A fresh database with this program's schema."""
        return self.prepared("migrated", migrate_it)

    def peopled(self) -> str:
        """A fresh database with the units and users of `tests.world`."""
        return self.prepared("peopled", people_it)

    def run(self, *statements: str) -> None:
        """Carry out statements as the superuser, each by itself."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def prepared(self, what: str, make: Make) -> str:
        """A fresh copy of a database that `make` filled once; `tokens` keeps its people's."""
        if what not in self._templates:
            self.run(f'CREATE DATABASE "{what}"')
            self.tokens.update(make(self.url(what)))
            self._templates.add(what)
        return self._create(what)

    def drop(self, url: str) -> None:
        """Remove a database that is no longer needed."""
        self.run(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)


Databases = Files | Server


def start_server() -> Server:
    """Start a PostgreSQL server; skips the test where no wheel carries one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip(
            "pgserver", reason="no wheel of pgserver for this platform: not tested on PostgreSQL"
        )
        folder = Path(tempfile.mkdtemp(prefix="planflow-pg-"))
        started = pgserver.get_server(folder, cleanup_mode="stop")

    def stop() -> None:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    server = Server(started.get_uri(), stop)
    # Power cuts are not what these tests are about; copies of databases are quicker without.
    server.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    return server
