"""F5, F7: processes that start together may all migrate, and people may act meanwhile.

History is protected anew at every start, so a start must not get in the way of another one.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from sqlalchemy import text

from planflow.services.site import open_site
from tests.conftest import peopled
from tests.contract.audit import audit
from tests.databases import Databases, settings
from tests.world import World

TOGETHER, TIMES = 3, 6
MIGRATE = """
import sys
from pydantic import SecretStr
from planflow.config import Settings
from planflow.errors import Fault
from planflow.services.site import migrate
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    try:
        print(migrate(Settings(database_url=SecretStr(sys.argv[1]))))
    except Fault as fault:
        print(fault.code, fault.__cause__)
"""


def started(stack: ExitStack, url: str) -> list[Any]:
    """Processes that are ready to migrate once they are told to."""
    command = [sys.executable, "-c", MIGRATE, url, str(TIMES)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes: list[Any] = [
        stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(TOGETHER)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    return processes


def told(processes: list[Any]) -> list[str]:
    """Let them go at once; what they say."""
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [line for one in processes for line in one.communicate()[0].splitlines()]


def test_processes_that_start_together_may_all_migrate(databases: Databases) -> None:
    url = databases.empty()
    with ExitStack() as stack:
        lines = told(started(stack, url))
    print(f"{TOGETHER} processes, {TIMES} times each: {set(lines)}")
    assert len(lines) == TOGETHER * TIMES
    assert len(set(lines)) == 1
    site = open_site(settings(url))
    query = text("SELECT count(*) FROM site")
    assert site.database.read(lambda tx: tx.connection.execute(query).scalar_one()) == 1
    site.close()


def acts(world: World, who: str, unit: str) -> list[str]:
    """Submit and withdraw, over and over; the states it leads to."""
    world.act(who, unit, "draft", {"figures": {"persons": 1, "villages": 1}})
    ways = ("submit", "withdraw") * 20
    return [world.act(who, unit, action).state for action in ways]


def test_people_may_act_while_processes_start(databases: Databases) -> None:
    url = databases.peopled()
    site = open_site(settings(url))
    world = peopled(site, databases)
    world.cycle()
    world.open("up1")
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        processes = started(stack, url)
        done = [pool.submit(acts, world, who, unit) for who, unit in (("a", "A"), ("b", "B"))]
        lines = told(processes)
        states = [state for one in done for state in one.result()]
    assert len(set(lines)) == 1, lines
    assert set(states) == {"up1.submitted", "up1.drafting"}
    if not site.database.embedded:
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert site.database.read(lambda tx: tx.connection.execute(query).scalar_one()) == 0
    print(f"{len(states)} acts beside {len(lines)} migrations; {audit(site).events} events")
    site.close()
