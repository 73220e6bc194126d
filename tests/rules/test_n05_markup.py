"""N5, N11: what a level adds on top of its own figure: with a reason, beside no reserve, seen by all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from planflow.protocol import loader
from planflow.services.site import open_site
from tests.conftest import Park
from tests.contract.audit import audit
from tests.databases import settings
from tests.rules.found import named, places, sums
from tests.world import USERS, World

WHOLE = {"persons": 100, "villages": 100}
HALF = {"persons": 50, "villages": 50}
MORE = {"persons": 60, "villages": 50}
WHY = {"persons": {"reason_code": "overall_balance", "text": "留有余地"}}
Marked = Callable[..., World]
TOWNS = "code,name,level,parent\nA1,东乡,township,A\nA2,西乡,township,A\n"


@pytest.fixture(params=["sqlite", "postgresql"])
def marked(request: pytest.FixtureRequest, park: Park) -> Iterator[Marked]:
    """A cycle whose protocol allows markup, with townships below one county."""
    opened = []

    def make(round_name: str = "down1", markup: str = "allow") -> World:
        databases = park[request.param]
        site = open_site(settings(databases.peopled()))
        opened.append(site)
        text = loader.bundled()["exit-plan"].replace("markup: forbid", f"markup: {markup}")
        world = World(replace(site, protocols={"exit-plan": text}))
        for who, (role, unit) in USERS.items():
            world.enter(who, role, unit, databases.tokens[who])
        world.units(TOWNS)
        for who, role, unit in (
            ("county", "admin", "A"),
            ("a1", "planner", "A1"),
            ("a2", "planner", "A2"),
        ):
            world.user(who, role, unit)
        world.cycle(leaf_level="township")
        figures = {"A1": HALF, "A2": HALF, "B": HALF}
        for name in world.get().rounds:
            if name == round_name:
                world.open(name)
                return world
            world.play(name, figures)
        raise LookupError(round_name)

    yield make
    for site in opened:
        site.close()


def issued(world: World) -> None:
    """The region issued a whole to the city, and the city signed."""
    world.issue("R", {"C": WHOLE})
    world.act("city", "C", "acknowledge")


def split(world: World, **more: Any) -> Any:
    """The city gives A ten persons more than there are."""
    return world.issue("C", {"A": MORE, "B": HALF}, **more)


def seen(world: World, unit: str) -> list[tuple[Any, ...]]:
    return [
        (one.unit, one.level, one.indicator, one.issued, one.added, one.percent, one.reason_code)
        for one in world.plan("region", unit).markups
    ]


def test_markup_needs_a_reason_for_each_indicator(marked: Marked) -> None:
    world = marked()
    issued(world)
    both = {"A": {"persons": 60, "villages": 55}, "B": HALF}
    for markup in ({}, {"persons": {"text": "  "}}):
        refused = world.refused("invalid", partial(world.issue, "C", both, markup=markup))
        assert places(refused) == [
            ("missing_markup_reason", "markup.persons"),
            ("missing_markup_reason", "markup.villages"),
        ]
    refused = world.refused("invalid", lambda: world.issue("C", both, markup=WHY, reason="自加"))
    assert places(refused) == [("missing_markup_reason", "markup.villages")]
    wrong = {"persons": {"reason_code": "incomplete"}, "people": "x"}
    refused = world.refused("invalid", lambda: world.issue("C", both, markup=wrong))
    assert places(refused) == [
        ("unknown_reason_code", "markup.persons"),
        ("unknown_indicator", "markup.people"),
    ]
    assert world.issue("C", both, markup={**WHY, "villages": "留一点"}).state == "down1.distributed"


def test_markup_is_refused_while_a_reserve_is_held(marked: Marked) -> None:
    world = marked()
    issued(world)
    refused = world.refused(
        "guard_failed", lambda: split(world, markup=WHY, reserve={"persons": 3})
    )
    assert sums(refused) == [("markup_over_reserve", "persons", 100, 113, 13)]
    assert named(refused, "reserve") == [("markup_over_reserve", 3)]
    less = {"A": {"persons": 60, "villages": 45}, "B": HALF}
    world.issue("C", less, markup=WHY, reserve={"villages": 5})  # another indicator's reserve


def test_what_is_lacking_is_no_markup(marked: Marked) -> None:
    world = marked()
    issued(world)
    less = {"A": {"persons": 40, "villages": 50}, "B": HALF}
    refused = world.refused("guard_failed", lambda: world.issue("C", less, markup=WHY))
    assert sums(refused) == [("split_exact", "persons", 100, 90, -10)]


def test_where_no_figure_was_issued_there_is_none_to_exceed(marked: Marked) -> None:
    """N3: an indicator that was left out is not zero, and nothing is added on top of it."""
    world = marked()
    issued(world)
    new = {"A": {**HALF, "households": 9}, "B": HALF}
    why = {"households": "overall_balance"}
    refused = world.refused("guard_failed", lambda: world.issue("C", new, markup=why))
    assert sums(refused) == [("split_exact", "households", 0, 9, 9)]


def test_a_protocol_that_forbids_it_refuses_it_by_name(marked: Marked) -> None:
    world = marked(markup="forbid")
    issued(world)
    refused = world.refused("guard_failed", lambda: split(world, markup=WHY, reason="自加"))
    assert sums(refused) == [("split_exact", "persons", 100, 110, 10)]


def test_every_level_sees_what_was_added_in_figures_and_percent(marked: Marked) -> None:
    """The levels above by their right to read what lies below, those below because they are told."""
    world = marked()
    issued(world)
    split(world, markup=WHY)
    world.act("county", "A", "acknowledge")
    towns = {"A1": {"persons": 33, "villages": 25}, "A2": {"persons": 33, "villages": 25}}
    world.issue("A", towns, markup={"persons": "再留一点"})
    city = ("C", "city", "persons", 100, 10, 10.0)
    county = ("A", "county", "persons", 60, 6, 10.0)
    assert seen(world, "R") == []
    assert seen(world, "C") == [(*city, "overall_balance")]
    assert seen(world, "A") == [(*city, None), (*county, None)]  # a reason in words is in the event
    assert seen(world, "A1") == [(*city, None), (*county, None)]
    assert seen(world, "B") == [(*city, None)]
    [event] = [one for one in world.history("A") if one.kind == "distributed"]
    assert {"of": "markup.persons", "text": "再留一点"} in event.parts["texts"]
    audit(world.site)


def test_markup_of_a_further_number_needs_a_reason_too(marked: Marked) -> None:
    world = marked()
    one = {"unit": "C", "figures": WHOLE, "also": {"stretch": {"persons": 120}}}
    world.act("region", "R", "issue", {"allocations": [one]})
    world.act("city", "C", "acknowledge")
    body: dict[str, Any] = {
        "allocations": [
            {"unit": unit, "figures": HALF, "also": {"stretch": {"persons": 75}}} for unit in "AB"
        ]
    }
    refused = world.refused("invalid", lambda: world.act("city", "C", "issue", body))
    assert places(refused) == [("missing_markup_reason", "markup.persons")]
    world.act("city", "C", "issue", {**body, "markup": WHY})
    [markup] = world.plan("city", "C").markups
    assert (markup.basis, markup.issued, markup.added, markup.percent) == ("stretch", 120, 30, 25.0)


def test_superseding_takes_the_markup_back(marked: Marked) -> None:
    world = marked()
    issued(world)
    split(world, markup=WHY)
    world.issue("C", {"A": HALF, "B": HALF}, reason="更正", document_no="柳扶〔2019〕9号")
    assert [seen(world, unit) for unit in "CA"] == [[], []]
    # B was told of it, and nothing new was issued to B.
    assert seen(world, "B") == [("C", "city", "persons", 100, 10, 10.0, None)]


def test_in_the_adjust_a_level_answers_for_its_own_figure_not_for_its_markup(
    marked: Marked,
) -> None:
    """N11: children + reserve − markup: who changes nothing is done, a change below is carried up."""
    world = marked("down2")
    whole = {"persons": 150, "villages": 150}
    world.issue("R", {"C": whole})
    world.act("city", "C", "acknowledge")
    world.issue("C", {"A": {"persons": 110, "villages": 100}, "B": HALF}, markup=WHY)
    world.act("county", "A", "acknowledge")
    world.issue("A", {"A1": {"persons": 55, "villages": 50}, "A2": {"persons": 55, "villages": 50}})
    for who, unit in (("a1", "A1"), ("a2", "A2"), ("b", "B")):
        world.act(who, unit, "acknowledge")
    world.close("down2")
    world.open("adjust")
    assert world.plan("region", "A").figures["adjust"] == {"persons": 110, "villages": 100}
    world.report("B", {"persons": 48}, {"persons": "criteria_not_met"})
    world.accept("B")
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert sums(refused) == [("sums_exact", "persons", 148, 150, 2)]
    world.report("C", {"persons": 148})
    world.accept("C")
    world.close("adjust")
    assert world.plan("region", "R").figures["adjust"] == {"persons": 148, "villages": 150}
    assert world.plan("region", "C").figures["adjust"]["persons"] == 148
    audit(world.site)


def test_an_adjust_in_which_nobody_acts_closes_over_a_markup(marked: Marked) -> None:
    world = marked("down2")
    world.issue("R", {"C": {"persons": 150, "villages": 150}})
    world.act("city", "C", "acknowledge")
    world.issue("C", {"A": {"persons": 110, "villages": 100}, "B": HALF}, markup=WHY)
    world.act("county", "A", "acknowledge")
    world.issue("A", {"A1": {"persons": 55, "villages": 50}, "A2": {"persons": 55, "villages": 50}})
    for who, unit in (("a1", "A1"), ("a2", "A2"), ("b", "B")):
        world.act(who, unit, "acknowledge")
    world.close("down2")
    world.open("adjust")
    world.close("adjust")
    assert world.plan("region", "R").figures["adjust"] == {"persons": 150, "villages": 150}
