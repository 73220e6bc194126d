"""`planflow witness` against a real service, and `planflow ledger new-epoch` after a restore."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from planflow.config import Settings
from planflow.demo.server import serving
from planflow.ledger import checkpoint, note
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.store.transaction import sqlite_module
from tests.cli.conftest import PASSWORD, Cli

FILE = Path("plans.db")


@pytest.fixture
def kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the server started here uses."""
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(home / "ledger"))
    return home / "ledger"


@contextmanager
def opened() -> Iterator[Site]:
    site = open_site(Settings())
    try:
        yield site
    finally:
        site.close()


@contextmanager
def service(cli: Cli, home: Path) -> Iterator[tuple[str, ...]]:
    """The arguments of a witness of a running service; all there is is signed."""
    with serving(Settings().database_url.get_secret_value(), home, 0, "zh") as server:
        token = cli("token", "region").out.strip()
        with opened() as site:
            signed(site)
        yield "witness", server.url, "--folder", "pages", "--name", "auditor", "--token", token


def signed(site: Site) -> None:
    """Sign all there is, whoever comes first: this process or the service."""
    while Sequencer.of(site).advance():
        pass


def rewrite() -> None:
    """The operator changes an old event, recomputes the whole tree, and lets it be signed anew."""
    engine = create_engine(f"sqlite:///{FILE}", module=sqlite_module())
    with engine.begin() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in list(names.scalars()):
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(
            text(
                "UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'units_imported', "
                "'units_importeD') AS BLOB) WHERE kind = 'units_imported'"
            )
        )
        connection.execute(text("INSERT OR IGNORE INTO ledger_queue SELECT id, 'site' FROM event"))
        for name in ("leaf", "tile", "checkpoint"):
            connection.execute(text(f"DELETE FROM ledger_{name}"))
    engine.dispose()


def test_a_witness_cosigns_what_only_grows(peopled: Cli, home: Path, kept: Path) -> None:
    with service(peopled, home) as witness:
        first = peopled(*witness, "--json").data
        key = note.read_key((home / "pages").joinpath("site.checkpoint").read_text().split('"')[3])
        head = checkpoint.read_checkpoint(first["note"], key)
        assert (head.size, head.origin) == (first["size"], first["log"])
        own = home / "pages" / "key"
        assert stat.S_IMODE(own.stat().st_mode) == 0o600
        cosigner = note.signer("auditor", own.read_text(), note.COSIGNATURE).key
        assert note.open_note(first["note"], cosigner) == head.text
        peopled("user", "add", "more", "--role", "auditor", "--unit", "R", given=f"{PASSWORD}\n")
        with opened() as site:
            signed(site)
        shown = peopled(*witness, "--key", str(key)).out
        assert checkpoint.read_checkpoint(shown, key).size > head.size
        given = (*witness[:6], "--user", "region")
        assert peopled(*given, given=f"{PASSWORD}\n").code == 0
        other = str(note.Signer(key.name, bytes(32)).key)
        assert "密钥" in peopled(*witness, "--key", other).refused()
        assert "公钥" in peopled(*witness, "--key", "x").refused()
        assert "没有找到" in peopled(*witness, "--log", "none").refused()


def test_a_witness_refuses_a_history_rewritten_with_the_real_key(
    peopled: Cli, home: Path, kept: Path
) -> None:
    with service(peopled, home) as witness:
        seen = peopled(*witness, "--json").data
    rewrite()
    for file in kept.rglob("*.checkpoint"):
        file.unlink()  # the operator has the server's whole disk
    with service(peopled, home) as witness:
        told = peopled(*witness).refused()
        assert "被改写" in told
        assert seen["log"] in told
        assert "rewritten" in peopled(*witness, "--lang", "en").refused()


def test_after_a_restore_a_witness_follows_the_new_epoch_alone(
    peopled: Cli, home: Path, kept: Path
) -> None:
    for name in ("first", "second"):
        done = peopled("user", "add", name, "--role", "sysadmin", given=f"{PASSWORD}\n")
        assert done.code == 0
    with service(peopled, home):
        pass
    shutil.copy(FILE, "backup.db")
    with service(peopled, home) as witness:
        seen = peopled(*witness, "--json").data
    for file in home.glob("plans.db-*"):
        file.unlink()
    shutil.copy("backup.db", FILE)
    begin = ("ledger", "new-epoch", "--as", "first", "--reason", "disk failed", "--confirm")
    both = f"{PASSWORD}\n{PASSWORD}\n"
    assert "两个人" in peopled(*begin, "first", given=both).refused()
    assert "权限" in peopled(*begin, "region", given=both).refused()
    assert peopled(*begin, "second", given=f"{PASSWORD}\n").refused()
    opened_now = peopled(*begin, "second", "--json", given=both).data
    assert [(one["log"], one["epoch"]) for one in opened_now] == [("site", 2)]
    assert opened_now[0]["had"] == seen["size"]
    assert "没有丢失" in peopled(*begin, "second", given=both).refused()
    with service(peopled, home) as witness:
        done = peopled(*witness)
        assert done.code == 0, done
        assert f"已签的 {seen['size']} 条还剩 {opened_now[0]['left']} 条" in done.err
        assert f"{seen['log']}/epoch/2\n" in done.out
        assert peopled(*witness).err == ""
