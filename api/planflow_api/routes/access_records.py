"""Who read what belongs to others: for auditors, about what lies below them, and security admins."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Query, Request
from pydantic import WithJsonSchema
from starlette.responses import Response

from planflow.errors import Refusal
from planflow.services import access_records, reads
from planflow.services.access_records import Wanted
from planflow.services.paging import FORMATS
from planflow.services.people import Reader
from planflow.services.review_views import AccessView
from planflow.services.site import Site
from planflow.services.views import Page
from planflow_api.dependencies import Visiting, whole
from planflow_api.rooms import room
from planflow_api.routes.review import FILES, Actor, Form, form_of, moment_of
from planflow_api.routes.units import Cursor, Limit
from planflow_api.schemas import READ, refusals

router = room("/access-records", "review")
T = TypeVar("T")

_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
_KIND = WithJsonSchema({"type": "string", "enum": list(reads.KINDS)})
Cycle = Annotated[str | None, Query(description="What was read of this cycle")]
Unit = Annotated[str | None, Query(description="What was read at and below this unit")]
Kind = Annotated[str | None, Query(description="A kind of reading"), _KIND]
Since = Annotated[str | None, Query(description="Not before, with zone"), _TIME]
Until = Annotated[str | None, Query(description="Not after, with zone"), _TIME]


@router.get("", response_model=Page[AccessView], responses=refusals((*READ, 413)) | FILES)
async def search_access_records(
    request: Request,
    visit: Visiting,
    actor: Actor = None,
    cycle: Cycle = None,
    unit: Unit = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    form: Form = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """A page of the records of who read what, oldest first; with `format`, all of them as a file."""

    def wanted() -> Wanted:
        times = (moment_of("since", since), moment_of("until", until))
        return Wanted(actor, cycle, unit, kind, *times)

    def page(site: Site, reader: Reader) -> Page[AccessView]:
        return access_records.search(site, reader, wanted(), cursor, whole("limit", limit))

    def file(site: Site, reader: Reader) -> bytes:
        return access_records.exported(site, reader, wanted(), asked or "")

    asked = form_of(request, form)
    if asked is None:
        return await visit.answer(_allowed_first(page))
    kind_of_file = FORMATS.get(asked, "text/plain")
    return await visit.raw(_allowed_first(file), kind_of_file, f"access-records.{asked}")


def _allowed_first(work: Callable[[Site, Reader], T]) -> Callable[[Site, Reader], T]:
    """The same work; what cannot be read is told only to those who may look (403, then 422)."""

    def look(site: Site, reader: Reader) -> T:
        try:
            return work(site, reader)
        except Refusal:
            access_records.sight(reader)
            raise

    return look
