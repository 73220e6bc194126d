"""N18, F6, F7: acts at the same moment. One wins, sums stay exact, nobody meets a lock.

Real threads on real databases; on PostgreSQL through two Sites, each with connections of its own, as
two processes would. After every race the sums are recomputed from the stored states, after all of
them every chain and every replay is checked. An answer is an act's or a refusal; a Fault fails.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import text

from planflow.services.site import Site, open_site
from planflow.store.transaction import Tx
from tests.conftest import Park, peopled
from tests.contract import correction_races, promise_races, races
from tests.contract.audit import audit
from tests.contract.races import Arena, Race
from tests.databases import Databases, Server, settings

SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
SHORT = int(os.environ.get("PLANFLOW_RACES", "40"))
LONG = int(os.environ.get("PLANFLOW_SOAK_RACES", "2000"))

# How each race must end at least once: what stands before a comma, and after any "act: ".
RACES: list[tuple[Race, set[str]]] = [
    (races.same_plan, {"first won", "second won"}),
    (races.submit_or_return, {"submit won", "return won"}),
    (races.submit_or_withdraw, {"accept won", "withdraw won"}),
    (races.supersede_or_acknowledge, {"signed", "superseded first"}),
    (races.supersede_or_distribute, {"split", "superseded first"}),
    (races.close_or_return, {"close won", "return won"}),
    (races.close_or_accept, {"accepted", "close came too early"}),
    (races.close_or_submit, {"close won", "submit won"}),
    (races.one_key, {"one answer"}),
    (races.one_key_for_a_cycle, {"one answer"}),
    (races.first_acts, {"all"}),
    (promise_races.fulfil_or_submit, {"fulfil won", "submit won"}),
    (promise_races.waive_or_submit, {"waive won", "submit won"}),
    (correction_races.approve_twice, {"both"}),
    (correction_races.approve_or_submit, {"approval won", "submit won"}),
]
each_race = pytest.mark.parametrize(
    ("race", "ends"), RACES, ids=[race.__name__ for race, _ in RACES]
)


@pytest.fixture
def arena(databases: Databases) -> Iterator[Arena]:
    """Two worlds on one database where several processes may serve it, else one."""
    url = databases.peopled()
    sites = [open_site(settings(url)) for _ in range(2 if isinstance(databases, Server) else 1)]
    made = Arena([peopled(site, databases) for site in sites], Random(SEED))
    yield made
    made.close()
    for site in sites:
        site.close()


def run(arena: Arena, race: Race, ends: set[str], count: int) -> None:
    """Run a race so many times, and on until either side has won; say how often it ended which way."""
    found: Counter[str] = Counter()
    reached: set[str] = set()
    for outcome in race(arena):
        found[outcome] += 1
        reached.add(outcome.rpartition(": ")[2].partition(",")[0])
        arena.check_sums()
        if found.total() >= count and (ends <= reached or found.total() >= 5 * count):
            break
    kind = arena.world.site.database.engine.dialect.name
    print(f"\n{kind} {race.__name__}: {found.total()} races, seed {SEED}")
    for outcome, times in sorted(found.items()):
        print(f"  {times:6d}  {outcome}")
    assert deadlocks(arena.world.site) == 0
    print(f"  {audit(arena.world.site).events} events, every chain whole, every state replayed")
    assert ends <= reached, f"never ended: {sorted(ends - reached)}; this run proves nothing"


def deadlocks(site: Site) -> int:
    """Deadlocks the database has had to break: a retry would hide them from everybody else."""
    if site.database.embedded:
        return 0
    query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return site.records.read(lambda tx: int(tx.connection.execute(query).scalar_one()))


@each_race
def test_acts_at_the_same_moment(arena: Arena, race: Race, ends: set[str]) -> None:
    run(arena, race, ends, SHORT)


@pytest.mark.soak
@each_race
def test_acts_at_the_same_moment_for_long(arena: Arena, race: Race, ends: set[str]) -> None:
    run(arena, race, ends, LONG)


def test_a_key_still_running_is_refused_and_its_first_call_takes_effect(park: Park) -> None:
    """Another's lock holds the first call up; the second, of the same key, is told to wait."""
    databases = park["postgresql"]
    site = open_site(settings(databases.peopled()))
    world = peopled(site, databases)
    world.cycle()
    world.open("up1")
    world.act("a", "A", "draft", {"figures": races.A})
    key, version = world.key(), world.version("A")
    holds = "SELECT 1 FROM plan WHERE path = 'R/C/A' FOR UPDATE"
    with ThreadPoolExecutor(1) as pool, site.records.engine.connect() as other:
        other.execute(text(holds))
        first = pool.submit(world.act, "a", "A", "submit", {}, "", version, key)
        while not waiting(site):
            assert not first.done()
        world.refused("key_running", lambda: world.act("a", "A", "submit", {}, "", version, key))
        other.rollback()
        assert first.result().state == "up1.submitted"
    again = world.act("a", "A", "submit", {}, "", version, key)
    assert again == first.result()
    assert len(world.history("A")) == 1
    site.close()


def waiting(site: Site) -> bool:
    """Whether somebody waits for a lock."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    def look(tx: Tx) -> bool:
        tx.connection.execute(
            text("SET LOCAL ROLE NONE")
        )  # what others wait for is the server's to tell
        return bool(tx.connection.execute(query).scalar_one())

    return site.records.read(look)
