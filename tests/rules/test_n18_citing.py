"""N18: an act that touches several plans writes one event in each, and they cite each other."""

from __future__ import annotations

from planflow.services.views import EventView
from tests.rules.conftest import At
from tests.world import World

FIGURES = {"A": {"persons": 50, "villages": 55}, "B": {"persons": 40, "villages": 40}}


def last(world: World, unit: str) -> EventView:
    return world.history(unit)[-1]


def split(at: At) -> World:
    world = at("down1")
    world.issue("R", {"C": {"persons": 90, "villages": 95}})
    world.act("city", "C", "acknowledge")
    world.issue("C", FIGURES)
    return world


def test_an_issue_and_what_was_issued_cite_each_other(at: At) -> None:
    world = split(at)
    own = last(world, "C")
    assert own.kind == "distributed"
    told = {one["unit"]: one for one in own.parts["allocations"]}
    for unit, figures in FIGURES.items():
        event = last(world, unit)
        assert (event.kind, event.cites, event.parts["figures"]) == ("issued", [own.id], figures)
        assert told[unit] == {"unit": unit, "event": event.id, "figures": figures}


def test_a_supersede_writes_only_where_figures_changed_and_tells_so(at: At) -> None:
    world = split(at)
    before = len(world.history("B"))
    moved = {**FIGURES, "A": {"persons": 50, "villages": 54}}
    world.issue("C", moved, reserve={"villages": 1}, reason="更正", document_no="1号")
    told = {one["unit"]: one["event"] for one in last(world, "C").parts["allocations"]}
    assert told == {"A": last(world, "A").id, "B": ""}
    assert len(world.history("B")) == before


def test_a_promise_passed_on_and_settled_cites_the_whole(at: At) -> None:
    world = at("adjust")
    promise = world.promise("C", "villages", 8)
    shares = {"allocations": [{"unit": "A", "amount": 5}, {"unit": "B", "amount": 3}]}
    world.act("city", "C", "distribute", shares, promise)
    own = last(world, "C")
    assert [one["event"] for one in own.parts["shares"]] == [last(world, u).id for u in "AB"]
    assert [last(world, unit).cites for unit in "AB"] == [[own.id], [own.id]]
    world.act("region", "C", "fulfil", None, promise)
    own = last(world, "C")
    assert [last(world, unit).kind for unit in "CAB"] == ["commitment_fulfilled"] * 3
    assert [last(world, unit).cites for unit in "CAB"] == [[], [own.id], [own.id]]


def test_the_roots_sum_cites_the_closing_of_its_round(at: At) -> None:
    world = at("up1")
    world.report("A", FIGURES["A"])
    world.accept("A")
    world.report("B", FIGURES["B"])
    world.accept("B")
    world.report("C", {"persons": 90, "villages": 95})
    world.accept("C")
    closed = world.close("up1")
    assert last(world, "R").cites == [closed.event]
