"""One's own second factor."""

from fastapi import Request
from starlette.responses import Response

from planflow.domain.identity import ConfirmFactor, DropFactor, EnrolFactor
from planflow.services import own_factor
from planflow.services.own_factor import EnrolmentView, FactorView, RecoveryView
from planflow.services.tokens import ENROL, MANAGE
from planflow_api.bodies import body
from planflow_api.dependencies import Calling, Visiting, address
from planflow_api.rooms import room
from planflow_api.schemas import WRITE_OWN, refusals

router = room("/auth/second-factor", "auth")

_PASSWORD = {"password": "a long secret"}  # an example  # nosec B105
_REFUSED = refusals(WRITE_OWN)


@router.post(
    "",
    status_code=201,
    response_model=EnrolmentView,
    responses=_REFUSED,
    openapi_extra=body(EnrolFactor, _PASSWORD, "开始登记 / To begin"),
)
async def enrol_factor(request: Request, visit: Visiting, call: Calling) -> Response:
    """Begin to have a second factor: a secret for an authenticator, shown this once."""
    origin = address(request)
    return await visit.answer(
        lambda site, reader: own_factor.enrol(site, reader, call, origin), status=201, needs=ENROL
    )


@router.post(
    "/confirm",
    response_model=RecoveryView,
    responses=_REFUSED,
    openapi_extra=body(ConfirmFactor, {"code": "492039"}, "验证码 / A code of it"),
)
async def confirm_factor(request: Request, visit: Visiting, call: Calling) -> Response:
    """Confirm it by a code; from the next signing in on, `otp` is asked for."""
    origin = address(request)
    return await visit.answer(
        lambda site, reader: own_factor.confirm(site, reader, call, origin), needs=ENROL
    )


@router.delete(
    "",
    response_model=FactorView,
    responses=_REFUSED,
    openapi_extra=body(DropFactor, {**_PASSWORD, "code": "492039"}, "停用 / No longer"),
)
async def drop_factor(request: Request, visit: Visiting, call: Calling) -> Response:
    """Do without a second factor again, by the password and a code."""
    origin = address(request)
    return await visit.answer(
        lambda site, reader: own_factor.drop(site, reader, call, origin), needs=MANAGE
    )
