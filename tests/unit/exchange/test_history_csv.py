"""N15, N16: past years come from a planner's file; every fault is told by the row a spreadsheet shows."""

from collections.abc import Collection

import pytest

from planflow.domain.past import PastRow, PastYear
from planflow.errors import Refusal
from planflow.exchange.history_csv import Known, read_history

HEADER = "unit,year,indicator,plan,outcome\n"
WIDE = "unit,year,indicator,plan,outcome,stock_start,inflow,exits,adjustment,stock_end\n"
UNITS = {"45", "4502"}


def registered(codes: Collection[str]) -> Collection[str]:
    return UNITS & {*codes}


KNOWN = Known({"persons": 0, "villages": 0, "balance": -100}, registered)


def told(text: str | bytes) -> list[tuple[str, int]]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(Refusal) as caught:
        read_history(data, KNOWN)
    refusal = caught.value
    assert refusal.code == "history_invalid"
    assert refusal.params == {"count": len(refusal.findings)}
    return [(one.code, one.params.get("row", 0)) for one in refusal.findings]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_both_encodings_and_chinese_columns(encoding: str) -> None:
    text = "指标,单位,年度,完成数,计划数,年末数\npersons,4502,2018,99645,,118000\n"
    assert read_history(text.encode(encoding), KNOWN) == [
        PastRow("4502", PastYear(2018, "persons", None, 99645, stock_end=118000))
    ]


def test_an_empty_cell_is_not_stated_and_a_zero_is() -> None:
    [row] = read_history((WIDE + "4502,2018,persons,0,,,, 3 ,-4,\n").encode(), KNOWN)
    assert row.stated == PastYear(2018, "persons", 0, exits=3, adjustment=-4)
    assert not row.stated.says_nothing
    [row] = read_history((HEADER + "4502,2018,persons,,\n").encode(), KNOWN)
    assert row.stated.says_nothing


def test_an_indicator_that_may_lie_below_zero_may_have_done_so() -> None:
    [row] = read_history((HEADER + "4502,2018,balance,-5,-7\n").encode(), KNOWN)
    assert (row.stated.plan, row.stated.outcome) == (-5, -7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("empty_file", 1)]),
        ("\n" + HEADER, [("empty_file", 2)]),
        ("unit,year,indicator,plan\n4502,2018,persons,1\n", [("missing_column", 1)]),
        (HEADER.strip() + ",colour\n4502,2018,persons,1,1,red\n", [("unknown_column", 1)]),
        (HEADER + "4502,2018,persons,1\n", [("row_shape", 2)]),
        (HEADER + ",2018,persons,1,1\n", [("missing_value", 2)]),
        (HEADER + "4502,,persons,1,1\n", [("missing_value", 2)]),
        (HEADER + "4502,2018,,1,1\n", [("missing_value", 2)]),
        (HEADER + "4599,2018,persons,1,1\n", [("unknown_unit", 2)]),
        (HEADER + "4502,2018,person,1,1\n", [("unknown_indicator", 2)]),
        (HEADER + "4502,18,persons,1,1\n", [("bad_year", 2)]),
        (HEADER + "4502,1066,persons,1,1\n", [("bad_year", 2)]),
        (HEADER + "4502,2018年,persons,1,1\n", [("bad_year", 2)]),
        (HEADER + "4502,2018,persons,1.5,1\n", [("not_whole", 2)]),
        (HEADER + '4502,2018,persons,"1,500",1\n', [("not_whole", 2)]),
        (HEADER + "4502,2018,persons,１,1\n", [("not_whole", 2)]),
        (HEADER + f"4502,2018,persons,1,{2**53}\n", [("out_of_range", 2)]),
        (HEADER + "4502,2018,persons,1,-1\n", [("below_zero", 2)]),
        (WIDE + "4502,2018,balance,1,1,1,-1,1,1,1\n", [("below_zero", 2)]),
        (HEADER + "4502,2018,persons,1,1\n" * 2, [("duplicate_year", 3)]),
        (HEADER + "9,1,x,y,z\n", [(code, 2) for code in (
            "bad_year", "unknown_indicator", "not_whole", "not_whole", "unknown_unit"
        )]),
        ((HEADER + "4502,2018,persons,1,1\n").encode() + b"\xff\xff", [("broken_encoding", 3)]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_row(
    text: str | bytes, expected: list[tuple[str, int]]
) -> None:
    assert told(text) == expected


def test_a_file_too_large_is_not_read() -> None:
    with pytest.raises(Refusal) as caught:
        read_history(b" " * (1024 * 1024 + 1), KNOWN, limit=1)
    assert [one.code for one in caught.value.findings] == ["too_large"]
