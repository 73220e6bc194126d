"""Rows to take along: CSV for a spreadsheet, JSON Lines for a program."""

import csv
import io
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BEFORE = '"\u200b\ufeff' + string.whitespace + "\u00a0\u3000"
_BOM = "\ufeff"  # without it a spreadsheet takes the file for another encoding


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A header and rows; a list is one cell, its entries apart by semicolons."""
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\r\n")
    written.writerow(columns)
    for row in rows:
        written.writerow([cell(row[name]) for name in columns])
    return (_BOM + text.getvalue()).encode()


def as_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A JSON object a line."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def cell(value: Any) -> str:
    """A cell as a text: none that a spreadsheet would take for a formula, and no control character.

    A number is a number, also below zero; a text that looks like one is a text.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    text = "" if value is None else str(value)
    text = "".join(" " if unicodedata.category(one) == "Cc" else one for one in text)
    # Where a semicolon parts cells, one inside a cell begins another.
    return ";".join(_harmless(part) for part in text.split(";"))


def _harmless(text: str) -> str:
    lead = len(text) - len(text.lstrip())
    # Quotation marks before it are taken away by whoever parts cells at another sign.
    return f"{text[:lead]}'{text[lead:]}" if text.lstrip(_BEFORE).startswith(_FORMULA) else text
