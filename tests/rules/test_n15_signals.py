"""N15: beside each offer stand last year's plan and outcome, the other side's last number, and the gap;
patterns among the units below are signals with their arithmetic, never verdicts, and only for those
who may see all of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from planflow.errors import Refusal
from planflow.messages.catalogue import LANGUAGES
from planflow.services import plans
from planflow.services.beside_views import OtherSideView, SignalView
from planflow.services.site import Site
from planflow.services.views import PlanView
from tests.world import World

PAST = """\
unit,year,indicator,plan,outcome
C,2018,persons,90,96
A,2018,persons,50,58
A,2018,villages,60,
B,2017,persons,30,31
"""
COUNTIES = "KLMN"
TREE = "code,name,level,parent\nR,自治区,region,\nC,市,city,R\n" + "".join(
    f"{code},{code}县,county,C\n" for code in COUNTIES
)


# Beside an offer


def test_last_year_stands_beside_an_offer(world: World) -> None:
    world.past(PAST)
    world.play_until("up1")
    seen = world.plan("a", "A").beside
    assert seen is not None
    assert (seen["persons"].last_plan, seen["persons"].last_outcome) == (50, 58)
    # what was not stated is none, and no zero
    assert (seen["villages"].last_plan, seen["villages"].last_outcome) == (60, None)
    assert world.plan("b", "B").beside == {}  # 2017 is not last year


def test_the_other_side_is_the_one_that_does_not_speak(world: World) -> None:
    world.play_until("down1")
    one = other_side(world.plan("a", "A"))
    assert (one.round, one.side, one.value) == ("up1", "reported", 60)
    world.down(
        "down1", {"A": {"persons": 55, "villages": 60}, "B": {"persons": 45, "villages": 40}}
    )
    world.open("up2")
    plan = world.plan("a", "A")
    one = other_side(plan)
    assert (one.round, one.side, one.value) == ("down1", "issued", 55)
    assert plan.beside is not None
    assert plan.beside["persons"].gap == plan.gaps["persons"]
    assert plan.gaps["persons"].difference == -5


def test_a_parents_own_number_is_the_other_sides_last(world: World) -> None:
    world.play_until("up1")
    world.report("A", {"persons": 60, "villages": 60})
    settled = {"figures": {"persons": 52}, "reasons": {"persons": "field_check"}}
    world.act("city", "A", "accept", settled)
    one = other_side(world.plan("a", "A"))
    assert (one.side, one.value) == ("settled", 52)


def test_nobody_stands_on_the_other_side_of_a_root(world: World) -> None:
    world.play_until("up2")
    seen = world.plan("region", "R").beside
    assert seen == {}


def other_side(plan: PlanView) -> OtherSideView:
    assert plan.beside is not None
    found = plan.beside["persons"].other_side
    assert found is not None
    return found


# What an act answers, and earlier times


def test_an_act_answers_without_them(world: World) -> None:
    world.past(PAST)
    world.play_until("up1")
    done = world.act("a", "A", "draft", {"figures": {"persons": 60}})
    assert (done.beside, done.signals, done.stocks) == (None, None, None)


def test_an_earlier_time_shows_what_was_stated_then(world: World) -> None:
    world.past(PAST)
    world.play_until("up1")
    world.report("A", {"persons": 60, "villages": 60})
    before = world.history("A")[-1].recorded_at
    done = world.past(PAST.replace("50,58", "50,59"))
    assert (done.added, done.changed, done.unchanged) == (0, 1, 3)
    then = seen_at(world, before)
    assert then.beside is not None
    assert then.beside["persons"].last_outcome == 58
    assert then.signals is None
    now = world.plan("a", "A").beside
    assert now is not None
    assert now["persons"].last_outcome == 59


def test_a_row_that_states_nothing_takes_back(world: World) -> None:
    world.past(PAST)
    world.play_until("up1")
    head = "unit,year,indicator,plan,outcome\n"
    done = world.past(head + "A,2018,persons,,\nB,2018,persons,,\n")
    assert (done.added, done.changed, done.unchanged) == (0, 1, 1)
    seen = world.plan("a", "A").beside
    assert seen is not None
    assert "persons" not in seen


def seen_at(world: World, moment: dt.datetime) -> PlanView:
    return plans.get_plan(world.site, world.readers["a"], world.name, "A", moment)


# Signals


@pytest.fixture
def counties(site: Site) -> World:
    """Four counties below a city, and last year's outcomes."""
    world = World(site)
    world.units(TREE)
    world.user("region", "admin", "R")
    world.user("city", "admin", "C")
    world.user("watch", "auditor", "C")
    for code in COUNTIES:
        world.user(code.lower(), "planner", code)
    rows = [
        f"{code},{year},persons,,{100 * (place + 1)}"
        for place, code in enumerate(COUNTIES)
        for year in (2016, 2017, 2018)
    ]
    world.past("\n".join(["unit,year,indicator,plan,outcome", *rows]))
    world.cycle(no_task=())
    return world


ASKED = {
    "K": {"persons": 104, "villages": 52},
    "L": {"persons": 300, "villages": 150},
    "M": {"persons": 300, "villages": 1},
    "N": {"persons": 500, "villages": 2},
}
CUT = {
    "K": {"persons": 93, "villages": 52},
    "L": {"persons": 270, "villages": 150},
    "M": {"persons": 270, "villages": 1},
    "N": {"persons": 450, "villages": 2},
}


def by_name(plan: PlanView, side: str = "asked") -> dict[str, SignalView]:
    assert plan.signals is not None
    found = [one for one in plan.signals if one.side == side and one.indicator in (None, "persons")]
    return {one.name: one for one in found}


def test_each_signal_shows_its_arithmetic(counties: World) -> None:
    counties.up("up1", ASKED)
    seen = by_name(counties.plan("city", "C"))
    assert [one.units for one in seen["ratchet"].cases] == [["K"], ["M"]]
    assert seen["ratchet"].cases[0].numbers == {"figure": 104, "last_outcome": 100}
    assert (seen["ratchet"].threshold, seen["ratchet"].cases[0].result) == ("1/20", "1/25")
    assert [(one.units, one.result) for one in seen["padding"].cases] == [
        (["L"], "1/2"),
        (["N"], "1/4"),
    ]
    assert seen["padding"].cases[0].numbers == {"asked": 300, "outcomes": 600, "years": 3}
    assert (seen["padding"].of, seen["padding"].count) == (4, 2)
    assert [one.numbers for one in seen["round_numbers"].cases] == [
        {"step": 10, "ending": 3, "of": 4},
        {"step": 100, "ending": 3, "of": 4},
    ]
    assert seen["equal_figures"].cases[0].units == ["L", "M"]
    assert "same_shape" not in seen  # 2 : 1 is told in small numbers


def test_one_rate_for_all_is_seen_once_the_figures_are_issued(counties: World) -> None:
    counties.up("up1", ASKED)
    assert "constant_rate" not in by_name(counties.plan("city", "C"), "answered")
    counties.down("down1", CUT)
    found = by_name(counties.plan("city", "C"), "answered")["constant_rate"]
    assert found.threshold == "1"
    [case] = found.cases
    assert case.units == [*COUNTIES]
    rate = {"rate_numerator": 9, "rate_denominator": 10}
    assert case.numbers == {"asked": 1204, "answered": 1083, **rate}
    assert case.result == "3/5"


def test_an_answer_to_an_older_question_is_no_cut(counties: World) -> None:
    counties.up("up1", ASKED)
    counties.down("down1", CUT)
    counties.up("up2", CUT)
    assert "constant_rate" not in by_name(counties.plan("city", "C"), "answered")


def test_signals_are_for_those_who_see_all_the_units(counties: World) -> None:
    counties.up("up1", ASKED)
    for who in ("region", "city", "watch"):
        assert by_name(counties.plan(who, "C"))
    assert counties.plan("k", "K").signals == []  # about units below it, and it has none
    with pytest.raises(Refusal, match="not_found"):
        counties.plan("k", "C")
    page = plans.list_plans(counties.site, counties.readers["k"], "c1", None, None, None)
    assert [(one.unit, one.signals) for one in page.items] == [("K", [])]


def test_a_unit_without_a_figure_is_left_out_and_not_zero(counties: World) -> None:
    counties.open("up1")
    for code in "LM":
        counties.report(code, ASKED[code])
    found = by_name(counties.plan("city", "C"))
    assert (found["ratchet"].of, found["equal_figures"].of) == (2, 2)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_signal_says_its_arithmetic_in_words(counties: World, lang: str) -> None:
    counties.lang = lang
    counties.readers["city"] = counties.enter("city", "admin", "C", counties.tokens["city"])
    counties.up("up1", ASKED)
    counties.down("down1", CUT)
    seen = counties.plan("city", "C").signals
    assert seen
    for one in seen:
        assert one.threshold in one.text
        assert "signal." not in one.text
        assert "…" not in one.text


# Cost


def test_a_page_costs_as_many_statements_as_a_shorter_one(counties: World) -> None:
    counties.up("up1", ASKED)
    reader = counties.readers["region"]

    def page(limit: int) -> list[PlanView]:
        return plans.list_plans(counties.site, reader, "c1", None, None, None, limit).items

    assert len(page(6)) == 6  # trees are kept in memory from now on
    with statements(counties.site) as short:
        assert len(page(2)) == 2
    with statements(counties.site) as long:
        seen = page(6)
    assert sum(short.values()) >= sum(
        long.values()
    )  # who is on the page is not asked for beside it
    assert any(one.signals for one in seen)
    assert all(one.beside is not None for one in seen)


@contextmanager
def statements(site: Site) -> Iterator[Counter[str]]:
    """Statements that are sent meanwhile."""
    found: Counter[str] = Counter()

    def seen(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found[statement] += 1

    event.listen(site.database.engine, "before_cursor_execute", seen)
    yield found
    event.remove(site.database.engine, "before_cursor_execute", seen)


# The import


def test_an_import_is_all_or_nothing(world: World) -> None:
    bad = PAST + "Q,2018,persons,1,1\nA,2018,persons,1,1\n"
    refusal = world.refused("history_invalid", lambda: world.past(bad)).refusal
    assert [(one.code, one.params["row"]) for one in refusal.findings] == [
        ("unknown_unit", 6),
        ("duplicate_year", 7),
    ]


def test_the_same_file_again_writes_nothing(world: World) -> None:
    done = world.past(PAST)
    assert (done.added, done.changed, done.unchanged) == (4, 0, 0)
    before = world.snapshot()
    done = world.past(PAST)
    assert (done.added, done.changed, done.unchanged) == (0, 0, 4)
    assert world.snapshot() == before
