"""Rows taken along: no cell of a CSV is a formula or breaks its row, and nothing is lost."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.exchange import export


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＠", " =", "\t=", "\r@", "\n-"])
def test_what_looks_like_a_formula_is_a_text(start: str) -> None:
    cell = export.cell(f'{start}HYPERLINK("x")')
    assert cell.lstrip().startswith("'")
    assert cell.endswith('HYPERLINK("x")')


@pytest.mark.parametrize(("value", "expected"), [(-5, "-5"), (0, "0"), (-0.5, "-0.5"), (7, "7")])
def test_a_number_is_a_number_also_below_zero(value: float, expected: str) -> None:
    assert export.cell(value) == expected
    assert export.cell(f"-{abs(value)}").startswith("'")


def test_a_semicolon_begins_no_cell_of_its_own() -> None:
    data = export.as_csv(["a"], [{"a": "x;=1+1"}]).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(data), delimiter=";"))[1] == ["x", "'=1+1"]


@given(st.lists(st.tuples(st.text(), st.lists(st.text(), max_size=3)), max_size=5))
def test_a_file_is_read_back_row_by_row(rows: list[tuple[str, list[str]]]) -> None:
    data = export.as_csv(["a", "b"], [{"a": one, "b": many} for one, many in rows])
    read = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [(row["a"], row["b"]) for row in read] == [
        (export.cell(one), export.cell(many)) for one, many in rows
    ]
    for row in read:
        for cell in row.values():
            assert cell.strip()[:1] not in {"=", "+", "-", "@"} or not cell.strip()
            assert not any(unicodedata.category(letter) == "Cc" for letter in cell)


def test_nothing_is_an_empty_cell_and_a_line_is_an_object() -> None:
    assert export.cell(None) == ""
    assert export.as_lines([{"a": None}, {"a": "文"}]).decode() == '{"a":null}\n{"a":"文"}\n'
