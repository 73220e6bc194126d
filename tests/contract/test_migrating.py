"""F5, F7: processes that start together may all migrate, and people may act meanwhile.

History is protected anew at every start, so a start must not get in the way of another one.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from planflow.services.site import open_site
from planflow.store.transaction import Tx, open_database
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
    assert site.records.read(lambda tx: tx.connection.execute(query).scalar_one()) == 1
    site.close()


OLD_TREE = """
INSERT INTO cycle_unit (cycle_id, unit_id, code, name, level, parent_code, path, attributes, no_task)
VALUES ('old', 'u1', 'C', '市', 'city', NULL, 'C', 'x', {no})
"""


def test_a_tree_that_was_fixed_before_trees_could_change_is_its_first_version(
    databases: Databases,
) -> None:
    """N1: what refused a change of a place goes, and every place is kept as it was."""
    database = open_database(databases.empty(), 1)
    config = Config()
    config.set_main_option("script_location", "planflow.store:migrations")
    no = "0" if database.embedded else "false"

    def before(tx: Tx) -> None:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "0003")
        tx.connection.execute(text(OLD_TREE.format(no=no)))
        if database.embedded:
            tx.connection.execute(text(GUARDED))
        else:
            trigger = "CREATE TRIGGER cycle_unit_refuse BEFORE UPDATE ON cycle_unit"
            tx.connection.execute(text(f"{trigger} EXECUTE FUNCTION planflow_refuse()"))

    def after(tx: Tx) -> tuple[str, int, str, str]:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
        tx.connection.execute(text("UPDATE cycle_unit SET name = '新市'"))
        kept = text(
            "SELECT v.name, v.position, v.attributes, u.name FROM cycle_unit_version v "
            "JOIN cycle_unit u ON u.unit_id = v.unit_id"
        )
        return tuple(tx.connection.execute(kept).one())

    database.write(before)
    assert database.write(after) == ("市", 1, "x", "新市")
    database.close()


GUARDED = """
CREATE TRIGGER cycle_unit_refuse_update BEFORE UPDATE ON cycle_unit
BEGIN SELECT RAISE(ABORT, 'append_only'); END
"""


def acts(world: World, who: str, unit: str) -> list[str]:
    """Submit and withdraw, over and over; the states it leads to."""
    world.act(who, unit, "draft", {"figures": {"persons": 1, "villages": 1}})
    ways = ("submit", "withdraw") * 20
    return [world.act(who, unit, action).state for action in ways]


def test_people_may_act_while_a_tree_changes(databases: Databases) -> None:
    """N18, F6: an act comes before a change of the tree or after it, and no figure is lost."""
    site = open_site(settings(databases.peopled()))
    world = peopled(site, databases)
    world.cycle()
    world.units(
        "code,name,level,parent,attributes\n" + "".join(f"B{at},县,county,C,\n" for at in (1, 2, 3))
    )
    world.open("up1")
    world.report("B", {"persons": 40, "villages": 4})
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(acts, world, "a", "A")
        into = [{"unit": "B1", "weight": 1}, {"unit": "B2", "weight": 0}]
        world.change_tree({"split": {"unit": "B", "into": into}})
        for at in range(8):
            world.change_tree({"rename": {"unit": "C", "name": f"市{at}"}})
            assert world.plan("a", "A").unit == "A"
        merge = {"merge": {"units": ["B1", "B2"], "into": "B3"}}
        world.change_tree(merge)
        states = done.result()
    assert set(states) == {"up1.submitted", "up1.drafting"}
    assert world.plan("region", "B3").figures["up1"] == {"persons": 40, "villages": 4}
    audit(site)
    site.close()


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
        assert site.records.read(lambda tx: tx.connection.execute(query).scalar_one()) == 0
    print(f"{len(states)} acts beside {len(lines)} migrations; {audit(site).events} events")
    site.close()
