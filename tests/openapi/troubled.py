"""The service, failing as it is told to: what no client brings about, but time, load or a defect.

`POST /trouble` with the name of a trouble; it lasts until another is named. Everything else is the
service as it is, on a database of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from planflow.config import Settings
from planflow.errors import Fault
from planflow.services import bundles, paging
from planflow.services.provider import Provider
from planflow.store import sites
from planflow.store.transaction import Database
from planflow_api.app import create_app as whole
from planflow_api.dependencies import Door
from planflow_api.rates import Rates

FAULTS = ("database_busy", "database_unavailable", "database_readonly")
DEFECT, OFTEN, RUNNING, ALONE = "defect", "often", "running", "alone"
_now = [""]


def create_app() -> ASGIApp:
    """The service behind a door through which troubles are named."""
    patch = pytest.MonkeyPatch()
    # Files of many thousand rows are not what this is about.
    patch.setattr(paging, "MOST_ROWS", 0)
    patch.setattr(bundles, "MOST_EVENTS", 0)
    patch.setattr(Rates, "admit", _admit)
    patch.setattr(Door, "through", _broken(Door.through))
    patch.setattr(Database, "read", _away(Database.read))
    patch.setattr(Database, "write", _away(Database.write))
    patch.setattr(Database, "glance", _away(Database.glance))
    patch.setattr(Provider, "of", _alone(Provider.of))
    patch.setattr(sites, "hold_key", lambda *_: _now != [RUNNING])
    app = whole()

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/trouble":
            _now[:] = [(await Request(scope, receive).body()).decode()]
            await Response(status_code=204)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return told


def _admit(*_: Any) -> int:
    return int(_now == [OFTEN])


def _broken(through: Callable[..., Any]) -> Callable[..., Any]:
    async def broken(*given: Any) -> Any:
        if _now == [DEFECT]:
            raise ZeroDivisionError
        return await through(*given)

    return broken


def _alone(of: Callable[[Settings], Provider]) -> Callable[[Settings], Provider]:
    def alone(settings: Settings) -> Provider:
        return of(
            settings.model_copy(update={"oidc_issuer": None}) if _now == [ALONE] else settings
        )

    return alone


def _away(work: Callable[..., Any]) -> Callable[..., Any]:
    def away(*given: Any) -> Any:
        if _now[0] in FAULTS:
            raise Fault(_now[0])
        return work(*given)

    return away
