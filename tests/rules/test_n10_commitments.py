"""N10: promises made in one round and settled in a later one."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.rules.conftest import At
from tests.rules.found import named, places, sums
from tests.world import World

DOCUMENT = {"reason": "更正", "document_no": "桂扶〔2019〕2号"}
CASE = {
    "indicator": "villages",
    "from": 100,
    "to": 108,
    "funded": True,
    "settle_in": "adjust",
    "reason": "按答复",
}


def commit(
    world: World, unit: str = "C", who: str = "region", *, start: int = 100, **change: Any
) -> str:
    """A promise to a unit; its id."""
    view = world.act(who, unit, "commitments", {**CASE, "from": start, **change})
    return view.commitments[-1].id


def pass_on(world: World, promise: str, *, reserve: int = 0, **shares: int) -> None:
    body = {
        "allocations": [{"unit": u, "amount": n} for u, n in shares.items()],
        "reserve": reserve,
    }
    world.act("city", "C", "distribute", body, promise)


def held(world: World, unit: str) -> list[tuple[str, int, int, str]]:
    """Indicator, from, to and status of the promises a unit holds."""
    commitments = world.plan("region", unit).commitments
    return [(one.indicator, one.from_, one.to, one.status) for one in commitments]


def test_a_promise_is_made_from_the_figure_in_force(at: At) -> None:
    world = at("adjust")
    refused = world.refused("guard_failed", lambda: commit(world, start=95))
    assert sums(refused) == [("from_in_force", "villages", 100, 95, -5)]
    commit(world, document_no="桂扶〔2019〕3号")
    [one] = world.plan("city", "C").commitments
    assert (one.from_, one.to, one.funded, one.settle_in) == (100, 108, True, "adjust")
    assert (one.amends, one.document_no, one.status) == ("down2", "桂扶〔2019〕3号", "open")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"indicator": "village"}, "unknown_indicator", "to.village"),
        ({"settle_in": "adjusted"}, "unknown_round", "settle_in"),
        ({"to": 100}, "no_change", "to"),
        ({"to": -1}, "below_minimum", "to.villages"),
        ({"indicator": "county_exit", "start": 1, "to": 2, "unit": "A"}, "above_maximum", ""),
        ({"indicator": "county_exit", "start": 0, "to": 1, "unit": "B"}, "not_applicable", ""),
        ({"funded": "yes"}, "not_boolean", "funded"),
        ({"reason": ""}, "empty", "reason"),
    ],
)
def test_a_promise_must_be_sound(at: At, change: dict[str, Any], code: str, field: str) -> None:
    world = at("adjust")
    unit = change.pop("unit", "C")
    who = "region" if unit == "C" else "city"
    refused = world.refused("invalid", lambda: commit(world, unit, who, **change))
    [(found, where)] = places(refused)
    assert found == code
    assert not field or where == field


def test_a_promise_amends_a_binding_figure_and_is_settled_in_a_later_round(at: At) -> None:
    world = at("up2")
    refused = world.refused("guard_failed", lambda: commit(world))
    assert refused.codes == ["has_binding_issue"]
    world = at("adjust")
    refused = world.refused("guard_failed", lambda: commit(world, settle_in="down2"))
    assert named(refused, "round") == [("settling_round_ahead", "down2")]


def test_a_promise_may_be_made_from_issue_until_the_settling_round_closes(at: At) -> None:
    world = at("down2")
    world.issue("R", {"C": {"persons": 90, "villages": 100}})
    commit(world)  # as soon as the figure is issued
    world = at("down2")
    world.play("down2")
    commit(world)  # between the rounds, after the one it amends has closed
    world = at("adjust")
    promise = commit(world)  # in the settling round itself
    world.act("region", "C", "waive", {"reason": "条件变化"}, promise)
    world.close("adjust")
    refused = world.refused("guard_failed", lambda: commit(world))
    assert refused.codes == ["not_settled"]


def test_one_promise_is_open_per_unit_and_indicator(at: At) -> None:
    world = at("adjust")
    first = commit(world)
    refused = world.refused("guard_failed", lambda: commit(world, to=101))
    assert named(refused, "indicator", "unit") == [("one_open_promise", "villages", "C")]
    commit(world, indicator="persons", to=101)  # another indicator is another matter
    world.act("region", "C", "waive", {"reason": "x"}, first)
    commit(world, to=101)
    assert [status for *_, status in held(world, "C")] == ["waived", "open", "open"]


def test_the_holder_passes_it_on_in_one_act_that_adds_up(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    refused = world.refused("guard_failed", lambda: pass_on(world, promise, A=5, B=2))
    assert sums(refused) == [("split_exact", "villages", 8, 7, -1)]
    pass_on(world, promise, A=5, B=2, reserve=1)
    assert held(world, "A") == [("villages", 60, 65, "open")]
    assert held(world, "B") == [("villages", 40, 42, "open")]
    [whole] = world.plan("city", "C").commitments
    assert (whole.passed_on, whole.reserve) == (True, 1)
    [part] = world.plan("a", "A").commitments
    assert part.part_of == whole.id
    refused = world.refused("guard_failed", lambda: pass_on(world, promise, A=8))
    assert refused.codes == ["holds_unpassed"]


@pytest.mark.parametrize(
    ("shares", "reserve", "code"),
    [
        ({"A": 9, "B": 0}, -1, "below_minimum"),  # a negative reserve would be a markup
        ({"A": -1}, 9, "above_maximum"),
        ({"A": 50, "B": -42}, 0, "below_minimum"),
        ({"Z": 8}, 0, "unknown_unit"),
        ({"R": 8}, 0, "unknown_unit"),
    ],
)
def test_parts_create_and_lose_nothing(
    at: At, shares: dict[str, int], reserve: int, code: str
) -> None:
    world = at("adjust")
    promise = commit(world)
    refused = world.refused("invalid", lambda: pass_on(world, promise, reserve=reserve, **shares))
    assert refused.codes == [code]


@pytest.mark.parametrize(("unit", "code"), [("A", "above_maximum"), ("B", "not_applicable")])
def test_a_part_must_be_a_figure_its_holder_may_have(at: At, unit: str, code: str) -> None:
    world = at("adjust")
    promise = commit(world, indicator="county_exit", start=1, to=2)
    refused = world.refused("invalid", lambda: pass_on(world, promise, **{unit: 1}))
    assert refused.codes == [code]
    pass_on(world, promise, reserve=1)


def test_a_child_with_an_open_promise_of_its_own_takes_no_part(at: At) -> None:
    world = at("adjust")
    commit(world, "A", "city", start=60, to=61)
    promise = commit(world)
    refused = world.refused("guard_failed", lambda: pass_on(world, promise, A=8))
    assert named(refused, "unit") == [("one_open_promise", "A")]
    pass_on(world, promise, B=8)


def test_a_cut_is_a_promise_too(at: At) -> None:
    world = at("adjust")
    promise = commit(world, to=90)
    refused = world.refused("invalid", lambda: pass_on(world, promise, A=-11, reserve=1))
    assert refused.codes == ["above_maximum"]
    for reserve in (-2, -10):  # nothing is held back that could be released: it would be markup
        cut = partial(pass_on, world, promise, A=-10 - reserve, reserve=reserve)
        refused = world.refused("invalid", cut)
        assert refused.codes == ["below_minimum"]
    pass_on(world, promise, A=-6, B=-4)
    world.act("region", "C", "fulfil", None, promise)
    assert world.plan("city", "C").figures["adjust"]["villages"] == 90
    assert world.plan("a", "A").figures["adjust"]["villages"] == 54
    assert world.plan("b", "B").figures["adjust"]["villages"] == 36
    world.close("adjust")


def test_a_cut_may_release_what_is_held_back(at: At) -> None:
    world = at("down2")
    world.issue("R", {"C": {"persons": 100, "villages": 100}})
    world.act("city", "C", "acknowledge")
    split = {"A": {"persons": 60, "villages": 57}, "B": {"persons": 40, "villages": 40}}
    world.issue("C", split, reserve={"villages": 3})
    for who, unit in (("a", "A"), ("b", "B")):
        world.act(who, unit, "acknowledge")
    world.close("down2")
    world.open("adjust")
    promise = commit(world, to=95)
    refused = world.refused("invalid", lambda: pass_on(world, promise, A=-1, reserve=-4))
    assert refused.codes == ["below_minimum"]
    pass_on(world, promise, A=-2, reserve=-3)
    world.act("region", "C", "fulfil", None, promise)
    world.close("adjust")
    figures = {unit: world.plan("region", unit).figures["adjust"]["villages"] for unit in "CAB"}
    assert figures == {"C": 95, "A": 55, "B": 40}


def test_fulfilling_writes_the_base_of_the_holder_and_of_every_part(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    pass_on(world, promise, A=5, B=2, reserve=1)
    world.act("region", "C", "fulfil", None, promise)
    assert [world.plan("region", unit).figures["adjust"]["villages"] for unit in "CAB"] == [
        108,
        65,
        42,
    ]
    assert {status for unit in "CAB" for *_, status in held(world, unit)} == {"fulfilled"}
    world.close("adjust")  # with the reserve it adds up: 65 + 42 + 1
    assert world.plan("region", "R").figures["adjust"]["villages"] == 108


def test_waiving_takes_back_every_part_with_the_issuers_reason(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    pass_on(world, promise, A=8)
    refused = world.refused(
        "invalid", lambda: world.act("region", "C", "waive", {"reason": ""}, promise)
    )
    assert places(refused) == [("empty", "reason")]
    world.act("region", "C", "waive", {"reason": "资金未落实"}, promise)
    assert held(world, "A") == [("villages", 60, 68, "waived")]
    assert world.plan("city", "C").headline["villages"].value == 100
    refused = world.refused(
        "illegal_transition", lambda: world.act("region", "C", "fulfil", None, promise)
    )
    assert refused.refusal.params == {"action": "fulfil", "state": "waived"}
    world.close("adjust")


def test_a_part_is_settled_with_the_whole_and_not_by_itself(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    pass_on(world, promise, A=8)
    [part] = world.plan("a", "A").commitments
    refused = world.refused("guard_failed", lambda: world.act("city", "A", "fulfil", None, part.id))
    assert refused.codes == ["part_of_another"]


def test_a_promise_is_settled_only_in_its_round(at: At) -> None:
    world = at("down2")
    world.play("down2")
    promise = commit(world)
    refused = world.refused(
        "guard_failed", lambda: world.act("region", "C", "fulfil", None, promise)
    )
    assert named(refused, "round") == [("holds_due", "adjust")]


def test_the_settling_round_cannot_close_over_an_open_one(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    pass_on(world, promise, A=8)
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert named(refused, "unit", "indicator") == [
        ("promises_settled", "C", "villages"),
        ("promises_settled", "A", "villages"),
    ]


def test_a_promise_not_passed_on_shows_in_the_sums(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    world.act("region", "C", "fulfil", None, promise)
    refused = world.refused("guard_failed", lambda: world.close("adjust"))
    assert sums(refused) == [("sums_exact", "villages", 100, 108, 8)]


def test_a_base_does_not_move_under_figures_that_were_sent(at: At) -> None:
    world = at("adjust")
    promise = commit(world)
    pass_on(world, promise, A=8)
    world.report("A", {"persons": 59}, {"persons": "criteria_not_met"})
    refused = world.refused(
        "guard_failed", lambda: world.act("region", "C", "fulfil", None, promise)
    )
    assert named(refused, "unit", "state") == [("untouched", "A", "adjust.submitted")]
    world.act("a", "A", "withdraw")
    world.act("region", "C", "fulfil", None, promise)


def test_another_units_figures_do_not_hold_a_promise_up(at: At) -> None:
    world = at("adjust")
    promise, other = commit(world), commit(world, indicator="persons", to=104)
    pass_on(world, promise, A=8)
    pass_on(world, other, B=4)
    world.report("B", {"persons": 39}, {"persons": "criteria_not_met"})
    world.act("region", "C", "fulfil", None, promise)
    refused = world.refused("guard_failed", lambda: world.act("region", "C", "fulfil", None, other))
    assert named(refused, "unit") == [("untouched", "B")]


def test_a_figure_with_an_open_promise_is_not_issued_anew(at: At) -> None:
    world = at("down2")
    figures = {"C": {"persons": 100, "villages": 100, "county_exit": 1}}
    world.issue("R", figures)
    commit(world)
    moved = {"C": {**figures["C"], "villages": 99}}
    refused = world.refused("guard_failed", lambda: world.issue("R", moved, **DOCUMENT))
    assert named(refused, "unit", "indicator") == [("promise_open", "C", "villages")]
    world.issue("R", {"C": {**figures["C"], "persons": 99}}, **DOCUMENT)  # another indicator may
    assert held(world, "C") == [("villages", 100, 108, "open")]


def test_a_supersede_below_leaves_promised_parts_alone(at: At) -> None:
    world = at("down2")
    world.issue("R", {"C": {"persons": 100, "villages": 100}})
    world.act("city", "C", "acknowledge")
    figures = {"A": {"persons": 60, "villages": 60}, "B": {"persons": 40, "villages": 40}}
    world.issue("C", figures)
    promise = commit(world)
    pass_on(world, promise, A=8)
    moved = {"A": {"persons": 60, "villages": 59}, "B": {"persons": 40, "villages": 41}}
    refused = world.refused("guard_failed", lambda: world.issue("C", moved, **DOCUMENT))
    assert named(refused, "unit", "indicator") == [("promise_open", "A", "villages")]
    shifted = {"A": {"persons": 50, "villages": 60}, "B": {"persons": 50, "villages": 40}}
    world.issue("C", shifted, **DOCUMENT)


def test_a_promise_without_an_issued_figure_survives_a_supersede(at: At) -> None:
    world = at("down2")
    world.issue("R", {"C": {"persons": 100, "villages": 100}})
    commit(world, indicator="households", start=0, to=30)
    world.issue("R", {"C": {"persons": 99, "villages": 100}}, **DOCUMENT)


@pytest.mark.parametrize("action", ["distribute", "fulfil", "waive"])
def test_a_promise_nobody_holds_is_not_found(at: At, action: str) -> None:
    world = at("adjust")
    commit(world)
    bodies: dict[str, Any] = {"distribute": {"allocations": []}, "waive": {"reason": "x"}}
    body = bodies.get(action)
    who = "city" if action == "distribute" else "region"
    refused = world.refused("not_found", lambda: world.act(who, "C", action, body, "no-such-id"))
    assert refused.refusal.params == {"kind": "commitment", "name": "no-such-id"}
