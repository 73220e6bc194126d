"""The rules of a negotiation, as data."""

from starlette.responses import Response

from planflow.services import protocols
from planflow.services.views import Page, ProtocolItem, ProtocolView
from planflow_api.dependencies import Visiting
from planflow_api.rooms import room
from planflow_api.schemas import READ, refusals

router = room("/protocols", "protocols")


@router.get("", response_model=Page[ProtocolItem], responses=refusals(READ))
async def list_protocols(visit: Visiting) -> Response:
    """The protocols a cycle may be opened with."""
    return await visit.answer(
        lambda site, _reader: Page(items=protocols.list_protocols(site.protocols))
    )


@router.get("/{name}", response_model=ProtocolView, responses=refusals(READ))
async def get_protocol(visit: Visiting, name: str) -> Response:
    """A protocol: its definition and its state diagram in Mermaid."""
    return await visit.answer(
        lambda site, reader: protocols.get_protocol(site.protocols, name, reader.lang)
    )
