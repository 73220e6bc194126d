"""Section 7: a scope is a subtree, letter by letter; codes may differ in case alone."""

from __future__ import annotations

from planflow.services import plans
from planflow.services.site import open_site
from tests.databases import Databases, settings
from tests.world import World

TREE = """\
code,name,level,parent
R,自治区,region,
A_1,甲市,city,R
AX1,乙市,city,R
a_1,丙市,city,R
P,甲县,county,A_1
Q,乙县,county,AX1
S,丙县,county,a_1
"""
IDLE = [{"unit": unit, "reason": "无任务"} for unit in "QS"]


def test_a_scope_is_no_pattern_and_knows_small_letters(databases: Databases) -> None:
    site = open_site(settings(databases.migrated()))
    world = World(site)
    world.units(TREE)
    for name, unit in (("r", "R"), ("first", "A_1"), ("second", "AX1"), ("third", "a_1")):
        world.user(name, "admin", unit)
    world.cycle(who="r", no_task=IDLE)
    world.open("up1", who="r")
    seen = {}
    for name in ("first", "second", "third"):
        reader = world.readers[name]
        page = plans.list_plans(site, reader, world.name, None, None, None)
        idle = [one.unit for one in world.get(name).no_task]
        seen[name] = [one.unit for one in page.items], idle
    assert seen == {
        "first": (["A_1", "P"], []),
        "second": (["AX1", "Q"], ["Q"]),
        "third": (["a_1", "S"], ["S"]),
    }
    site.close()
