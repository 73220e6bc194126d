"""The ledger: signed checkpoints, tiles and receipts, after C2SP."""

from typing import Annotated

from fastapi import Query
from pydantic import WithJsonSchema
from starlette.responses import Response

from planflow.errors import Refusal
from planflow.services import ledger
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.views import ReceiptView
from planflow_api.dependencies import Visiting, whole
from planflow_api.rooms import room
from planflow_api.schemas import READ, refusals

router = room("/ledger", "ledger")

NOTE, BYTES = "text/plain; charset=utf-8", "application/octet-stream"
Log = Annotated[
    str | None, Query(description="The id of a cycle, or site, which is meant otherwise")
]
Epoch = Annotated[
    str | None,
    Query(description="Of a log that began anew after a restore: which tree; otherwise the last"),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]


@router.get(
    "/checkpoint",
    response_class=Response,
    responses=refusals(READ) | {200: {"content": {"text/plain": {}}}},
)
async def ledger_checkpoint(visit: Visiting, log: Log = None, epoch: Epoch = None) -> Response:
    """The last signed checkpoint of a log (C2SP tlog-checkpoint)."""
    return await visit.raw(
        lambda site, reader: ledger.last_checkpoint(
            site, reader, log, _epoch(site, reader, log, epoch)
        ),
        NOTE,
    )


@router.get(
    "/key",
    response_class=Response,
    responses=refusals(READ) | {200: {"content": {"text/plain": {}}}},
)
async def ledger_key(visit: Visiting) -> Response:
    """The public key of all checkpoints of this site, as a vkey."""
    return await visit.raw(lambda site, _: ledger.public_key(site), NOTE)


@router.get(
    "/tile/{path:path}",
    response_class=Response,
    responses=refusals(READ) | {200: {"content": {BYTES: {}}}},
)
async def ledger_tile(visit: Visiting, path: str, log: Log = None, epoch: Epoch = None) -> Response:
    """A tile of hashes, or a bundle of leaves (C2SP tlog-tiles): `0/000`, `entries/000.p/7`."""
    return await visit.raw(
        lambda site, reader: ledger.tile(site, reader, log, _epoch(site, reader, log, epoch), path),
        BYTES,
    )


@router.get("/events/{event}/proof", response_model=ReceiptView, responses=refusals((*READ, 409)))
async def event_proof(visit: Visiting, event: str) -> Response:
    """An event's receipt (C2SP tlog-proof): with the leaf and the site's key it proves itself."""
    return await visit.answer(lambda site, reader: ledger.receipt(site, reader, event))


def _epoch(site: Site, reader: Reader, log: str | None, epoch: str | None) -> int | None:
    """The number of a tree; what cannot be read is told only to those who see the log (404, then 422)."""
    try:
        return whole("epoch", epoch)
    except Refusal:
        ledger.sight(site, reader, log)
        raise
