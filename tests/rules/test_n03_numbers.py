"""N3, N4, N5: a target holds several numbers at once; each adds up and is split on its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.audit import audit
from tests.rules.conftest import At
from tests.rules.found import named, places, sums
from tests.world import REASON, World

WHOLE = {"persons": 100, "villages": 100}
HALF = {"persons": 50, "villages": 50}
DOCUMENT = {"reason": "更正", "document_no": "桂扶〔2019〕2号"}


def reported(world: World, **stretch: int) -> None:
    """Both counties report a half each, some with a stretch target for persons."""
    for unit in "AB":
        more = {"stretch": {"persons": stretch[unit]}} if unit in stretch else {}
        world.act(unit.lower(), unit, "draft", {"figures": HALF, "also": more})
        world.act(unit.lower(), unit, "submit")
        world.accept(unit)


def drafted(world: World, **more: Any) -> None:
    world.act("city", "C", "draft", {"figures": WHOLE, **more})


def shares(*also: dict[str, dict[str, int]], figures: Any = HALF) -> list[dict[str, Any]]:
    reasons = dict.fromkeys(figures, REASON)
    return [
        {"unit": unit, "figures": dict(figures), "also": one, "reasons": reasons}
        for unit, one in zip("AB", also, strict=True)
    ]


def issued(at: At, name: str = "down1", **also: dict[str, int]) -> World:
    """The region issued the city a whole, with further numbers, and the city signed."""
    world = at(name)
    one = {"unit": "C", "figures": WHOLE, "also": also, "reasons": dict.fromkeys(WHOLE, REASON)}
    world.act("region", "R", "issue", {"allocations": [one]})
    world.act("city", "C", "acknowledge")
    return world


def offers(world: World, unit: str, round_name: str) -> list[tuple[str, str, str, int]]:
    plan = world.plan("region", unit)
    return [
        (one.side, one.basis, one.indicator, one.value)
        for one in plan.numbers
        if one.round == round_name and one.basis != "task"
    ]


# Up


def test_what_the_children_report_beside_the_task_adds_up_too(at: At) -> None:
    world = at("up1")
    reported(world, A=70, B=60)
    drafted(world, also={"stretch": {"persons": 131}})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert sums(refused) == [("sums_exact_also", "persons", 130, 131, 1)]
    assert named(refused, "basis") == [("sums_exact_also", "stretch")]
    drafted(world, also={"stretch": {"persons": 130}})
    world.act("city", "C", "submit")
    world.act("region", "C", "accept")
    world.close("up1")
    assert offers(world, "R", "up1") == [("reported", "stretch", "persons", 130)]


def test_a_further_number_that_a_child_reports_is_not_left_out(at: At) -> None:
    """N3: missing is not reported, never zero; only what some child reports is asked for."""
    world = at("up1")
    reported(world, A=0)
    drafted(world)
    refused = world.refused("invalid", lambda: world.act("city", "C", "submit"))
    assert places(refused) == [("missing_number", "also.stretch.persons")]
    own = {"stretch": {"persons": 0, "villages": 120}, "standby": {"persons": 7}}
    drafted(world, also=own)  # what no child reports is the city's own to say
    assert world.act("city", "C", "submit").state == "up1.submitted"


def test_an_item_reconciles_the_number_it_names(at: At) -> None:
    world = at("up1")
    reported(world, A=70, B=60)
    item = {"indicator": "persons", "amount": -5, "reason_code": "double_counted", "text": "重复"}
    drafted(world, also={"stretch": {"persons": 125}}, reconciling=[item])
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    assert refused.codes == ["sums_exact", "sums_exact_also"]  # the item is about the task
    drafted(world, also={"stretch": {"persons": 125}}, reconciling=[{**item, "basis": "stretch"}])
    world.act("city", "C", "submit")
    wrong = {**item, "basis": "funded"}
    refused = world.refused(
        "invalid", lambda: world.act("city", "C", "draft", {"figures": {}, "reconciling": [wrong]})
    )
    assert refused.codes[0] == "bad_basis"


def test_an_omitted_figure_whose_children_reported_zero_is_missing(at: At) -> None:
    """N3, N4: three levels never make a nothing of a zero that somebody reported."""
    world = at("up1")
    for unit in "AB":
        world.report(unit, {**HALF, "households": 0})
        world.accept(unit)
    drafted(world)
    refused = world.refused("invalid", lambda: world.act("city", "C", "submit"))
    assert places(refused) == [("missing_figure", "figures.households")]
    drafted(world, figures={**WHOLE, "households": 0})
    world.act("city", "C", "submit")
    world.act("region", "C", "accept")
    world.close("up1")
    assert world.plan("region", "R").figures["up1"]["households"] == 0


def test_a_zero_where_an_indicator_does_not_apply_is_no_report(at: At) -> None:
    """N3: elsewhere 0 or absent says the same."""
    world = at("up1")
    world.report("A", HALF)
    world.report("B", {**HALF, "county_exit": 0})  # B is no poor county
    for unit in "AB":
        world.accept(unit)
    drafted(world)
    assert world.act("city", "C", "submit").figures["up1"] == WHOLE


# Down


def test_every_number_issued_is_split_exactly(at: At) -> None:
    world = issued(at, stretch={"persons": 120}, funded={"villages": 110})
    wrong = shares({"stretch": {"persons": 60}}, {"stretch": {"persons": 59}})
    refused = world.refused(
        "guard_failed", lambda: world.act("city", "C", "issue", {"allocations": wrong})
    )
    assert sums(refused) == [
        ("split_exact_also", "villages", 110, 0, -110),
        ("split_exact_also", "persons", 120, 119, -1),
    ]
    right = shares(
        {"stretch": {"persons": 60}, "funded": {"villages": 110}}, {"stretch": {"persons": 50}}
    )
    held = {"stretch": {"reserve": {"persons": 10}}}
    view = world.act("city", "C", "issue", {"allocations": right, "also": held})
    assert view.splits["down1"].also["stretch"].reserve == {"persons": 10}
    assert view.splits["down1"].also["funded"].total == {"villages": 110}
    assert offers(world, "A", "down1") == [
        ("issued", "funded", "villages", 110),
        ("issued", "stretch", "persons", 60),
    ]


def test_a_number_that_was_not_issued_cannot_be_issued_on(at: At) -> None:
    world = issued(at)
    body = {"allocations": shares({"standby": {"persons": 1}}, {})}
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "issue", body))
    assert sums(refused) == [("split_exact_also", "persons", 0, 1, 1)]


def test_the_root_may_name_the_total_of_each(at: At) -> None:
    world = at("down1")
    one = {"unit": "C", "figures": WHOLE, "also": {"stretch": {"persons": 120}}}
    terms = {"stretch": {"total": {"persons": 130}, "reserve": {"persons": 9}}}
    body: dict[str, Any] = {"allocations": [one], "also": terms}
    refused = world.refused("guard_failed", lambda: world.act("region", "R", "issue", body))
    assert sums(refused) == [("split_exact_also", "persons", 130, 129, -1)]
    terms["stretch"]["reserve"] = {"persons": 10}
    view = world.act("region", "R", "issue", body)
    assert offers(world, "R", "down1") == [("issued", "stretch", "persons", 130)]
    assert view.splits["down1"].also["stretch"].reserve == {"persons": 10}
    world.act("city", "C", "acknowledge")
    half = shares({"stretch": {"persons": 60}}, {"stretch": {"persons": 60}})
    refused = world.refused(
        "invalid", lambda: world.act("city", "C", "issue", {"allocations": half, "also": terms})
    )
    assert places(refused) == [("total_not_root", "also.stretch.total")]


@pytest.mark.parametrize(
    ("also", "code", "field"),
    [
        ({"task": {"persons": 1}}, "bad_basis", "allocations.0.also.task"),
        ({"Streng!": {"persons": 1}}, "bad_basis", "allocations.0.also.Streng!"),
        ({"stretch": {"people": 1}}, "unknown_indicator", "allocations.0.also.stretch.people"),
        ({"stretch": {"persons": -1}}, "below_minimum", "allocations.0.also.stretch.persons"),
    ],
)
def test_a_further_number_is_a_figure(at: At, also: Any, code: str, field: str) -> None:
    world = issued(at)
    body = {"allocations": shares(also, {})}
    refused = world.refused("invalid", lambda: world.act("city", "C", "issue", body))
    assert places(refused) == [(code, field)]


def test_a_reserve_and_a_total_are_looked_at_in_every_basis(at: At) -> None:
    world = issued(at)
    terms = {"stretch": {"reserve": {"people": 1}}, "task": {}}
    body = {"allocations": shares({}, {}), "also": terms}
    refused = world.refused("invalid", lambda: world.act("city", "C", "issue", body))
    assert places(refused) == [
        ("bad_basis", "also.task"),
        ("unknown_indicator", "also.stretch.reserve.people"),
    ]
    largest = 2**53 - 1
    much = [{"unit": "C", "figures": WHOLE, "also": {"stretch": {"persons": largest}}}]
    body = {"allocations": much, "also": {"stretch": {"reserve": {"persons": 1}}}, **DOCUMENT}
    refused = world.refused("invalid", lambda: world.act("region", "R", "issue", body))
    assert places(refused) == [("out_of_range", "also.stretch.total.persons")]


def test_a_changed_further_number_is_a_changed_issue(at: At) -> None:
    """N5: it goes back to issued, and only that child."""
    world = issued(at, stretch={"persons": 120})
    first = shares({"stretch": {"persons": 60}}, {"stretch": {"persons": 60}})
    world.act("city", "C", "issue", {"allocations": first})
    for unit in "AB":
        world.act(unit.lower(), unit, "acknowledge")
    again = shares({"stretch": {"persons": 50}}, {"stretch": {"persons": 60}})
    held = {"stretch": {"reserve": {"persons": 10}}}
    world.act("city", "C", "issue", {"allocations": again, "also": held, **DOCUMENT})
    assert [world.state(unit) for unit in "AB"] == ["down1.issued", "down1.acknowledged"]
    assert offers(world, "A", "down1") == [("issued", "stretch", "persons", 50)]


def test_a_further_number_that_differs_from_the_one_accepted_needs_a_reason(at: At) -> None:
    world = at("up2")
    reported(world, A=70, B=60)
    drafted(world, also={"stretch": {"persons": 130}})
    world.act("city", "C", "submit")
    world.act("region", "C", "accept")
    world.close("up2")
    world.open("down2")
    one = {"unit": "C", "figures": WHOLE, "also": {"stretch": {"persons": 120}}}
    refused = world.refused(
        "invalid", lambda: world.act("region", "R", "issue", {"allocations": [one]})
    )
    assert places(refused) == [("missing_reason", "allocations.0.reasons.persons")]
    one["reasons"] = {"persons": REASON}
    world.act("region", "R", "issue", {"allocations": [one]})
    gaps = world.plan("region", "C").also_gaps["stretch"]["persons"]
    assert (gaps.from_, gaps.to, gaps.difference, gaps.percent) == (130, 120, -10, -7.7)
    assert world.plan("region", "C").gaps["persons"].difference == 0


# Choosing


def test_the_headline_may_be_any_of_the_numbers(at: At) -> None:
    world = issued(at, "down2", stretch={"persons": 120}, funded={"villages": 110})
    choice = {
        "choices": {
            "persons": {"round": "down2", "basis": "stretch"},
            "villages": {"round": "down2", "basis": "funded"},
        },
        "reason": "按奋斗目标",
    }
    assert world.plan("region", "C").headline["persons"].value == 100  # unless somebody chooses
    headline = world.act("region", "C", "headline", choice).headline
    assert (headline["persons"].value, headline["persons"].basis) == (120, "stretch")
    assert (headline["villages"].value, headline["villages"].basis) == (110, "funded")


def test_a_funded_promise_stands_in_place_of_the_funded_number(at: At) -> None:
    """N10: money follows one number of a round; the promise waived, the one issued stands again."""
    world = issued(at, "down2", funded={"villages": 110})
    promise = world.promise("C", "villages", 12)
    assert offers(world, "C", "down2") == [("issued", "funded", "villages", 112)]
    world.act("region", "C", "waive", {"reason": "资金未落实"}, promise)
    assert offers(world, "C", "down2") == [("issued", "funded", "villages", 110)]


def test_several_numbers_are_the_fold_of_their_events(world: World) -> None:
    """N13, on both databases."""
    world.cycle()
    world.open("up1")
    reported(world, A=70, B=60)
    drafted(world, also={"stretch": {"persons": 130}})
    world.act("city", "C", "submit")
    world.act("region", "C", "accept")
    world.close("up1")
    world.open("down1")
    one = {"unit": "C", "figures": WHOLE, "also": {"stretch": {"persons": 120}}}
    world.act("region", "R", "issue", {"allocations": [one]})
    world.act("city", "C", "acknowledge")
    half = shares({"stretch": {"persons": 60}}, {"stretch": {"persons": 60}})
    world.act("city", "C", "issue", {"allocations": half})
    audit(world.site)
    assert offers(world, "B", "down1") == [("issued", "stretch", "persons", 60)]
