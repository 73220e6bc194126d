"""Signing in."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from planflow.errors import Finding, Refusal, invalid
from planflow.services.people import sign_in
from planflow.services.views import TokenView
from planflow_api.dependencies import Opened, written
from planflow_api.errors import language
from planflow_api.schemas import refusals

router = APIRouter(prefix="/auth", tags=["auth"])

_FIELDS = ("username", "password")
_FORM: dict[str, Any] = {
    "type": "object",
    "required": list(_FIELDS),
    "properties": {
        "grant_type": {"type": "string", "const": "password"},
        "username": {"type": "string"},
        "password": {"type": "string", "format": "password"},
    },
}
_EXAMPLE = {"username": "liuzhou", "password": "a long secret"}  # an example  # nosec B105
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": _FORM,
                "examples": {
                    "liuzhou": {"summary": "柳州市的管理员 / Liuzhou's", "value": _EXAMPLE}
                },
            }
        },
    }
}


@router.post(
    "/token",
    response_model=TokenView,
    responses=refusals((401, 408, 413, 422, 500, 503)),
    openapi_extra=_BODY,
)
async def token(request: Request, door: Opened) -> Response:
    """Get a bearer token for a name and a password (OAuth 2 password form)."""
    async with request.form() as form:
        fields = {name: form.get(name) for name in _FIELDS}
    name, password = fields["username"], fields["password"]
    if not isinstance(name, str) or not isinstance(password, str):
        missing = [name for name, value in fields.items() if not isinstance(value, str)]
        raise invalid(*(Finding("missing", {"field": name}, name) for name in missing))
    if "\0" in name:
        raise Refusal("unauthorized", {"why": "credentials"})
    lang = language(request)
    return await door.through(lambda site: written(sign_in(site, name, password), lang))
