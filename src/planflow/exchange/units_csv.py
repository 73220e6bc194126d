"""A planner's list of units as CSV: `code,name,level,parent[,attributes]` (N1)."""

import re
from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter

from planflow.domain.units import UnitRow
from planflow.exchange.findings import RowFindings
from planflow.exchange.hierarchy import parents_first
from planflow.exchange.sheet import LARGEST_FILE, SHOWN, Form, Sheet, check_file, open_sheet

REFUSAL = "units_invalid"

_REQUIRED = ("code", "name", "level", "parent")
_ALIASES = {
    "代码": "code",
    "编码": "code",
    "名称": "name",
    "级别": "level",
    "层级": "level",
    "上级": "parent",
    "属性": "attributes",
}
_FORM = Form(_REQUIRED, ("attributes",), _ALIASES)
_LONGEST = {"code": 40, "name": 200, "level": 40, "attributes": 200}
_FORMS = {
    "code": re.compile(r"[0-9A-Za-z_-]{1,40}"),
    "level": re.compile(r"[a-z][a-z0-9_]{0,39}"),
}
# Control characters, marks of direction and of no width: no name has them, and a screen would obey them.
_UNFITTING = "\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_UNFIT = re.compile(f"[{_UNFITTING}]")
# All of a sound row in one look, cells joined by line breaks (which are unfit within a cell).
_SOUND = re.compile(
    f"{_FORMS['code'].pattern}\n{_FORMS['level'].pattern}"
    f"\n[^{_UNFITTING}]{{1,{_LONGEST['name']}}}\n[^{_UNFITTING}]{{0,{_LONGEST['attributes']}}}"
)
_SEPARATOR = re.compile("[;\uff1b]")


def read_units(
    data: bytes, known: Collection[str] = (), limit: int = LARGEST_FILE
) -> list[UnitRow]:
    """Read units from UTF-8 or GB18030, parents before their children.

    `known` are codes that may be parents without standing in the file. Raises `Refusal`
    `units_invalid` with the findings of the first rows; its parameter `count` counts all.
    """
    check_file(data, REFUSAL, limit)
    findings = RowFindings()
    sheet = open_sheet(data, _FORM, findings)
    units = _read(sheet, known, findings) if sheet else []
    if findings.count:
        raise findings.refusal(REFUSAL)
    return units


def _read(sheet: Sheet, known: Collection[str], findings: RowFindings) -> list[UnitRow]:
    units, rows = _units(sheet.rows, sheet.columns, findings)
    if not rows and not findings.count:
        findings.add("empty_file", sheet.row)
    _find_orphans(units, rows, frozenset(known), findings)
    return parents_first(units, rows, findings)


def _units(
    records: Iterator[tuple[int, list[str]]], columns: list[str], findings: RowFindings
) -> tuple[dict[str, UnitRow], dict[str, int]]:
    """Return sound units by code, and the first row of every code, sound or not."""
    units: dict[str, UnitRow] = {}
    rows: dict[str, int] = {}
    width = len(columns)
    # without that column, the place after the last one: an empty cell is put there below
    pick = itemgetter(*((*columns, *_FORM.columns).index(column) for column in _REQUIRED))
    place = columns.index("attributes") if "attributes" in columns else width
    for row, record in records:
        if len(record) != width:
            findings.add("row_shape", row, expected=width, got=len(record))
            continue
        record.append("")
        code, name, level, parent = map(str.strip, pick(record))
        attributes = record[place].strip()
        if code in rows:
            findings.add("duplicate_code", row, code=code[:SHOWN], first=rows[code])
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
            findings.add("orphan_unit", rows[code], code=code, parent=parent[:SHOWN])
