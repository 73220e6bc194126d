"""N5, N10: an issue is corrected, added to, and its reserve released by a superseding issue."""

from __future__ import annotations

from typing import Any

from tests.contract.audit import audit
from tests.rules.conftest import At
from tests.rules.found import named, places, sums
from tests.world import World

WHOLE = {"persons": 100, "villages": 100}
COUNTY = {"persons": 55, "villages": 60}
OTHER = {"persons": 40, "villages": 40}
TOWNS = {"A1": {"persons": 20, "villages": 20}, "A2": {"persons": 35, "villages": 40}}
DOCUMENT = {"reason": "动用预留", "document_no": "柳扶〔2019〕9号"}
SIGNED = (("a1", "A1"), ("a2", "A2"), ("b", "B"))


def reserved(at: At, name: str = "down1") -> World:
    """The city holds five persons back; county A has issued on, and everybody has signed."""
    world = at(name, deep=True)
    world.issue("R", {"C": WHOLE})
    world.act("city", "C", "acknowledge")
    world.issue("C", {"A": COUNTY, "B": OTHER}, reserve={"persons": 5})
    world.act("county", "A", "acknowledge")
    world.issue("A", TOWNS)
    for who, unit in SIGNED:
        world.act(who, unit, "acknowledge")
    return world


def release(world: World, **more: Any) -> Any:
    """Three of the five go to A, the rest stays held."""
    figures = {"A": {**COUNTY, "persons": 58}, "B": OTHER}
    return world.issue("C", figures, reserve={"persons": 2}, **{**DOCUMENT, **more})


def states(world: World) -> list[str]:
    return [world.state(unit).removeprefix("down1.") for unit in ("C", "A", "A1", "A2", "B")]


def test_a_release_needs_its_reason_and_document(at: At) -> None:
    world = reserved(at)
    refused = world.refused("invalid", lambda: release(world, reason="", document_no=" "))
    assert places(refused) == [("superseding", "reason"), ("superseding", "document_no")]


def test_a_release_is_exact_and_nothing_of_the_reserve_is_lost(at: At) -> None:
    world = reserved(at)
    refused = world.refused(
        "guard_failed",
        lambda: world.issue("C", {"A": {**COUNTY, "persons": 58}, "B": OTHER}, **DOCUMENT),
    )
    assert sums(refused) == [("split_exact", "persons", 100, 98, -2)]
    view = release(world)
    assert view.splits["down1"].reserve == {"persons": 2}
    assert [
        one.document_no for one in world.plan("region", "A").numbers if one.side == "issued"
    ] == [DOCUMENT["document_no"]] * 2


def test_the_changed_child_signs_and_splits_again_and_nobody_else(at: At) -> None:
    """A third level below: its numbers stand until the level above it has split anew."""
    world = reserved(at)
    release(world)
    assert states(world) == [
        "distributed",
        "issued",
        "acknowledged",
        "acknowledged",
        "acknowledged",
    ]
    assert world.plan("county", "A").splits["down1"].outdated
    assert world.plan("a1", "A1").figures["down1"] == TOWNS["A1"]
    refused = world.refused("guard_failed", lambda: world.close("down1"))
    assert named(refused, "unit") == [("units_done", "A")]
    more = {**TOWNS, "A1": {"persons": 23, "villages": 20}}
    refused = world.refused("illegal_transition", lambda: world.issue("A", more, **DOCUMENT))
    assert refused.refusal.params["state"] == "down1.issued"  # it signs first
    world.act("county", "A", "acknowledge")
    refused = world.refused("guard_failed", lambda: world.close("down1"))
    assert named(refused, "unit") == [("units_done", "A")]
    refused = world.refused("guard_failed", lambda: world.issue("A", TOWNS, **DOCUMENT))
    assert sums(refused) == [("split_exact", "persons", 58, 55, -3)]
    world.issue("A", more, **DOCUMENT)
    assert states(world) == ["distributed", "distributed", "issued", "acknowledged", "acknowledged"]
    assert not world.plan("county", "A").splits["down1"].outdated
    world.act("a1", "A1", "acknowledge")
    world.close("down1")
    kinds = [event.kind for event in world.history("A") if event.round == "down1"]
    assert kinds == ["issued", "acknowledged", "distributed"] * 2  # what was replaced is still told
    audit(world.site)


def test_a_correction_at_the_top_goes_down_level_by_level(at: At) -> None:
    world = reserved(at)
    world.issue("R", {"C": {**WHOLE, "persons": 98}}, **DOCUMENT)
    assert states(world) == ["issued", "distributed", *["acknowledged"] * 3]
    assert world.plan("city", "C").splits["down1"].outdated
    world.act("city", "C", "acknowledge")
    world.issue("C", {"A": COUNTY, "B": OTHER}, reserve={"persons": 3}, **DOCUMENT)
    assert states(world) == ["distributed", "distributed", *["acknowledged"] * 3]
    world.close("down1")


def test_what_a_promise_amends_is_not_issued_anew_under_it(at: At) -> None:
    """N10: the promise is fulfilled or waived first; the refusal names who holds it."""
    world = reserved(at, "down2")
    promise = world.promise("C", "persons", 4)
    refused = world.refused(
        "guard_failed", lambda: world.issue("R", {"C": {**WHOLE, "persons": 90}}, **DOCUMENT)
    )
    assert named(refused, "unit", "indicator") == [("promise_open", "C", "persons")]
    shares = [{"unit": "A", "amount": 4}]
    world.act("city", "C", "distribute", {"allocations": shares}, promise)
    refused = world.refused("guard_failed", lambda: release(world))
    assert named(refused, "unit", "indicator") == [("promise_open", "A", "persons")]
    world.act("region", "C", "waive", {"reason": "资金未落实"}, promise)
    assert release(world).state == "down2.distributed"


def test_an_issue_shrunk_above_never_goes_under_a_promise_below(at: At) -> None:
    """N10: the city may keep the county whole, or take its promise back; nothing else."""
    world = reserved(at, "down2")
    promise = world.promise("A", "persons", 6)
    world.issue("R", {"C": {**WHOLE, "persons": 70}}, **DOCUMENT)
    world.act("city", "C", "acknowledge")
    smaller = {"A": {**COUNTY, "persons": 30}, "B": OTHER}
    refused = world.refused("guard_failed", lambda: world.issue("C", smaller, **DOCUMENT))
    assert named(refused, "unit", "indicator") == [("promise_open", "A", "persons")]
    kept = {"A": COUNTY, "B": {**OTHER, "persons": 15}}
    world.issue("C", kept, **DOCUMENT)
    assert world.state("A") == "down2.distributed"
    world.act("city", "A", "waive", {"reason": "上级核减"}, promise)
    world.issue("C", smaller, **DOCUMENT)
    assert world.state("A") == "down2.issued"
