"""N7: a return names lines; only those unlock, level by level, and a resubmission shows what changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.audit import audit
from tests.rules.conftest import At
from tests.rules.found import named, places
from tests.world import World

A1 = {"persons": 20, "villages": 20}
A2 = {"persons": 40, "villages": 40}
B = {"persons": 40, "villages": 40}
COUNTY = {"persons": 60, "villages": 60}
WHOLE = {"persons": 100, "villages": 100}
WHY = {"persons": "criteria_not_met", "villages": "by_request"}


def back(*lines: str) -> dict[str, Any]:
    return {"reason_code": "inconsistent", "text": "与系统不符", "lines": list(lines)}


def sent(at: At) -> World:
    """Every level has sent its figures up; the city is submitted."""
    world = at("up1", deep=True)
    for unit, figures in (("A1", A1), ("A2", A2), ("B", B), ("A", COUNTY)):
        world.report(unit, figures)
        world.accept(unit)
    world.report("C", WHOLE)
    return world


def locked(world: World, unit: str, figures: dict[str, int], **more: Any) -> list[Any]:
    """The lines that a report is refused for."""
    who = world.hand(unit)
    world.act(who, unit, "draft", {"figures": figures, **more})
    refused = world.refused("guard_failed", lambda: world.act(who, unit, "submit"))
    assert set(refused.codes) == {"line_locked"}
    return [one.params["indicator"] for one in refused.refusal.findings]


def test_only_the_lines_a_return_names_may_change(at: At) -> None:
    world = at("up1")
    world.report("A", {**COUNTY, "county_exit": 1})
    world.act("city", "A", "return", back("persons"))
    assert locked(world, "A", {"persons": 55, "villages": 59, "county_exit": 0}) == [
        "villages",
        "county_exit",
    ]
    assert locked(world, "A", {"persons": 55, "villages": 60}) == ["county_exit"]  # left out
    refused = world.refused("guard_failed", lambda: world.act("a", "A", "submit"))
    assert named(refused, "known", "expected") == [("line_locked", "persons", 1)]
    view = world.act("a", "A", "draft", {"figures": {**COUNTY, "persons": 55, "county_exit": 1}})
    assert next(one for one in view.actions if one.name == "submit").allowed
    world.act("a", "A", "submit")
    world.accept("A")


def test_what_may_be_done_next_names_the_locked_line(at: At) -> None:
    """N8: the guard is told before anybody tries."""
    world = at("up1")
    world.report("A", COUNTY)
    world.act("city", "A", "return", back("persons"))
    view = world.act("a", "A", "draft", {"figures": {**COUNTY, "villages": 1}})
    submit = next(one for one in view.actions if one.name == "submit")
    assert [(one.name, one.fields["indicator"]) for one in submit.guards] == [
        ("line_locked", "villages")
    ]


def test_a_line_is_locked_in_every_basis(at: At) -> None:
    world = at("up1")
    also = {"stretch": {"persons": 70, "villages": 61}}
    world.act("a", "A", "draft", {"figures": COUNTY, "also": also})
    world.act("a", "A", "submit")
    world.act("city", "A", "return", back("persons"))
    other = {"stretch": {"persons": 80, "villages": 62}}
    assert locked(world, "A", COUNTY, also=other) == ["villages"]
    other["stretch"]["villages"] = 61
    world.act("a", "A", "draft", {"figures": COUNTY, "also": other})
    view = world.act("a", "A", "submit")
    change = view.changed_also["stretch"]["persons"]
    assert (view.changed, change.from_, change.to) == ({}, 70, 80)


def test_a_return_without_lines_unlocks_all(at: At) -> None:
    world = at("up1")
    world.report("A", COUNTY)
    world.act("city", "A", "return", back())
    world.report("A", {"persons": 1, "villages": 2, "county_exit": 1})
    assert world.accept("A").state == "up1.accepted"


def test_a_line_is_an_indicator_of_the_protocol(at: At) -> None:
    world = at("up1")
    world.report("A", COUNTY)
    refused = world.refused(
        "invalid", lambda: world.act("city", "A", "return", back("persons", "p/1"))
    )
    assert places(refused) == [("unknown_indicator", "lines.1")]


def test_a_second_return_names_its_own_lines(at: At) -> None:
    world = at("up1")
    world.report("A", COUNTY)
    world.act("city", "A", "return", back("persons"))
    world.report("A", {**COUNTY, "persons": 55})
    world.act("a", "A", "withdraw")
    assert locked(world, "A", {"persons": 55, "villages": 1}) == [
        "villages"
    ]  # still to be answered
    world.report("A", {**COUNTY, "persons": 55})
    world.act("city", "A", "return", back("villages"))
    assert locked(world, "A", {"persons": 54, "villages": 1}) == ["persons"]
    world.report("A", {"persons": 55, "villages": 1})
    world.accept("A")
    world.act("city", "A", "return", back())  # once accepted, the old lines are forgotten
    world.report("A", {"persons": 3, "villages": 3})


def test_lines_go_down_level_by_level(at: At) -> None:
    """Region, city, county, township: nobody below unlocks more than the one above has unlocked."""
    world = sent(at)
    world.act("region", "C", "return", back("persons"))
    refused = world.refused(
        "guard_failed", lambda: world.act("city", "A", "return", back("persons", "villages"))
    )
    assert named(refused, "indicator", "unit", "known") == [
        ("line_locked_above", "villages", "C", "persons")
    ]
    world.act("city", "A", "return", back("persons"))
    refused = world.refused(
        "guard_failed", lambda: world.act("county", "A1", "return", back("villages"))
    )
    assert named(refused, "indicator", "unit") == [("line_locked_above", "villages", "A")]
    world.act("county", "A1", "return", back())  # all that A itself may change
    [*_, event] = world.history("A1")
    assert event.parts["reason"]["lines"] == ["persons"]
    assert [world.state(unit) for unit in ("B", "A2")] == ["up1.accepted"] * 2  # as they were
    assert locked(world, "A1", {"persons": 15, "villages": 19}) == ["villages"]
    world.report("A1", {**A1, "persons": 15})
    refused = world.refused("guard_failed", lambda: world.act("county", "A", "submit"))
    assert named(refused, "unit") == [("children_done", "A1")]
    world.accept("A1")
    for unit, figures in (("A", COUNTY), ("C", WHOLE)):
        world.report(unit, {**figures, "persons": figures["persons"] - 5})
        world.accept(unit)
    world.close("up1")
    for unit, was in (("A1", 20), ("A", 60), ("C", 100)):
        change = world.plan("region", unit).changed["persons"]
        assert (change.from_, change.to) == (was, was - 5)
    audit(world.site)


def test_a_level_between_answers_for_what_it_adds_itself(at: At) -> None:
    """Its sums follow its children's lines; its own items are lines like any other."""
    world = sent(at)
    world.act("region", "C", "return", back("persons"))
    item = {"indicator": "villages", "amount": 3, "reason_code": "double_counted", "text": "漏报"}
    figures = {**WHOLE, "villages": 103}
    assert locked(world, "C", figures, reconciling=[item]) == ["villages"]
    item["indicator"] = "persons"
    world.act("city", "C", "draft", {"figures": {**WHOLE, "persons": 103}, "reconciling": [item]})
    assert world.act("city", "C", "submit").changed["persons"].to == 103


def test_a_resubmission_shows_what_changed_in_the_plan_and_in_its_history(at: At) -> None:
    world = at("up1")
    world.report("A", {**COUNTY, "households": 30})
    assert world.plan("city", "A").changed == {}
    world.act("city", "A", "return", back())
    assert world.plan("city", "A").changed == {}  # nothing has been answered yet
    world.report("A", {"persons": 55, "villages": 60, "county_exit": 1})
    changed = world.plan("city", "A").changed
    found = {name: (one.from_, one.to) for name, one in changed.items()}
    assert found == {"persons": (60, 55), "county_exit": (None, 1), "households": (30, None)}
    [*_, event] = world.history("A")
    assert event.parts["changed"] == {
        "persons": {"from": 60, "to": 55},
        "county_exit": {"from": None, "to": 1},
        "households": {"from": 30, "to": None},
    }
    world.accept("A")
    assert world.plan("city", "A").changed == changed
    first = world.history("A")[0]
    assert "changed" not in first.parts


# In the adjust


def test_who_did_nothing_in_the_adjust_is_bound_by_the_lines_of_the_one_above(at: At) -> None:
    """N11: a unit that kept its base may still act while its parent is returned: in those lines."""
    world = at("adjust")
    world.report("A", {"persons": 59}, {"persons": WHY["persons"]})
    world.accept("A")
    world.report("C", {"persons": 99})
    world.act("region", "C", "return", back("persons"))
    reasons = {"villages": "by_request", "persons": "criteria_not_met"}
    assert locked(world, "B", {"villages": 39}, reasons=reasons) == ["villages"]
    world.report("B", {"persons": 39}, reasons)
    world.accept("B")
    world.report("C", {"persons": 98})
    world.accept("C")
    world.close("adjust")


def test_a_base_does_not_move_under_a_locked_line(at: At) -> None:
    """N10: the promise is fulfilled once the line is open, or answered."""
    world = at("adjust")
    promise = world.promise("A", "villages", 2)
    world.report("A", {"persons": 59}, {"persons": WHY["persons"]})
    world.act("city", "A", "return", back("persons"))
    refused = world.refused("guard_failed", lambda: world.act("city", "A", "fulfil", None, promise))
    assert named(refused, "unit", "state") == [("untouched", "A", "adjust.returned")]
    world.report("A", {"persons": 58}, {"persons": WHY["persons"]})
    world.act("city", "A", "return", back("persons", "villages"))
    world.act("city", "A", "fulfil", None, promise)
    world.report("A", {"persons": 58}, {"persons": WHY["persons"]})
    assert world.plan("a", "A").figures["adjust"]["villages"] == 62


def test_a_sum_of_units_below_is_not_settled_in_the_adjust(at: At) -> None:
    """N11: nothing is issued again below it, so the accepted numbers have to add up as they are."""
    world = at("adjust")
    world.report("A", {"persons": 57}, {"persons": WHY["persons"]})
    own = {"figures": {"persons": 58}, "reasons": {"persons": "field_check"}}
    world.act("city", "A", "accept", own)  # a leaf's number may be settled
    world.report("C", {"persons": 98})
    own = {"figures": {"persons": 97, "villages": 100}, "reasons": {"persons": "field_check"}}
    refused = world.refused("guard_failed", lambda: world.act("region", "C", "accept", own))
    assert named(refused, "indicator", "expected", "got") == [("sum_stands", "persons", 98, 97)]
    world.accept("C")
    world.close("adjust")
    assert world.plan("region", "R").figures["adjust"]["persons"] == 98


def test_a_sum_may_be_settled_in_an_up_round(at: At) -> None:
    """N4: there both numbers stay, and what binds comes down later."""
    world = sent(at)
    own = {"figures": {"persons": 90}, "reasons": {"persons": "field_check"}}
    world.act("region", "C", "accept", own)
    world.close("up1")
    assert world.plan("region", "R").figures["up1"]["persons"] == 90


@pytest.fixture
def returned(world: World) -> World:
    """On both databases: the county was returned for its persons."""
    world.cycle()
    world.open("up1")
    world.report("A", COUNTY)
    world.act("city", "A", "return", back("persons"))
    return world


def test_returned_lines_are_the_fold_of_their_events(returned: World) -> None:
    """N13."""
    assert locked(returned, "A", {"persons": 5, "villages": 1}) == ["villages"]
    returned.report("A", {**COUNTY, "persons": 5})
    audit(returned.site)
    assert returned.plan("city", "A").changed["persons"].to == 5
