"""The tree of units."""

from typing import Annotated

from fastapi import Query
from pydantic import WithJsonSchema
from starlette.responses import Response

from planflow.errors import Refusal
from planflow.services import units
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.views import Page, UnitView
from planflow_api.dependencies import Visiting, whole
from planflow_api.rooms import room
from planflow_api.schemas import READ, refusals

router = room("/units", "units")

Parent = Annotated[str | None, Query(description="The code of a unit: its children alone")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
Limit = Annotated[
    str | None,
    Query(description="At most so many a page"),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]


@router.get("", response_model=Page[UnitView], responses=refusals(READ))
async def list_units(
    visit: Visiting, parent: Parent = None, cursor: Cursor = None, limit: Limit = None
) -> Response:
    """A page of the units directly below `parent`, or of those at the top of the tree without it.

    As far as the reader sees: those that lead to their own units are among them.
    """

    def look(site: Site, reader: Reader) -> Page[UnitView]:
        try:
            return units.list_units(site, reader, parent, cursor, whole("limit", limit))
        except Refusal:
            if parent:
                units.get_unit(site, reader, parent)  # 404 comes before 422
            raise

    return await visit.answer(look)


@router.get("/{code}", response_model=UnitView, responses=refusals(READ))
async def get_unit(visit: Visiting, code: str) -> Response:
    """One unit."""
    return await visit.answer(lambda site, reader: units.get_unit(site, reader, code))
