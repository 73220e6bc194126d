"""N3, N10: two rounds of one plan, side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from planflow.services import plans
from planflow.services.views import DiffView
from tests.rules.conftest import At
from tests.rules.found import places
from tests.world import World


def diff(world: World, unit: str, before: Any, after: Any, who: str = "region") -> DiffView:
    return plans.diff(world.site, world.readers[who], world.name, unit, before, after)


def test_figures_reasons_and_further_numbers_that_differ(at: At) -> None:
    world = at("up1")
    for unit in "AB":
        also = {"stretch": {"persons": 60}}
        figures = {"persons": 50, "villages": 50, **({"county_exit": 1} if unit == "A" else {})}
        world.act(unit.lower(), unit, "draft", {"figures": figures, "also": also})
        world.act(unit.lower(), unit, "submit")
        world.accept(unit)
    also = {"stretch": {"persons": 120}}
    whole = {"persons": 100, "villages": 100, "county_exit": 1}
    world.act("city", "C", "draft", {"figures": whole, "also": also})
    world.act("city", "C", "submit")
    own = {"figures": {"persons": 98}, "reasons": {"persons": "field_check"}}
    world.act("region", "C", "accept", own)
    world.close("up1")
    world.open("down1")
    one = {"unit": "C", "figures": {"persons": 90, "villages": 100}}
    one |= {"also": {"stretch": {"persons": 110}}, "reasons": {"persons": "overall_balance"}}
    world.act("region", "R", "issue", {"allocations": [one]})
    found = diff(world, "C", "up1", "down1").model_dump(by_alias=True)
    assert found["figures"] == {
        "persons": {"from": 98, "to": 90, "difference": -8, "percent": -8.2},
        "county_exit": {"from": 1, "to": None, "difference": None, "percent": None},
    }
    stretch = {"persons": {"from": 120, "to": 110, "difference": -10, "percent": -8.3}}
    assert found["also"] == {"stretch": stretch}
    assert found["reasons"] == {"persons": {"from": "field_check", "to": "overall_balance"}}
    assert (found["cycle"], found["unit"], found["from"], found["to"]) == (
        "c1",
        "C",
        "up1",
        "down1",
    )
    assert found["commitments"] == []


def test_promises_between_two_rounds(at: At) -> None:
    world = at("adjust")
    promise = world.promise("C", "villages", 8)
    assert [one.id for one in diff(world, "C", "down2", "adjust").commitments] == [promise]
    assert [one.id for one in diff(world, "C", "up2", "down2").commitments] == [promise]
    assert diff(world, "C", "up1", "up2").commitments == []
    assert diff(world, "C", "down2", "adjust").figures == {}  # not fulfilled yet
    world.act("region", "C", "fulfil", None, promise)
    [villages] = diff(world, "C", "down2", "adjust").figures.values()
    assert (villages.from_, villages.to, villages.difference) == (100, 108, 8)


def test_a_round_nobody_came_to_has_no_figures(at: At) -> None:
    world = at("down1")
    found = diff(world, "C", "up1", "adjust").figures["persons"]
    assert (found.from_, found.to) == (100, None)
    assert diff(world, "C", "up1", "up1").figures == {}


@pytest.mark.parametrize(
    ("before", "after", "code", "field"),
    [
        ("up9", "down1", "unknown_round", "from"),
        ("up1", "", "unknown_round", "to"),
        (None, "down1", "missing", "from"),
        ("up1", None, "missing", "to"),
    ],
)
def test_both_rounds_are_named(at: At, before: Any, after: Any, code: str, field: str) -> None:
    world = at("down1")
    refused = world.refused("invalid", lambda: diff(world, "C", before, after))
    assert places(refused) == [(code, field)]


def test_a_plan_out_of_sight_is_not_found_whatever_is_asked(at: At) -> None:
    world = at("down1")
    for unit in ("C", "nowhere"):
        world.refused("not_found", partial(diff, world, unit, "up9", None, who="a"))
