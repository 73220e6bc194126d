"""Lists too long for one answer: a place in them to go on from, and all of them as one file."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from planflow.errors import Finding, Refusal, invalid
from planflow.exchange import export
from planflow.ledger.leaf import format_time
from planflow.services.view import View

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
MOST_ROWS = 50_000
AT_ONCE = 1_000
_BETWEEN = "~"
Place = tuple[dt.datetime, str]


class Dated(Protocol):
    """What a list in the order of time is made of."""

    @property
    def id(self) -> str:
        """What tells apart those of one instant."""

    @property
    def recorded_at(self) -> dt.datetime:
        """When."""


T = TypeVar("T", bound=Dated)


def cursor(one: Dated) -> str:
    """Where a page ends."""
    return f"{format_time(one.recorded_at)}{_BETWEEN}{one.id}"


def place(text: str | None) -> Place | None:
    """Where a page begins; at the start without a cursor. Raises `Refusal` for one that is none."""
    if not text:
        return None
    at, _, last = text.partition(_BETWEEN)
    try:
        moment = dt.datetime.fromisoformat(at)
        if moment.tzinfo is not None and last:
            return moment.astimezone(dt.UTC), last
    except (ValueError, OverflowError):
        pass
    raise invalid(Finding("wrong_shape", {"field": "cursor"}, "cursor"))


def everything(page: Callable[[Place | None, int], Sequence[T]]) -> Iterator[T]:
    """All of a list, page by page. Raises `Refusal` `too_large` for too many."""
    after, count = None, 0
    while found := page(after, AT_ONCE):
        count += len(found)
        if count > MOST_ROWS:
            raise Refusal("too_large", {"limit": MOST_ROWS})
        yield from found
        after = (found[-1].recorded_at, found[-1].id)


def check_form(form: str) -> None:
    """Whether there is such a form of file. Raises `Refusal`."""
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        raise invalid(Finding("unknown_option", {"field": "format", "known": known}, "format"))


def written(form: str, kind: type[View], views: Sequence[View]) -> bytes:
    """A file of some views, CSV or JSON Lines."""
    rows = [one.model_dump(mode="json") for one in views]
    if form == "csv":
        return export.as_csv(list(kind.model_fields), rows)
    return export.as_lines(rows)
