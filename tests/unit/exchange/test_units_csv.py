"""N1: the tree comes from a planner's file; every fault is told by the row a spreadsheet shows."""

import codecs
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planflow.domain.units import UnitRow
from planflow.errors import Finding, Refusal
from planflow.exchange.findings import MOST_KEPT
from planflow.exchange.units_csv import read_units

HEADER = "code,name,level,parent\n"
WIDE = "code,name,level,parent,attributes\n"
ROOT = "45,广西,region,\n"
CITY = "4502,柳州,city,45\n"


def refused(text: str | bytes, known: tuple[str, ...] = ()) -> Refusal:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(Refusal) as caught:
        read_units(data, known)
    assert caught.value.code == "units_invalid"
    return caught.value


def findings(text: str | bytes, known: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    refusal = refused(text, known)
    assert refusal.params == {"count": len(refusal.findings)}
    assert all(one.where == f"row {one.params['row']}" for one in refusal.findings)
    return refusal.findings


def told(text: str | bytes, known: tuple[str, ...] = ()) -> list[tuple[str, int]]:
    return [(one.code, one.params["row"]) for one in findings(text, known)]


# What is read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_both_encodings_and_all_line_ends(encoding: str, ends: str) -> None:
    data = (HEADER + ROOT + CITY).replace("\n", ends).encode(encoding)
    assert read_units(data) == [
        UnitRow(code="45", name="广西", level="region"),
        UnitRow(code="4502", name="柳州", level="city", parent="45"),
    ]


def test_a_mark_before_gb18030_is_dropped() -> None:
    assert len(read_units(("\ufeff" + HEADER + ROOT).encode("gb18030"))) == 1


def test_rare_characters_of_names_are_read() -> None:
    name = "㙟村\U00020bb7·吉"
    for encoding in ("utf-8", "gb18030"):
        [unit] = read_units(f"{HEADER}1,{name},village,\n".encode(encoding))
        assert unit.name == name


def test_columns_in_any_order_and_in_chinese() -> None:
    text = "上级, 名称 ,属性,层级,代码\n,广西,,region,45\n45,融安县,a;b；a; ,county,450224\n"
    assert read_units(text.encode())[1] == UnitRow(
        code="450224", name="融安县", level="county", parent="45", attributes=("a", "b")
    )
    assert read_units("编码,名称,级别,上级\n45,广西,region,\n".encode())[0].code == "45"
    assert read_units(("CODE,Name,Level,Parent\n" + ROOT).encode())[0].code == "45"


def test_parents_come_before_children() -> None:
    rows = ["3,c,village,2", "2,b,county,1", "5,e,village,4", "1,a,city,", "4,d,county,1"]
    units = read_units((HEADER + "\n".join(rows)).encode())
    assert [unit.code for unit in units] == ["1", "2", "3", "4", "5"]


def test_known_codes_may_be_parents() -> None:
    assert told(HEADER + CITY) == [("orphan_unit", 2)]
    assert [unit.parent for unit in read_units((HEADER + CITY).encode(), ["45"])] == ["45"]


def test_blank_rows_are_passed_over_but_counted() -> None:
    text = HEADER + "\n" + ROOT + ",,,\n  ,,, \n" + "\n\n"
    assert len(read_units(text.encode())) == 1
    assert told(text + "x,,city,45\n") == [("missing_value", 8)]


def test_quoted_cells() -> None:
    text = HEADER + '45,"广西, ""壮族""自治区",region,\n'
    assert read_units(text.encode())[0].name == '广西, "壮族"自治区'


@pytest.mark.parametrize("name", ["=1+1", "+A1", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_what_looks_like_a_formula_is_a_text(name: str) -> None:
    assert read_units(f"{HEADER}45,{name},region,\n".encode())[0].name == name


# What is refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("empty_file", 1)]),
        ("\ufeff", [("empty_file", 1)]),
        ("\n\n  \n", [("empty_file", 1)]),
        (HEADER, [("empty_file", 1)]),
        (HEADER + ",,,\n", [("empty_file", 1)]),
        ("code,name,level\n45,a,region\n", [("missing_column", 1)]),
        ("code;name;level;parent\n", [("unknown_column", 1)] + [("missing_column", 1)] * 4),
        ("\ncode,name,level,parent,colour\n45,a,region,,red\n", [("unknown_column", 2)]),
        ("code,name,level,parent,编码\n45,a,region,,4\n", [("duplicate_column", 1)]),
        (HEADER + ROOT + "4502,柳州,city\n", [("row_shape", 3)]),
        (HEADER + ROOT + "4502,柳州,city,45,\n", [("row_shape", 3)]),
        (HEADER + ROOT + ",柳州,city,45\n", [("missing_value", 3)]),
        (HEADER + ROOT + "4502, ,city,45\n", [("missing_value", 3)]),
        (HEADER + ROOT + "4502,柳州,,45\n", [("missing_value", 3)]),
        (HEADER + ROOT + "45 02,柳州,city,45\n", [("bad_name", 3)]),
        (HEADER + ROOT + "４５０２,柳州,city,45\n", [("bad_name", 3)]),
        (HEADER + ROOT + "=45,柳州,city,45\n", [("bad_name", 3)]),
        (HEADER + ROOT + "4502,柳州,市,45\n", [("bad_name", 3)]),
        (HEADER + ROOT + "4502,柳州,City,45\n", [("bad_name", 3)]),
        (HEADER + ROOT + f"{'4' * 41},柳州,city,45\n", [("too_long", 3)]),
        (HEADER + ROOT + f"4502,{'柳' * 201},city,45\n", [("too_long", 3)]),
        (HEADER + ROOT + f"4502,柳州,{'c' * 41},45\n", [("too_long", 3)]),
        (HEADER + ROOT + f"4502,{'a' * 140_000},city,45\n", [("too_long", 3)]),
        (WIDE + f"4502,柳州,city,,{'a' * 201}\n", [("too_long", 2)]),
        (HEADER + ROOT + '4502,"柳\n州",city,45\n', [("bad_text", 3)]),
        (HEADER + ROOT + "4502,柳\x1b[2J州,city,45\n", [("bad_text", 3)]),
        (WIDE + "4502,柳州,city,,a\u202eb\n", [("bad_text", 2)]),
        (HEADER + ROOT + CITY + "45,又,region,\n", [("duplicate_code", 4)]),
        (HEADER + ROOT + "450221,柳江,county,4502\n", [("orphan_unit", 3)]),
        (HEADER + ROOT + '4,"柳"州,city,45\nx\n', [("malformed_quote", 3), ("row_shape", 4)]),
        (HEADER + ROOT + '4502,"柳州,city,45\n450221,柳江\n', [("malformed_quote", 3)]),
        (HEADER + ROOT + '4502,"柳州,city,45\n4,"柳江\nx\n', [("malformed_quote", 3)]),
        (HEADER + ROOT + '4502,柳州,city,"45', [("malformed_quote", 3)]),
        ('code,"name,level,parent\n', [("malformed_quote", 1)]),
    ],
)  # fmt: skip
def test_each_fault_has_its_code_and_row(text: str, expected: list[tuple[str, int]]) -> None:
    assert told(text) == expected


def test_findings_say_what_is_wrong() -> None:
    text = HEADER + "45,a,region,\n45,b,region,\n46,,Region,47\n4,5\n"
    assert [dict(one.params) for one in findings(text)] == [
        {"row": 3, "code": "45", "first": 2},
        {"row": 4, "field": "name"},
        {"row": 4, "field": "level", "value": "Region"},
        {"row": 5, "expected": 4, "got": 2},
    ]
    [orphan] = findings(HEADER + CITY)
    assert orphan.params == {"row": 2, "code": "4502", "parent": "45"}


def test_a_cell_with_a_line_break_is_one_row() -> None:
    text = WIDE + '45,广西,region,,"a;\nb"\n,柳州,city,45,\n'
    assert told(text) == [("bad_text", 2), ("missing_value", 3)]


def test_the_child_of_a_faulty_row_is_no_orphan() -> None:
    assert told(HEADER + "45,,region,\n" + CITY) == [("missing_value", 2)]


def test_a_cycle_names_its_codes_from_its_first_row() -> None:
    text = HEADER + "9,i,village,3\n2,b,city,1\n3,c,county,2\n1,a,region,3\n8,h,region,8\n"
    assert [(one.code, dict(one.params)) for one in findings(text)] == [
        ("unit_cycle", {"row": 3, "codes": "2 → 1 → 3 → 2", "length": 3}),
        ("unit_cycle", {"row": 6, "codes": "8 → 8", "length": 1}),
    ]


def test_the_codes_of_a_long_cycle_are_cut() -> None:
    rows = "".join(f"{unit},a,city,{(unit + 1) % 5000}\n" for unit in range(5000))
    [cycle] = findings(HEADER + rows)
    assert cycle.params["length"] == 5000
    assert cycle.params["codes"].startswith("0 → 1 → ")
    assert cycle.params["codes"].endswith(" → …")


def test_findings_are_counted_and_the_first_rows_kept() -> None:
    rows = "".join(f"{unit},a,city,none\n" for unit in range(150)) + ",,,x\n" * 50
    refusal = refused(HEADER + ",,,x\n" + rows)
    assert refusal.params == {"count": 3 + 150 + 150}
    assert len(refusal.findings) == MOST_KEPT
    assert [one.params["row"] for one in refusal.findings] == [2, 2, 2, *range(3, MOST_KEPT)]


@pytest.mark.parametrize(
    ("data", "row"),
    [
        ((HEADER + ROOT).encode() + b"4502,\xff\xfe,city,45\n", 3),
        ((HEADER + ROOT).encode() + b"4502,a\0b,city,45\n", 3),
        ((HEADER + ROOT).encode("utf-16"), 1),
        ((HEADER + ROOT).encode("utf-16-le"), 1),
        ((HEADER + ROOT + "4502,柳\ufffd,city,45\n").encode(), 3),
        ((HEADER + ROOT + "4502,柳\ufffd,city,45\n").encode("gb18030"), 3),
        ((HEADER + ROOT).encode() + b"4502,caf\xe9,city,45\n", 3),
        (HEADER.encode() + b"4502,caf\xe9,city,\n", 2),
        (codecs.BOM_UTF8 + (HEADER + "\n" + ROOT).encode("gb18030"), 3),
        ((HEADER + ROOT + CITY).encode("gb18030") + b"4,\x81,city,45\n", 4),
    ],
)
def test_a_broken_encoding_names_the_row(data: bytes, row: int) -> None:
    assert told(data) == [("broken_encoding", row)]


def test_damaged_utf8_is_never_read_as_other_characters() -> None:
    """Without one byte of a name, these are sound GB18030 that spells other names."""
    sound = (HEADER + ROOT + "450224,融安县,county,45\n").encode()
    damaged = sound.replace("县".encode(), "县".encode()[:2])
    assert "融" not in damaged.decode("gb18030")
    assert told(damaged) == [("broken_encoding", 3)]


def test_a_file_too_large_is_refused_unread() -> None:
    with pytest.raises(Refusal) as caught:
        read_units(b"\xff" * (1024 * 1024 + 1), limit=1)
    assert caught.value.findings == (Finding("too_large", {"limit": "1 MiB"}),)


@pytest.mark.parametrize(
    "start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"%PDF", b"\x7fELF", b"\x89PNG"]
)
def test_what_is_no_table_by_its_content_is_told_so_whatever_its_name(start: bytes) -> None:
    assert told(start + (HEADER + ROOT).encode()) == [("no_table", 1)]


# Whatever the bytes are, the answer is units or a refusal

CELL = st.text(max_size=6) | st.sampled_from(["1", "2", "3", "city", "a;b", ""])


def answered(data: bytes) -> list[UnitRow]:
    try:
        return read_units(data)
    except Refusal as refusal:
        caught = refusal
    assert caught.code == "units_invalid"
    assert 0 < len(caught.findings) <= caught.params["count"]
    return []


@settings(deadline=None)
@given(st.binary() | st.text(alphabet='ab1,"\r\n;\t').map(lambda text: (HEADER + text).encode()))
def test_any_bytes_are_answered(data: bytes) -> None:
    answered(data)


@settings(deadline=None)
@given(st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=8))
def test_any_table_is_answered(table: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER.strip().split(","), *table])
    units = answered(out.getvalue().encode("utf-8", "replace"))
    seen: set[str] = set()
    for unit in units:
        assert unit.parent in seen | {""}
        seen.add(unit.code)


@settings(deadline=None)
@given(st.permutations(range(12)))
def test_every_tree_is_read_in_any_order(order: list[int]) -> None:
    rows = [f"{unit},n,city,{(unit - 1) // 2 if unit else ''}" for unit in order]
    units = read_units((HEADER + "\n".join(rows)).encode())
    places = {unit.code: place for place, unit in enumerate(units)}
    assert len(places) == len(order)
    assert all(places[unit.parent] < places[unit.code] for unit in units if unit.parent)


@pytest.mark.soak
def test_700_000_rows_are_read() -> None:
    counties = [f"{HEADER}c,a,region,"] + [f"c{number},县,county,c" for number in range(7000)]
    villages = [f"v{number},村,village,c{number % 7000}" for number in range(693_000)]
    data = "\n".join(counties + villages).encode()
    assert len(read_units(data)) == 700_001
