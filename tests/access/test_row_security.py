"""The second line on PostgreSQL (section 7): rows of others' plans are not there, whoever asks for them.

The application's own filter is switched off, and the matrix is asked again; each table is read without
any filter, as everybody, and compared with the second table of `tests.access.oracle`; and writing is
tried where nobody could see. That each policy is needed is shown by taking it away.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, create_engine, text, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from planflow.access.scope import Scope
from planflow.services import people
from planflow.services.people import Reader
from planflow.services.site import Site, open_site
from planflow.store.beginning import APPLICATION, RECORDS, Within
from planflow.store.row_security import GUARDED
from planflow.store.transaction import Tx
from planflow_api.app import create_app
from tests import databases as made
from tests.access import oracle
from tests.access.cells import Cell, cells
from tests.access.oracle import Person
from tests.access.stage import PEOPLE, Answer, Things, ask, issued, prepare, secret
from tests.access.test_matrix import kept, routes, sample
from tests.conftest import Park
from tests.world import difference

ONE_IN = 12  # of the cells, in the sample
SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
CYCLES = ("c1", "c2", "c3", "x1")
HELD = [one for one in PEOPLE if one.token]
WITH_ROWS = tuple(name for name in GUARDED if name != "past_year")
ABOUT_A_PLAN = tuple(name for name in WITH_ROWS if name not in ("event", "event_part", "citation"))


@dataclass
class Stage:
    """The prepared world on PostgreSQL, and its people."""

    url: str
    things: Things
    site: Site
    readers: dict[str, Reader]


@pytest.fixture(scope="module")
def stage(park: Park) -> Iterator[Stage]:
    url = park["postgresql"].empty()
    things = prepare(url)
    site = open_site(made.settings(url))
    readers = {one.name: people.authenticate(site, things.tokens[one.name], "en") for one in HELD}
    yield Stage(url, things, site, readers)
    site.close()


@pytest.fixture
def no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one scope of the application lets everything through to whoever reads anything."""
    monkeypatch.setattr(Scope, "has", lambda self, _path: bool(self.paths))
    for room in ("surveys", "boards", "searches", "planting", "evidence"):
        monkeypatch.setattr(f"planflow.store.{room}.within", lambda _path, _scope: true())


def all_cells(app: FastAPI, things: Things) -> list[Cell]:
    """All cells of the matrix."""
    return list(cells(routes(app) - {("GET", "/docs/assets")}, things))


def leaks(one: Cell, answer: Answer, things: Things) -> set[str]:
    """What an answer holds of plans that its reader does not read: words in them, events of theirs."""
    who = one.sent.who
    found = {secret(u) for u in oracle.REGISTER if not oracle.reads(who, u)}
    found |= {issued(u) for u in oracle.REGISTER if not oracle.told_by(who, u)}
    for place, event in things.events.items():
        cycle, _, unit = place.partition("/")
        # What was issued to a unit cites the act that issued it, by the one above.
        cited = event in things.issues and oracle.told_by(who, unit)
        if unit and unit not in oracle.plans(who, cycle) and event not in one.sent.told:
            found |= set() if cited else {event}
    return {word for word in found if word in answer.text} | begun(one, answer)


def begun(one: Cell, answer: Answer) -> set[str]:
    """Plans that an answer tells to be begun though its reader reads nothing of them."""
    if answer.status != 200 or not one.route.endswith(("/plans", "/plans/{unit}")):
        return set()
    plans, told = oracle.plans(one.sent.who, one.cycle), answer.json
    found = [(it["unit"], it["version"]) for it in told.get("items", [told])]
    return {f"{unit} at {version}" for unit, version in found if version and unit not in plans}


def asked_without_filter(stage: Stage, found: list[Cell]) -> Counter[str]:
    """Ask; nothing of others may be told, and nothing may change. How often others' plans were asked."""
    before = kept(stage.url)
    answers = ask(stage.url, stage.things.tokens, (one.sent for one in found))
    told = [
        f"{one.sent.who.name}: {one.sent.method} {one.sent.path}: {words}"
        for one, answer in zip(found, answers, strict=True)
        if (words := sorted(leaks(one, answer, stage.things)))
    ]
    assert not told, "\n".join([f"{len(told)} of {len(found)}", *told[:40]])
    assert difference(before, kept(stage.url)) == {}
    return Counter(
        f"{one.expected} answered {answer.status}"
        for one, answer in zip(found, answers, strict=True)
        if one.cycle and one.unit
    )


def test_the_matrix_without_the_applications_filter(
    stage: Stage, no_filter: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of a foreign plan comes through, although the application asks for it."""
    every = all_cells(create_app(made.settings("sqlite://")), stage.things)
    found = sample([one for one in every if one.cycle], ONE_IN)
    seen = asked_without_filter(stage, found)
    assert seen["404 answered 200"] >= 50, seen  # the filter was off: others' plans were looked up
    with capsys.disabled():
        print(f"\nrow-level security: {len(found):,} cells with the filter off: {dict(seen)}")


@pytest.mark.soak
def test_the_whole_matrix_without_the_applications_filter(
    stage: Stage, no_filter: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every cell of it."""
    every = all_cells(create_app(made.settings("sqlite://")), stage.things)
    seen = asked_without_filter(stage, every)
    assert seen["404 answered 200"] >= 500, seen
    with capsys.disabled():
        print(f"\nrow-level security: {len(every):,} cells with the filter off: {dict(seen)}")


def test_a_policy_that_is_missing_is_noticed(stage: Stage, no_filter: None, park: Park) -> None:
    """The same question finds foreign words at once where policies are off.

    Values of events are asked for with their events: alone, neither policy keeps the other's rows.
    """
    every = all_cells(create_app(made.settings("sqlite://")), stage.things)
    found = [
        one
        for one in every
        if one.cycle and one.sent.method == "GET" and one.expected in ("404", "else")
        if one.route.endswith(("/plans/{unit}", "/plans/{unit}/history", "/bundle", "/events"))
    ]
    for off in (("plan",), ("event", "event_part")):
        with policy_off(stage, *off):
            answers = ask(stage.url, stage.things.tokens, (one.sent for one in found))
            pairs = zip(found, answers, strict=True)
            assert any(leaks(one, answer, stage.things) for one, answer in pairs), off


class policy_off:  # noqa: N801 - reads as a word
    """Tables without their guards, for a while."""

    def __init__(self, stage: Stage, *tables: str) -> None:
        self.engine, self.tables = create_engine(stage.url, poolclass=NullPool), tables

    def __enter__(self) -> None:
        self._do("DISABLE")

    def __exit__(self, *_: object) -> None:
        self._do("ENABLE")
        self.engine.dispose()

    def _do(self, how: str) -> None:
        with self.engine.begin() as connection:
            for table in self.tables:
                connection.execute(text(f"ALTER TABLE {table} {how} ROW LEVEL SECURITY"))


# Rows, without the application


def rows_of(connection: Connection, table: str) -> list[tuple[str, str]]:
    """Cycle and unit code of each row of a table that can be seen; nothing for the site's own."""
    where = {
        "event_part": "event_part JOIN event ON event.id = event_part.event_id",
        "citation": "citation JOIN event ON event.id = citation.event_id",
    }.get(table, table)
    own = "event" if where != table else table
    query = f"""SELECT {own}.cycle_id, coalesce((SELECT code FROM unit WHERE id = {own}.unit_id), '')
      FROM {where}"""
    return [(row[0], row[1]) for row in connection.execute(text(query))]


def mine(who: Person, cycle: str, table: str, every: list[tuple[str, str]]) -> Counter[Any]:
    """What somebody may find of all rows of a table, in a unit of work about one cycle."""
    plans = oracle.plans(who, cycle)
    of_units = (one for one in every if one[0] == cycle and one[1] in plans)
    # Cycles' own events tell nothing of any plan; neither do the site's, but their values are nobody's.
    open_ = () if table in ABOUT_A_PLAN else (one for one in every if not one[1])
    closed = table == "event_part"
    said = [("", "")] if closed else []  # what the one program's token is called
    return Counter([*of_units, *said, *(one for one in open_ if one[0] or not closed)])


def test_everybody_finds_the_rows_of_their_plans_and_no_others(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each table read whole, as everybody in every cycle, against the second table of rights."""
    every = stage.site.records.read(lambda tx: {name: _all(tx, name) for name in WITH_ROWS})
    count: Counter[str] = Counter()
    for who in HELD:
        for cycle in CYCLES:
            within = stage.readers[who.name].within(cycle)

            def look(tx: Tx, who: Person = who, cycle: str = cycle) -> None:
                for name in WITH_ROWS:
                    found = Counter(rows_of(tx.connection, name))
                    assert found == mine(who, cycle, name, every[name]), (who, cycle, name)
                    count[name] += found.total()

            stage.site.database.read(look, within)
    assert all(count[name] for name in WITH_ROWS if name != "extension"), count
    with capsys.disabled():
        print(f"\nrow-level security: rows found by {len(HELD)} people: {dict(count)}")


def test_past_years_are_read_by_their_units_line_alone(stage: Stage) -> None:
    """What was planned and came of it in earlier years is plan content too (N15)."""
    add = """INSERT INTO past_year (unit_id, year, indicator, position, plan)
      SELECT id, 1999, 'persons', 1, 5 FROM unit"""
    stage.site.records.write(lambda tx: tx.connection.execute(text(add)))
    query = "SELECT code FROM past_year JOIN unit ON unit.id = past_year.unit_id"
    for who in HELD:
        for cycle in CYCLES:
            within = stage.readers[who.name].within(cycle)
            found = stage.site.database.read(
                lambda tx: set(tx.connection.execute(text(query)).scalars()), within
            )
            assert found == oracle.plans(who, cycle), (who, cycle)


def _all(tx: Tx, name: str) -> list[tuple[str, str]]:
    return rows_of(tx.connection, name)


def test_without_a_place_nothing_is_there(stage: Stage) -> None:
    """A unit of work that does not say whose it is finds no plan: it fails closed."""

    def look(tx: Tx) -> None:
        for name in ABOUT_A_PLAN:
            assert rows_of(tx.connection, name) == [], name
        assert not any(unit for _, unit in rows_of(tx.connection, "event"))

    stage.site.database.read(look)
    stage.site.database.read(look, Within((), "c1"))
    stage.site.database.read(look, Within(["'", "a' OR 'a"], "c1' --\0"))


def test_nobody_writes_where_they_do_not_see(stage: Stage) -> None:
    """Rows of others are neither changed nor added, whatever the statement says; nor plans above."""
    own = {"planner-Acounty": "Bcounty", "admin-Ccity": "Ecounty", "admin-Acounty": "Ccity"}
    for name, other in own.items():
        within = stage.readers[name].within("c1")
        where = (
            f"unit_id = (SELECT unit_id FROM cycle_unit WHERE cycle_id = 'c1' AND code = '{other}')"
        )
        values = "SELECT 'c1', unit_id, 9, 'x', now(), path, 'x', '{}' FROM cycle_unit"
        add = f"INSERT INTO plan_state {values} WHERE cycle_id = 'c1' AND code = '{other}'"
        change = f"UPDATE plan SET version = version + 1 WHERE cycle_id = 'c1' AND {where}"
        gone = f"DELETE FROM plan WHERE cycle_id = 'c1' AND {where}"

        def count(tx: Tx, change: str = change, gone: str = gone) -> list[int]:
            return [tx.connection.execute(text(one)).rowcount for one in (change, gone)]

        assert stage.site.database.write(count, within) == [0, 0]

        def insert(tx: Tx, add: str = add) -> None:
            with pytest.raises(DBAPIError, match="row-level security"):
                tx.connection.execute(text(add))
            tx.connection.rollback()

        stage.site.database.write(insert, within)


def test_the_ways_beyond_give_no_more_than_the_rules_need(stage: Stage) -> None:
    """Plans above, leaves, digests: and of values what is addressed to one's own units (section 7)."""
    within = stage.readers["planner-Acounty"].within("c2")
    codes = "(SELECT array_agg(unit_id) FROM cycle_unit WHERE cycle_id = 'c2')"
    held = f"""SELECT (SELECT code FROM unit WHERE id = unit_id) FROM planflow_around({codes}, 'none')"""
    told = """SELECT convert_from(value, 'UTF8') FROM
      planflow_addressed((SELECT array_agg(id) FROM planflow_leaves(:ids))) WHERE value IS NOT NULL"""
    ids = stage.site.records.read(
        lambda tx: list(tx.connection.execute(text("SELECT id FROM event")).scalars())
    )

    def look(tx: Tx) -> tuple[set[str], str]:
        plans = set(tx.connection.execute(text(held)).scalars())
        values = tx.connection.execute(text(told), {"ids": ids}).scalars()
        return plans, "\n".join(values)

    plans, words = stage.site.database.read(look, within)
    assert plans == {"Acounty", "Ccity", "Rregion"}
    assert "Acounty" in words
    assert issued("Ccity") in words  # what it was told when it was issued its figures
    assert issued("Rregion") not in words
    assert not any(f'"unit":"{one}"' in words for one in ("Bcounty", "Ecounty", "Dcity"))
    nowhere = stage.site.database.read(look)
    assert nowhere == (set(), "")


def test_the_roles_own_nothing_and_do_no_more_than_they_need(stage: Stage) -> None:
    """Neither role can make itself the other, switch a policy off, or sign a checkpoint for it."""
    engine = create_engine(stage.url, poolclass=NullPool)
    with engine.connect() as connection:
        query = "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = :role"
        for role in (APPLICATION, RECORDS):
            assert connection.execute(text(query), {"role": role}).one() == (False, False, False)
        forced = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        assert set(connection.execute(text(forced)).scalars()) == set(GUARDED)
        connection.execute(text(f"SET ROLE {APPLICATION}"))
        for statement in (
            "ALTER TABLE plan DISABLE ROW LEVEL SECURITY",
            "DROP POLICY within ON plan",
            "CREATE POLICY mine ON plan USING (true)",
            "INSERT INTO ledger_checkpoint (log, epoch, size, note) VALUES ('x', 1, 1, 'x')",
            "UPDATE event_part SET salt = NULL, value = NULL",
            "INSERT INTO past_year (unit_id, year, indicator, position) VALUES ('x', 1, 'x', 1)",
        ):
            with (
                pytest.raises(DBAPIError, match=r"must be owner|permission denied"),
                connection.begin_nested(),
            ):
                connection.execute(text(statement))
    engine.dispose()


def test_chance_finds_nothing_either(stage: Stage) -> None:
    """Any set of units in any cycle: only what lies at and below them is found, and never a neighbour."""
    rng, site = Random(SEED), stage.site
    ids: dict[str, str] = site.records.read(
        lambda tx: {
            row.code: row.id for row in tx.connection.execute(text("SELECT id, code FROM unit"))
        }
    )
    seen = 0
    for _ in range(60):
        cycle = rng.choice(CYCLES)
        chosen = rng.sample(sorted(ids), rng.randrange(1, 4))
        below = {u for u in oracle.tree(cycle) for one in chosen if one in oracle.line(u)}
        placed = [one for one in chosen if one in oracle.tree(cycle)]
        below = {u for u in oracle.tree(cycle) if set(placed) & set(oracle.line(u))}
        within = Within([ids[one] for one in chosen], cycle)
        found = site.database.read(lambda tx: _all(tx, "plan"), within)
        assert {one for _, one in found} <= below, (cycle, chosen)
        assert {name for name, _ in found} <= {cycle}
        seen += len(found)
    assert seen > 20
