"""Signing in, renewing and ending tokens, one's own password, and tokens for programs."""

from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from planflow.domain.identity import ChangePassword, EndServiceToken, NewServiceToken
from planflow.errors import Finding, Refusal, invalid
from planflow.services import own_password, service_tokens, tokens
from planflow.services.own_password import PasswordView
from planflow.services.people import sign_in
from planflow.services.service_tokens import ServiceTokenView
from planflow.services.tokens import MANAGE
from planflow.services.views import Page, SignedOutView, TokenView
from planflow_api.bodies import body
from planflow_api.dependencies import Calling, Opened, Visiting, address, whole, written
from planflow_api.errors import language
from planflow_api.rooms import room
from planflow_api.routes.units import Cursor, Limit
from planflow_api.schemas import READ, WRITE, WRITE_OWN, refusals

router = room("/auth", "auth")

_FORM_LIMIT = 16  # KiB
_SIGN_OUT = (408, 413, 422, 500, 503)
_SIGN_IN = (401, *_SIGN_OUT)
_TOKEN = {"grant_type": "refresh_token", "refresh_token": "what was answered last"}  # an example  # nosec B105
_PASSWORD = {"current": "a long secret", "new": "a longer secret"}
_SERVICE = {
    "name": "月报程序",
    "scopes": ["read"],
    "to": "2199-12-31",
    "password": "a long secret",
}  # an example  # nosec B105


def _form(name: str, example: dict[str, str], *fields: str, more: Any = None) -> dict[str, Any]:
    """The `openapi_extra` of an operation that takes a form."""
    shown: dict[str, Any] = {one: {"type": "string"} for one in fields}
    schema = {"type": "object", "required": list(fields), "properties": shown | (more or {})}
    told = {"schema": schema, "examples": {"liuzhou": {"summary": name, "value": example}}}
    return {
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": told}}
    }


async def _fields(request: Request, *names: str, also: str = "") -> list[str]:
    """Fields of a form, and one that may be left out."""
    small = Request(request.scope, _bounded(request.receive))
    async with small.form() as form:
        found = {name: form.get(name) for name in names}
        if also:
            found[also] = form.get(also) or ""
    missing = [name for name, value in found.items() if not isinstance(value, str)]
    if missing:
        raise invalid(*(Finding("missing", {"field": name}, name) for name in missing))
    return [str(value) for value in found.values()]


def _bounded(receive: Receive) -> Receive:
    """A form is a few short fields, sent by anybody: more is not held."""
    held = 0

    async def received() -> Message:
        nonlocal held
        message = await receive()
        held += len(message.get("body", b""))
        if held > _FORM_LIMIT << 10:
            raise Refusal("too_large", {"limit": f"{_FORM_LIMIT} KiB"})
        return message

    return received


@router.post(
    "/token",
    response_model=TokenView,
    responses=refusals(_SIGN_IN),
    openapi_extra=_form(
        "柳州市的管理员 / Liuzhou's",
        {"username": "liuzhou", "password": "a long secret"},  # an example  # nosec B105
        "username",
        "password",
        more={
            "grant_type": {"type": "string", "const": "password"},
            "password": {"type": "string", "format": "password"},
            "otp": {
                "type": "string",
                "description": "A code of the second factor, where one is asked for",
            },
        },
    ),
)
async def token(request: Request, door: Opened) -> Response:
    """Get tokens for a name and a password (OAuth 2 password form).

    Where the account has a second factor, `otp` is a code of it, or one for when it is lost.
    """
    name, password, otp = await _fields(request, "username", "password", also="otp")
    if "\0" in name:
        raise Refusal("unauthorized", {"why": "credentials"})
    lang, origin = language(request), address(request)
    return await door.through(
        lambda site: written(sign_in(site, name, password, origin, otp), lang)
    )


@router.post(
    "/refresh",
    response_model=TokenView,
    responses=refusals(_SIGN_IN),
    openapi_extra=_form(
        "换新令牌 / The next tokens",
        _TOKEN,
        "refresh_token",
        more={"grant_type": {"type": "string", "const": "refresh_token"}},
    ),
)
async def refresh(request: Request, door: Opened) -> Response:
    """Get the next tokens for a refresh token, once: used again, it ends all that came of it."""
    [old] = await _fields(request, "refresh_token")
    lang = language(request)
    return await door.through(lambda site: written(tokens.refresh(site, old), lang))


@router.post(
    "/revoke",
    response_model=SignedOutView,
    responses=refusals(_SIGN_OUT),
    openapi_extra=_form("退出登录 / Signing out", {"token": "any of them"}, "token"),  # an example  # nosec B105
)
async def revoke(request: Request, door: Opened) -> Response:
    """End a token, and all that came of the same sign-in (RFC 7009). Whose it was is not told."""
    [old] = await _fields(request, "token")
    lang = language(request)

    def work(site: Any) -> Response:
        tokens.sign_out(site, old)
        return written(SignedOutView(), lang)

    return await door.through(work)


@router.post(
    "/password",
    response_model=PasswordView,
    responses=refusals(WRITE_OWN),
    openapi_extra=body(ChangePassword, _PASSWORD, "换密码 / Another password"),
)
async def password(request: Request, visit: Visiting, call: Calling) -> Response:
    """Change one's own password; whoever else is signed in with it is signed out."""
    origin = address(request)
    return await visit.answer(
        lambda site, reader: own_password.change(site, reader, call, origin), needs=MANAGE
    )


@router.post(
    "/service-tokens",
    status_code=201,
    response_model=ServiceTokenView,
    responses=refusals(WRITE_OWN),
    openapi_extra=body(NewServiceToken, _SERVICE, "只读的月报程序 / A program that reads"),
)
async def make_service_token(request: Request, visit: Visiting, call: Calling) -> Response:
    """Make a token for a program that acts as oneself, by one's password. It is shown this once.

    `code` is one of the second factor, where there is one.
    """
    origin = address(request)
    return await visit.answer(
        lambda site, reader: service_tokens.make(site, reader, call, origin),
        status=201,
        needs=MANAGE,
    )


@router.get("/service-tokens", response_model=Page[ServiceTokenView], responses=refusals(READ))
async def list_service_tokens(
    visit: Visiting, cursor: Cursor = None, limit: Limit = None
) -> Response:
    """A page of one's own service tokens that have not ended."""
    return await visit.answer(
        lambda site, reader: service_tokens.list_service_tokens(
            site, reader, cursor, whole("limit", limit)
        )
    )


@router.delete(
    "/service-tokens/{token}",
    response_model=ServiceTokenView,
    responses=refusals(WRITE),
    openapi_extra=body(EndServiceToken, {"reason": "程序已停用"}, "停用 / No longer used"),
)
async def end_service_token(visit: Visiting, call: Calling, token: str) -> Response:
    """End one of one's own service tokens."""
    return await visit.answer(
        lambda site, reader: service_tokens.end(site, reader, call, token), needs=MANAGE
    )
