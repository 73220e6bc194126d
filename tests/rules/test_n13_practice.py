"""N13, F10: a practice cycle is marked, has a log of its own and may be dropped; a real one never is."""

from __future__ import annotations

import json

from sqlalchemy import select

from planflow.services import cycles, shell
from planflow.store.tables import EventRow, table
from tests.contract.audit import audit
from tests.rules.found import named, places
from tests.world import World


def logs(world: World, cycle: str) -> set[str]:
    """The log that each event of a cycle names, without the site."""
    events = table(EventRow)
    streams = events.c.stream.in_([f"cycle/{cycle}"]) | events.c.stream.startswith(f"plan/{cycle}/")
    query = select(events.c.leaf).where(streams)
    leaves = world.site.records.read(lambda tx: tx.connection.execute(query).scalars().all())
    return {json.loads(leaf)["log"].removeprefix(f"{world.site.id}/") for leaf in leaves}


def listed(world: World, who: str, limit: int | None = None) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = cycles.list_cycles(world.site, world.readers[who], cursor, limit)
        found += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            return found


def practised(world: World) -> World:
    """A practice cycle in which somebody has acted, beside a real one."""
    world.cycle("real")
    world.cycle("drill", practice=True)
    world.open("up1")
    world.report("A", {"persons": 1, "villages": 1})
    return world


def test_it_is_marked_wherever_it_is_shown(world: World) -> None:
    practised(world)
    assert world.get().practice
    assert world.plan("a", "A").practice
    assert not world.get(cycle="real").practice
    assert not world.plan("a", "A", "real").practice
    page = cycles.list_cycles(world.site, world.readers["region"], None)
    assert [(one.id, one.practice) for one in page.items] == [("drill", True), ("real", False)]


def test_its_events_belong_to_a_log_of_their_own(world: World) -> None:
    """F10: what was practised is never a part of the real record."""
    practised(world)
    world.open("up1", cycle="real")
    assert logs(world, "drill") == {"practice/drill"}
    assert logs(world, "real") == {"cycle/real"}


def test_a_dropped_cycle_is_found_by_nobody_and_all_its_events_stay(world: World) -> None:
    practised(world)
    before = len(world.snapshot()["event"])
    dropped = world.drop()
    assert dropped.event
    assert len(world.snapshot()["event"]) == before + 1
    assert listed(world, "region") == ["real"]
    for look in (
        lambda: world.get("region"),
        lambda: world.plan("a", "A"),
        lambda: world.history("A", "region"),
        lambda: world.act("a", "A", "withdraw", version=2),
        lambda: world.close("up1", who="region"),
        world.drop,
        lambda: world.drop(who="city"),
    ):
        world.refused("not_found", look)
    refused = world.refused("already_exists", lambda: world.cycle("drill"))
    assert refused.refusal.params["name"] == "drill"  # its events keep the name
    assert shell.latest_cycle(world.site, "A") == "real"
    audit(world.site)


def test_a_real_cycle_is_never_dropped(world: World) -> None:
    practised(world)
    refused = world.refused("guard_failed", lambda: world.drop(cycle="real"))
    assert named(refused, "cycle") == [("practice_only", "real")]
    assert listed(world, "region") == ["drill", "real"]


def test_only_the_roots_admin_drops_it(world: World) -> None:
    practised(world)
    refused = world.refused("forbidden", lambda: world.drop(who="city"))
    assert refused.refusal.params == {"action": "drop"}
    world.refused("not_found", lambda: world.drop(who="system"))


def test_the_same_call_sent_again_has_the_same_answer(world: World) -> None:
    practised(world)
    key = world.key()
    first = world.drop(key=key)
    again = world.drop(key=key)
    assert (again.event, again.version) == (first.event, first.version)
    world.refused("not_found", lambda: world.drop(key=world.key()))


def test_practice_is_said_in_so_many_words(world: World) -> None:
    refused = world.refused("invalid", lambda: world.cycle("drill", practice="yes"))
    assert places(refused) == [("not_boolean", "practice")]


def test_a_page_of_cycles_holds_those_in_sight(world: World) -> None:
    for name in ("c3", "c1", "c2", "c4"):
        world.cycle(name, practice=name == "c2")
    world.cycle("c0", root="R", leaf_level="city", no_task=())
    assert listed(world, "region", 2) == ["c0", "c1", "c2", "c3", "c4"]
    assert listed(world, "a", 1) == ["c1", "c2", "c3", "c4"]  # its county has no place in c0
    world.drop(cycle="c2")
    assert listed(world, "a", 2) == ["c1", "c3", "c4"]
    assert listed(world, "system") == []
    assert cycles.list_cycles(world.site, world.readers["a"], "c3").items[0].open_round is None
