"""What an operator sees: lines of the log, numbers, and which part is not ready."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from planflow.config import Settings
from planflow.errors import Fault
from planflow.services import standing
from planflow.services.site import open_site
from planflow.services.units import import_units
from planflow_api.app import create_app
from planflow_api.logs import JsonLines
from planflow_api.metrics import Metrics
from planflow_api.watching import Watch
from tests.api.conftest import UNITS, World

HERE = ("127.0.0.1", 50000)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    form = JsonLines()
    found = [one for one in caplog.records if one.name == "planflow.access"]
    return [json.loads(form.format(one)) for one in found]


def test_a_request_is_one_line_with_its_route_and_no_query(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.signed("city")
    with caplog.at_level(logging.INFO, "planflow.access"):
        answer = world.get("city", "/units?parent=450224&cursor=planted-word")
        world.get("city", "/units/450299")
        world.get(None, "/nowhere/planted-word")
        world.http.get("/docs/assets/planted-word")
    first, second, third, fourth = lines(caplog)
    assert (first["method"], first["route"], first["status"]) == (
        "GET",
        "/api/v1/units",
        200,
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", first["actor"])
    assert first["ms"] > 0
    assert "code" not in first
    assert (second["status"], second["code"], second["actor"]) == (404, "not_found", first["actor"])
    assert (third["route"], third["code"]) == ("-", "not_found")
    assert (fourth["route"], fourth["status"]) == ("-", 404)
    assert len(answer.headers["X-Request-Id"]) == 32
    text = caplog.text + json.dumps(lines(caplog))
    assert not any(word in text for word in ("planted-word", "450224", "450299", "city"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0f6a-3c_77.A", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("short", False),
        ("-leading-hyphen", False),
        ("with space in it", False),
        ("line\\nbreak-in-it", False),
        ('quote"in-it-here', False),
        ("\u00e9crit-autrement", False),
    ],
)
def test_a_name_for_a_request_is_kept_where_it_is_one(world: World, given: str, kept: bool) -> None:
    answer = world.http.get("/healthz", headers={"X-Request-Id": given.encode("latin-1")})
    assert (answer.headers["X-Request-Id"] == given) is kept


def test_an_error_is_told_by_its_kind_and_never_by_its_words() -> None:
    try:
        raise LookupError("planted-word")
    except LookupError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "file", 1, "it broke", None, info)
    told = json.loads(JsonLines().format(record))
    assert (told["error"], told["message"], told["level"]) == ("LookupError", "it broke", "error")
    assert "planted-word" not in json.dumps(told)


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "a\n%s", ("b\u2028\r\nc",), None)
    assert "\n" not in JsonLines().format(record)


# Numbers


def number(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return float(found[1])


def test_numbers_are_told_to_this_machine(place_of_its_own: Settings) -> None:
    site = open_site(place_of_its_own, migrate=True)
    import_units(site, UNITS.encode())
    site.close()
    with TestClient(create_app(place_of_its_own), client=HERE) as http:
        http.get("/api/v1/units/450224")
        http.get("/api/v1/units/450225")
        http.request("BREW", "/planted-word")
        answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.text
    asked = 'planflow_requests_total{method="GET",route="/api/v1/units/{code}",status="401"}'
    assert number(text, asked) == 2
    assert number(text, 'planflow_refusals_total{code="unauthorized"}') == 2
    took = 'planflow_request_seconds_count{method="GET",route="/api/v1/units/{code}"}'
    assert number(text, took) == 2
    assert number(text, "planflow_database_pool_size") >= 1
    assert number(text, "planflow_database_pool_used") >= 0
    assert number(text, "planflow_ledger_queued") >= 0
    assert number(text, "planflow_ledger_oldest_seconds") >= 0
    assert not any(word in text for word in ("planted-word", "BREW", "450224"))


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_numbers_are_not_told_through_a_proxy(place: Settings, name: str) -> None:
    http = TestClient(create_app(place), client=HERE)
    assert http.get("/metrics", headers={name: "127.0.0.1"}).status_code in {404, 500}


def test_numbers_are_told_to_nobody_else(world: World) -> None:
    answer = world.http.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_with_a_token_numbers_are_told_to_whoever_has_it(place_of_its_own: Settings) -> None:
    token = SecretStr("numbers-token")
    with TestClient(
        create_app(place_of_its_own.model_copy(update={"metrics_token": token}))
    ) as http:
        for given, status in (
            ("Bearer numbers-token", 200),
            ("Bearer numbers-tokens", 404),
            ("Basic numbers-token", 404),
            ("", 404),
        ):
            assert http.get("/metrics", headers={"Authorization": given}).status_code == status


def test_the_size_of_the_last_checkpoint_is_told(place_of_its_own: Settings) -> None:
    from planflow.services import keys
    from planflow.services.sequencing import Sequencer

    site = open_site(place_of_its_own, migrate=True)
    keys.ready(site)
    import_units(site, UNITS.encode())
    assert standing.look(site).queued == 1
    Sequencer.of(site).advance()
    found = standing.look(site)
    assert (found.queued, found.oldest, found.signed) == (0, 0.0, {"site": 1})
    assert b'planflow_ledger_checkpoint_size{log="site"} 1.0' in Metrics().told(found)
    site.close()


# Readiness


def test_every_part_that_is_not_ready_is_named(tmp_path: Path, place_of_its_own: Settings) -> None:
    folder = tmp_path / "keys"
    site = open_site(
        place_of_its_own.model_copy(update={"ledger_folder": folder, "ready_lag_seconds": 60}),
        migrate=True,
    )
    import_units(site, UNITS.encode())
    ready = standing.READY
    expected = {"database": ready, "schema": ready, "sequencer": ready}
    assert standing.parts(site) == {**expected, "ledger_key": "ledger_key_missing"}
    later = replace(site, clock=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2))
    assert standing.parts(later)["sequencer"] == "ledger_lags"
    site.close()


def test_a_database_that_cannot_be_reached_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(site: Any) -> None:
        raise Fault("database_unavailable", {"detail": "password=planted-word"})

    monkeypatch.setattr(standing, "_lag", broken)
    answer = world.http.get("/readyz", headers={"Accept-Language": "en"})
    assert answer.status_code == 503
    problem = answer.json()
    assert problem["code"] == "not_ready"
    assert problem["parts"] == {
        "database": "database_unavailable",
        "schema": "ready",
        "ledger_key": "ready",
        "sequencer": "database_unavailable",
    }
    assert answer.headers["Retry-After"] == "5"
    assert "planted-word" not in answer.text


# What it costs


def test_watching_costs_microseconds() -> None:
    """No time is asserted but one nobody could miss: what it takes is measured by `bench`."""
    watch = Watch(Metrics())
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    started = time.perf_counter()
    for _ in range(1_000):
        watch.left(scope, watch.arrived(scope))
    assert time.perf_counter() - started < 1.0
