"""A foreign protocol over real HTTP: a quota of land, provisional and then formal (N3, N4, N5, N6).

Nothing of it is bundled: the service reads it from the folder that PLANFLOW_PROTOCOLS names.
"""

from __future__ import annotations

from tests.databases import Databases
from tests.e2e.negotiation import Line, Negotiation, failed, issue, negotiate
from tests.e2e.test_group_targets import FOLDER

TREE: tuple[Line, ...] = (
    ("P", "province", "", ""),
    ("EAST", "prefecture", "P", ""),
    ("WEST", "prefecture", "P", ""),
    ("E1", "district", "EAST", "linked"),
    ("E2", "district", "EAST", ""),
    ("W1", "district", "WEST", ""),
)
HA = 10_000  # square metres
REQUEST = {
    "E1": {"farmland": 120 * HA, "reclaimed": 9 * HA},
    "E2": {"farmland": 80 * HA, "unused": 5 * HA},
    "W1": {"farmland": 60 * HA, "unused": 20 * HA},
}
PROVISIONAL = {
    "E1": {"farmland": 90 * HA, "reclaimed": 9 * HA},
    "E2": {"farmland": 60 * HA, "unused": 5 * HA},
    "W1": {"farmland": 50 * HA, "unused": 20 * HA},
}
VERIFIED = {**PROVISIONAL, "E2": {"farmland": 58 * HA + 1234, "unused": 4 * HA}}


def test_a_quota_is_issued_provisionally_and_formally(databases: Databases) -> None:
    with negotiate(databases, TREE, "land-2020", PLANFLOW_PROTOCOLS=str(FOLDER)) as at:
        province = at.people["P"]
        province.open_cycle(protocol="land-quota", year=2020, root="P", leaf_level="district")
        requests(at)
        at.down("provisional", PROVISIONAL)
        assert province.plan("P")["headline"] == {}  # nothing binds yet
        verified(at)
        formal(at)
        assert at.round("formal", "close")["settled"]
        plan = at.people["E2"].plan("E2")
        assert plan["headline"]["farmland"]["value"] == 60 * HA
        assert plan["figures"]["provisional"]["farmland"] == 60 * HA
        assert plan["figures"]["verified"]["farmland"] == 58 * HA + 1234


def requests(at: Negotiation) -> None:
    """An indicator for some districts only; a required figure that is missing is refused."""
    at.round("request", "open")
    wrong = at.own("E2", "draft", {"figures": {"farmland": 1, "reclaimed": 1}}, status=422)
    assert [one["code"] for one in wrong["errors"]] == ["not_applicable"]
    at.own("E2", "draft", {"figures": {"unused": 5 * HA}})
    missing = at.own("E2", "submit", status=422)
    assert [one["field"] for one in missing["errors"]] == ["figures.farmland"]
    at.up("request", REQUEST, opened=True)


def verified(at: Negotiation) -> None:
    """Within what was issued provisionally, each by itself: there is no ceiling on a sum here."""
    at.round("verified", "open")
    at.own("W1", "draft", {"figures": {"farmland": 40 * HA, "unused": 21 * HA}})
    assert failed(at.own("W1", "submit", status=409)) == [
        ("within_ceiling", "unused", 20 * HA, 21 * HA, HA)
    ]
    at.up("verified", VERIFIED, opened=True)


def formal(at: Negotiation) -> None:
    """Issued with a reserve, which is released by a second issue that supersedes the first."""
    at.round("formal", "open")
    first = {
        "EAST": {"farmland": 148 * HA + 1234, "unused": 4 * HA, "reclaimed": 9 * HA},
        "WEST": VERIFIED["W1"],
    }
    reserve = {"farmland": HA + 8766}
    at.own("P", "issue", issue(first, reserve=reserve, document_no="自然资〔2020〕5号"))
    at.pass_on("EAST", VERIFIED)
    at.pass_on("WEST", VERIFIED)
    for district in VERIFIED:
        at.own(district, "acknowledge")
    more = {**first, "EAST": {**first["EAST"], "farmland": 150 * HA}}
    said = issue(more, "survey")
    assert at.own("P", "issue", said, status=422)["errors"][0]["code"] == "superseding"
    said |= {"reason": "追加预留指标", "document_no": "自然资〔2020〕9号"}
    assert at.own("P", "issue", said)["splits"]["formal"]["reserve"] == {}
    assert at.people["WEST"].plan("WEST")["state"] == "formal.distributed"
    assert at.people["EAST"].plan("EAST")["splits"]["formal"]["outdated"]
    at.round("formal", "close", status=409)
    at.own("EAST", "acknowledge")
    anew = {"E1": VERIFIED["E1"], "E2": {**VERIFIED["E2"], "farmland": 60 * HA}}
    again = {"reason": "随上级追加", "document_no": "东国土〔2020〕2号"}
    at.own("EAST", "issue", issue(anew, "survey") | again)
    at.own("E2", "acknowledge")
