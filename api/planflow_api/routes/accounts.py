"""Accounts and their grants, for security admins."""

from starlette.responses import Response

from planflow.domain.identity import AddAccount, ChangeAccount, EndGrant, GiveGrant, LinkIdentity
from planflow.errors import Refusal
from planflow.services import accounts
from planflow.services.accounts import AccountView
from planflow.services.people import Reader
from planflow.services.tokens import MANAGE
from planflow.services.views import Page
from planflow_api.bodies import body
from planflow_api.dependencies import Calling, Visiting, whole
from planflow_api.rooms import room
from planflow_api.routes.units import Cursor, Limit
from planflow_api.schemas import READ, WRITE, refusals

router = room("/accounts", "accounts")

_ADDED = {
    "name": "rongan",
    "password": "a long secret",
    "role": "planner",
    "unit": "450224",
}  # an example  # nosec B105
_GRANT = {"role": "planner", "unit": "450224", "from": "2199-03-01", "to": "2199-12-31"}
_REASON = {"reason": "调离岗位"}
_CHANGED = body(ChangeAccount, _REASON, "调离岗位 / Left the office")


def _size(reader: Reader, limit: str | None) -> int | None:
    """The number of a page; what cannot be read is told only to those who may look (403, then 422)."""
    try:
        return whole("limit", limit)
    except Refusal:
        accounts.sight(reader)
        raise


@router.get("", response_model=Page[AccountView], responses=refusals(READ))
async def list_accounts(visit: Visiting, cursor: Cursor = None, limit: Limit = None) -> Response:
    """A page of all accounts, with what each holds."""
    return await visit.answer(
        lambda site, reader: accounts.list_accounts(site, reader, cursor, _size(reader, limit)),
        needs=MANAGE,
    )


@router.post(
    "",
    status_code=201,
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=body(AddAccount, _ADDED, "融安县的填报人 / Rong'an's planner"),
)
async def add_account(visit: Visiting, call: Calling) -> Response:
    """Add an account with one role."""
    return await visit.answer(
        lambda site, reader: accounts.add(site, reader, call), status=201, needs=MANAGE
    )


@router.post(
    "/{account}/grants",
    status_code=201,
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=body(GiveGrant, _GRANT, "到年底 / To the end of the year"),
)
async def give_grant(visit: Visiting, call: Calling, account: str) -> Response:
    """Give an account a role, from a day and to a day where that is said."""
    return await visit.answer(
        lambda site, reader: accounts.give(site, reader, call, account), status=201, needs=MANAGE
    )


@router.delete(
    "/{account}/grants/{grant}",
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=body(EndGrant, _REASON, "调离岗位 / Left the office"),
)
async def end_grant(visit: Visiting, call: Calling, account: str, grant: str) -> Response:
    """End a role, given or delegated, and whatever was delegated of it."""
    return await visit.answer(
        lambda site, reader: accounts.end_grant(site, reader, call, account, grant), needs=MANAGE
    )


@router.post(
    "/{account}/unlock",
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=_CHANGED,
)
async def unlock_account(visit: Visiting, call: Calling, account: str) -> Response:
    """Let somebody sign in again at once, after too many failed attempts."""
    return await visit.answer(
        lambda site, reader: accounts.unlock(site, reader, call, account), needs=MANAGE
    )


@router.post(
    "/{account}/disable",
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=_CHANGED,
)
async def disable_account(visit: Visiting, call: Calling, account: str) -> Response:
    """Shut an account: its tokens end. Grants and history stay."""
    return await visit.answer(
        lambda site, reader: accounts.disable(site, reader, call, account, disabled=True),
        needs=MANAGE,
    )


@router.post(
    "/{account}/enable",
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=_CHANGED,
)
async def enable_account(visit: Visiting, call: Calling, account: str) -> Response:
    """Open a shut account again."""
    return await visit.answer(
        lambda site, reader: accounts.disable(site, reader, call, account, disabled=False),
        needs=MANAGE,
    )


@router.post(
    "/{account}/drop-factor",
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=_CHANGED,
)
async def drop_factor_of_account(visit: Visiting, call: Calling, account: str) -> Response:
    """Let somebody who lost the second factor sign in without."""
    return await visit.answer(
        lambda site, reader: accounts.drop_factor(site, reader, call, account), needs=MANAGE
    )


@router.post(
    "/{account}/identity",
    status_code=201,
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=body(LinkIdentity, {"subject": "248289761001"}, "绑定 / To link"),
)
async def link_account(visit: Visiting, call: Calling, account: str) -> Response:
    """Let somebody sign in by who they are at the site's identity provider."""
    return await visit.answer(
        lambda site, reader: accounts.link(site, reader, call, account), status=201, needs=MANAGE
    )


@router.delete(
    "/{account}/identity",
    response_model=AccountView,
    responses=refusals(WRITE),
    openapi_extra=_CHANGED,
)
async def unlink_account(visit: Visiting, call: Calling, account: str) -> Response:
    """End signing in at the identity provider for an account."""
    return await visit.answer(
        lambda site, reader: accounts.unlink(site, reader, call, account), needs=MANAGE
    )
