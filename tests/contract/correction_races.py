"""Races about corrections: two at once, and one while an adjust is answered (N13, N18)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from tests.contract.races import A, Arena, B, Ends, acting, ended
from tests.world import World

A_CYCLE = 20
EXPLAINED = {"reasons": {"persons": "criteria_not_met"}}


def deputies(arena: Arena) -> None:
    """A second admin in the region and in the city, known to all worlds."""
    for who, unit in (("region2", "R"), ("city2", "C")):
        arena.world.user(who, "admin", unit)
        for world in arena.worlds[1:]:
            world.enter(who, "admin", unit, arena.world.tokens[who])


def proposed(world: World, unit: str, name: str) -> str:
    """A correction that waits: one person more."""
    now = world.plan("city", unit).figures[name]["persons"]
    body = {"round": name, "figures": {"persons": now + 1}, "reason": "漏计"}
    return world.act("city", unit, "corrections", body).corrections[-1].id


def approve_twice(arena: Arena) -> Iterator[str]:
    """Two counties are corrected at once: both move the city and the region, neither is lost."""
    world = arena.world
    allowed: Ends = {("ok", "ok"): "both"}
    deputies(arena)
    for race in count():
        if race % A_CYCLE == 0:
            arena.new_cycle()
            world.play_until("down1", {"A": A, "B": B})
        before = {unit: world.plan("region", unit).figures["up1"]["persons"] for unit in "RCAB"}
        which = {unit: proposed(world, unit, "up1") for unit in "AB"}
        runners = (
            acting("region2", unit, "approve", promise=which[unit], version=world.version(unit))
            for unit in "AB"
        )
        yield ended(arena.race(*runners), allowed)
        after = {unit: world.plan("region", unit).figures["up1"]["persons"] for unit in "RCAB"}
        assert {unit: after[unit] - before[unit] for unit in "RCAB"} == {
            **{"R": 2, "C": 2},
            **{"A": 1, "B": 1},
        }


def approve_or_submit(arena: Arena) -> Iterator[str]:
    """A base is corrected while the city answers the adjust that rests on it: never both."""
    world = arena.world
    allowed: Ends = {
        ("ok", "sums_exact"): "approval won",
        ("ok", "stale_version"): "approval won",
        ("rests_on_it", "ok"): "submit won",
    }
    deputies(arena)
    for race in count():
        if race % A_CYCLE == 0:
            arena.new_cycle()
            world.play_until("adjust", {"A": A, "B": B})
        which = proposed(world, "A", "down2")
        now = world.plan("city", "C").figures["adjust"]["persons"]
        world.act("city", "C", "draft", {"figures": {"persons": now}, **EXPLAINED})
        approve = acting("region2", "A", "approve", promise=which, version=world.version("A"))
        submit = acting("city", "C", "submit", version=world.version("C"))
        outcome = arena.race(approve, submit)
        yield ended(outcome, allowed)
        moved = 1 if outcome[0] == "ok" else 0
        assert world.plan("city", "C").figures["adjust"]["persons"] == now + moved
        if outcome[1] == "ok":
            world.act("city", "C", "withdraw")
            world.act("region2", "A", "reject", {"reason": "已在微调中"}, which)
