"""N15: what a round gave all units below one of what they asked, in the reader's scope."""

from __future__ import annotations

from typing import Any

from planflow.services.review_views import TreatmentsView
from planflow.services.treating import treatments
from tests.world import REASON, World

COUNTIES = "code,name,level,parent,attributes\nD,丁县,county,C,\nE,戊县,county,C,\n"
ASKED = {
    "A": {"persons": 100, "villages": 10, "county_exit": 1},
    "B": {"persons": 100, "villages": 10},
    "D": {"persons": 100, "villages": 10},
    "E": {"persons": 1000, "villages": 0},
}


def report(world: World, who: str, unit: str, name: str | None) -> TreatmentsView:
    return treatments(world.site, world.readers[who], world.name, unit, name)


def shown(found: TreatmentsView, indicator: str) -> dict[str, tuple[Any, ...]]:
    return {
        one.unit: (one.asked, one.issued, one.cut, one.percent, one.reason_code, one.outlier)
        for one in found.indicators[indicator].siblings
    }


def asked(world: World) -> World:
    world.units(COUNTIES)
    for who, unit in (("d", "D"), ("e", "E")):
        world.user(who, "planner", unit)
    world.play_until("down1", ASKED)
    return world


def test_all_siblings_stand_side_by_side_and_a_cut_apart_is_marked(world: World) -> None:
    asked(world)
    total = {"persons": 1160, "villages": 30, "county_exit": 1}
    world.issue("R", {"C": total})
    world.act("city", "C", "acknowledge")
    given = {name: {**own, "persons": 90} for name, own in ASKED.items()} | {
        "D": {"persons": 80, "villages": 10},
        "E": {"persons": 900, "villages": 0},
    }
    before = report(world, "city", "C", "down1")
    assert shown(before, "persons")["A"] == (100, None, None, None, None, False)
    world.issue("C", given)
    found = report(world, "city", "C", "down1")
    assert (found.asked_in, found.indicators["persons"].median) == ("up1", "10")
    assert shown(found, "persons") == {
        "A": (100, 90, 10, 10.0, REASON, False),
        "B": (100, 90, 10, 10.0, REASON, False),
        "D": (100, 80, 20, 20.0, REASON, False),
        "E": (1000, 900, 100, 10.0, REASON, False),
    }
    assert shown(found, "villages")["E"] == (0, 0, 0, None, REASON, False)
    again = {**given, "A": {**ASKED["A"], "persons": 100}, "D": {"persons": 70, "villages": 10}}
    world.issue("C", again, reason="更正", document_no="柳扶〔2019〕9号")
    found = report(world, "auditor", "C", "down1")
    [apart] = [one for one in found.indicators["persons"].siblings if one.outlier]
    assert (apart.unit, apart.distance) == ("D", "20")
    assert apart.arithmetic == "(100 − 70) × 100 ÷ 100 = 30; |30 − 10| = 20 > 10"
    assert shown(found, "persons")["A"][2] == 0


def test_an_up_round_shows_what_the_parent_settled(world: World) -> None:
    world.play_until("up1")
    world.report("A", ASKED["A"])
    body = {"figures": {"persons": 95}, "reasons": {"persons": {"reason_code": "field_check"}}}
    world.act("city", "A", "accept", body)
    found = report(world, "city", "C", "up1")
    assert shown(found, "persons") == {
        "A": (100, 95, 5, 5.0, "field_check", False),
        "B": (None, None, None, None, None, False),
    }
    assert shown(found, "villages")["A"] == (10, 10, 0, 0.0, None, False)


def test_it_is_read_in_scope_and_of_a_round_that_answers(world: World) -> None:
    world.cycle()
    assert report(world, "a", "A", "down1").indicators == {}
    with world.refused("not_found"):
        report(world, "a", "C", "down1")
    for name in (None, "adjust", "up9"):
        with world.refused("invalid"):
            report(world, "city", "C", name)
