"""Section 7: a scope is a subtree, letter by letter; codes may differ in case alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from planflow.errors import Refusal
from planflow.services import boards, plans
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


def test_a_unit_reads_its_own_part_of_what_names_several(world: World) -> None:
    """Section 7: a correction moves figures from one county to the next; each reads its own part."""
    world.user("a2", "planner", "A")
    world.play_until("up2")
    body = {
        "round": "up1",
        "figures": {"persons": 61},
        "also": [{"unit": "B", "figures": {"persons": 39}}],
        "reason": "两县互换一人",
    }
    made = world.act("city", "A", "corrections", body).corrections[-1]
    assert set(made.figures) == {"A", "B"}
    assert world.plan("a2", "A").corrections[-1].figures == {"A": {"persons": 61}}
    assert world.plan("a2", "A").corrections[-1].was == {"A": {"persons": 60}}
    assert set(world.plan("city", "A").corrections[-1].figures) == {"A", "B"}

    world.user("city2", "admin", "C")
    world.act("city2", "A", "approve", None, made.id)
    told = {who: world.history("A", who)[-2:] for who in ("a2", "city")}
    units = {who: [one["unit"] for one in two[0].parts["units"]] for who, two in told.items()}
    assert units == {"a2": ["A"], "city": ["A", "B"]}
    others = {who: [one["unit"] for one in two[1].parts["others"]] for who, two in told.items()}
    assert others == {"a2": [], "city": ["B"]}

    # Its author sees it so as well, where it is not all theirs.
    now = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    page = boards.list_then(world.site, world.readers["a2"], world.name, now, boards.Part())
    assert [set(one.figures) for one in page.items[0].corrections] == [{"A"}]


def test_what_was_addressed_to_a_unit_is_known_by_any_code_it_bore(world: World) -> None:
    """N1: a renamed child's share is still in its parent's sight, and a renamed sibling's is not."""
    world.user("a2", "planner", "A")
    world.play_until("up2")
    body: dict[str, Any] = {"round": "up1", "figures": {"persons": 61}, "reason": "两县互换一人"}
    body["also"] = [{"unit": "B", "figures": {"persons": 39}}]
    world.act("city", "A", "corrections", body)
    world.change_tree({"rename": {"unit": "B", "name": "新乙县", "code": "B2"}})
    assert set(world.plan("city", "A").corrections[-1].figures) == {"A", "B"}
    assert set(world.plan("a2", "A").corrections[-1].figures) == {"A"}
    world.change_tree({"rename": {"unit": "A", "name": "新甲县", "code": "A2"}})
    assert set(world.plan("a2", "A2").corrections[-1].figures) == {"A"}


def test_a_code_of_then_out_of_sight_is_told_as_it_was_asked(world: World) -> None:
    """N1: whoever asks for a renamed unit out of their sight does not learn its code of today."""
    world.play_until("up1")
    then = world.site.clock()
    world.change_tree({"rename": {"unit": "B", "name": "新乙县", "code": "B2"}})
    with pytest.raises(Refusal) as refused:
        plans.get_plan(world.site, world.readers["a"], world.name, "B", then)
    assert (refused.value.code, refused.value.params) == (
        "not_found",
        {"kind": "unit", "name": "B"},
    )


def test_opening_a_cycle_tells_no_code(world: World) -> None:
    """Section 7: a root that is not one's own and one that is none are answered alike."""
    for root in ("R", "B", "nothing"):
        with pytest.raises(Refusal) as refused:
            world.cycle("c9", who="city", root=root)
        assert (refused.value.code, refused.value.params) == ("forbidden", {"action": "open_cycle"})
