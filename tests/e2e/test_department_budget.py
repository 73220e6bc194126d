"""A department budget over real HTTP, on both databases: ceilings and a legislature (N2, N3, N5)."""

from __future__ import annotations

from typing import Any

from tests.databases import Databases
from tests.e2e.negotiation import Line, Negotiation, failed, issue, negotiate

TREE: tuple[Line, ...] = (
    ("T", "treasury", "", ""),
    ("EDU", "department", "T", ""),
    ("AGR", "department", "T", ""),
    ("EDU1", "agency", "EDU", ""),
    ("EDU2", "agency", "EDU", ""),
    ("AGR1", "agency", "AGR", ""),
)
FEN = 100
ASKED = {
    "EDU1": {"basic": 900_000 * FEN, "project": 500_000 * FEN},
    "EDU2": {"basic": 300_000 * FEN, "project": 200_000 * FEN},
    "AGR1": {"basic": 500_000 * FEN, "project": 400_000 * FEN},
}
CEILING = {
    "EDU1": {"basic": 850_000 * FEN, "project": 400_000 * FEN},
    "EDU2": {"basic": 300_000 * FEN, "project": 150_000 * FEN},
    "AGR1": {"basic": 480_000 * FEN, "project": 350_000 * FEN + 50},
}
OVER = 20_000 * FEN + 1
LEGISLATURE = {"document_no": "人大会字〔2020〕1号", "dated": "2020-01-15"}


def total(figures: dict[str, dict[str, int]]) -> dict[str, int]:
    return {name: sum(own[name] for own in figures.values()) for name in ("basic", "project")}


def test_a_budget_that_the_legislature_rejects_and_then_amends(databases: Databases) -> None:
    with negotiate(databases, TREE, "budget-2020") as at:
        treasury = at.people["T"]
        terms: dict[str, Any] = {
            "protocol": "department-budget",
            "year": 2020,
            "root": "T",
            "leaf_level": "agency",
        }
        treasury.open_cycle(**terms)
        at.up("up1", ASKED)
        at.down("down1", CEILING)
        second_up(at)
        agreed = {**CEILING, "EDU2": {**CEILING["EDU2"], "project": 140_000 * FEN}}
        assert treasury.plan("T")["figures"]["up2"] == total(agreed)
        rejected(at)
        agreed["AGR1"] = {**CEILING["AGR1"], "project": 300_000 * FEN}
        amended = {
            "basic": total(agreed)["basic"],
            "project": total(agreed)["project"] - 10_000 * FEN,
        }
        decided(at, total(agreed), amended)
        approved = {**agreed, "EDU1": {**agreed["EDU1"], "project": 390_000 * FEN}}
        assert total(approved) == amended
        second_down(at, approved, total(agreed))
        whole = at.round("down2", "close")
        assert whole["settled"]
        plan = at.people["EDU1"].plan("EDU1")
        assert plan["headline"]["project"]["value"] == 390_000 * FEN
        assert plan["gaps"]["project"]["difference"] == -10_000 * FEN
        assert treasury.plan("T")["decisions"]["legislature"]["figures"] == amended


def second_up(at: Negotiation) -> None:
    """A figure above the ceiling is refused with the excess; one below it is taken."""
    at.round("up2", "open")
    above = {**CEILING["EDU1"], "project": CEILING["EDU1"]["project"] + OVER}
    at.own("EDU1", "draft", {"figures": above})
    both = sum(CEILING["EDU1"].values())
    refused = at.own("EDU1", "submit", status=409)
    assert failed(refused) == [
        ("within_ceiling", "project", CEILING["EDU1"]["project"], above["project"], OVER),
        ("within_ceiling", "basic+project", both, both + OVER, OVER),
    ]
    assert all(guard["text"] for guard in refused["guards"])
    less = {**CEILING["EDU2"], "project": 140_000 * FEN}
    at.up("up2", {**CEILING, "EDU2": less}, opened=True)


def rejected(at: Negotiation) -> None:
    """A rejection reopens the second up; what was accepted stands until it is returned."""
    at.round("legislature", "open")
    at.round("legislature", "close", status=409)
    plan = at.own("T", "decide", {"outcome": "rejected", **LEGISLATURE})
    assert (plan["round"], plan["state"]) == ("up2", "up2.drafting")
    cycle = at.people["T"].http.get("/cycles/budget-2020").json()
    assert cycle["open_round"] == "up2"
    assert cycle["rounds"]["legislature"] == "waiting"
    assert at.people["EDU"].plan("EDU")["state"] == "up2.accepted"
    why = {"reason_code": "basis_missing", "text": "按审查意见压减项目支出"}
    at.above("AGR", "return", why)
    at.above("AGR1", "return", why)
    for unit in ("AGR1", "AGR"):
        at.report(unit, {**CEILING["AGR1"], "project": 300_000 * FEN})
    at.round("up2", "close")


def decided(at: Negotiation, presented: dict[str, int], amended: dict[str, int]) -> None:
    """The second time the figures are presented, and amended."""
    at.round("legislature", "open")
    plan = at.own("T", "present", {"note": "提请审查"})
    assert plan["state"] == "legislature.presented"
    assert plan["figures"]["legislature"] == presented
    wrong = {"outcome": "approved", "figures": amended, **LEGISLATURE}
    assert at.own("T", "decide", wrong, status=422)["errors"][0]["code"] == "figures_not_amended"
    body = {"outcome": "amended", "figures": {"project": amended["project"]}, **LEGISLATURE}
    plan = at.own("T", "decide", body)
    assert plan["state"] == "legislature.decided"
    assert plan["figures"]["legislature"] == amended
    at.round("legislature", "close")


def second_down(
    at: Negotiation, approved: dict[str, dict[str, int]], presented: dict[str, int]
) -> None:
    """What is issued in all must be the decided total; departments pass theirs on."""
    at.round("down2", "open")
    edu = total({code: approved[code] for code in ("EDU1", "EDU2")})
    parts: dict[str, Any] = {"EDU": edu, "AGR": approved["AGR1"]}
    as_presented = {**parts, "EDU": {**edu, "project": edu["project"] + 10_000 * FEN}}
    refused = at.own("T", "issue", issue(as_presented), status=409)
    decided = presented["project"] - 10_000 * FEN
    assert failed(refused) == [
        ("total_decided", "project", decided, presented["project"], 10_000 * FEN)
    ]
    silent = at.own("T", "issue", issue(parts), status=422)
    assert [one["code"] for one in silent["errors"]] == ["missing_reason"]
    why = "legislature_amended"
    at.own("T", "issue", issue(parts, why, document_no="财预〔2020〕3号", dated="2020-02-01"))
    for department in ("EDU", "AGR"):
        at.pass_on(department, approved, reason=why)
    for agency in approved:
        at.own(agency, "acknowledge")
