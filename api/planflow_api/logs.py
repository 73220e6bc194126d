"""Structured logs: one JSON object a line, with the request it belongs to."""

import datetime as dt
import logging
from typing import Any

import orjson

from planflow_api.watching import REQUEST


class JsonLines(logging.Formatter):
    """A record as a line of JSON; of an error its kind, never its words."""

    def format(self, record: logging.LogRecord) -> str:
        """The line: what was said last may come from outside, and is one text among others."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {"time": at, "level": record.levelname.lower()}
        told["logger"], told["message"] = record.name, record.getMessage()
        if request := REQUEST.get():
            told["request"] = request
        told |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            # Its words may hold what a person wrote.
            told["error"] = record.exc_info[0].__name__
        return orjson.dumps(told, default=str).decode()
