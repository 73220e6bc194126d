"""The page's steps for PostgreSQL are run as they are written, with PostgreSQL's own tools (F10)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from planflow.services import keys, people
from planflow.services.sequencing import Sequencer
from planflow.services.site import open_site
from planflow.store.beginning import APPLICATION, RECORDS
from tests.conftest import Park
from tests.contract.audit import audit
from tests.contract.test_append_only import a_world_of_its_own
from tests.databases import Server, settings

PAGES = Path(__file__).parents[2] / "docs/how-to"
OWNER, RESTORED = "planflow_owner", "planflow_restored"
EXAMPLE = f"postgresql://{OWNER}@db.example/planflow"


@dataclass(frozen=True)
class Place:
    """A server, and the names that the page's roles and databases have on it."""

    server: Server
    database: str

    @property
    def owner(self) -> str:
        return f"owner_{self.database}"

    @property
    def role(self) -> str:
        return f"app_{self.database}"

    @property
    def keeper(self) -> str:
        return f"keeper_{self.database}"

    @property
    def restored(self) -> str:
        return f"restored_{self.database}"

    def tools(self) -> Path:
        """Where the server's own programs are."""
        pgserver = pytest.importorskip("pgserver")
        return Path(pgserver.__file__).parent / "pginstall/bin"

    def plain(self, database: str) -> str:
        """An address as the tools take it, for the owner."""
        return self.server.url(database, self.owner).replace("+psycopg", "", 1)

    def here(self, line: str, vkey: str) -> str:
        """A line of the page for this server."""
        line = line.replace(f"{EXAMPLE}_restored", self.plain(self.restored))
        line = line.replace(EXAMPLE, self.plain(self.database))
        line = line.replace(RESTORED, self.restored).replace(OWNER, self.owner)
        known = (("DATABASE", self.role), ("RECORDS", self.keeper), ("MIGRATE", self.owner))
        for name, role in known:
            address = self.server.url(self.restored, role)
            line = line.replace(f"PLANFLOW_{name}_URL=…", f"PLANFLOW_{name}_URL='{address}'")
        return line.replace("VKEY", f"'{vkey}'")


@pytest.fixture(scope="module")
def place(park: Park) -> Place:
    server = park["postgresql"]
    assert isinstance(server, Server)
    made = Place(server, make_url(server.empty()).database or "")
    server.migrated()  # the roles that planflow works in are one server's
    server.run(
        f'CREATE ROLE "{made.owner}" LOGIN',
        f'CREATE ROLE "{made.role}" LOGIN IN ROLE {APPLICATION}',
        f'CREATE ROLE "{made.keeper}" LOGIN IN ROLE {RECORDS}',
        f'ALTER DATABASE "{made.database}" OWNER TO "{made.owner}"',
    )
    return made


@pytest.fixture(scope="module")
def kept(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A whole cycle in the database, signed; the ledger's folder, and the public key."""
    folder = tmp_path_factory.mktemp("kept")
    urls = [place.server.url(place.database, role) for role in (place.role, place.owner)]
    records = SecretStr(place.server.url(place.database, place.keeper))
    site = open_site(settings(*urls, ledger_folder=folder, records_url=records), migrate=True)
    try:
        keys.ready(site)
        world = a_world_of_its_own(site)
        world.play_all()
        assert world.history("A")
        Sequencer.of(site).advance()
        return folder, str(keys.signer(site).key)
    finally:
        site.close()


@pytest.mark.parametrize("name", ["back-up-and-restore.md", "back-up-and-restore.zh.md"])
def test_the_steps_for_postgresql_run(
    place: Place, kept: tuple[Path, str], tmp_path: Path, name: str
) -> None:
    folder, vkey = kept
    page = (PAGES / name).read_text("utf-8").split("## PostgreSQL")[1].split("\n## ")[0]
    lines = [
        one for block in re.findall(r"```\n(.*?)```", page, re.S) for one in block.splitlines()
    ]
    told = [
        re.search(r"\b(pg_dump|createdb|pg_restore|planflow (?:audit|migrate))\b", x) for x in lines
    ]
    assert [one[1] if one else "" for one in told] == [
        *("pg_dump", "planflow audit", "createdb", "pg_restore", "planflow migrate"),
        "planflow audit",
    ]
    place.server.run(f'DROP DATABASE IF EXISTS "{place.restored}"')
    at = make_url(place.server.uri)
    environment = os.environ | {
        "PATH": os.pathsep.join(
            [str(place.tools()), str(Path(sys.executable).parent), os.environ["PATH"]]
        ),
        "PGHOST": str(at.host or at.query.get("host")),
        "PGPORT": str(at.port or 5432),
        "PGUSER": str(at.username),
        "PLANFLOW_LEDGER_FOLDER": str(folder),
        "PLANFLOW_DATABASE_URL": place.server.url(place.database, place.role),
        "PLANFLOW_RECORDS_URL": place.server.url(place.database, place.keeper),
    }
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", place.here(line, vkey)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    before, after = (
        json.loads((tmp_path / f"{one}.roots.json").read_text("utf-8"))
        for one in ("monday", "restored")
    )
    assert before["findings"] == after["findings"] == []
    assert before["roots"] == after["roots"]
    assert len(after["roots"]) == 2
    assert before["counts"] == after["counts"]
    protected_and_alive(place)


def protected_and_alive(place: Place) -> None:
    """The copy refuses what the original refuses, and its application goes on."""
    urls = [place.server.url(place.restored, role) for role in (place.role, place.owner)]
    for url in urls:
        engine = create_engine(url, poolclass=NullPool)
        for statement in (
            "DELETE FROM event",
            "DELETE FROM access_record",
            "UPDATE figure SET value = 0",
        ):
            with (
                engine.connect() as connection,
                pytest.raises(DBAPIError, match=r"append_only|denied"),
            ):
                connection.execute(text(statement))
    records = SecretStr(place.server.url(place.restored, place.keeper))
    site = open_site(settings(urls[0], records_url=records))
    try:
        assert people.shell_token(site, "city").access_token
        audit(site)
    finally:
        site.close()
