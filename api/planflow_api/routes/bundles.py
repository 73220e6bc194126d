"""Evidence to take along: a plan or a round with its proofs, checked without a server."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from planflow.services import bundles
from planflow_api.dependencies import Visiting
from planflow_api.rooms import room
from planflow_api.schemas import READ, Responses, refusals

router = room("/cycles/{cycle}", "ledger")

ZIP = "application/zip"
Unit = Annotated[str | None, Query(description="At and below this unit; otherwise all in scope")]
_FILE: Responses = {200: {"content": {ZIP: {}}}}
_OF_PLAN = refusals((*READ, 409, 413)) | _FILE
_OF_ROUND = refusals((*READ, 409, 413)) | _FILE


@router.get("/plans/{unit}/bundle", response_class=Response, responses=_OF_PLAN)
async def plan_bundle(visit: Visiting, cycle: str, unit: str) -> Response:
    """A plan's evidence bundle: checked offline by `planflow verify`."""
    return await visit.raw(
        lambda site, reader: bundles.plan_bundle(site, reader, cycle, unit),
        ZIP,
        f"{cycle}-{unit}.zip",
    )


@router.get("/rounds/{round}/bundle", response_class=Response, responses=_OF_ROUND)
async def round_bundle(visit: Visiting, cycle: str, round: str, unit: Unit = None) -> Response:  # noqa: A002
    """A round's evidence bundle, in the reader's scope: checked offline by `planflow verify`."""
    return await visit.raw(
        lambda site, reader: bundles.round_bundle(site, reader, cycle, round, unit),
        ZIP,
        f"{cycle}-{round}.zip",
    )
