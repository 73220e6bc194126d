"""A planner's list of units as CSV: `code,name,level,parent[,attributes]` (N1).

Rows are counted as a spreadsheet shows them: the header is row 1, and a cell with a line break is
still one row. A cell that looks like a formula is a text like any other.
"""

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from operator import itemgetter, methodcaller

from planflow.domain.units import UnitRow
from planflow.errors import Finding, Refusal
from planflow.exchange.encoding import BrokenEncodingError, decode
from planflow.exchange.findings import RowFindings
from planflow.exchange.hierarchy import parents_first

LARGEST_FILE = 200 * 1024 * 1024
REFUSAL = "units_invalid"

_REQUIRED = ("code", "name", "level", "parent")
_COLUMNS = (*_REQUIRED, "attributes")
_ALIASES = {
    "代码": "code",
    "编码": "code",
    "名称": "name",
    "级别": "level",
    "层级": "level",
    "上级": "parent",
    "属性": "attributes",
}
_LONGEST = {"code": 40, "name": 200, "level": 40, "attributes": 200}
_FORMS = {
    "code": re.compile(r"[0-9A-Za-z_-]{1,40}"),
    "level": re.compile(r"[a-z][a-z0-9_]{0,39}"),
}
# Control characters and text direction overrides: no name has them, and a screen would obey them.
_UNFITTING = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_UNFIT = re.compile(f"[{_UNFITTING}]")
# All of a sound row in one look, cells joined by line breaks (which are unfit within a cell).
_SOUND = re.compile(
    f"{_FORMS['code'].pattern}\n{_FORMS['level'].pattern}"
    f"\n[^{_UNFITTING}]{{1,{_LONGEST['name']}}}\n[^{_UNFITTING}]{{0,{_LONGEST['attributes']}}}"
)
_SEPARATOR = re.compile("[;\uff1b]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_LINE_TEXT = methodcaller("group")
_SHOWN = 40


def read_units(data: bytes, known: Collection[str] = ()) -> list[UnitRow]:
    """Read units from UTF-8 or GB18030, parents before their children.

    `known` are codes that may be parents without standing in the file. Raises `Refusal`
    `units_invalid` with the findings of the first rows; its parameter `count` counts all.
    """
    if len(data) > LARGEST_FILE:
        limit = f"{LARGEST_FILE // 1024**2} MiB"
        raise Refusal(REFUSAL, {"count": 1}, findings=[Finding("too_large", {"limit": limit})])
    findings = RowFindings()
    units: list[UnitRow] = []
    try:
        records = _records(decode(data), findings)
    except BrokenEncodingError as error:
        findings.add("broken_encoding", error.row)
    else:
        units = _read(records, known, findings)
    if findings.count:
        raise findings.refusal(REFUSAL)
    return units


def _read(
    records: Iterator[tuple[int, list[str]]], known: Collection[str], findings: RowFindings
) -> list[UnitRow]:
    row, names = next(records, (1, []))
    if not names:
        if not findings.count:
            findings.add("empty_file", row)
        return []
    columns = _header(row, names, findings)
    if columns is None:
        return []
    units, rows = _units(records, columns, findings)
    if not rows and not findings.count:
        findings.add("empty_file", row)
    _find_orphans(units, rows, frozenset(known), findings)
    return parents_first(units, rows, findings)


def _records(text: str, findings: RowFindings) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with its number."""
    # lines are cut here and not by a text stream, which would copy all of it four bytes wide
    reader = csv.reader(map(_LINE_TEXT, _LINE.finditer(text)), strict=True)
    for row in count(1):
        before = reader.line_num
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num - before > 1:
                # a quote left open swallowed what follows: no later row number could be trusted
                findings.add("malformed_quote", row)
                return
            _report_broken_row(row, error, findings)
            continue
        if any(map(str.strip, record)):
            yield row, record


def _report_broken_row(row: int, error: csv.Error, findings: RowFindings) -> None:
    # the csv module tells its errors apart by their text alone
    if "field limit" in str(error):
        findings.add("too_long", row, field="", max_length=csv.field_size_limit())
    else:
        findings.add("malformed_quote", row)


def _header(row: int, names: Sequence[str], findings: RowFindings) -> list[str] | None:
    """Return the columns by their own names, or None where the rows cannot be read."""
    columns: list[str] = []
    for cell in names:
        name = cell.strip().lower()
        column = _ALIASES.get(name, name)
        if column not in _COLUMNS:
            findings.add("unknown_column", row, column=cell.strip()[:_SHOWN])
        elif column in columns:
            findings.add("duplicate_column", row, column=column)
        columns.append(column)
    missing = [column for column in _REQUIRED if column not in columns]
    for column in missing:
        findings.add("missing_column", row, column=column)
    return None if missing else columns


def _units(
    records: Iterator[tuple[int, list[str]]], columns: list[str], findings: RowFindings
) -> tuple[dict[str, UnitRow], dict[str, int]]:
    """Return sound units by code, and the first row of every code, sound or not."""
    units: dict[str, UnitRow] = {}
    rows: dict[str, int] = {}
    width = len(columns)
    # without that column, the place after the last one: an empty cell is put there below
    pick = itemgetter(*((*columns, *_COLUMNS).index(column) for column in _REQUIRED))
    place = columns.index("attributes") if "attributes" in columns else width
    for row, record in records:
        if len(record) != width:
            findings.add("row_shape", row, expected=width, got=len(record))
            continue
        record.append("")
        code, name, level, parent = map(str.strip, pick(record))
        attributes = record[place].strip()
        if code in rows:
            findings.add("duplicate_code", row, code=code[:_SHOWN], first=rows[code])
            continue
        if code:
            rows[code] = row
        if _SOUND.fullmatch(f"{code}\n{level}\n{name}\n{attributes}"):
            units[code] = _unit(code, name, level, parent, attributes)
        else:
            cells = {"code": code, "name": name, "level": level, "attributes": attributes}
            _report_cells(row, cells, findings)
    return units, rows


def _report_cells(row: int, cells: Mapping[str, str], findings: RowFindings) -> None:
    """Name what is wrong with each cell of a row that is not sound."""
    for field, text in cells.items():
        if not text:
            if field in _REQUIRED:
                findings.add("missing_value", row, field=field)
        elif len(text) > _LONGEST[field]:
            findings.add("too_long", row, field=field, max_length=_LONGEST[field])
        elif _UNFIT.search(text):
            findings.add("bad_text", row, field=field)
        elif field in _FORMS and not _FORMS[field].fullmatch(text):
            findings.add("bad_name", row, field=field, value=text)


def _unit(code: str, name: str, level: str, parent: str, attributes: str) -> UnitRow:
    words = (word.strip() for word in _SEPARATOR.split(attributes))
    return UnitRow(code, name, level, parent, tuple(dict.fromkeys(word for word in words if word)))


def _find_orphans(
    units: Mapping[str, UnitRow],
    rows: Mapping[str, int],
    known: Collection[str],
    findings: RowFindings,
) -> None:
    for code, unit in units.items():
        parent = unit.parent
        if parent and parent not in rows and parent not in known:
            findings.add("orphan_unit", rows[code], code=code, parent=parent[:_SHOWN])
