"""Search over the events of a cycle in the reader's scope, page by page or as a file (F5)."""

import datetime as dt
from dataclasses import asdict, dataclass
from functools import partial

from planflow.engine import evolve
from planflow.errors import Finding, invalid
from planflow.ledger.leaf import unseal
from planflow.services import paging, reads, sights
from planflow.services.people import Reader
from planflow.services.review_views import FoundView
from planflow.services.sights import InCycle
from planflow.services.site import Site
from planflow.services.views import Page
from planflow.store import searches, trees
from planflow.store.accesses import Access
from planflow.store.searches import Found, Search
from planflow.store.transaction import Tx

_TOLD = ("round", "kind", "start", "end")  # filters whose values are nobody's name


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

    def work(tx: Tx) -> tuple[Page[FoundView], list[Access]]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        asked = _asked(site, tx, seen, wanted)
        found = searches.page(tx, cycle, asked, paging.place(cursor), size + 1)
        last = paging.cursor(found[size - 1]) if len(found) > size else None
        shown = _shown(site, tx, reader, seen, wanted, found[:size], "events")
        return Page(items=[view(one) for one in found[:size]], next=last), shown

    return reads.answered(site, reader.user_id, work, reader.within(cycle))


def exported(site: Site, reader: Reader, cycle: str, wanted: Wanted, form: str) -> bytes:
    """All events found as one file, CSV or JSON Lines. Raises `Refusal`; `too_large` for too many."""

    def work(tx: Tx) -> tuple[bytes, list[Access]]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        asked = _asked(site, tx, seen, wanted)
        found = list(paging.everything(partial(searches.page, tx, cycle, asked)))
        shown = _shown(site, tx, reader, seen, wanted, found, "events_file")
        return paging.written(form, FoundView, [view(one) for one in found]), shown

    paging.check_form(form)
    return reads.answered(site, reader.user_id, work, reader.within(cycle))


def sight(site: Site, reader: Reader, cycle: str, unit: str | None = None) -> None:
    """Whether a reader may look there at all. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> None:
        sights.part(site, tx, sights.of_cycle(site, tx, reader, cycle), unit)

    site.database.read(work, reader.within(cycle))


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
    if wanted.kind is not None and wanted.kind not in evolve.KINDS:
        known = ", ".join(evolve.KINDS)
        raise invalid(Finding("unknown_option", {"field": "kind", "known": known}, "kind"))
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


def _shown(
    site: Site,
    tx: Tx,
    reader: Reader,
    seen: InCycle,
    wanted: Wanted,
    found: list[Found],
    kind: str,
) -> list[Access]:
    """The cycle's own events are everybody's, as the cycle is; the others are their unit's."""
    return reads.of_others(
        kind,
        reader,
        seen.standings,
        (one.path for one in found if one.unit),
        cycle=seen.head.state.id,
        unit=trees.node(site.database, tx, seen.head.tree, wanted.unit) if wanted.unit else None,
        asked=reads.filters(_filters(wanted), _TOLD),
    )


def _filters(wanted: Wanted) -> dict[str, object]:
    return {name: one for name, one in asdict(wanted).items() if name != "unit"}
