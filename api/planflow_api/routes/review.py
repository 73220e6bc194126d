"""Review: what happened in a cycle, looked for and taken along."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Query, Request
from pydantic import WithJsonSchema
from starlette.responses import Response

from planflow.errors import Refusal
from planflow.services import citing, searching, treating
from planflow.services.paging import FORMATS
from planflow.services.people import Reader
from planflow.services.review_views import ChainView, FoundView, TreatmentsView
from planflow.services.searching import Wanted
from planflow.services.site import Site
from planflow.services.views import Page
from planflow_api.dependencies import Visiting, moment, whole
from planflow_api.rooms import room
from planflow_api.routes.units import Cursor, Limit
from planflow_api.schemas import READ, Responses, refusals

router = room("/cycles/{cycle}", "review")
T = TypeVar("T")

_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
_FORM = WithJsonSchema({"type": "string", "enum": list(FORMATS)})
AsOf = Annotated[
    str | None,
    Query(description="As it stood at this time, with zone"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Unit = Annotated[str | None, Query(description="At and below this unit")]
Actor = Annotated[str | None, Query(description="The pseudonym that events carry")]
RoundName = Annotated[str | None, Query(alias="round", description="A round, as in `up1`")]
Kind = Annotated[str | None, Query(description="A kind of event, as in `submitted`")]
Start = Annotated[str | None, Query(alias="from", description="Not before, with zone"), _TIME]
End = Annotated[str | None, Query(alias="to", description="Not after, with zone"), _TIME]
DocumentNo = Annotated[str | None, Query(description="A document number that it carries or cites")]
Form = Annotated[
    str | None, Query(alias="format", description="A file of all that is found"), _FORM
]
FILES: Responses = {200: {"content": {kind.partition(";")[0]: {} for kind in FORMATS.values()}}}


@router.get("/events", response_model=Page[FoundView], responses=refusals((*READ, 413)) | FILES)
async def search_events(
    request: Request,
    visit: Visiting,
    cycle: str,
    unit: Unit = None,
    actor: Actor = None,
    round_name: RoundName = None,
    kind: Kind = None,
    start: Start = None,
    end: End = None,
    document_no: DocumentNo = None,
    form: Form = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """A page of the events of a cycle, oldest first; with `format`, all of them as a file."""
    asked = form_of(request, form)

    def wanted() -> Wanted:
        times = (moment_of("from", start), moment_of("to", end))
        return Wanted(unit, actor, round_name, kind, *times, document_no)

    def page(site: Site, reader: Reader) -> Page[FoundView]:
        return searching.search(site, reader, cycle, wanted(), cursor, whole("limit", limit))

    def file(site: Site, reader: Reader) -> bytes:
        return searching.exported(site, reader, cycle, wanted(), asked or "")

    if asked is None:
        return await visit.answer(seen_first(page, cycle, unit))
    name = f"{cycle}-events.{asked}"
    return await visit.raw(seen_first(file, cycle, unit), FORMATS.get(asked, "text/plain"), name)


@router.get("/plans/{unit}/treatment", response_model=TreatmentsView, responses=refusals(READ))
async def treatment(
    visit: Visiting, cycle: str, unit: str, round_name: RoundName = None
) -> Response:
    """What all units below one asked and were issued in a round; cuts apart from their median marked."""
    return await visit.answer(
        lambda site, reader: treating.treatments(site, reader, cycle, unit, round_name)
    )


@router.get("/documents", response_model=ChainView, responses=refusals(READ))
async def document_chain(visit: Visiting, cycle: str, document_no: DocumentNo = None) -> Response:
    """The chain of documents of one number: what it cites and what cites it, with their events."""
    return await visit.answer(lambda site, reader: citing.chain(site, reader, cycle, document_no))


def seen_first(
    work: Callable[[Site, Reader], T], cycle: str, unit: str | None = None
) -> Callable[[Site, Reader], T]:
    """The same work; what cannot be read is told only to those who may look there (404, then 422)."""

    def look(site: Site, reader: Reader) -> T:
        try:
            return work(site, reader)
        except Refusal:
            searching.sight(site, reader, cycle, unit)
            raise

    return look


def form_of(request: Request, form: str | None) -> str | None:
    """The form of file that is asked for, by name or by its media type; none for a page."""
    first = request.headers.get("accept", "").partition(",")[0].partition(";")[0].strip()
    return form or {FORMATS[one].partition(";")[0]: one for one in FORMATS}.get(first)


def moment_of(name: str, text: str | None) -> dt.datetime | None:
    """A time of a query, where one was given."""
    return None if text is None else moment(name, text)
