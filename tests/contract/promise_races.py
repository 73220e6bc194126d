"""Races about promises: settled or taken back while a holder's figures go up (N10, N11, N18)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from tests.contract.races import A, Arena, B, Ends, acting, ended

A_CYCLE = 25
EXPLAINED = {"reasons": {"persons": "criteria_not_met"}}


def settle_or_submit(arena: Arena, action: str) -> Iterator[str]:
    """The region settles a promise while a county that holds a part of it sends a change: never both.

    A change rests on the base, and a fulfilled promise moves it; a waived one moves nothing, but the
    county learns of it before it sends what it has.
    """
    world = arena.world
    allowed: Ends = {
        ("ok", "stale_version"): f"{action} won",
        ("untouched", "ok"): "submit won",
        ("ok", "ok"): "submit won, then waived",
    }
    if action == "fulfil":
        del allowed["ok", "ok"]
    body = {"reason": "条件变化"} if action == "waive" else {}
    for race in count():
        if race % A_CYCLE == 0:  # no plan holds thousands of promises
            arena.new_cycle()
            world.play_until("adjust", {"A": A, "B": B})
        promise = world.promise("C", "persons", 1)
        share = {"allocations": [{"unit": "A", "amount": 1}]}
        world.act("city", "C", "distribute", share, promise)
        base = world.plan("a", "A").headline["persons"].value
        held = [one for one in world.plan("a", "A").commitments if one.status == "open"]
        assert len(held) == 1
        now = world.plan("a", "A").figures["adjust"]["persons"]
        world.act("a", "A", "draft", {"figures": {"persons": now - 1}, **EXPLAINED})
        settle = acting("region", "C", action, body, promise=promise, version=world.version("C"))
        submit = acting("a", "A", "submit", version=world.version("A"))
        outcome = arena.race(settle, submit)
        yield ended(outcome, allowed)
        after = world.plan("a", "A")
        if outcome[1] == "ok":
            assert after.figures["adjust"]["persons"] == now - 1
            world.act("a", "A", "withdraw")
        else:
            moved = 1 if action == "fulfil" else 0
            assert after.figures["adjust"]["persons"] == now + moved
        if outcome[0] != "ok":
            assert after.headline["persons"].value in (base, now - 1)
            world.act("region", "C", "waive", {"reason": "条件变化"}, promise)


def fulfil_or_submit(arena: Arena) -> Iterator[str]:
    """A promise is fulfilled while a part's holder submits."""
    return settle_or_submit(arena, "fulfil")


def waive_or_submit(arena: Arena) -> Iterator[str]:
    """A promise is waived while a part's holder submits."""
    return settle_or_submit(arena, "waive")
