"""N13, F10: the audit of a whole database is clean after anything planflow did, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from planflow.errors import Finding, Refusal
from planflow.ledger import note
from planflow.messages import sentence
from planflow.services import audit, keys, people
from planflow.services.audit import Audited
from planflow.services.epochs import new_epoch
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.store.audit import course, events, places, plans, register, trees
from tests.conftest import peopled
from tests.contract.test_ledger import Place, alone
from tests.contract.walk import Walk
from tests.databases import Databases, settings
from tests.world import World


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.peopled()


@pytest.fixture
def world(databases: Databases, url: str, tmp_path: Path) -> Iterator[World]:
    site = open_site(settings(url, ledger_folder=tmp_path))
    keys.ready(site)
    yield peopled(site, databases)
    site.close()


def looked(site: Site, vkey: str | None = None) -> Audited:
    return audit.audit(site, lambda _what, _count: None, vkey)


def test_it_is_clean_after_a_whole_cycle(world: World) -> None:
    world.play_until("down1")
    assert looked(world.site).findings == []  # nothing is signed yet: all is queued
    Sequencer.of(world.site).advance()
    world.play_all()
    people.shell_token(world.site, "city")
    done = looked(world.site)
    assert done.findings == []
    assert done.counts["leaves"] < done.counts["events"]
    Sequencer.of(world.site).advance()
    told: list[tuple[str, int]] = []
    done = audit.audit(world.site, lambda what, count: told.append((what, count)))
    print(done.counts)
    assert done.findings == []
    assert done.counts["leaves"] == done.counts["events"] == told_last(told, "events")
    assert done.counts["signatures"] == done.counts["checkpoints"] >= 3
    assert done.counts["plans"] == 4
    assert set(done.roots) == {"site 1", "cycle/c1 1"}


def told_last(told: list[tuple[str, int]], what: str) -> int:
    return max(count for name, count in told if name == what)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_it_is_clean_after_walks(world: World, number: int) -> None:
    """Returns, promises, corrections, changed trees, practice cycles."""
    Walk(world, Random(number)).whole()
    Sequencer.of(world.site).advance()
    done = looked(world.site)
    assert done.findings == []
    print(done.counts)


def test_small_pages_see_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows there are, a page of them is in hand at a time."""
    world.play_all()
    Sequencer.of(world.site).advance()
    whole = looked(world.site)
    for module in (course, events, trees, register, places):
        monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(plans, "_PLANS_AT_ONCE", 2)
    monkeypatch.setattr(plans, "_EVENTS_AT_ONCE", 4)  # some plans are told in spans
    paged = looked(world.site)
    assert paged == whole


def test_another_key_is_another_signer(world: World) -> None:
    world.play_until("up1")
    Sequencer.of(world.site).advance()
    other = note.Signer(world.site.id, bytes(32)).key
    found = looked(world.site, str(other)).findings
    assert {one.code for one in found} == {"checkpoint_forged"}
    assert looked(world.site, str(keys.signer(world.site).key)).findings == []
    with pytest.raises(Refusal) as told:
        looked(world.site, "x")
    assert told.value.code == "vkey_malformed"


def test_without_a_key_signatures_are_not_checked(
    world: World, databases: Databases, url: str, tmp_path: Path
) -> None:
    world.play_until("up1")
    Sequencer.of(world.site).advance()
    site = open_site(settings(url, ledger_folder=tmp_path / "elsewhere"))
    try:
        done = looked(site)
        assert (done.findings, done.signer, done.counts.get("signatures")) == ([], "", None)
    finally:
        site.close()


def test_after_a_restore_it_says_so_until_a_new_epoch_does(
    databases: Databases, tmp_path: Path
) -> None:
    place = Place(databases, databases.peopled(), tmp_path)
    world = place.open()
    second = world.user("second", "secadmin", None)
    world.cycle()
    Sequencer.of(world.site).advance()
    world.site.close()
    kept = place.copy()
    world = place.open()
    world.name = "c1"
    world.open("up1")
    Sequencer.of(world.site).advance()
    world.site.close()
    restored = place.open(kept)
    restored.name = "c1"
    try:
        assert [one.code for one in looked(restored.site).findings] == ["ledger_behind"]
        new_epoch(restored.site, restored.readers["system"], second, "硬盘损坏")
        assert looked(restored.site).findings == []
        restored.open("up1")
        Sequencer.of(restored.site).advance()
        assert looked(restored.site).findings == []
    finally:
        restored.site.close()


BENDS = {
    "UPDATE plan SET body = replace(body, '60', '61')": ("row_differs", "plan"),
    "UPDATE plan SET path = 'R/C/X' WHERE path = 'R/C/A'": ("row_differs", "plan"),
    "UPDATE plan_state SET state = 'up1.drafting' WHERE position = 1": (
        "row_differs",
        "plan_state",
    ),
    "UPDATE figure SET value = value + 1 WHERE round = 'up1'": ("row_differs", "figure"),
    "UPDATE commitment SET status = 'open' WHERE status <> 'open'": ("row_differs", "commitment"),
    "UPDATE cycle SET body = replace(body, '2019', '2020')": ("row_differs", "cycle"),
    "UPDATE cycle_state SET body = replace(body, '2019', '2020')": ("row_differs", "cycle_state"),
    "UPDATE cycle_unit SET no_task = NOT no_task WHERE code = 'B'": ("row_differs", "cycle_unit"),
    "UPDATE cycle_unit_version SET level = 'city' WHERE code = 'B'": (
        "row_differs",
        "cycle_unit_version",
    ),
    "UPDATE unit SET name = 'x' WHERE code = 'B'": ("row_differs", "unit"),
    "UPDATE past_year SET plan = plan + 1": ("row_differs", "past_year"),
    "UPDATE access_grant SET role = 'admin' WHERE role = 'planner'": (
        "row_differs",
        "access_grant",
    ),
    "UPDATE account SET name = 'x' WHERE name = 'city'": ("row_differs", "account"),
    "UPDATE protocol_text SET text = text || ' '": ("row_differs", "protocol_text"),
    "DELETE FROM figure": ("row_missing", "figure"),
    "DELETE FROM plan_state WHERE position = 2": ("row_missing", "plan_state"),
    "DELETE FROM access_grant": ("row_missing", "access_grant"),
    "INSERT INTO figure SELECT cycle_id, unit_id, round, 'more', side, basis, position, path, value, "
    "reason_code, document_no FROM figure LIMIT 1": ("row_unexpected", "figure"),
    "INSERT INTO grant_end SELECT id, valid_from, 'x' FROM access_grant LIMIT 1": (
        "row_unexpected",
        "grant_end",
    ),
}


def test_a_row_that_no_event_makes_is_named(databases: Databases, url: str, world: World) -> None:
    world.play_all()
    Sequencer.of(world.site).advance()
    for bend, named in BENDS.items():
        [found] = bent(world, url, bend)[:1]
        assert (found.code, found.params["table"]) == named, (bend, found)
        for lang in ("zh", "en"):
            assert "…" not in sentence(found.code, found.params, lang)


def bent(world: World, url: str, statement: str) -> list[Finding]:
    """What is found with a change that is not kept."""
    from planflow.store.transaction import Tx

    with alone(url) as connection:
        connection.commit()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        assert connection.execute(text(statement)).rowcount >= 1, statement
        tx = Tx(connection, locks=False)
        key = keys.signer(world.site).key
        found = list(audit.findings(world.site, tx, course.Course(world.site.id), key))
        connection.rollback()
        return found
