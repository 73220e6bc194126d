"""F8: how many statements an act and a page cost. They are counted, never timed.

F6: the one statement that reads a plan and the plan above it locks the upper one first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from planflow.services import plans
from planflow.services.site import Site, open_site
from planflow.store import driver, seats, writing
from tests.conftest import Park, peopled
from tests.contract.test_races import waiting
from tests.databases import settings
from tests.world import World

A = {"figures": {"persons": 60, "villages": 60, "county_exit": 1}}
# On PostgreSQL all rows of an act are one statement; SQLite has no round trips to save.
ONE_WRITE = {"sqlite": 6, "postgresql": 1}
READS = 1  # the cycle, the plan and the one above it


@contextmanager
def counted(site: Site) -> Iterator[Counter[str]]:
    """Statements sent meanwhile: reads, and writes."""
    found: Counter[str] = Counter()

    def seen(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        words = statement.split()
        found["write" if "INTO" in words else "read"] += 1

    once, each = driver.carry_out, driver.carry_out_for

    def one(connection: Connection, sql: str, values: Sequence[Any]) -> Any:
        seen(None, None, sql)
        return once(connection, sql, values)

    def many(connection: Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        seen(None, None, sql)
        each(connection, sql, rows)

    event.listen(site.database.engine, "before_cursor_execute", seen)
    with pytest.MonkeyPatch.context() as patch:
        for room in (driver, writing):
            patch.setattr(room, "carry_out", one)
        patch.setattr(writing, "carry_out_for", many)
        yield found
    event.remove(site.database.engine, "before_cursor_execute", seen)


def test_an_act_of_a_leaf_is_one_read_and_one_write(world: World) -> None:
    """Where nothing but its own plan, its parent's and the cycle decide."""
    world.cycle()
    world.open("up1")
    world.report("A", A["figures"])
    world.accept("A")
    world.act("city", "A", "return", {"reason_code": "incomplete", "text": "材料不全"})
    kind = world.site.database.engine.dialect.name
    version = world.version("A")
    steps: list[tuple[str, str, Any]] = [
        ("a", "draft", A),
        ("a", "submit", None),
        ("a", "withdraw", None),
        ("a", "submit", None),
        ("city", "accept", None),
    ]
    for at, (who, action, body) in enumerate(steps):
        with counted(world.site) as found:
            world.act(who, "A", action, body, version=version + at)
        assert found["read"] == READS, (action, found)
        assert 1 <= found["write"] <= ONE_WRITE[kind], (action, found)


def test_a_key_costs_a_look_and_a_row(world: World) -> None:
    """An idempotency key is held on PostgreSQL, looked up, and remembered; nothing else is read."""
    world.cycle()
    world.open("up1")
    world.act("a", "A", "draft", A)
    held = world.site.database.embedded
    version = world.version("A")
    with counted(world.site) as found:
        world.act("a", "A", "submit", version=version, key=world.key())
    assert found["read"] == READS + (1 if held else 2)


def test_a_page_of_a_hundred_plans_costs_what_a_page_of_one_costs(site: Site) -> None:
    """No query for each plan: neither where all wait nor where one has reported."""
    world = World(site)
    counties = [f"C{number:03}" for number in range(100)]
    rows = "".join(f"{code},{code},county,R\n" for code in counties)
    world.units(f"code,name,level,parent\nR,R,region,\n{rows}")
    world.user("region", "admin", "R")
    world.cycle(no_task=())
    world.open("up1")
    world.user("first", "planner", counties[0])
    reader = world.readers["region"]

    def page(limit: int) -> int:
        with counted(site) as found:
            seen = plans.list_plans(site, reader, "c1", None, None, None, limit).items
        assert len(seen) == limit
        assert found["write"] == 0
        return found["read"]

    page(100)  # places are kept in memory from now on
    assert page(100) == page(1)
    world.act("first", counties[0], "draft", {"figures": {"persons": 1, "villages": 1}})
    world.act("first", counties[0], "submit")
    assert page(100) == page(1)


def test_the_upper_plan_is_locked_first(park: Park) -> None:
    """Who waits for the plan above holds nothing yet of its own (F6): else two could wait for ever."""
    databases = park["postgresql"]
    site = open_site(settings(databases.peopled()))
    world = peopled(site, databases)
    world.cycle()
    world.open("up1")
    world.act("a", "A", "draft", A)
    version = world.version("A")
    engine = site.records.engine
    with ThreadPoolExecutor(1) as pool, engine.connect() as above, engine.connect() as beside:
        above.execute(text("SELECT 1 FROM plan WHERE path = 'R/C' FOR UPDATE"))
        act = pool.submit(world.act, "a", "A", "submit", None, "", version)
        while not waiting(site):
            assert not act.done()
        mine = text("SELECT 1 FROM plan WHERE path = 'R/C/A' FOR UPDATE NOWAIT")
        assert beside.execute(mine).scalar_one() == 1
        beside.rollback()
        above.rollback()
        assert act.result().state == "up1.submitted"
        # and while an act is under way, nobody else changes the plan above
        first = "SELECT 1 FROM plan WHERE path = 'R/C/A' FOR UPDATE"
        above.execute(text(first))
        act = pool.submit(world.act, "a", "A", "withdraw", None, "", version + 1)
        while not waiting(site):
            assert not act.done()
        upper = text("SELECT 1 FROM plan WHERE path = 'R/C' FOR UPDATE NOWAIT")
        with pytest.raises(DBAPIError, match="could not obtain lock"):
            beside.execute(upper)
        beside.rollback()
        above.rollback()
        act.result()
    site.close()


def test_what_another_process_did_to_the_cycle_is_seen(park: Park) -> None:
    """The short way holds only as long as the cycle is as this process saw it last."""
    databases = park["postgresql"]
    url = databases.peopled()
    here, there = open_site(settings(url)), open_site(settings(url))
    world, other = peopled(here, databases), peopled(there, databases)
    world.cycle()
    world.open("up1")
    other.name = world.name
    world.report("A", A["figures"])
    assert other.act("city", "A", "accept").state == "up1.accepted"
    other.change_tree({"no_task": {"unit": "B", "reason": "撤销"}})
    with counted(here) as found:
        assert world.act("city", "A", "return", {"reason_code": "incomplete", "text": "重报"}).round
    assert found["read"] > READS
    world.act("a", "A", "draft", A)
    version = world.version("A")
    with counted(here) as found:
        assert world.act("a", "A", "submit", version=version).state == "up1.submitted"
    assert found["read"] == READS
    here.close()
    there.close()


def test_a_state_that_is_kept_is_the_one_its_text_tells(world: World) -> None:
    """States are kept with the text they were written as: reading that text gives the same."""
    world.cycle()
    world.open("up1")
    world.report("A", A["figures"])
    world.accept("A")
    assert any(state.rounds for state in seats._STATES.values())
    for text_of_it, state in seats._STATES.items():
        assert type(state).model_validate_json(text_of_it) == state
