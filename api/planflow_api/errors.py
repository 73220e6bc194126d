"""Refusals and faults as problem details (RFC 9457), in the reader's language."""

import json
import logging
import traceback
import uuid
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from planflow.errors import Fault, Finding, PlanflowError, Refusal, invalid
from planflow.messages import sentence
from planflow_api.languages import preferred
from planflow_api.schemas import PROBLEM
from planflow_api.watching import note_code

LOG = logging.getLogger("planflow.api")
STATUS = {
    "unauthorized": 401,
    "otp_required": 401,
    "forbidden": 403,
    "bad_head": 400,
    "unreadable_request": 400,
    "scope_missing": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "illegal_transition": 409,
    "guard_failed": 409,
    "already_exists": 409,
    "key_running": 409,
    "receipt_pending": 409,
    "stale_version": 412,
    "too_large": 413,
    "url_too_long": 414,
    "version_required": 428,
    "too_many_requests": 429,
    "too_many_attempts": 429,
    "head_too_large": 431,
    "internal": 500,
}  # a refusal that is not named here is about what was sent: 422
_RETRY_AFTER = {
    "key_running": "1",
    "receipt_pending": "1",
    "database_busy": "5",
    "database_unavailable": "5",
    "not_ready": "5",
    "provider_unavailable": "5",
}


def install(app: FastAPI) -> None:
    """Make every error of the service a problem."""
    app.add_exception_handler(PlanflowError, _told)
    app.add_exception_handler(HTTPException, _http)


async def _told(request: Request, error: Exception) -> Response:
    if not isinstance(error, PlanflowError):
        raise error
    return _answered(request, error)


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: a path or a method it does not know, a broken form."""
    status, headers = 422, {}
    if isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
    refusal = {
        404: Refusal("not_found"),
        405: Refusal("method_not_allowed", {"method": request.method}),
    }.get(status, invalid(Finding("wrong_shape", {"field": "body"}, "body")))
    answer = _answered(request, refusal)
    if "Allow" in headers:
        answer.headers["Allow"] = headers["Allow"]
    return answer


def _answered(request: Request, error: PlanflowError) -> Response:
    note_code(request.scope, error.code)
    answer = problem(error, language(request))
    if error.code == "too_slow":
        answer.headers["Connection"] = "close"
    return answer


def unexpected(error: Exception, lang: str) -> Response:
    """The answer to a defect of ours. The log names its kind and place, never what it was about."""
    reference = uuid.uuid4().hex
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown"
    LOG.error("unexpected %s in %s, reference %s", type(error).__name__, place, reference)
    return problem(Fault("internal", {"reference": reference}), lang)


def language(request: Request) -> str:
    """The language this request is answered in."""
    return preferred(request.headers.get("accept-language"), request.app.state.settings.lang)


def problem(error: PlanflowError, lang: str) -> Response:
    """The problem details of a refusal or a fault."""
    status = _status(error)
    headers = {"Content-Language": lang, "Vary": "Accept-Language"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.code in _RETRY_AFTER:
        headers["Retry-After"] = _RETRY_AFTER[error.code]
    if status == 429:
        headers["Retry-After"] = str(error.params["seconds"])
    body = json.dumps(_body(error, status, lang), ensure_ascii=False, default=str)
    return Response(body.encode(), status, headers, PROBLEM)


def _status(error: PlanflowError) -> int:
    return STATUS.get(error.code, 503 if isinstance(error, Fault) else 422)


def _body(error: PlanflowError, status: int, lang: str) -> dict[str, Any]:
    body = {
        **error.params,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence(error.code, error.params, lang, error.terms),
        "code": error.code,
    }
    if error.code == "guard_failed":
        body["guards"] = [
            {
                "name": finding.code,
                "text": sentence(finding.code, finding.params, lang, error.terms),
                "fields": finding.params,
            }
            for finding in error.findings
        ]
    elif status == 422:
        body["errors"] = [
            {
                **finding.params,
                "code": finding.code,
                "field": finding.where,
                "text": sentence(finding.code, finding.params, lang, error.terms),
            }
            for finding in error.findings
        ]
    return body
