"""Signing in, renewing, signing out, one's password and tokens for programs, over HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from httpx import Response
from starlette.testclient import TestClient

from planflow_api.app import create_app
from tests.api.conftest import PASSWORD, World, people_the, settings

DAY = (dt.datetime.now(dt.UTC) + dt.timedelta(days=20)).date().isoformat()
SERVICE = {"name": "月报", "scopes": ["read"], "to": DAY, "password": PASSWORD}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service whose people may be locked out."""
    place = settings(tmp_path_factory.mktemp("apart"))
    people_the(place)
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        yield World(http)


def post(world: World, path: str, **form: str) -> Response:
    answer: Response = world.http.post(
        f"/api/v1/auth/{path}", data=form, headers={"Accept-Language": "en"}
    )
    return answer


def told(answer: Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    read: dict[str, Any] = answer.json()
    return read


def test_the_contract_of_signing_in_holds_and_has_a_way_on(apart: World) -> None:
    first = told(post(apart, "token", username="city", password=PASSWORD), 200)
    assert first["token_type"] == "bearer"
    assert first["expires_in"] == 30 * 60
    assert first["scope"] == "read act manage enrol"
    second = told(post(apart, "refresh", refresh_token=first["refresh_token"]), 200)
    assert second["access_token"] != first["access_token"]
    again = told(post(apart, "refresh", refresh_token=first["refresh_token"]), 401)
    assert again["code"] == "unauthorized"
    headers = {"Authorization": f"Bearer {second['access_token']}"}
    assert apart.http.get("/api/v1/units", headers=headers).status_code == 401


def test_signing_out_says_the_same_of_every_token(apart: World) -> None:
    mine = told(post(apart, "token", username="city", password=PASSWORD), 200)
    for token in (mine["access_token"], mine["access_token"], "none", "\0"):
        assert told(post(apart, "revoke", token=token), 200) == {"signed_out": True}
    headers = {"Authorization": f"Bearer {mine['access_token']}"}
    assert apart.http.get("/api/v1/units", headers=headers).status_code == 401


@pytest.mark.parametrize("name", ["clerk", "nobody"])
def test_a_locked_name_is_told_when_to_come_back(apart: World, name: str) -> None:
    answers = [post(apart, "token", username=name, password="wrong") for _ in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert answers[0].content == answers[4].content
    late = post(apart, "token", username=name, password=PASSWORD)
    assert told(late, 429)["code"] == "too_many_attempts"
    assert 1 <= int(late.headers["Retry-After"]) <= 10
    assert PASSWORD not in late.text


def test_a_program_reads_and_does_not_act(apart: World) -> None:
    made = told(apart.ask("rongan", "POST", "/auth/service-tokens", json=SERVICE), 201)
    apart.tokens["program"] = made.pop("token")
    assert apart.get("program", "/units").status_code == 200
    for method, path in (
        ("POST", "/cycles"),
        ("PUT", "/cycles/none/plans/450224/draft"),
        ("POST", "/delegations"),
        ("DELETE", "/cycles/none"),
        ("POST", "/auth/password"),
        ("POST", "/auth/service-tokens"),
    ):
        refused = told(apart.ask("program", method, path, json={}), 403)
        assert refused["code"] == "scope_missing", path
    [listed] = told(apart.get("rongan", "/auth/service-tokens"), 200)["items"]
    assert (listed["id"], listed["token"]) == (made["id"], None)
    where = f"/auth/service-tokens/{made['id']}"
    assert told(apart.ask("rongshui", "DELETE", where), 404)["code"] == "not_found"
    ended = told(apart.ask("rongan", "DELETE", where, json={"reason": "停用"}), 200)
    assert ended["ended"]
    assert apart.get("program", "/units").status_code == 401
    assert told(apart.ask("rongan", "DELETE", where), 404)["code"] == "not_found"


def test_a_token_that_acts_acts_and_manages_nothing(apart: World) -> None:
    asked = {**SERVICE, "scopes": ["act"]}
    made = told(apart.ask("city", "POST", "/auth/service-tokens", json=asked), 201)
    assert made["scopes"] == ["read", "act"]
    apart.tokens["acting"] = made["token"]
    assert told(apart.ask("acting", "POST", "/cycles", json={}), 422)["code"] == "invalid"
    refused = told(apart.ask("acting", "POST", "/auth/service-tokens", json=asked), 403)
    assert (refused["code"], refused["scope"]) == ("scope_missing", "manage")

    for path in ("/delegations", "/delegations/none/end"):
        refused = told(apart.ask("acting", "POST", path, json={}), 403)
        assert (refused["code"], refused["scope"]) == ("scope_missing", "manage")


def test_a_stolen_token_makes_no_service_token(apart: World) -> None:
    """It takes the password, and guessing it is a failed sign-in."""
    asked = {name: value for name, value in SERVICE.items() if name != "password"}
    answer = apart.ask("system", "POST", "/auth/service-tokens", json=asked)
    assert [(one["field"], one["code"]) for one in told(answer, 422)["errors"]] == [
        ("password", "missing")
    ]
    statuses = []
    for _ in range(6):
        body = {**SERVICE, "password": "guessed"}
        answer = apart.ask("system", "POST", "/auth/service-tokens", json=body)
        statuses.append(answer.status_code)
        assert "guessed" not in answer.text
    assert statuses == [422] * 5 + [429]
    assert told(apart.get("system", "/auth/service-tokens"), 200)["items"] == []


def test_with_a_second_factor_a_service_token_takes_a_code(apart: World) -> None:
    def asked(**more: str) -> Response:
        return apart.ask("rongan", "POST", "/auth/service-tokens", json={**SERVICE, **more})

    begun = apart.ask("rongan", "POST", "/auth/second-factor", json={"password": PASSWORD})
    maker = pyotp.parse_uri(told(begun, 201)["otpauth"])
    assert isinstance(maker, pyotp.TOTP)
    body = {"code": maker.now()}
    codes = told(apart.ask("rongan", "POST", "/auth/second-factor/confirm", json=body), 200)
    for _ in range(6):  # the right password alone is no failure
        [error] = told(asked(), 422)["errors"]
        assert (error["field"], error["code"]) == ("code", "missing")
    [error] = told(asked(code="000000"), 422)["errors"]
    assert (error["field"], error["code"]) == ("code", "wrong_code")
    assert told(asked(code=codes["recovery_codes"][0]), 201)["token"]
    [error] = told(asked(code=codes["recovery_codes"][0]), 422)["errors"]
    assert error["code"] == "wrong_code"


@pytest.mark.parametrize(
    ("change", "field", "found"),
    [
        ({"to": "2020-01-01"}, "to", "ends_before_it_begins"),
        ({"to": "2199-01-01"}, "to", "delegation_too_long"),
        ({"scopes": ["manage"]}, "scopes.0", "unknown_option"),
        ({"scopes": []}, "scopes", "wrong_shape"),
        ({"name": ""}, "name", "empty"),
    ],
)
def test_a_service_token_that_cannot_be(
    apart: World, change: dict[str, Any], field: str, found: str
) -> None:
    answer = apart.ask("city", "POST", "/auth/service-tokens", json={**SERVICE, **change})
    [error] = told(answer, 422)["errors"]
    assert (error["field"], error["code"]) == (field, found)


@pytest.mark.parametrize(
    ("current", "new", "field", "found"),
    [
        ("wrong", "another long secret", "current", "wrong_password"),
        (PASSWORD, "sh0rt", "new", "short_password"),
        (PASSWORD, "password1", "new", "common_password"),
        (PASSWORD, "rongshui2026", "new", "password_of_name"),
        (PASSWORD, PASSWORD, "new", "same_password"),
    ],
)
def test_a_password_that_is_not_taken(
    apart: World, current: str, new: str, field: str, found: str
) -> None:
    body = {"current": current, "new": new}
    answer = apart.ask("rongshui", "POST", "/auth/password", json=body)
    [error] = told(answer, 422)["errors"]
    assert (error["field"], error["code"]) == (field, found)
    assert new not in answer.text


def test_a_password_is_changed_by_its_holder(apart: World) -> None:
    body = {"current": PASSWORD, "new": "another long secret"}
    done = told(apart.ask("auditor", "POST", "/auth/password", json=body), 200)
    assert done["event"]
    assert len(done["chain"]) == 64
    assert post(apart, "token", username="auditor", password=PASSWORD).status_code == 401
    assert post(apart, "token", username="auditor", password=body["new"]).status_code == 200
