"""F9: who read what belongs to others is on record before the answer goes out, on both databases."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from planflow.errors import Fault, Refusal
from planflow.services import (
    access_records,
    boards,
    bundles,
    citing,
    delegations,
    keys,
    plans,
    searching,
    shell,
    treating,
)
from planflow.services.access_records import Wanted
from planflow.services.boards import Part
from planflow.services.review_views import AccessView
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.store import accesses, surveys
from planflow.store import people as accounts
from planflow.store.accesses import Access
from planflow.store.tables import METADATA
from tests.conftest import peopled
from tests.contract.test_append_only import engine_of
from tests.databases import Databases, settings
from tests.world import World

RECORDS = METADATA.tables["access_record"]
HALF_A_YEAR = 180


def recorded(world: World) -> list[Any]:
    """All records as they are stored, oldest first."""
    query = RECORDS.select().order_by(RECORDS.c.recorded_at, RECORDS.c.id)
    return list(world.site.records.read(lambda tx: tx.connection.execute(query).all()))


def told(world: World, work: Callable[[], Any]) -> list[tuple[str, str, str, int]]:
    """What a read adds to the records: kind, cycle, unit's id, items."""
    before = {row.id for row in recorded(world)}
    work()
    rows = [row for row in recorded(world) if row.id not in before]
    return [(row.kind, row.cycle_id, row.unit_id, row.items) for row in rows]


def unit(world: World, code: str) -> str:
    return str(world.site.records.read(lambda tx: accounts.unit_id(tx, code)))


def look(world: World, who: str, limit: int = 100, **wanted: Any) -> list[AccessView]:
    """All records that somebody finds, page by page."""
    found: list[AccessView] = []
    cursor: str | None = None
    while True:
        reader = world.readers[who]
        page = access_records.search(world.site, reader, Wanted(**wanted), cursor, limit)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


@pytest.fixture
def world(databases: Databases, tmp_path: Path) -> Iterator[World]:
    site = open_site(settings(databases.peopled(), ledger_folder=tmp_path))
    keys.ready(site)
    made = peopled(site, databases)
    made.user("watch", "secadmin", None)
    made.play_until("down1")
    Sequencer.of(site).advance()
    yield made
    site.close()


# What is recorded


def test_the_history_of_others_is_recorded_and_ones_own_is_not(world: World) -> None:
    count = len(world.history("A", "a"))
    assert recorded(world) == []
    [row] = (world.history("A", "city"), recorded(world))[1]
    city = world.readers["city"]
    assert (row.actor, row.grant_id) == (city.user_id, city.grants[0].id)
    told_of = (row.kind, row.cycle_id, row.unit_id, row.items, row.asked)
    assert told_of == ("history", "c1", unit(world, "A"), count, "{}")
    with pytest.raises(Refusal):
        world.history("A", "b")
    assert len(recorded(world)) == 1  # what was not shown was not read
    assert told(world, lambda: world.history("C", "auditor"))[0][2] == unit(world, "C")


def test_searches_and_files_beyond_ones_own_unit_are_recorded(world: World) -> None:
    site, mine, city = world.site, world.readers["a"], world.readers["city"]
    assert told(world, lambda: searching.search(site, mine, "c1", searching.Wanted())) == []
    found = searching.search(site, city, "c1", searching.Wanted()).items
    others = sum(one.unit in ("A", "B") for one in found)
    assert [(row.kind, row.unit_id, row.items) for row in recorded(world)] == [
        ("events", unit(world, "C"), others)
    ]
    nothing = searching.Wanted(unit="B", kind="commitment_waived")
    searched = told(world, lambda: searching.search(site, city, "c1", nothing))
    assert searched == [("events", "c1", unit(world, "B"), 0)]
    file = told(world, lambda: searching.exported(site, city, "c1", searching.Wanted(), "csv"))
    assert file == [("events_file", "c1", unit(world, "C"), others)]


def test_no_value_that_may_be_a_name_is_kept(world: World) -> None:
    wanted = searching.Wanted("C", "张三", "up1", "issued", world.site.clock(), None, "王五")
    searching.search(world.site, world.readers["region"], "c1", wanted)
    [row] = recorded(world)
    assert row.asked.count('"*"') == 2
    assert '"round":"up1"' in row.asked
    assert not any(name in repr(tuple(row)) for name in ("张三", "王五"))


def test_documents_evidence_and_names_are_recorded(world: World) -> None:
    site, city, mine = world.site, world.readers["city"], world.readers["a"]
    figures = {"C": {"persons": 100, "villages": 100, "county_exit": 1}}
    world.issue("R", figures, document_no="柳扶〔2019〕5号")
    look_up = told(world, lambda: citing.chain(site, city, "c1", "柳扶〔2019〕5号"))
    assert look_up == []  # the event is one of the city's own plan
    look_up = told(
        world, lambda: citing.chain(site, world.readers["region"], "c1", "柳扶〔2019〕5号")
    )
    assert look_up == [("documents", "c1", unit(world, "R"), 1)]
    Sequencer.of(site).advance()
    assert told(world, lambda: bundles.plan_bundle(site, mine, "c1", "A")) == []
    [taken] = told(world, lambda: bundles.plan_bundle(site, city, "c1", "A"))
    assert taken[:3] == ("bundle", "c1", unit(world, "A"))
    assert taken[3] >= 2
    [taken] = told(world, lambda: bundles.round_bundle(site, city, "c1", "up1", None))
    assert taken[:3] == ("bundle", "c1", unit(world, "C"))
    world.delegate("city", "a", "C")
    names = told(world, lambda: delegations.list_delegations(site, city, None))
    assert names == [("delegations", "", "", 1)]
    assert told(world, lambda: delegations.list_delegations(site, world.readers["b"], None)) == []
    names = told(world, lambda: shell.readers(site, "c1", "A"))
    assert names == [("accounts", "c1", unit(world, "A"), 5)]


def test_figures_alone_are_not_recorded(world: World) -> None:
    site, city = world.site, world.readers["city"]
    now = site.clock()
    for work in (
        lambda: plans.get_plan(site, city, "c1", "A"),
        lambda: plans.list_plans(site, city, "c1", None, None, None),
        lambda: plans.diff(site, city, "c1", "A", "up1", "down1"),
        lambda: boards.list_then(site, city, "c1", now, Part()),
        lambda: treating.treatments(site, city, "c1", "C", "up1"),
    ):
        assert told(world, work) == []


def test_what_cannot_be_recorded_is_not_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise Fault("database_readonly")

    monkeypatch.setattr(accesses, "add", full)
    with pytest.raises(Fault):
        world.history("A", "city")
    assert world.history("A", "a")  # one's own needs no record


def test_it_is_read_before_it_is_recorded_and_recorded_before_it_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading unit of work writes nothing: it runs where nothing can be written."""
    order: list[str] = []
    database = world.site.records
    plain, events = type(database).write, surveys.events

    def write(self: Any, work: Any) -> Any:
        done = plain(self, work)
        order.append("recorded")
        return done

    def read(*given: Any) -> Any:
        order.append("read")
        return events(*given)

    monkeypatch.setattr(type(database), "write", write)
    monkeypatch.setattr(surveys, "events", read)
    world.history("A", "city")
    assert order == ["read", "recorded"]


# Who reads the records


def test_auditors_see_what_is_below_them_and_security_admins_all(world: World) -> None:
    world.history("A", "region")
    world.history("C", "region")
    searching.search(world.site, world.readers["region"], "c1", searching.Wanted())
    delegated = told(world, lambda: shell.readers(world.site, "c1", "C"))
    assert delegated
    seen = [(one.kind, one.unit) for one in look(world, "auditor")]
    assert seen == [("history", "A"), ("history", "C"), ("accounts", "C")]
    every = [(one.kind, one.unit) for one in look(world, "watch")]
    assert every == [
        ("history", "A"),
        ("history", "C"),
        ("events", "R"),
        ("accounts", "C"),
        ("access_records", "C"),  # the auditor's own reading, page by page
    ]
    for who in ("region", "city", "a", "system"):
        with pytest.raises(Refusal) as caught:
            look(world, who)
        assert caught.value.code == "forbidden"


def test_records_are_found_by_each_filter_page_by_page(world: World) -> None:
    for code in ("A", "B", "C", "A"):
        world.history(code, "region")
    world.history("A", "city")
    region = world.readers["region"].user_id
    assert {one.actor for one in look(world, "watch", actor=region)} == {region}
    below = [one.unit for one in look(world, "watch", unit="C", kind="history")]
    assert below == ["A", "B", "C", "A", "A"]
    assert [one.unit for one in look(world, "watch", unit="B")] == ["B"]
    assert len(look(world, "watch", 2, kind="history")) == 5
    third = look(world, "watch", kind="history")[2].recorded_at
    assert len(look(world, "watch", kind="history", since=third)) == 3
    assert len(look(world, "watch", kind="history", until=third)) == 3
    assert look(world, "watch", kind="history", cycle="c1", unit="R")[0].cycle == "c1"
    for wrong in (Wanted(cycle="none"), Wanted(unit="none")):
        with pytest.raises(Refusal) as caught:
            access_records.search(world.site, world.readers["watch"], wrong)
        assert caught.value.code == "not_found"
    with pytest.raises(Refusal) as caught:
        look(world, "auditor", unit="R")
    assert caught.value.code == "not_found"
    with pytest.raises(Refusal) as caught:
        look(world, "watch", kind="all")
    assert caught.value.findings[0].code == "unknown_option"


def test_reading_them_is_recorded_and_they_are_taken_along(world: World) -> None:
    world.history("A", "city")
    raw = access_records.exported(world.site, world.readers["auditor"], Wanted(unit="A"), "csv")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [(row["kind"], row["unit"], row["items"]) for row in rows] == [
        ("history", "A", str(len(world.history("A", "a"))))
    ]
    last = recorded(world)[-1]
    assert (last.kind, last.unit_id, last.items) == ("access_records_file", unit(world, "A"), 1)
    assert last.actor == world.readers["auditor"].user_id


# How long they are kept


def old(world: World, days: float) -> str:
    """A record as it would be, had it been written some days ago."""
    own, at = world.site.mint(), dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    row = [(own, Access("history", "", "c1", unit(world, "A"), 1))]
    world.site.records.write(lambda tx: accesses.add(tx, "somebody", at, row))
    return own


def events_of(site: Site, kind: str) -> list[Any]:
    events = METADATA.tables["event"]
    query = events.select().where(events.c.kind == kind)
    return list(site.records.read(lambda tx: tx.connection.execute(query).all()))


def test_what_was_kept_long_enough_is_pruned_by_an_event(world: World) -> None:
    assert access_records.prune(world.site).count == 0
    assert events_of(world.site, access_records.EVENT) == []
    gone = {old(world, 401), old(world, 3_000)}
    kept = {old(world, 399), old(world, 0)}
    done = access_records.prune(world.site)
    assert done.count == len(gone)
    assert {row.id for row in recorded(world)} == kept
    assert len(events_of(world.site, access_records.EVENT)) == 1
    Sequencer.of(world.site).advance()


def test_the_database_refuses_to_delete_what_is_younger_than_half_a_year(world: World) -> None:
    young, aged = old(world, HALF_A_YEAR - 0.01), old(world, HALF_A_YEAR + 0.01)
    engine = engine_of(world.site.database.engine.url.render_as_string(False))  # the owner's
    for statement in (
        "DELETE FROM access_record",
        f"DELETE FROM access_record WHERE id = '{young}'",
        f"UPDATE access_record SET recorded_at = '1999-01-01 00:00:00' WHERE id = '{aged}'",
    ):
        with engine.connect() as connection:
            with pytest.raises(DBAPIError, match="append_only"):
                connection.execute(text(statement))
            connection.rollback()
    with engine.begin() as connection:
        done = connection.execute(text(f"DELETE FROM access_record WHERE id = '{aged}'"))
        assert done.rowcount == 1
    assert [row.id for row in recorded(world)] == [young]


def test_a_shorter_time_cannot_be_set(world: World) -> None:
    url = "sqlite:///x.db"
    assert settings(url).access_days == 400
    assert settings(url, access_days=HALF_A_YEAR).access_days == HALF_A_YEAR
    with pytest.raises(ValidationError):
        settings(url, access_days=HALF_A_YEAR - 1)
