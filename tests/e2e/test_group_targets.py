"""A foreign protocol over real HTTP: seven rounds, top first, other words and levels (N2, N5, N11).

Nothing of it is bundled: the service reads it from the folder that PLANFLOW_PROTOCOLS names.
"""

from __future__ import annotations

from pathlib import Path

from tests.databases import Databases
from tests.e2e.negotiation import Line, Negotiation, failed, issue, negotiate

FOLDER = Path(__file__).parents[1] / "data/protocols"
TREE: tuple[Line, ...] = (
    ("HQ", "headquarters", "", ""),
    ("NORTH", "division", "HQ", ""),
    ("SOUTH", "division", "HQ", ""),
    ("N1", "plant", "NORTH", ""),
    ("N2", "plant", "NORTH", ""),
    ("S1", "plant", "SOUTH", ""),  # has no workshops
    ("N1a", "workshop", "N1", ""),
    ("N1b", "workshop", "N1", ""),
    ("N2a", "workshop", "N2", ""),
)
# output is entered by the lowest unit, profit by the plant; one plant plans a loss
BID = {
    "N1a": {"output": 600},
    "N1b": {"output": 300},
    "N2a": {"output": 500},
    "N1": {"profit": 2_000},
    "N2": {"profit": -350},
    "S1": {"output": 800, "profit": 1_500},
}
PLANTS = {
    "N1": {"output": 950, "profit": 2_100},
    "N2": {"output": 500, "profit": -300},
    "S1": {"output": 850, "profit": 1_600},
}
CONTRACT = {**BID, "N1a": {"output": 650}, "N1": {"profit": 2_100}, "N2": {"profit": -300}}
CONTRACT["S1"] = PLANTS["S1"]
BOARD = {"outcome": "approved", "document_no": "董决〔2020〕7号", "dated": "2020-01-08"}


def test_a_company_group_sets_its_targets(databases: Databases) -> None:
    with negotiate(databases, TREE, "targets", PLANFLOW_PROTOCOLS=str(FOLDER)) as at:
        head = at.people["HQ"]
        listed = [one["name"] for one in head.http.get("/protocols").json()["items"]]
        assert listed == ["department-budget", "exit-plan", "group-targets", "land-quota"]
        cycle = head.open_cycle(
            protocol="group-targets", year=2020, root="HQ", leaf_level="workshop"
        )
        assert (len(cycle["rounds"]), cycle["protocol_version"]) == (7, 3)
        outline(at)
        at.up("bid", BID)
        counter_and_second_bid(at)
        board_and_contract(at)
        midyear(at)
        assert at.people["N1a"].plan("N1a")["headline"]["output"]["value"] == 690
        assert at.people["N2"].plan("N2")["headline"]["profit"]["value"] == -300


def outline(at: Negotiation) -> None:
    """The top begins; a level may add to what it was given, with a reason."""
    at.round("outline", "open")
    given = {"NORTH": {"output": 1_400, "profit": 1_500}, "SOUTH": {"output": 800, "profit": 1_500}}
    assert at.own("HQ", "issue", issue(given))["state"] == "outline.distributed"
    at.own("NORTH", "acknowledge")
    more = {"N1": {"output": 1_000, "profit": 2_000}, "N2": {"output": 500, "profit": -500}}
    unsaid = at.own("NORTH", "issue", issue(more), status=422)
    assert [(one["code"], one["field"], one["got"]) for one in unsaid["errors"]] == [
        ("missing_markup_reason", "markup.output", 100)
    ]
    at.own("NORTH", "issue", issue(more) | {"markup": {"output": "留有余地"}})
    [told] = at.people["N1"].plan("N1")["markups"]
    assert (told["unit"], told["issued"], told["added"]) == ("NORTH", 1_400, 100)
    at.pass_on("SOUTH", {"S1": given["SOUTH"]}, without="workshop")
    for plant in ("N1", "N2", "S1"):
        at.own(plant, "acknowledge")
    at.round("outline", "close")


def counter_and_second_bid(at: Negotiation) -> None:
    """Workshops take no part in either; a round without required figures may leave some out."""
    at.down(
        "counter", {"N1": {"output": 980}, "N2": {"output": 520}, "S1": {"output": 850}}, "workshop"
    )
    assert at.people["N1a"].plan("N1a")["state"] == "bid.accepted"
    at.up("rebid", PLANTS, "workshop")


def board_and_contract(at: Negotiation) -> None:
    """The board decides on the sum, and the contracts keep to it."""
    at.round("board", "open")
    agreed = {"output": 2_300, "profit": 3_400}
    assert at.own("HQ", "present")["figures"]["board"] == agreed
    at.own("HQ", "decide", BOARD)
    at.round("board", "close")
    at.round("contract", "open")
    parts = {"NORTH": {"output": 1_450, "profit": 1_800}, "SOUTH": PLANTS["S1"]}
    more = {**parts, "NORTH": {"output": 1_500, "profit": 1_800}}
    assert failed(at.own("HQ", "issue", issue(more), status=409)) == [
        ("total_decided", "output", 2_300, 2_350, 50)
    ]
    at.own("HQ", "issue", issue(parts))
    at.pass_on("NORTH", {name: PLANTS[name] for name in ("N1", "N2")})
    for unit in ("SOUTH", "N1", "N2", "S1", "N1a", "N1b", "N2a"):
        at.pass_on(unit, {**PLANTS, **{one: CONTRACT[one] for one in ("N1a", "N1b", "N2a")}})
    assert at.people["N1b"].plan("N1b")["headline"]["output"]["value"] == 300
    at.round("contract", "close")


def midyear(at: Negotiation) -> None:
    """Divisions move by a tenth at most, and what has no bound does not move."""
    at.round("midyear", "open")
    at.report("N1a", {"output": 690}, reasons={"output": "capacity"})
    at.own("N2a", "draft", {"figures": {"output": 900}, "reasons": {"output": "market"}})
    at.own("N2a", "submit")
    at.above("N2a", "accept")
    at.own(
        "N1", "draft", {"figures": {"output": 990, "profit": 9}, "reasons": {"profit": "market"}}
    )
    assert failed(at.own("N1", "submit", status=409)) == [("bounded", "profit", 2_100, 9, -2_091)]
    at.report("N1", {"output": 990})
    at.report("N2", {"output": 900})
    at.own("NORTH", "draft", {"figures": {"output": 1_890}})
    assert failed(at.own("NORTH", "submit", status=409)) == [
        ("bounded", "output", 1_450, 1_890, 440)
    ]
    why = {"reason_code": "market", "text": "幅度过大"}
    at.above("N2", "return", why)
    at.above("N2a", "return", why)
    at.report("N2a", {"output": 520}, reasons={"output": "market"})
    at.report("N2", {"output": 520})
    at.report("NORTH", {"output": 1_510})
    assert at.round("midyear", "close")["settled"]
