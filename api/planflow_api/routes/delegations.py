"""Standing in for each other: a role at a unit, delegated for a time, and by no program."""

from starlette.responses import Response

from planflow.domain.delegating import Delegate, EndDelegation
from planflow.services import delegations
from planflow.services.delegations import DelegationView
from planflow.services.tokens import MANAGE
from planflow.services.views import Page
from planflow_api.bodies import body
from planflow_api.dependencies import Calling, Visiting, whole
from planflow_api.rooms import room
from planflow_api.routes.units import Cursor, Limit
from planflow_api.schemas import READ, WRITE, refusals

router = room("/delegations", "delegations")

_DELEGATION = {
    "to_user": "clerk",
    "unit": "450200",
    "role": "admin",
    "from": "2199-03-01",
    "to": "2199-03-14",
    "reason": "出差，由同事代理",
    "onward": False,
}


@router.post(
    "",
    status_code=201,
    response_model=DelegationView,
    responses=refusals(WRITE),
    openapi_extra=body(Delegate, _DELEGATION, "柳州市管理员出差两周 / Away for two weeks"),
)
async def delegate(visit: Visiting, call: Calling) -> Response:
    """Let somebody act in one's place at a unit, until a day."""
    return await visit.answer(
        lambda site, reader: delegations.delegate(site, reader, call), status=201, needs=MANAGE
    )


@router.get("", response_model=Page[DelegationView], responses=refusals(READ))
async def list_delegations(visit: Visiting, cursor: Cursor = None, limit: Limit = None) -> Response:
    """A page of what one has delegated, what rests on it, and what was delegated to one."""
    return await visit.answer(
        lambda site, reader: delegations.list_delegations(
            site, reader, cursor, whole("limit", limit)
        )
    )


@router.post(
    "/{delegation}/end",
    response_model=DelegationView,
    responses=refusals(WRITE),
    openapi_extra=body(EndDelegation, {"reason": "提前返回"}, "提前结束 / Back early"),
)
async def end_delegation(visit: Visiting, call: Calling, delegation: str) -> Response:
    """End a delegation before its time, and all that rests on it."""
    return await visit.answer(
        lambda site, reader: delegations.end_delegation(site, reader, call, delegation),
        needs=MANAGE,
    )
