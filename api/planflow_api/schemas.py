"""The shape of an error (RFC 9457), and how an operation declares the errors it may answer with."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PROBLEM = "application/problem+json"


class FaultInField(BaseModel):
    """One thing that is wrong with a request; the fields of its sentence stand beside it."""

    model_config = ConfigDict(extra="allow")

    code: str
    field: str = Field(description="The path of the field, empty where the whole body is meant")
    text: str


class FailedGuard(BaseModel):
    """One rule of the negotiation that forbids the act now."""

    name: str
    text: str
    fields: dict[str, Any] = Field(
        description="What the sentence names, such as indicator, expected, got, difference"
    )


class Problem(BaseModel):
    """Why a request was refused; nothing was written. Programs read `code`, people `detail`."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[FaultInField] | None = Field(default=None, description="With 422")
    guards: list[FailedGuard] | None = Field(default=None, description="With guard_failed")


Codes = tuple[str, ...]
Responses = dict[int | str, dict[str, Any]]

_DECLARED: dict[int, tuple[str, Codes]] = {
    400: ("A head that can be read in two ways, or not at all", ("bad_head",)),
    401: ("Not signed in, or the token has ended", ("unauthorized", "otp_required")),
    403: ("In sight, but not the reader's to do", ("forbidden", "scope_missing")),
    404: ("Unknown, or outside the reader's scope", ("not_found",)),
    408: ("The body came too slowly", ("too_slow",)),
    409: (
        "Not now",
        ("illegal_transition", "guard_failed", "already_exists", "key_running", "receipt_pending"),
    ),
    412: ("The plan has moved on", ("stale_version",)),
    413: ("The body is too large", ("too_large",)),
    414: ("The address is too long", ("url_too_long",)),
    422: ("Not a request we understand", ("invalid", "key_reused")),
    428: ("No version was named", ("version_required",)),
    429: ("Too often", ("too_many_requests", "too_many_attempts")),
    431: ("The headers are too large", ("head_too_large",)),
    500: ("Our fault", ("internal",)),
    503: ("Not at the moment", ("database_busy", "database_unavailable", "database_readonly")),
}
_SPLIT = {"indicator": "persons", "expected": 85253, "got": 85000, "difference": -253}
_SHOWN: dict[int, dict[str, Any]] = {
    409: {
        "code": "guard_failed",
        "guards": [
            {"name": "split_exact", "text": "253 persons are not issued.", "fields": _SPLIT}
        ],
    },
    422: {
        "errors": [
            {"code": "not_whole", "field": "figures.persons", "text": "Give a whole number."}
        ]
    },
}
_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}

# What any request may be refused with before its route is asked.
_HEAD = (400, 414, 431)
_COUNTED = (*_HEAD, 429)
# Whatever stands there is found or not; what is asked for in the query may be nothing we know.
READ = (401, 403, 404, 422, 500, 503)
# Sent with a password or a code, and without a key that another call could be at work under.
WRITE_OWN = (*READ, 408, 413)
WRITE = (*WRITE_OWN, 409)
WRITE_PLAN = (*WRITE, 412, 428)


def refusals(statuses: tuple[int, ...], *, counted: bool = True) -> Responses:
    """The `responses` of an operation that may be refused with these statuses."""
    before = _COUNTED if counted else _HEAD
    return {status: _declaration(status) for status in sorted({*before, *statuses})}


def _declaration(status: int) -> dict[str, Any]:
    meaning, codes = _DECLARED[status]
    declared: dict[str, Any] = {
        "description": f"{meaning}: {', '.join(f'`{code}`' for code in codes)}",
        "content": {
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": "about:blank",
                    "title": HTTPStatus(status).phrase,
                    "status": status,
                    "detail": f"{meaning}.",
                    "code": codes[0],
                    **_SHOWN.get(status, {}),
                },
            }
        },
    }
    if status in _HEADERS:
        declared["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return declared
