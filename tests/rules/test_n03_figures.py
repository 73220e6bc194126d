"""N3: figures are whole, not below zero, and never taken as zero; which number stands."""

from __future__ import annotations

import pytest

from planflow.domain.figures import LARGEST
from tests.rules.conftest import At
from tests.rules.found import places

GOOD = {"persons": 60, "villages": 60}


@pytest.mark.parametrize("value", [1.5, "7", True, None, [1], 1e3])
def test_a_figure_is_a_whole_number(at: At, value: object) -> None:
    world = at("up1")
    draft = {"figures": {**GOOD, "persons": value}}
    refused = world.refused("invalid", lambda: world.act("a", "A", "draft", draft))
    assert places(refused) == [("not_whole", "figures.persons")]


@pytest.mark.parametrize(
    ("value", "code"),
    [(-1, "below_minimum"), (LARGEST + 1, "out_of_range"), (-LARGEST - 1, "out_of_range")],
)
def test_a_figure_has_a_range(at: At, value: int, code: str) -> None:
    world = at("up1")
    draft = {"figures": {**GOOD, "persons": value}}
    refused = world.refused("invalid", lambda: world.act("a", "A", "draft", draft))
    assert places(refused) == [(code, "figures.persons")]


def test_the_largest_figure_is_kept_exactly(at: At) -> None:
    world = at("up1")
    world.report("A", {"persons": LARGEST, "villages": 0})
    assert world.plan("a", "A").figures["up1"]["persons"] == 9_007_199_254_740_991


def test_a_sum_beyond_the_range_of_figures_closes_no_round(at: At) -> None:
    world = at("")
    world.units("code,name,level,parent\nD,丁市,city,R\n")
    world.user("city2", "admin", "D")
    world.cycle("c2", leaf_level="city", no_task=[])
    world.open("up1")
    for unit in ("C", "D"):
        world.report(unit, {"persons": LARGEST, "villages": 0})
        world.accept(unit)
    refused = world.refused("guard_failed", lambda: world.close("up1"))
    assert places(refused) == [("out_of_range", "total.persons")]


def test_a_missing_figure_is_not_reported_and_a_required_one_is_refused(at: At) -> None:
    world = at("up1")
    world.act(
        "a", "A", "draft", {"figures": {"persons": 0}}
    )  # a working copy may lack what it will
    refused = world.refused("invalid", lambda: world.act("a", "A", "submit"))
    assert places(refused) == [("missing_figure", "figures.villages")]
    world.report("A", {"persons": 0, "villages": 0})
    assert world.plan("a", "A").figures["up1"] == {"persons": 0, "villages": 0}


@pytest.mark.parametrize(
    ("who", "unit", "figures", "code", "field"),
    [
        ("a", "A", {"person": 1}, "unknown_indicator", "figures.person"),
        ("b", "B", {"county_exit": 1}, "not_applicable", "figures.county_exit"),
        ("a", "A", {"county_exit": 2}, "above_maximum", "figures.county_exit"),
    ],
)
def test_a_figure_must_be_one_the_unit_may_have(
    at: At, who: str, unit: str, figures: dict[str, int], code: str, field: str
) -> None:
    world = at("up1")
    refused = world.refused(
        "invalid", lambda: world.act(who, unit, "draft", {"figures": {**GOOD, **figures}})
    )
    assert places(refused) == [(code, field)]


def test_zero_of_what_does_not_apply_is_no_fault(at: At) -> None:
    world = at("up1")
    world.report("B", {**GOOD, "county_exit": 0})


def test_a_target_may_hold_several_numbers(at: At) -> None:
    world = at("up1")
    world.act("a", "A", "draft", {"figures": GOOD, "also": {"stretch": {"persons": 66}}})
    world.act("a", "A", "submit")
    numbers = {(one.basis, one.indicator): one.value for one in world.plan("a", "A").numbers}
    assert numbers["stretch", "persons"] == 66
    assert world.plan("a", "A").figures["up1"] == GOOD
    draft = {"figures": GOOD, "also": {"task": {"persons": 1}, "funded": {"persons": 1}}}
    world.act("city", "A", "return", {"reason_code": "other", "text": "x"})
    refused = world.refused("invalid", lambda: world.act("a", "A", "draft", draft))
    assert places(refused) == [("bad_basis", "also.task"), ("bad_basis", "also.funded")]


def test_the_headline_is_the_last_binding_figure(at: At) -> None:
    world = at("up2")
    assert world.plan("region", "C").headline == {}  # 一下 binds nobody
    world.play_until("down2")
    world.issue("R", {"C": {"persons": 90, "villages": 95}})
    headline = world.plan("region", "C").headline
    assert (headline["villages"].value, headline["villages"].round) == (95, "down2")


@pytest.mark.parametrize(("funded", "value"), [(True, 108), (False, 100)])
def test_a_funded_open_commitment_raises_the_headline(at: At, funded: bool, value: int) -> None:
    world = at("adjust")
    body = {"indicator": "villages", "from": 100, "to": 108, "funded": funded}
    world.act("region", "C", "commitments", {**body, "settle_in": "adjust", "reason": "x"})
    headline = world.plan("region", "C").headline["villages"]
    assert (headline.value, headline.basis) == (value, "funded" if funded else "task")


def test_a_parent_may_choose_another_number_with_a_reason(at: At) -> None:
    world = at("adjust")
    choice = {"choices": {"villages": {"round": "up2"}}, "reason": "按答复"}
    world.act("region", "C", "headline", choice)
    assert world.plan("city", "C").headline["villages"].round == "up2"
    choice["choices"] = {"villages": {"round": "up3"}}
    refused = world.refused("invalid", lambda: world.act("region", "C", "headline", choice))
    assert places(refused) == [("unknown_number", "choices.villages")]
    refused = world.refused(
        "invalid", lambda: world.act("region", "C", "headline", {"choices": {}, "reason": ""})
    )
    assert places(refused) == [("empty", "reason")]
    world.refused("forbidden", lambda: world.act("city", "C", "headline", choice))


def test_gaps_name_both_numbers_and_never_divide_by_nothing(at: At) -> None:
    world = at("down1")
    world.issue("R", {"C": {"persons": 90, "villages": 95, "county_exit": 0}})
    gaps = world.plan("region", "C").gaps
    assert (gaps["persons"].from_, gaps["persons"].to) == (100, 90)
    assert (gaps["persons"].difference, gaps["persons"].percent) == (-10, -10.0)
    world.act("city", "C", "acknowledge")
    body = {"A": {"persons": 90, "villages": 95}, "B": {"persons": 0, "villages": 0}}
    world.issue("C", body)
    assert world.plan("b", "B").gaps["villages"].percent == -100.0
