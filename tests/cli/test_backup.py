"""`planflow backup` while the database is written to, and `planflow restore` with its audit."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from planflow.config import Settings
from planflow.services import keys, people
from planflow.services.site import open_site
from tests.cli.conftest import PASSWORD, Cli
from tests.cli.test_witness import FILE, signed
from tests.contract.test_ledger import alone


@pytest.fixture
def kept(peopled: Cli) -> Cli:
    """The same with a key, signed."""
    for name in ("first", "second"):
        peopled("user", "add", name, "--role", "sysadmin", given=f"{PASSWORD}\n")
    site = open_site(Settings())
    keys.ready(site)
    signed(site)
    site.close()
    return peopled


def events(path: Path) -> int:
    with alone(f"sqlite:///{path}") as connection:
        return int(connection.execute(text("SELECT count(*) FROM event")).scalar_one())


def test_a_backup_is_whole_while_others_write(kept: Cli) -> None:
    site, stop = open_site(Settings()), threading.Event()

    def write() -> None:
        while not stop.is_set():
            people.shell_token(site, "region")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            done = kept("backup", f"copy-{number}.db")
            assert done.code == 0, done
    finally:
        stop.set()
        writer.join()
        site.close()
    counts = [events(Path(f"copy-{number}.db")) for number in range(5)]
    assert counts == sorted(counts)
    assert counts[0] < events(FILE)
    for number in range(5):
        assert kept("restore", f"copy-{number}.db", "--replace").code == 0
        assert events(FILE) == counts[number]
        assert kept("audit").code == 0
    assert "已经存在" in kept("backup", "copy-0.db").refused()


def test_a_restore_is_audited_and_keeps_the_old_file(kept: Cli, home: Path) -> None:
    assert "1 个台账" in kept("backup", "copy.db").out
    assert Path("copy.db.roots").exists()
    kept("user", "add", "later", "--role", "sysadmin", given=f"{PASSWORD}\n")
    before = events(FILE)
    assert "--replace" in kept("restore", "copy.db").refused()
    done = kept("restore", "copy.db", "--replace")
    assert done.code == 0, done
    assert "1 个台账" in done.out
    [aside] = home.glob("plans.db.before-*")
    assert str(aside.name) in done.out
    assert events(aside) == before
    assert events(FILE) == before - 2
    assert not list(home.glob("*restoring*"))
    assert kept("restore", "copy.db", "--replace", "--json").data["behind"] == []


def test_an_older_backup_needs_a_new_epoch(kept: Cli) -> None:
    kept("backup", "old.db")
    kept("user", "add", "later", "--role", "sysadmin", given=f"{PASSWORD}\n")
    site = open_site(Settings())
    signed(site)
    site.close()
    done = kept("restore", "old.db", "--replace")
    assert (done.code, "new-epoch" in done.out) == (0, True), done
    assert kept("audit").code == 1
    begin = ("ledger", "new-epoch", "--as", "first", "--confirm", "second", "--reason", "disk")
    assert kept(*begin, given=f"{PASSWORD}\n{PASSWORD}\n").code == 0
    assert kept("audit").code == 0


def test_a_backup_that_was_changed_is_refused(kept: Cli, home: Path) -> None:
    kept("backup", "copy.db")
    good = Path("copy.db").read_bytes()
    bends = [
        "UPDATE event SET kind = 'x' WHERE seq = 2",
        "UPDATE account SET name = 'x' WHERE name = 'region'",
        "DELETE FROM ledger_checkpoint",
    ]
    for bend in bends:
        with alone(f"sqlite:///{home / 'copy.db'}") as connection:
            connection.execute(text(bend))
            connection.commit()
        told = kept("restore", "copy.db", "--replace").refused()
        assert "审计没有通过" in told
        Path("copy.db").write_bytes(good)
    roots = Path("copy.db.roots").read_text()
    Path("copy.db.roots").write_text(roots.replace("site 1", "site 2"))
    assert "检查点" in kept("restore", "copy.db", "--replace").refused()
    Path("copy.db.roots").write_text("{")
    assert kept("restore", "copy.db", "--replace").refused()
    Path("copy.db").write_bytes(good[:5000])
    assert kept("restore", "copy.db", "--replace").refused()
    assert kept("restore", "missing.db", "--replace").refused()
    assert kept("audit").code == 0
    assert not list(home.glob("*restoring*"))


def test_a_served_database_is_not_replaced(kept: Cli) -> None:
    kept("backup", "copy.db")
    site = open_site(Settings(), serving=True)
    try:
        assert kept("restore", "copy.db", "--replace").refused()
    finally:
        site.close()
    assert kept("restore", "copy.db", "--replace").code == 0


def test_a_restore_into_an_empty_place(
    kept: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept("backup", "copy.db")
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", f"sqlite:///{home / 'elsewhere' / 'plans.db'}")
    done = kept("restore", "copy.db")
    assert done.code == 0, done
    assert kept("audit").code == 0


def test_postgresql_is_backed_up_by_its_own_tools(
    kept: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert "pg_dump" in kept("restore", "copy.db").refused()
