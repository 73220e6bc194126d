"""When a window opens and ends: a whole local date in the cycle's zone, or an instant (F4, N9)."""

import datetime as dt
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

ZONE = "Asia/Shanghai"  # where no cycle says another (F4)
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_LAST_INSTANT = dt.time.max  # a window ends with its last day, not with the next one's first moment


def _read(value: Any) -> dt.date | dt.datetime:
    """A date, or a time that says its zone; anything else means something else to each reader."""
    read = _parsed(value)
    if read is None or not _FIRST_YEAR <= read.year <= _LAST_YEAR:
        raise PydanticCustomError("bad_moment", "neither a date nor a time with its zone")
    return read


def _parsed(value: Any) -> dt.date | dt.datetime | None:
    if not isinstance(value, str):
        return value if isinstance(value, dt.date) else None
    try:
        if len(value) == len("2026-12-01"):
            return dt.date.fromisoformat(value)
        instant = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


Moment = Annotated[
    dt.date | dt.datetime,
    PlainValidator(_read),
    PlainSerializer(lambda moment: moment.isoformat(), return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "description": "A date such as 2026-12-01 (the whole day, in the cycle's zone), or a "
            "time with its zone such as 2026-12-01T18:00:00+08:00",
        }
    ),
]


def begin_of(moment: dt.date | dt.datetime, zone: str) -> dt.datetime:
    """The first instant that a moment means, in UTC."""
    return _instant(moment, dt.time.min, zone)


def end_of(moment: dt.date | dt.datetime, zone: str) -> dt.datetime:
    """The last instant that a moment means, in UTC: a date counts to its end."""
    return _instant(moment, _LAST_INSTANT, zone)


def local_date(instant: dt.datetime, zone: str) -> dt.date:
    """The date that an instant falls on in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def shown(instant: dt.datetime, zone: str) -> str:
    """An instant as people in a zone read it, to the second."""
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def _instant(moment: dt.date | dt.datetime, time: dt.time, zone: str) -> dt.datetime:
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime.combine(moment, time, ZoneInfo(zone))
    return moment.astimezone(dt.UTC)
