"""Search over the events of a cycle in the reader's scope, page by page or as a file (F5)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from planflow.errors import Finding, Refusal, invalid
from planflow.exchange import export
from planflow.ledger.leaf import format_time, unseal
from planflow.services import sights
from planflow.services.people import Reader
from planflow.services.review_views import FoundView
from planflow.services.sights import InCycle
from planflow.services.site import Site
from planflow.services.views import Page
from planflow.store import searches
from planflow.store.searches import Found, Search
from planflow.store.transaction import Tx

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
MOST_EVENTS = 50_000
_AT_ONCE = 1_000
_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for: at and below a unit, by an actor's pseudonym, between two times."""

    unit: str | None = None
    actor: str | None = None
    round: str | None = None
    kind: str | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    document_no: str | None = None


def search(
    site: Site,
    reader: Reader,
    cycle: str,
    wanted: Wanted,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[FoundView]:
    """A page of events, oldest first. Raises `Refusal`."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> Page[FoundView]:
        asked = _asked(site, tx, sights.of_cycle(site, tx, reader, cycle), wanted)
        found = searches.page(tx, cycle, asked, _place(cursor), size + 1)
        last = _cursor(found[size - 1]) if len(found) > size else None
        return Page(items=[view(one) for one in found[:size]], next=last)

    return site.database.read(work)


def exported(site: Site, reader: Reader, cycle: str, wanted: Wanted, form: str) -> bytes:
    """All events found as one file, CSV or JSON Lines. Raises `Refusal`; `too_large` for too many."""

    def work(tx: Tx) -> bytes:
        asked = _asked(site, tx, sights.of_cycle(site, tx, reader, cycle), wanted)
        rows = [view(one).model_dump(mode="json") for one in _all(tx, cycle, asked)]
        if form == "csv":
            return export.as_csv(list(FoundView.model_fields), rows)
        return export.as_lines(rows)

    if form not in FORMATS:
        raise invalid(Finding("wrong_shape", {"field": "format"}, "format"))
    return site.database.read(work)


def sight(site: Site, reader: Reader, cycle: str, unit: str | None = None) -> None:
    """Whether a reader may look there at all. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> None:
        sights.part(site, tx, sights.of_cycle(site, tx, reader, cycle), unit)

    site.database.read(work)


def view(found: Found) -> FoundView:
    """An event as a search shows it: nothing of its content."""
    event = unseal(found.leaf, ())
    return FoundView(
        id=found.id,
        recorded_at=found.recorded_at,
        unit=found.unit or None,
        name=found.name or None,
        seq=event.seq,
        kind=event.kind,
        round=event.round,
        actor=event.actor,
        delegators=list(event.delegators),
        documents=[number for number, own in found.documents.items() if own],
        cited_documents=[number for number, own in found.documents.items() if not own],
        cites=list(event.cites),
    )


def _asked(site: Site, tx: Tx, seen: InCycle, wanted: Wanted) -> Search:
    head, scope = seen.head, sights.part(site, tx, seen, wanted.unit)
    rounds = head.negotiation.protocol.rounds_by_name
    if wanted.round is not None and wanted.round not in rounds:
        params = {"round": wanted.round[:64], "known": ", ".join(rounds)}
        raise invalid(Finding("unknown_round", params, "round"))
    return Search(
        scope,
        wanted.unit in (None, head.state.root),  # rounds and tree are everybody's, as the cycle is
        wanted.actor,
        wanted.round,
        wanted.kind,
        wanted.start,
        wanted.end,
        wanted.document_no,
    )


def _all(tx: Tx, cycle: str, asked: Search) -> Iterator[Found]:
    after, count = None, 0
    while found := searches.page(tx, cycle, asked, after, _AT_ONCE):
        count += len(found)
        if count > MOST_EVENTS:
            raise Refusal("too_large", {"limit": MOST_EVENTS})
        yield from found
        after = (found[-1].recorded_at, found[-1].id)


def _cursor(one: Found) -> str:
    return f"{format_time(one.recorded_at)}{_BETWEEN}{one.id}"


def _place(cursor: str | None) -> tuple[dt.datetime, str] | None:
    if not cursor:
        return None
    at, _, last = cursor.partition(_BETWEEN)
    try:
        moment = dt.datetime.fromisoformat(at)
        if moment.tzinfo is not None and last:
            return moment.astimezone(dt.UTC), last
    except (ValueError, OverflowError):
        pass
    raise invalid(Finding("wrong_shape", {"field": "cursor"}, "cursor"))
