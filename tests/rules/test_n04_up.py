"""N4: up, sums are exact; a parent's own number stands beside the report; entry levels."""

from __future__ import annotations

from typing import Any

import pytest

from planflow.services.site import open_site
from tests.databases import Databases, settings
from tests.rules.conftest import At
from tests.rules.found import named, places, sums
from tests.world import World

A = {"persons": 60, "villages": 60, "county_exit": 1}
B = {"persons": 40, "villages": 40}
WHOLE = {"persons": 100, "villages": 100, "county_exit": 1}


def reported(at: At, a: dict[str, int] | None = None, b: dict[str, int] | None = None) -> World:
    """Both counties reported and were accepted."""
    world = at("up1")
    for unit, figures in (("A", a or A), ("B", b or B)):
        world.report(unit, figures)
        world.accept(unit)
    return world


def drafted(world: World, figures: dict[str, int], *items: dict[str, Any]) -> None:
    world.act("city", "C", "draft", {"figures": figures, "reconciling": list(items)})


def item(indicator: str, amount: int) -> dict[str, Any]:
    return {"indicator": indicator, "amount": amount, "reason_code": "double_counted", "text": "重"}


def test_a_parents_figure_is_the_sum_of_its_children(at: At) -> None:
    world = reported(at)
    drafted(world, WHOLE)
    world.act("city", "C", "submit")
    assert world.plan("city", "C").figures["up1"] == WHOLE


def test_every_difference_is_named_indicator_by_indicator(at: At) -> None:
    world = reported(at)
    drafted(world, {"persons": 99, "villages": 103, "county_exit": 1})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [
        ("sums_exact", "persons", 100, 99, -1),
        ("sums_exact", "villages", 100, 103, 3),
    ]


def test_an_indicator_on_one_side_only_is_a_difference(at: At) -> None:
    world = reported(at, b={**B, "households": 9})
    drafted(world, WHOLE)
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "households", 9, 0, -9)]
    drafted(world, {"persons": 100, "villages": 100, "households": 9})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "county_exit", 1, 0, -1)]


def test_zero_totals_are_sums_too(at: At) -> None:
    none = {"persons": 0, "villages": 0}
    world = reported(at, none, none)
    drafted(world, {"persons": 1, "villages": 0})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "persons", 0, 1, 1)]
    drafted(world, none)
    world.act("city", "C", "submit")


@pytest.mark.parametrize("amount", [-7, 5])
def test_a_signed_item_with_its_reason_closes_the_difference(at: At, amount: int) -> None:
    world = reported(at)
    figures = {**WHOLE, "persons": 100 + amount}
    drafted(world, figures)
    world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    drafted(world, figures, item("persons", amount))
    world.act("city", "C", "submit")
    world.act("region", "C", "accept")
    world.close("up1")
    assert world.plan("region", "R").figures["up1"]["persons"] == 100 + amount
    event = next(one for one in world.history("C") if one.kind == "submitted")
    assert event.parts["reconciling"] == [
        {"indicator": "persons", "amount": amount, "reason_code": "double_counted"}
    ]


def test_several_items_of_one_indicator_add_up(at: At) -> None:
    world = reported(at)
    drafted(world, {**WHOLE, "persons": 98}, item("persons", -5), item("persons", 3))
    world.act("city", "C", "submit")


def test_items_cannot_bring_a_figure_below_zero(at: At) -> None:
    world = reported(at)
    figures = {**WHOLE, "persons": -1}
    refused = world.refused("invalid", lambda: drafted(world, figures, item("persons", -101)))
    assert places(refused) == [("below_minimum", "figures.persons")]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"reason_code": "incomplete"}, "unknown_reason_code", "reconciling.0.reason_code"),
        ({"reason_code": None}, "wrong_shape", "reconciling.0.reason_code"),
        ({"indicator": "people"}, "unknown_indicator", "reconciling.0"),
        ({"amount": 1.5}, "not_whole", "reconciling.0.amount"),
        ({"text": ""}, "empty", "reconciling.0.text"),
    ],
)
def test_an_item_must_be_sound(at: At, change: dict[str, Any], code: str, field: str) -> None:
    world = at("up1")
    wrong = item("persons", 3) | change
    refused = world.refused("invalid", lambda: drafted(world, WHOLE, wrong))
    assert places(refused) == [(code, field)]


def test_a_parent_may_settle_its_own_number_with_a_reason_and_both_stay(at: At) -> None:
    world = at("up1")
    world.report("A", A)
    body = {"figures": {"persons": 50, "villages": 60}}
    refused = world.refused("invalid", lambda: world.act("city", "A", "accept", body))
    assert places(refused) == [("missing_reason", "reasons.persons")]
    body["reasons"] = {"persons": "not-a-code"}  # type: ignore[dict-item]
    refused = world.refused("invalid", lambda: world.act("city", "A", "accept", body))
    assert places(refused) == [("missing_reason", "reasons.persons")]
    body["reasons"] = {"persons": "data_analysis"}  # type: ignore[dict-item]
    view = world.act("city", "A", "accept", body)
    assert view.figures["up1"] == {**A, "persons": 50}
    told = {(one.side, one.indicator): (one.value, one.reason_code) for one in view.numbers}
    assert told["reported", "persons"] == (60, None)
    assert told["settled", "persons"] == (50, "data_analysis")
    assert ("settled", "villages") not in told  # as reported: no number of the parent's own


def test_the_parents_sum_rests_on_the_settled_number(at: At) -> None:
    world = at("up1")
    world.report("A", A)
    settled = {"figures": {"persons": 50}, "reasons": {"persons": "field_check"}}
    world.act("city", "A", "accept", settled)
    world.report("B", B)
    world.accept("B")
    drafted(world, WHOLE)
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "persons", 90, 100, 10)]


def test_a_settled_number_may_add_what_was_not_reported(at: At) -> None:
    world = at("up1")
    world.report("B", B)
    body = {"figures": {"households": 12}, "reasons": {"households": "field_check"}}
    assert world.act("city", "B", "accept", body).figures["up1"] == {**B, "households": 12}
    world.report("A", A)
    wrong = {"figures": {"county_exit": 2}, "reasons": {"county_exit": "field_check"}}
    refused = world.refused("invalid", lambda: world.act("city", "A", "accept", wrong))
    assert places(refused) == [("above_maximum", "figures.county_exit")]


def test_a_settled_number_of_a_level_between_leaves_its_children_alone(at: At) -> None:
    world = reported(at)
    drafted(world, WHOLE)
    world.act("city", "C", "submit")
    settled = {"figures": {"persons": 95}, "reasons": {"persons": "overall_balance"}}
    world.act("region", "C", "accept", settled)
    world.close("up1")
    assert world.plan("region", "R").figures["up1"]["persons"] == 95
    assert world.plan("region", "A").figures["up1"]["persons"] == 60


def test_reconciling_items_stand_only_where_there_is_a_sum(at: At) -> None:
    world = at("up1")
    body = {"figures": A, "reconciling": [item("persons", 3)]}
    refused = world.refused("invalid", lambda: world.act("a", "A", "draft", body))
    assert named(refused, "indicator", "unit") == [("no_sum_to_reconcile", "persons", "A")]


def test_an_indicator_is_entered_at_its_level_and_not_below(at: At) -> None:
    world = at("up1", deep=True)
    town = {"persons": 30, "villages": 30}
    refused = world.refused(
        "invalid",
        lambda: world.act("a1", "A1", "draft", {"figures": {**town, "county_exit": 1}}),
    )
    assert places(refused) == [("not_applicable", "figures.county_exit")]
    for unit in ("A1", "A2"):
        world.report(unit, town)
        world.act("county", unit, "accept")
    world.report("A", A)  # its townships have no such figure: it is the county's own
    world.accept("A")
    world.report("B", B)
    world.accept("B")
    drafted(world, {**WHOLE, "county_exit": 0})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact", "county_exit", 1, 0, -1)]
    drafted(world, WHOLE)
    world.act("city", "C", "submit")


def test_nothing_is_reconciled_where_an_indicator_is_entered(at: At) -> None:
    world = at("up1", deep=True)
    body = {"figures": A, "reconciling": [item("county_exit", 1)]}
    refused = world.refused("invalid", lambda: world.act("county", "A", "draft", body))
    assert named(refused, "indicator", "unit") == [("no_sum_to_reconcile", "county_exit", "A")]


def test_above_the_entry_level_a_figure_is_a_sum_even_of_nobody(databases: Databases) -> None:
    """City D has a township and no county: nobody below it may have an exit, so it has none."""
    site = open_site(settings(databases.migrated()))
    world = World(site)
    world.units("code,name,level,parent\nR,R,region,\nD,D,city,R\nT,T,township,D\n")
    for unit in "RDT":
        world.user(unit.lower(), "admin", unit)
    world.cycle(who="r", leaf_level="township", no_task=())
    world.open("up1", who="r")
    world.report("T", {"persons": 5, "villages": 1})
    world.act("d", "T", "accept")
    figures = {"persons": 5, "villages": 1, "county_exit": 99}
    world.act("d", "D", "draft", {"figures": figures})
    refused = world.refused("guard_failed", lambda: world.act("d", "D", "submit"))
    assert sums(refused) == [("sums_exact", "county_exit", 0, 99, 99)]
    world.act("d", "D", "draft", {"figures": {**figures, "county_exit": 0}})
    world.act("d", "D", "submit")
    site.close()
