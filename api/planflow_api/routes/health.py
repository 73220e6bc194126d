"""Whether the process lives, and whether it can serve."""

from fastapi import APIRouter
from pydantic import BaseModel

from planflow_api.dependencies import Opened
from planflow_api.schemas import refusals

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """It is well."""

    status: str = "ok"


@router.get("/healthz", responses=refusals((500,)))
async def healthz() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz", responses=refusals((500, 503)))
async def readyz(door: Opened) -> Health:
    """The database answers, and is of this program's age."""
    await door.through(lambda site: site.ready())
    return Health()
