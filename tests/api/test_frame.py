"""What holds for every request: sizes, headers, unknown paths, our own defects."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from planflow.config import Settings
from planflow_api.app import create_app
from tests.api.conftest import World

BODY_LIMIT = 4 * 1024 * 1024

SECRET = "somebody's name"


@pytest.mark.parametrize("path", ["/units", "/units/450200", "/units/nowhere", "/nowhere"])
@pytest.mark.parametrize("who", ["city", None])
def test_nothing_of_the_api_is_kept(world: World, path: str, who: str | None) -> None:
    answer = world.get(who, path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("GET", "/api/v1/units/", 404, "not_found"),
        ("GET", "/index.html", 404, "not_found"),
        ("GET", "/docs/assets/nothing.js", 404, "not_found"),
        ("DELETE", "/api/v1/cycles/exit/plans/450200", 405, "method_not_allowed"),
        ("POST", "/api/v1/units", 405, "method_not_allowed"),
    ],
)
def test_what_the_service_does_not_know_is_a_problem(
    world: World, method: str, path: str, status: int, code: str
) -> None:
    answer = world.http.request(method, path, headers=world.signed("city"))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["detail"]
    assert ("Allow" in answer.headers) == (status == 405)


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536 + 1):
        yield b" " * 65536


@pytest.mark.parametrize("path", ["/cycles", "/cycles/exit/plans/450200/draft"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_while_it_arrives(
    world: World, path: str, announced: bool
) -> None:
    method = "PUT" if path.endswith("draft") else "POST"
    body = b" " * (BODY_LIMIT + 1) if announced else chunks(BODY_LIMIT)
    answer = world.ask("city", method, path, content=body)
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert answer.json()["limit"] == "4 MiB"


def test_a_body_of_the_largest_size_is_read(world: World) -> None:
    answer = world.ask("city", "POST", "/cycles", content=b" " * BODY_LIMIT)
    assert answer.status_code == 422


def test_a_defect_is_told_and_logged_without_its_words(
    place_of_its_own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(place_of_its_own)

    async def defect() -> None:
        raise LookupError(SECRET)

    app.add_api_route("/api/v1/defect", defect)
    with TestClient(app) as http, caplog.at_level(logging.INFO):
        answer = http.get("/api/v1/defect", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json()
    assert problem["code"] == "internal"
    assert SECRET not in answer.text + caplog.text
    [record] = [one for one in caplog.records if one.name == "planflow.api"]
    assert "LookupError" in record.message
    assert problem["reference"] in record.message
    assert record.exc_info is None


def test_health_and_readiness(world: World) -> None:
    assert world.http.get("/healthz").json() == {"status": "ok"}
    ready = dict.fromkeys(("database", "schema", "ledger_key", "sequencer"), "ready")
    assert world.http.get("/readyz").json() == {"status": "ok", "parts": ready}


def test_a_name_with_a_nul_is_unknown(world: World) -> None:
    assert world.get("city", "/units/45%000200").status_code == 404
    assert world.get("city", "/units?parent=%00").status_code == 404
    form = {"username": "city\0", "password": "correct horse"}
    assert world.http.post("/api/v1/auth/token", data=form).status_code == 401
