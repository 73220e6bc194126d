"""F5: events of a cycle are found by an index, in the reader's scope, page by page and as a file."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from planflow.access.scope import Scope
from planflow.errors import Fault
from planflow.services import searching
from planflow.services.review_views import FoundView
from planflow.services.searching import Wanted
from planflow.store import searches
from planflow.store.searches import Search
from planflow.store.tables import METADATA
from planflow.store.transaction import Tx, open_database
from tests.databases import Databases
from tests.world import World

NUMBER = "柳扶领发〔2019〕5号"


def played(world: World) -> World:
    """Up and down; the root's issue carries a number and cites another; then a split by a third."""
    world.play_until("down1")
    figures = {"C": {"persons": 100, "villages": 100, "county_exit": 1}}
    world.issue("R", figures, document_no=NUMBER, cites=["桂发〔2018〕1号", NUMBER])
    return world


def search(world: World, who: str, limit: int = 7, **wanted: Any) -> list[FoundView]:
    """All that is found, page by page."""
    found: list[FoundView] = []
    cursor: str | None = None
    while True:
        reader, asked = world.readers[who], Wanted(**wanted)
        page = searching.search(world.site, reader, world.name, asked, cursor, limit)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def stored(world: World) -> list[Any]:
    """Every event of the cycle, by looking at every row; leaf fields, time and unit."""
    units = {row.unit_id: row for row in _rows(world, "cycle_unit")}
    told = []
    for row in _rows(world, "event"):
        leaf = json.loads(row.leaf)
        _, _, rest = leaf["stream"].partition("/")
        if rest.partition("/")[0] == world.name:
            place = units.get(rest.partition("/")[2])
            told.append((row.recorded_at, row.id, leaf, place.path if place else ""))
    return sorted(told, key=lambda one: one[:2])


def _rows(world: World, name: str) -> list[Any]:
    query = METADATA.tables[name].select()
    return list(world.site.records.read(lambda tx: tx.connection.execute(query).all()))


def test_each_filter_finds_what_looking_at_every_event_finds(world: World) -> None:
    played(world)
    every = stored(world)
    assert [one.id for one in search(world, "region")] == [one[1] for one in every]
    actors = {leaf["actor"] for _, _, leaf, _ in every}
    for actor in actors:
        want = [i for _, i, leaf, _ in every if leaf["actor"] == actor]
        assert [one.id for one in search(world, "region", actor=actor)] == want
    for name in ("up1", "down1", "up2"):
        want = [i for _, i, leaf, _ in every if leaf["round"] == name]
        assert [one.id for one in search(world, "region", round=name)] == want
    for kind in {leaf["kind"] for _, _, leaf, _ in every}:
        want = [i for _, i, leaf, _ in every if leaf["kind"] == kind]
        assert [one.id for one in search(world, "region", kind=kind)] == want
    for at in (every[4][0], every[-1][0]):
        after = [i for moment, i, _, _ in every if moment >= at]
        assert [one.id for one in search(world, "region", start=at)] == after
        before = [i for moment, i, _, _ in every if moment <= at]
        assert [one.id for one in search(world, "region", end=at)] == before
    below = [i for _, i, _, path in every if path == "R/C" or path.startswith("R/C/")]
    assert [one.id for one in search(world, "region", unit="C")] == below
    assert len(actors) > 3


def test_a_reader_finds_their_own_part_and_the_cycles(world: World) -> None:
    played(world)
    mine = [i for _, i, _, path in stored(world) if path in ("", "R/C/A")]
    assert [one.id for one in search(world, "a")] == mine
    assert {one.unit for one in search(world, "a")} == {None, "A"}
    with world.refused("not_found"):
        search(world, "a", unit="B")
    with world.refused("invalid"):
        search(world, "a", round="up9")
    with world.refused("invalid"):
        search(world, "a", kind="submited")


def test_a_document_is_found_where_it_is_carried_and_where_it_is_cited(world: World) -> None:
    played(world)
    own = search(world, "region", document_no=NUMBER)
    assert {(one.kind, one.unit) for one in own} == {("distributed", "R"), ("issued", "C")}
    assert {tuple(one.documents) for one in own} == {(NUMBER,)}
    cited = search(world, "region", document_no="桂发〔2018〕1号")
    assert [one.id for one in cited] == [one.id for one in own]
    assert {tuple(one.cited_documents) for one in cited} == {("桂发〔2018〕1号",)}


def test_an_export_has_every_event_and_no_formula(world: World) -> None:
    played(world)
    world.act("city", "C", "acknowledge")
    number = '=HYPERLINK("http://x")\n'
    world.issue(
        "C",
        {
            "A": {"persons": 60, "villages": 60, "county_exit": 1},
            "B": {"persons": 40, "villages": 40},
        },
        document_no=number,
    )
    reader = world.readers["region"]
    raw = searching.exported(world.site, reader, world.name, Wanted(), "csv")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [one.id for one in search(world, "region")]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@" and cell]
    assert not [cell for row in rows for cell in row.values() if "\n" in cell]
    assert any(row["documents"].startswith("'=HYPERLINK") for row in rows)
    lines = searching.exported(world.site, reader, world.name, Wanted(unit="A"), "jsonl")
    told = [json.loads(line) for line in lines.splitlines()]
    assert {one["unit"] for one in told} == {"A"}
    assert all("parts" not in one for one in told)
    with world.refused("invalid"):
        searching.exported(world.site, reader, world.name, Wanted(), "xls")


def test_no_search_reads_a_whole_table(world: World) -> None:
    """F5: on SQLite, whose planner tells; a cycle's events are searched by an index of the cycle."""
    if not world.site.database.embedded:
        return
    played(world)
    now = dt.datetime.now(dt.UTC)
    for one in (
        Search(Scope(("R",))),
        Search(Scope(("R/C",)), of_cycle=False),
        Search(Scope(("R",)), actor="x"),
        Search(Scope(("R",)), document_no="x"),
        Search(Scope(("R",)), start=now, end=now),
    ):
        plans: list[str] = []

        def explain(tx: Any, asked: Search = one, told: list[str] = plans) -> None:
            query = searches.statement("c1", asked, (now, "x"), 10)
            compiled = query.compile(tx.connection)
            sql = f"EXPLAIN QUERY PLAN {compiled}"
            values = [compiled.params[name] for name in compiled.positiontup or ()]
            rows = tx.connection.exec_driver_sql(sql, tuple(map(_bound, values)))
            told += [row.detail for row in rows]

        world.site.records.read(explain)
        assert not [line for line in plans if line.startswith("SCAN")], plans
        assert any("INDEX event_" in line for line in plans), plans


def _bound(value: Any) -> Any:
    return str(value) if isinstance(value, dt.datetime) else value


def test_events_that_were_there_are_found_after_the_migration(
    world: World, databases: Databases
) -> None:
    """A schema of before, filled with the same events, is told the same of them."""
    played(world)
    search_columns = ("cycle_id", "unit_id", "actor")
    database = open_database(databases.empty(), 1)
    config = Config()
    config.set_main_option("script_location", "planflow.store:migrations")

    def before(tx: Tx) -> None:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "0007")
        for name in ("event", "event_part"):
            rows = [dict(row._mapping) for row in _rows(world, name)]
            kept = [c for c in rows[0] if name != "event" or c not in search_columns]
            marks = ", ".join(f":{column}" for column in kept)
            statement = text(f"INSERT INTO {name} ({', '.join(kept)}) VALUES ({marks})")
            tx.connection.execute(statement, rows)

    def after(tx: Tx) -> list[set[Any]]:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
        return told(tx)

    def told(tx: Tx) -> list[set[Any]]:
        events = text("SELECT id, cycle_id, unit_id, actor FROM event")
        citations = text("SELECT event_id, document_no, cycle_id, own FROM citation")
        return [{tuple(row) for row in tx.connection.execute(one)} for one in (events, citations)]

    database.write(before)
    assert database.write(after) == world.site.records.read(told)
    with pytest.raises(Fault):  # and history is protected again
        database.write(lambda tx: tx.connection.execute(text("UPDATE event SET actor = 'x'")))
    database.close()
