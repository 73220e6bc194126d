"""What a route may ask for: texts as they came, and what is made of the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Body, Depends, FastAPI, Header, Query, Request, Response
from starlette.testclient import TestClient

from planflow_api.rooms import room


async def host(request: Request) -> str:
    return str(request.headers["host"])


async def further(of_it: Annotated[str, Depends(host)]) -> str:
    return of_it


Host = Annotated[str, Depends(host)]
After = Annotated[str | None, Query(alias="from")]


def test_a_route_is_given_texts_as_they_came() -> None:
    rooms, app = room("/things", "things"), FastAPI()

    @rooms.get("/{thing}")
    async def look(
        request: Request, place: Host, thing: str, after: After = None, other: str = ""
    ) -> Response:
        return Response(repr((request.method, place, thing, after, other)))

    app.router.routes.extend(rooms.routes)
    http = TestClient(app)
    told = http.get("/api/v1/things/%E5%8E%BF%20?from=1&from=%C3%A92&unknown=3").text
    assert told == repr(("GET", "testserver", "县 ", "é2", ""))
    assert http.get("/api/v1/things/1").text == repr(("GET", "testserver", "1", None, ""))
    assert http.get("/api/v1/things/1?from=&other=x").text == repr(
        ("GET", "testserver", "1", "", "x")
    )


def a_number(limit: int = 1) -> None: ...
def needed(limit: str) -> None: ...
def headed(version: Annotated[str, Header()] = "") -> None: ...
def embodied(thing: Annotated[str, Body()]) -> None: ...
def nested(place: Annotated[str, Depends(further)]) -> None: ...


@pytest.mark.parametrize("endpoint", [a_number, needed, headed, embodied, nested])
def test_a_route_that_wants_more_is_refused_when_it_is_made(endpoint: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="wants more"):
        room("/things", "things").get("")(endpoint)
