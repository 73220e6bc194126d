"""Whether the process lives, whether it can serve and what keeps it from that, and its numbers."""

import ipaddress
import secrets

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from planflow.errors import Fault, Refusal
from planflow.services import standing
from planflow_api.dependencies import Opened
from planflow_api.metrics import KIND
from planflow_api.rooms import room
from planflow_api.schemas import refusals

router = room("", "health", base="")
# A proxy on this machine asks for somebody else.
_FOR_ANOTHER = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Health(BaseModel):
    """It is well."""

    status: str = "ok"


class Readiness(Health):
    """It can serve."""

    parts: dict[str, str] = Field(description="Each part, all of them `ready`")


# It is made of nothing that could fail, and asked for as often as one likes.
@router.get("/healthz", response_model=Health, responses=refusals((), counted=False))
async def healthz() -> Response:
    """The process lives."""
    return _told(Health())


@router.get("/readyz", response_model=Readiness, responses=refusals((500, 503)))
async def readyz(door: Opened) -> Response:
    """It can serve: database, schema, the ledger's key, the sequencer. Otherwise 503 names the part."""
    parts = await door.through(standing.parts)
    if any(told != standing.READY for told in parts.values()):
        raise Fault("not_ready", {"parts": parts})
    return _told(Readiness(parts=parts))


@router.get(
    "/metrics",
    response_class=Response,
    responses=refusals((404, 500, 503)) | {200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request, door: Opened) -> Response:
    """Numbers for Prometheus: for this machine alone, or whoever has the token that is set."""
    if not _may_read_numbers(request):
        raise Refusal("not_found")
    found = await door.through(standing.look)
    return Response(request.app.state.metrics.told(found), media_type=KIND)


def _told(health: Health) -> Response:
    return Response(health.model_dump_json(), media_type="application/json")


def _may_read_numbers(request: Request) -> bool:
    token = request.app.state.settings.metrics_token
    if token is not None:
        expected = f"Bearer {token.get_secret_value()}".encode()
        given = request.headers.get("authorization", "").encode()
        return secrets.compare_digest(given, expected)
    if request.client is None or any(name in request.headers for name in _FOR_ANOTHER):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
