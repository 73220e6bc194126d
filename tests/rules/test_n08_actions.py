"""N8: every answer tells what its reader may do next and, for the rest, which condition fails."""

from __future__ import annotations

from planflow.access.table import ACTS
from planflow.services import plans
from tests.rules.conftest import At
from tests.world import World


def told(world: World, who: str, unit: str) -> dict[str, str]:
    """Action to the name of its failed condition, empty where it is allowed."""
    actions = world.plan(who, unit).actions
    assert [one.name for one in actions] == list(ACTS)
    assert all(one.allowed == (not one.guards) for one in actions)
    assert all(guard.text for one in actions for guard in one.guards)
    return {one.name: one.guards[0].name if one.guards else "" for one in actions}


def allowed(world: World, who: str, unit: str) -> set[str]:
    return {name for name, guard in told(world, who, unit).items() if not guard}


def test_each_reader_is_told_their_own_actions(at: At) -> None:
    world = at("up1")
    assert allowed(world, "a", "A") == {"draft"}
    assert told(world, "a", "A")["submit"] == "has_draft"
    assert told(world, "a", "A")["accept"] == "role"
    assert allowed(world, "city", "A") == {"draft", "extensions"}
    behalf = {one.name for one in world.plan("city", "A").actions if one.on_behalf_of}
    assert behalf == {"draft", "submit"}  # may, if it says so
    assert not any(one.on_behalf_of for one in world.plan("a", "A").actions)
    assert set(told(world, "auditor", "A").values()) == {"role"}
    world.report("A", {"persons": 1, "villages": 1})
    assert allowed(world, "a", "A") == {"withdraw"}
    assert allowed(world, "city", "A") == {"accept", "return", "headline", "extensions"}
    assert allowed(world, "region", "A") == set()  # two levels above: it reads


def test_a_failed_condition_carries_its_fields(at: At) -> None:
    world = at("up1")
    world.act("city", "C", "draft", {"figures": {"persons": 1, "villages": 1}})
    actions = {one.name: one for one in world.plan("city", "C").actions}
    guards = [(one.name, one.fields["unit"]) for one in actions["submit"].guards]
    assert guards == [("children_done", "A"), ("children_done", "B")]


def test_an_answer_to_an_act_tells_the_same_as_a_look_at_the_plan(at: At) -> None:
    world = at("up1")
    answer = world.report("A", {"persons": 1, "villages": 1})
    assert answer.actions == world.plan("a", "A").actions


def test_a_page_of_plans_tells_the_same_as_each_plan(at: At) -> None:
    world = at("down2", deep=True)
    whole = {"persons": 100, "villages": 100, "county_exit": 1}
    world.issue("R", {"C": whole})
    world.act("city", "C", "acknowledge")
    county = {"persons": 60, "villages": 60, "county_exit": 1}
    world.issue("C", {"A": county, "B": {"persons": 40, "villages": 40}})
    world.act("county", "A", "acknowledge")
    town = {"persons": 30, "villages": 30}
    world.issue("A", {"A1": town, "A2": town})
    for who, unit in (("a1", "A1"), ("a2", "A2"), ("b", "B")):
        world.act(who, unit, "acknowledge")
    promise = world.promise("C", "persons", 5)
    part = {"allocations": [{"unit": "A", "amount": 5}]}
    world.act("city", "C", "distribute", part, promise)
    [held] = [one.id for one in world.plan("county", "A").commitments]
    part = {"allocations": [{"unit": "A1", "amount": 5}]}
    world.act("county", "A", "distribute", part, held)
    world.close("down2")
    world.open("adjust")
    # a township two levels below the holder has sent figures that rest on its base
    world.report("A1", {"persons": 29}, {"persons": "criteria_not_met"})
    for who in ("region", "city", "county", "a1", "auditor"):
        page = plans.list_plans(world.site, world.readers[who], "c1", None, None, None)
        for one in page.items:
            assert one == world.plan(who, one.unit), (who, one.unit)
    assert told(world, "region", "C")["fulfil"] == "untouched"
