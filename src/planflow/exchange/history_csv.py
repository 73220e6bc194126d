"""Past years as CSV: `unit,year,indicator,plan,outcome[,stock_start,inflow,exits,adjustment,stock_end]`.

An empty cell is an amount that is not stated, never a zero (N3). Amounts are whole numbers, of the
indicator's own scale; only an adjustment may be below zero where the indicator may not (N15, N16).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from planflow.domain.figures import LARGEST
from planflow.domain.past import ADJUSTMENT, AMOUNTS, FLOWS, PastRow, PastYear
from planflow.exchange.findings import RowFindings
from planflow.exchange.sheet import LARGEST_FILE, SHOWN, Form, Sheet, check_file, open_sheet

REFUSAL = "history_invalid"
FIRST_YEAR, LAST_YEAR = 1900, 2200

_FORM = Form(
    ("unit", "year", "indicator", "plan", "outcome"),
    ("stock_start", "inflow", "exits", "adjustment", "stock_end"),
    {
        "单位代码": "unit",
        "单位": "unit",
        "年度": "year",
        "年份": "year",
        "指标": "indicator",
        "计划数": "plan",
        "完成数": "outcome",
        "年初数": "stock_start",
        "新增数": "inflow",
        "退出数": "exits",
        "调整数": "adjustment",
        "年末数": "stock_end",
    },
)
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_YEAR = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a row may name: indicators with their lowest figure, and units that are registered."""

    indicators: Mapping[str, int]
    registered: Callable[[Collection[str]], Collection[str]]


def read_history(data: bytes, known: Known, limit: int = LARGEST_FILE) -> list[PastRow]:
    """Read past years from UTF-8 or GB18030, in the order of the file.

    Raises `Refusal` `history_invalid` with the findings of the first rows; its parameter `count`
    counts all.
    """
    check_file(data, REFUSAL, limit)
    findings = RowFindings()
    sheet = open_sheet(data, _FORM, findings)
    rows = _read(sheet, known, findings) if sheet else []
    if findings.count:
        raise findings.refusal(REFUSAL)
    return rows


def _read(sheet: Sheet, known: Known, findings: RowFindings) -> list[PastRow]:
    first: dict[tuple[str, int, str], int] = {}
    rows: list[PastRow] = []
    places: dict[str, int] = {}
    for row, cells in _cells(sheet, findings):
        places.setdefault(cells["unit"], row)
        found = _row(row, cells, known, findings)
        if found is None:
            continue
        rows.append(found)
        unit, year, indicator = found.unit, found.stated.year, found.stated.indicator
        earlier = first.setdefault((unit, year, indicator), row)
        if earlier != row:
            findings.add(
                "duplicate_year", row, unit=unit, year=year, indicator=indicator, first=earlier
            )
    if not places and not findings.count:
        findings.add("empty_file", sheet.row)
    registered = frozenset(known.registered([unit for unit in places if unit]))
    for unit, row in places.items():
        if unit and unit not in registered:
            findings.add("unknown_unit", row, unit=unit[:SHOWN])
    return rows


def _cells(sheet: Sheet, findings: RowFindings) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's cells by column; rows of another width are told and passed over."""
    width = len(sheet.columns)
    for row, record in sheet.rows:
        if len(record) != width:
            findings.add("row_shape", row, expected=width, got=len(record))
            continue
        yield row, dict(zip(sheet.columns, map(str.strip, record), strict=True))


def _row(row: int, cells: Mapping[str, str], known: Known, findings: RowFindings) -> PastRow | None:
    """The row as stated; None where something is wrong with it, which is told."""
    before = findings.count
    if not cells["unit"]:
        findings.add("missing_value", row, field="unit")
    year, indicator = _year(row, cells["year"], findings), cells["indicator"]
    if not indicator:
        findings.add("missing_value", row, field="indicator")
    elif indicator not in known.indicators:
        listed = ", ".join(known.indicators)
        findings.add("unknown_indicator", row, indicator=indicator[:SHOWN], known=listed)
    lowest = min(0, known.indicators.get(indicator, 0))
    amounts = {name: _amount(row, name, cells.get(name, ""), lowest, findings) for name in AMOUNTS}
    if findings.count > before:
        return None
    return PastRow(cells["unit"], PastYear(year, indicator, **amounts))


def _year(row: int, cell: str, findings: RowFindings) -> int:
    year = int(cell) if _YEAR.fullmatch(cell) else 0
    if not cell:
        findings.add("missing_value", row, field="year")
    elif not FIRST_YEAR <= year <= LAST_YEAR:
        findings.add("bad_year", row, got=cell[:SHOWN], first=FIRST_YEAR, last=LAST_YEAR)
    return year


def _amount(row: int, name: str, cell: str, lowest: int, findings: RowFindings) -> int | None:
    """An amount; None where the cell is empty."""
    if not cell:
        return None
    if not _WHOLE.fullmatch(cell):
        findings.add("not_whole", row, field=name)
        return None
    amount = int(cell)
    if abs(amount) > LARGEST:
        findings.add("out_of_range", row, field=name, limit=LARGEST)
    elif amount < (0 if name in FLOWS else lowest) and name != ADJUSTMENT:
        findings.add("below_zero", row, field=name, value=cell)
    return amount
