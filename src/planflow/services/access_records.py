"""The records of who read what: searched by those who watch over it, and pruned when they are old."""

import datetime as dt
from dataclasses import asdict, dataclass
from functools import partial

from planflow.access.grants import Grant
from planflow.access.table import anywhere
from planflow.domain.events import Draft
from planflow.errors import Finding, Refusal, invalid
from planflow.services import paging, reads
from planflow.services.people import Reader, standings
from planflow.services.review_views import AccessView
from planflow.services.site import Site, site_event
from planflow.services.views import Page
from planflow.store import accesses, people, sites
from planflow.store.accesses import Access, Found, Search
from planflow.store.seats import cycle_head
from planflow.store.transaction import Tx

_TOLD = ("kind", "since", "until")
_ACTION = "access_records"
EVENT = "access_records_pruned"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for: by a reader's pseudonym, in a cycle, at and below a unit, in a time."""

    actor: str | None = None
    cycle: str | None = None
    unit: str | None = None
    kind: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many records were deleted, and up to when."""

    count: int
    until: dt.datetime


def search(
    site: Site,
    reader: Reader,
    wanted: Wanted,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[AccessView]:
    """A page of records, oldest first; reading them is recorded as well. Raises `Refusal`."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> tuple[Page[AccessView], list[Access]]:
        asked, own = _asked(site, tx, reader, wanted)
        found = accesses.page(tx, asked, paging.place(cursor), size + 1)
        last = paging.cursor(found[size - 1]) if len(found) > size else None
        items = [_view(one) for one in found[:size]]
        return Page(items=items, next=last), [_read(own, wanted, "access_records", len(items))]

    return reads.answered(site, reader.user_id, work)


def exported(site: Site, reader: Reader, wanted: Wanted, form: str) -> bytes:
    """All records found as one file. Raises `Refusal`; `too_large` for too many."""

    def work(tx: Tx) -> tuple[bytes, list[Access]]:
        asked, own = _asked(site, tx, reader, wanted)
        views = [_view(one) for one in paging.everything(partial(accesses.page, tx, asked))]
        shown = [_read(own, wanted, "access_records_file", len(views))]
        return paging.written(form, AccessView, views), shown

    paging.check_form(form)
    return reads.answered(site, reader.user_id, work)


def sight(reader: Reader) -> None:
    """Whether a reader may look at records at all. Raises `Refusal` `forbidden`."""
    if not anywhere((grant.role for grant in reader.grants), _ACTION):
        raise Refusal("forbidden", {"action": _ACTION})


def prune(site: Site) -> Pruned:
    """Delete the records that were kept long enough, and say so by an event of the site's.

    The database itself refuses the deletion of one younger than half a year.
    """
    until = site.clock() - dt.timedelta(days=site.settings.access_days)

    def work(tx: Tx) -> Pruned:
        count = accesses.prune(tx, until)
        if count:
            parts = {"pruned": {"count": count, "until": until.isoformat()}}
            site_event(site, tx, Draft(EVENT, "", "", parts, site.mint()), site.shell())
        return Pruned(count, until)

    return site.database.write(work)


def _asked(site: Site, tx: Tx, reader: Reader, wanted: Wanted) -> tuple[Search, Access]:
    """What to look for, and by which grant in which place; a security admin sees all records."""
    sight(reader)
    watching = [grant for grant in reader.grants if anywhere([grant.role], _ACTION)]
    if wanted.cycle is not None:
        _check_cycle(site, tx, reader, watching, wanted.cycle)
    unit = _unit(tx, watching, wanted.unit) if wanted.unit is not None else None
    if wanted.kind is not None and wanted.kind not in reads.KINDS:
        known = ", ".join(reads.KINDS)
        raise invalid(Finding("unknown_option", {"field": "kind", "known": known}, "kind"))
    whole = next((grant for grant in watching if grant.unit_id is None), None)
    scope = None if whole else [grant.unit_id for grant in watching if grant.unit_id]
    below = None if unit is None else [unit]
    times = (wanted.since, wanted.until)
    search = Search(scope, below, wanted.actor, wanted.cycle, wanted.kind, *times)
    by = whole or watching[0]
    place = unit or by.unit_id or ""
    return search, Access(_ACTION, by.id, wanted.cycle or "", place)


def _check_cycle(site: Site, tx: Tx, reader: Reader, watching: list[Grant], cycle: str) -> None:
    """One that there is none of, or that lies outside an auditor's scope, is not found."""
    head = cycle_head(site.database, tx, cycle, dropped=True)
    seen = standings(site, tx, reader, head.tree) if head else []
    own = {grant.id for grant in watching}
    if head and (any(one.unit_id is None for one in watching) or any(s.grant in own for s in seen)):
        return
    raise Refusal("not_found", {"kind": "cycle", "name": cycle})


def _unit(tx: Tx, watching: list[Grant], code: str) -> str:
    found = people.unit_id(tx, code)
    line = sites.line_of(tx, found) if found else []
    if found is None or not any(one.unit_id in (None, *line) for one in watching):
        raise Refusal("not_found", {"kind": "unit", "name": code})
    return found


def _read(own: Access, wanted: Wanted, kind: str, items: int) -> Access:
    asked = {name: one for name, one in asdict(wanted).items() if name not in ("cycle", "unit")}
    return Access(kind, own.grant, own.cycle, own.unit_id, items, reads.filters(asked, _TOLD))


def _view(found: Found) -> AccessView:
    one = found.access
    return AccessView(
        id=found.id,
        recorded_at=found.recorded_at,
        actor=found.actor,
        grant=one.grant or None,
        kind=one.kind,
        cycle=one.cycle or None,
        unit=found.unit or None,
        asked=[f"{name}={value}" for name, value in one.asked.items()],
        items=one.items,
    )
