"""`exit-plan` over a ragged tree by real HTTP: villages in some counties and not in others (N1, N2).

County A has townships with villages, county B has none below it, county D has villages and no
townships, and one township has nobody below. The rules ask only for the nearest units taking part.
"""

from __future__ import annotations

from tests.databases import Databases
from tests.e2e.negotiation import Line, Negotiation, failed, issue, negotiate

TREE: tuple[Line, ...] = (
    ("C", "city", "", ""),
    ("A", "county", "C", "poor_county"),
    ("B", "county", "C", ""),
    ("D", "county", "C", ""),
    ("A1", "township", "A", ""),
    ("A2", "township", "A", ""),
    ("A11", "village", "A1", ""),
    ("A12", "village", "A1", ""),
    ("D1", "village", "D", ""),
    ("D2", "village", "D", ""),
)
LEAVES = {
    "A11": {"persons": 31, "villages": 1},
    "A12": {"persons": 29, "villages": 1},
    "A2": {"persons": 40, "villages": 2},
    "B": {"persons": 100, "villages": 3},
    "D1": {"persons": 22, "villages": 1},
    "D2": {"persons": 18, "villages": 0},
}
ISSUED = {**LEAVES, "A11": {"persons": 35, "villages": 1}, "D2": {"persons": 20, "villages": 0}}


def test_villages_in_some_counties_and_not_in_others(databases: Databases) -> None:
    with negotiate(databases, TREE, "ragged-2019") as at:
        at.people["C"].open_cycle(protocol="exit-plan", year=2019, root="C", leaf_level="village")
        first_up(at)
        at.down("down1", ISSUED)
        at.up("up2", ISSUED)
        at.down("down2", ISSUED)
        promise_and_adjust(at)
        plan = at.people["C"].plan("C")
        assert plan["figures"]["adjust"] == {"persons": 246, "villages": 9}
        assert at.people["A11"].plan("A11")["figures"]["adjust"]["villages"] == 2
        assert plan["state"] == "settled"


def first_up(at: Negotiation) -> None:
    """Each waits for those directly below who take part, wherever they stand."""
    at.round("up1", "open")
    at.own("D", "draft", {"figures": {"persons": 40, "villages": 1}})
    waiting = at.own("D", "submit", status=409)
    assert [guard["fields"]["unit"] for guard in waiting["guards"]] == ["D1", "D2"]
    at.up("up1", LEAVES, opened=True)
    assert at.people["C"].plan("C")["figures"]["up1"] == {"persons": 240, "villages": 8}
    closed = at.people["C"].plan("A1")["figures"]["up1"]
    assert closed == {"persons": 60, "villages": 2}


def promise_and_adjust(at: Negotiation) -> None:
    """A promise goes down three levels in one branch; elsewhere a change is traded inside the bound."""
    body = {"indicator": "villages", "from": 4, "to": 5, "funded": True, "settle_in": "adjust"}
    plan = at.above("A", "commitments", {**body, "reason": "按请示答复"}, status=201)
    held = plan["commitments"][-1]["id"]
    for holder, child in (("A", "A1"), ("A1", "A11")):
        share = {"allocations": [{"unit": child, "amount": 1}]}
        at.own(holder, f"commitments/{held}/distribute", share)
        held = at.people[child].plan(child)["commitments"][-1]["id"]
    at.round("adjust", "open")
    at.round("adjust", "close", status=409)  # over an open promise
    at.above("A", f"commitments/{plan['commitments'][-1]['id']}/fulfil")
    changes = {"D1": 24, "D2": 18}
    for unit, persons in changes.items():
        figures = {"figures": {"persons": persons}}
        at.own(unit, "draft", {**figures, "reasons": {"persons": "household_moved"}})
        at.own(unit, "submit")
        at.above(unit, "accept")
    off = {"figures": {"persons": 43}}
    at.own("D", "draft", off)
    assert failed(at.own("D", "submit", status=409)) == [("sums_exact", "persons", 42, 43, 1)]
    at.report("D", {"persons": 42})
    at.round("adjust", "close")


def test_a_missing_unit_is_named_at_any_depth(databases: Databases) -> None:
    with negotiate(databases, TREE, "ragged-2019") as at:
        at.people["C"].open_cycle(protocol="exit-plan", year=2019, root="C", leaf_level="village")
        at.up("up1", LEAVES)
        at.round("down1", "open")
        counties = {"A": {"persons": 104, "villages": 4}, "B": LEAVES["B"]}
        forgotten = at.own("C", "issue", issue(counties), status=422)
        assert [(one["code"], one["unit"]) for one in forgotten["errors"]] == [
            ("missing_child", "D")
        ]
        at.own("C", "issue", issue({**counties, "D": {"persons": 42, "villages": 1}}))
        at.own("D", "acknowledge")
        village = {"D1": {"persons": 42, "villages": 1}}
        lacking = at.own("D", "issue", issue(village), status=422)
        assert [(one["code"], one["unit"]) for one in lacking["errors"]] == [
            ("missing_child", "D2")
        ]
        at.own("B", "acknowledge")
        alone = at.own("B", "issue", {"allocations": []}, status=409)
        assert [guard["name"] for guard in alone["guards"]] == ["has_children"]
