"""A planner's table as CSV: its rows as a spreadsheet counts them, its columns by their own names.

The header is row 1, and a cell with a line break is still one row. A cell that looks like a formula
is a text like any other.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from operator import methodcaller

from planflow.errors import Finding, Refusal
from planflow.exchange.encoding import BrokenEncodingError, decode
from planflow.exchange.findings import RowFindings

LARGEST_FILE = 64  # MiB, unless a site says otherwise
SHOWN = 40  # characters of a cell that is not what it should be

# Workbooks of both ages, archives, pages, programs, pictures: what a name ending in .csv may hide.
_NO_TABLES = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"\x1f\x8b",
    b"%PDF",
    b"\x7fELF",
    b"MZ\x90",
    b"\x89PNG",
)

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_LINE_TEXT = methodcaller("group")


@dataclass(frozen=True, slots=True)
class Form:
    """The columns of a table: those it must have, those it may have, and other names of them."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    aliases: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns by their own names."""
        return (*self.required, *self.optional)

    @property
    def known(self) -> str:
        """All names a column may have, for a person to read."""
        names = {column: [column] for column in self.columns}
        for alias, column in self.aliases.items():
            names[column].append(alias)
        return ", ".join("/".join(one) for one in names.values())


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its columns in the file's order and the rows below the header."""

    row: int  # the header's
    columns: list[str]
    rows: Iterator[tuple[int, list[str]]]


def open_sheet(data: bytes, form: Form, findings: RowFindings) -> Sheet | None:
    """Read UTF-8 or GB18030 up to the header; None where the rows cannot be read.

    What is wrong with the file is told to `findings`, also while the rows are read.
    """
    try:
        records = _records(decode(data), findings)
    except BrokenEncodingError as error:
        findings.add("broken_encoding", error.row)
        return None
    row, names = next(records, (1, []))
    if not names:
        if not findings.count:
            findings.add("empty_file", row)
        return None
    columns = _header(row, names, form, findings)
    return Sheet(row, columns, records) if columns else None


def check_file(data: bytes, refusal: str, limit: int = LARGEST_FILE) -> None:
    """Refuse a file that is too large to be read at all, or that is no table by its first bytes."""
    if len(data) > limit << 20:
        found = Finding("too_large", {"limit": f"{limit} MiB"})
        raise Refusal(refusal, {"count": 1}, findings=[found])
    if data.startswith(_NO_TABLES):
        raise Refusal(refusal, {"count": 1}, findings=[Finding("no_table", {"row": 1}, "row 1")])


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


def _header(row: int, names: Sequence[str], form: Form, findings: RowFindings) -> list[str] | None:
    """Return the columns by their own names, or None where the rows cannot be read."""
    columns: list[str] = []
    for cell in names:
        name = cell.strip().lower()
        column = form.aliases.get(name, name)
        if column not in form.columns:
            findings.add("unknown_column", row, column=cell.strip()[:SHOWN], known=form.known)
        elif column in columns:
            findings.add("duplicate_column", row, column=column)
        columns.append(column)
    missing = [column for column in form.required if column not in columns]
    for column in missing:
        findings.add("missing_column", row, column=column)
    return None if missing else columns
