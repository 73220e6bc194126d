"""Made-up numbers add up to the published ones, whatever those are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.demo import case as cases
from planflow.demo import numbers
from planflow.demo.case import GOAL, Case
from planflow.demo.staging import tree
from planflow.errors import Refusal
from planflow.exchange.units_csv import read_units
from planflow.quota.exact import total

CARRIED_DIGEST = "40fc37ea40af4a385e02de43805ab20012c2e1b5508d588359a122c77ad7763e"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "cases" / cases.CARRIED
AMOUNTS = st.integers(0, 10**7)


def carried() -> Any:
    return json.loads(cases.carried())


def read(content: Any) -> Case:
    return cases.read(json.dumps(content).encode())


def test_the_case_is_carried_as_it_is() -> None:
    assert hashlib.sha256(cases.carried()).hexdigest() == CARRIED_DIGEST
    if SHARED.exists():
        assert cases.carried() == SHARED.read_bytes()


def test_what_was_published_stands_in_the_case_and_nowhere_in_the_code() -> None:
    case = cases.read(cases.carried())
    figures = {one.round: one.total for one in case.rounds}
    assert figures["down1"] == {"persons": 84997, "villages": 95}
    assert figures["up2"] == {"persons": 82052, "villages": 103}
    assert figures["down2"] == {"persons": 85253, "villages": 95, GOAL: 1}
    assert case.marks() == {"up1": "made_up", "adjust": "foreseen"}
    assert (case.year, case.cycle) == (2019, "liuzhou-2019-demo")
    code = "".join(path.read_text("utf-8") for path in Path(cases.__file__).parent.glob("*.py"))
    for number in ("84997", "82052", "85253", "84,997", "82,052", "85,253", "4502", "融安"):
        assert number not in code


def test_the_first_report_is_put_on_the_far_side_of_the_second() -> None:
    case = cases.read(cases.carried())
    assert numbers.reported(case, 0) == {"persons": 2 * 82052 - 84997, "villages": 2 * 103 - 95}
    published = carried()
    published["published"]["rounds"][0]["figures"] = {"persons": 5, "villages": 6}
    assert numbers.reported(read(published), 0) == {"persons": 5, "villages": 6}
    published["published"]["rounds"][0]["figures"] = None
    published["published"]["rounds"][1]["figures"]["persons"] = 10**6
    assert numbers.reported(read(published), 0)["persons"] == 0


@given(AMOUNTS, AMOUNTS)
def test_shares_add_up(persons: int, villages: int) -> None:
    case = cases.read(cases.carried())
    for one in case.rounds:
        shares = numbers.shares(case, one, {"persons": persons, "villages": villages})
        sums = total(shares.values())
        assert (sums["persons"], sums["villages"]) == (persons, villages)
        assert sums.get(GOAL, 0) == len(one.reached)
        assert all(figure >= 0 for own in shares.values() for figure in own.values())


def test_counties_find_other_numbers_than_they_are_issued() -> None:
    case = cases.read(cases.carried())
    same = {"persons": 85253}
    rounds = {one.round: one for one in case.rounds}
    found = numbers.shares(case, rounds["up2"], same)
    issued = numbers.shares(case, rounds["down1"], same)
    assert all(found[code] != issued[code] for code in found)


def test_more_counties_than_weights() -> None:
    content = carried()
    content["counties_with_tasks"] += [{"code": f"9{n:05}", "name": "甲"} for n in range(30)]
    case = read(content)
    shares = numbers.shares(case, case.rounds[0], {"persons": 1001})
    assert total(shares.values()) == {"persons": 1001}


@given(st.lists(AMOUNTS, min_size=1, max_size=20), st.data())
def test_a_change_is_passed_on_whole_and_takes_nothing_that_is_not_there(
    has: list[int], data: st.DataObject
) -> None:
    figures = {str(place): amount for place, amount in enumerate(has)}
    change = data.draw(st.integers(-sum(has), 10**7))
    parts = numbers.passed_on(figures, change)
    assert sum(parts.values()) == change
    if any(has):
        assert all(figures[code] + part >= 0 for code, part in parts.items())


def test_an_adjust_with_published_figures_moves_the_counties_to_them() -> None:
    bases = {"a": {"persons": 70, "villages": 2}, "b": {"persons": 30, "villages": 1}}
    assert numbers.moved(bases, {"persons": 90, "villages": 3}) == {
        "a": {"persons": 63},
        "b": {"persons": 27},
    }


def test_units_of_the_case() -> None:
    case = cases.read(cases.carried())
    rows = {row.code: row for row in read_units(tree(case))}
    assert len(rows) == 12
    assert rows["450200"].parent == "450000"
    assert {row.parent for row in rows.values() if row.level == "county"} == {"450200"}
    poor = {code for code, row in rows.items() if "poor_county" in row.attributes}
    assert poor == {"450224", "450225", "450226"}
    assert rows["450202"].name == "城中区"


# Files that are no case


def spoilt(change: str) -> bytes:
    content = carried()
    rounds = content["published"]["rounds"]
    match change:
        case "figure":
            rounds[1]["figures"]["persons"] = 84997.5
        case "missing":
            del content["unit"]["parent"]
        case "down":
            rounds[1]["figures"] = None
        case "county":
            rounds[3]["figures"]["counties"] = ["450299"]
        case "year":
            content["case"] = "liuzhou"
        case "direction":
            rounds[0]["direction"] = "sideways"
        case "large":
            rounds[1]["figures"]["persons"] = 2**60
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ("figure", "not_whole", "published.rounds.1.figures.persons"),
        ("missing", "missing", "unit.parent"),
        ("down", "missing", "published.rounds.1.figures"),
        ("county", "unknown_unit", "published.rounds.3.figures.counties"),
        ("year", "bad_name", "case"),
        ("direction", "unknown_option", "published.rounds.0.direction"),
        ("large", "out_of_range", "published.rounds.1.figures.persons"),
    ],
)
def test_a_case_that_cannot_be_played(change: str, code: str, where: str) -> None:
    with pytest.raises(Refusal) as caught:
        cases.read(spoilt(change))
    assert [(one.code, one.where) for one in caught.value.findings] == [(code, where)]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_case(raw: bytes) -> None:
    with pytest.raises(Refusal):
        cases.read(raw)
