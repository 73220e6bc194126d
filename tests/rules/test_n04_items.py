"""N4: reconciling items, where a sum stands and no list behind it; with a code and a text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.conftest import At
from tests.rules.found import places, sums
from tests.world import World

HALF = {"persons": 50, "villages": 50}
ITEM = {"indicator": "persons", "amount": -4, "reason_code": "double_counted", "text": "两县都报了"}
FIGURES = {"persons": 96, "villages": 100}


def reported(world: World) -> World:
    world.open("up1")
    for unit in "AB":
        world.report(unit, HALF)
        world.accept(unit)
    return world


def body(**change: Any) -> dict[str, Any]:
    return {"figures": FIGURES, "reconciling": [{**ITEM, **change}]}


@pytest.mark.parametrize("text", ["", "  "])
def test_an_item_says_why_in_words(at: At, text: str) -> None:
    world = at("up1")
    refused = world.refused("invalid", lambda: world.act("city", "C", "draft", body(text=text)))
    assert places(refused) == [("empty", "reconciling.0.text")]


def test_a_unit_without_children_has_no_sum(at: At) -> None:
    world = at("up1")
    refused = world.refused("invalid", lambda: world.act("a", "A", "draft", body()))
    assert places(refused) == [("no_sum_to_reconcile", "reconciling.0")]


def test_what_stands_behind_a_list_is_changed_in_the_list(world: World) -> None:
    """N12: where lists are required, an indicator without one still takes items."""
    made = world.cycle(lists="required")
    assert made.lists == "required"
    reported(world)
    refused = world.refused("invalid", lambda: world.act("city", "C", "draft", body()))
    assert places(refused) == [("list_to_reconcile", "reconciling.0")]
    free = body(indicator="county_exit", amount=1)
    free["figures"] = {"persons": 100, "villages": 100, "county_exit": 1}
    world.act("city", "C", "draft", free)
    world.act("city", "C", "submit")


def test_where_no_list_is_attached_an_item_closes_the_difference(world: World) -> None:
    made = world.cycle(lists="optional")
    assert made.lists == "optional"
    reported(world)
    wrong = body(amount=-5)
    world.act("city", "C", "draft", wrong)
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "persons", 95, 96, 1)]
    world.act("city", "C", "draft", body())
    world.act("city", "C", "submit")
    world.accept("C")
    world.close("up1")
    assert world.plan("region", "R").figures["up1"] == FIGURES
    event = next(one for one in world.history("C") if one.kind == "submitted")
    assert event.parts["reconciling"] == [{k: v for k, v in ITEM.items() if k != "text"}]
    assert event.parts["texts"] == [{"of": "reconciling.0", "text": ITEM["text"]}]


def test_lists_are_optional_or_required(world: World) -> None:
    refused = world.refused("invalid", lambda: world.cycle(lists="sometimes"))
    assert places(refused) == [("unknown_option", "lists")]
