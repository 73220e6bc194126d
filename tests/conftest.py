"""Fixtures for every room of tests: fresh databases of both kinds, sites, and the small world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planflow.services.site import Site, open_site
from tests.databases import KINDS, Databases, Files, settings, start_server
from tests.world import USERS, World


class Park:
    """The databases of this test process; a server starts when the first test asks for it."""

    def __init__(self, files: Files) -> None:
        self.kinds: dict[str, Databases] = {"sqlite": files}

    def __getitem__(self, kind: str) -> Databases:
        if kind not in self.kinds:
            self.kinds[kind] = start_server()
        return self.kinds[kind]


@pytest.fixture(scope="session", autouse=True)
def ledger_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the sites of this test process keep keys and checkpoints, each below its own id."""
    folder = tmp_path_factory.mktemp("ledger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLANFLOW_LEDGER_FOLDER", str(folder))
        yield folder


@pytest.fixture(scope="session")
def park(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Park]:
    made = Park(Files(tmp_path_factory.mktemp("databases")))
    yield made
    for databases in made.kinds.values():
        databases.stop()


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest, park: Park) -> Databases:
    """The maker of databases of one kind; a test that asks for it runs once per kind."""
    return park[request.param]


@pytest.fixture
def database_url(databases: Databases) -> str:
    """A fresh database with this program's schema and nothing in it."""
    return databases.migrated()


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A fresh site without units and people."""
    opened = open_site(settings(database_url))
    yield opened
    opened.close()


@pytest.fixture
def world(databases: Databases) -> Iterator[World]:
    """A fresh site with the units and people of `tests.world`, and no cycle yet."""
    opened = open_site(settings(databases.peopled()))
    yield peopled(opened, databases)
    opened.close()


def peopled(site: Site, databases: Databases) -> World:
    """The people of `tests.world` in a site that was copied with them."""
    made = World(site)
    for name, (role, unit) in USERS.items():
        made.enter(name, role, unit, databases.tokens[name])
    return made
