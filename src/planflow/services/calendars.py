"""The calendar of working days: the country's by default, or a file of one's own (N9).

The file is a CSV with the columns `date` and `workday` (1 or 0). It stands alone: years it does not
mention count as unknown, and there Monday to Friday are taken to be worked, with a warning.
"""

import csv
import datetime as dt
from pathlib import Path

from chinese_calendar import constants

from planflow.domain.calendar import Calendar
from planflow.errors import Fault

_WORKED = {"1": True, "0": False}


def national() -> Calendar:
    """China's holidays and the weekends worked in their place, as far as they are announced."""
    days = dict.fromkeys(constants.holidays, False) | dict.fromkeys(constants.workdays, True)
    return Calendar(days, frozenset(day.year for day in days))


def load(path: Path | None) -> Calendar:
    """The calendar of a file, or the national one. Raises `Fault` `calendar_unreadable`."""
    if path is None:
        return national()
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Fault("calendar_unreadable", {"path": str(path), "detail": str(error)}) from error
    days: dict[dt.date, bool] = {}
    for row in csv.DictReader(lines):
        try:
            days[dt.date.fromisoformat((row["date"] or "").strip())] = _WORKED[
                (row["workday"] or "").strip()
            ]
        except (KeyError, ValueError):
            found = ",".join(str(cell) for cell in row.values() if cell is not None)
            raise Fault("calendar_unreadable", {"path": str(path), "detail": found}) from None
    return Calendar(days, frozenset(day.year for day in days))
