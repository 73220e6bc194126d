"""Accounts and grants in the hands of security admins, and the second factor, over HTTP."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from httpx import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from planflow.services.erasing import erase_user
from planflow.services.people import add_user
from planflow.services.site import open_site
from planflow_api.app import create_app
from tests.api.conftest import PASSWORD, World, people_the, settings

NEW = {"name": "lin", "password": "three long words", "role": "planner", "unit": "450224"}
DAY = (dt.datetime.now(dt.UTC) + dt.timedelta(days=20)).date().isoformat()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service with two security admins."""
    place = settings(tmp_path_factory.mktemp("accounts"))
    people_the(place)
    site = open_site(place)
    for name in ("keeper", "second"):
        add_user(site, name, PASSWORD, "secadmin", None)
    site.close()
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        made = World(http)
        made.place = place  # type: ignore[attr-defined]
        yield made


def told(answer: Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    read: dict[str, Any] = answer.json()
    return read


def ids(world: World) -> dict[str, str]:
    return {one["name"]: one["id"] for one in told(world.get("keeper", "/accounts"))["items"]}


def enter(world: World, name: str, password: str = PASSWORD, **more: str) -> Response:
    form = {"username": name, "password": password, **more}
    answer: Response = world.http.post("/api/v1/auth/token", data=form)
    return answer


CALLS = [
    ("GET", "/accounts", None),
    ("POST", "/accounts", NEW),
    ("POST", "/accounts/none/grants", {"role": "planner", "unit": "450224"}),
    ("DELETE", "/accounts/none/grants/none", {}),
    ("POST", "/accounts/none/unlock", {}),
    ("POST", "/accounts/none/disable", {}),
    ("POST", "/accounts/none/enable", {}),
    ("POST", "/accounts/none/drop-factor", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("who", ["city", "rongshui", "auditor", "system"])
def test_nobody_else_manages_accounts(
    apart: World, who: str, method: str, path: str, body: Any
) -> None:
    """Nobody learns which accounts there are: one that is not is refused as one that is."""
    assert told(apart.ask(who, method, path, json=body), 403)["code"] == "forbidden"
    other = path.replace("none", ids(apart)["clerk"], 1)
    assert told(apart.ask(who, method, other, json=body), 403)["code"] == "forbidden"
    assert apart.ask(None, method, path, json=body).status_code == 401


def test_an_account_begins_and_its_grants_come_and_go(apart: World) -> None:
    made = told(apart.ask("keeper", "POST", "/accounts", json=NEW), 201)
    [own] = made["grants"]
    assert (own["role"], own["unit"], own["to"]) == ("planner", "450224", None)
    assert len(made["chain"]) == 64
    assert enter(apart, "lin", NEW["password"]).status_code == 200
    again = told(apart.ask("keeper", "POST", "/accounts", json=NEW), 409)
    assert again["code"] == "already_exists"
    where = f"/accounts/{made['id']}/grants"
    more = {"role": "auditor", "unit": "450200", "to": "2199-12-31"}
    given = told(apart.ask("keeper", "POST", where, json=more, key="one"), 201)
    replayed = told(apart.ask("keeper", "POST", where, json=more, key="one"), 201)
    assert given == replayed
    assert [one["role"] for one in given["grants"]] == ["planner", "auditor"]
    ended = told(
        apart.ask("second", "DELETE", f"{where}/{own['id']}", json={"reason": "调离"}), 200
    )
    assert [one["role"] for one in ended["grants"]] == ["auditor"]
    gone = told(apart.ask("second", "DELETE", f"{where}/{own['id']}", json={}), 404)
    assert gone["code"] == "not_found"


def test_a_delegated_grant_is_a_security_admins_to_end_as_well(apart: World) -> None:
    body = {"to_user": "clerk", "unit": "450200", "to": DAY}
    made = told(apart.ask("city", "POST", "/delegations", json=body), 201)
    clerk = ids(apart)["clerk"]
    where = f"/accounts/{clerk}/grants/{made['id']}"
    held = told(apart.ask("keeper", "DELETE", where, json={"reason": "调离"}))["grants"]
    assert made["id"] not in {one["id"] for one in held}
    assert told(apart.ask("keeper", "DELETE", where, json={}), 404)["code"] == "not_found"
    [listed] = told(apart.get("clerk", "/delegations"))["items"]
    assert (listed["id"], listed["status"]) == (made["id"], "ended")


def test_what_a_shut_account_delegated_rests_until_it_is_opened(apart: World) -> None:
    """Whoever a stand-in passed it on to is no way round: each account in the chain counts."""
    cycle = apart.new_cycle()
    apart.open(cycle, "up1")
    body = {"to_user": "rongshui", "unit": "450224", "to": DAY, "role": "planner", "onward": True}
    told(apart.ask("rongan", "POST", "/delegations", json=body), 201)
    body |= {"to_user": "system", "onward": False}
    told(apart.ask("rongshui", "POST", "/delegations", json=body), 201)
    who = ids(apart)

    def drafts() -> int:
        path, figures = f"/cycles/{cycle}/plans/450224", {"persons": 1}
        version = apart.version(cycle, "450224")
        return apart.ask(
            "system", "PUT", f"{path}/draft", json={"figures": figures}, version=version
        ).status_code

    assert drafts() == 200
    for one in ("rongan", "rongshui"):
        told(apart.ask("keeper", "POST", f"/accounts/{who[one]}/disable", json={}))
        [listed] = told(apart.get("system", "/delegations"))["items"]
        assert listed["status"] == "waiting"
        assert drafts() == 404
        told(apart.ask("keeper", "POST", f"/accounts/{who[one]}/enable", json={}))
        del apart.tokens[one]
        assert drafts() == 200


@pytest.mark.parametrize(
    ("change", "field", "found"),
    [
        ({"role": "boss"}, "role", "unknown_role"),
        ({"role": "sysadmin"}, "unit", "role_without_unit"),
        ({"unit": None}, "unit", "role_needs_unit"),
        ({"unit": "nowhere"}, "unit", "unknown_unit"),
        ({"name": " x"}, "name", "bad_user_name"),
        ({"name": "other", "password": "password1"}, "password", "common_password"),
        ({"name": "somebody", "password": "somebody-7"}, "password", "password_of_name"),
    ],
)
def test_an_account_that_cannot_be(
    apart: World, change: dict[str, Any], field: str, found: str
) -> None:
    body = {**NEW, "name": "someone", **change}
    [error] = told(apart.ask("keeper", "POST", "/accounts", json=body), 422)["errors"]
    assert (error["field"], error["code"]) == (field, found)


@pytest.mark.parametrize(
    ("name", "role"), [("system", "secadmin"), ("auditor", "sysadmin"), ("auditor", "secadmin")]
)
def test_three_roles_are_three_persons(apart: World, name: str, role: str) -> None:
    where = f"/accounts/{ids(apart)[name]}/grants"
    [error] = told(apart.ask("keeper", "POST", where, json={"role": role}), 422)["errors"]
    assert (error["field"], error["code"]) == ("role", "exclusive_roles")


def test_a_security_admin_gives_themselves_nothing(apart: World) -> None:
    own = ids(apart)["keeper"]
    for act, body in (
        ("grants", {"role": "admin", "unit": "450200"}),
        ("disable", {}),
        ("drop-factor", {}),
    ):
        refused = told(apart.ask("keeper", "POST", f"/accounts/{own}/{act}", json=body), 409)
        assert [one["name"] for one in refused["guards"]] == ["not_to_oneself"]
    where = f"/accounts/{own}/grants"
    body = {"role": "admin", "unit": "450200"}
    [error] = told(apart.ask("second", "POST", where, json=body), 422)["errors"]
    assert error["code"] == "exclusive_roles"  # nor does another


def test_a_security_admin_sees_and_does_nothing_in_a_plan(apart: World) -> None:
    cycle = apart.new_cycle()
    apart.open(cycle, "up1")
    for path in (f"/cycles/{cycle}", f"/cycles/{cycle}/plans", f"/cycles/{cycle}/plans/450224"):
        assert apart.get("keeper", path).status_code == 404, path
    draft = f"/cycles/{cycle}/plans/450224/draft"
    assert apart.ask("keeper", "PUT", draft, json={}, version=0).status_code == 404
    assert apart.ask("keeper", "POST", "/cycles", json={}).status_code in (403, 422)
    body = {"to_user": "keeper", "unit": "450200", "to": DAY}
    answer = apart.ask("city", "POST", "/delegations", json=body)
    [error] = told(answer, 422)["errors"]
    assert (error["field"], error["code"]) == ("to_user", "exclusive_roles")
    assert "secadmin" not in answer.text  # who holds what is not everybody's to know


def test_who_is_locked_or_shut_is_shown_and_let_in_again(apart: World) -> None:
    account = ids(apart)["rongan"]
    token = enter(apart, "rongan").json()["access_token"]
    for _ in range(5):
        assert enter(apart, "rongan", "wrong").status_code == 401
    seen = next(
        one for one in told(apart.get("second", "/accounts"))["items"] if one["id"] == account
    )
    assert seen["locked_until"]
    assert enter(apart, "rongan").status_code == 429
    done = told(apart.ask("keeper", "POST", f"/accounts/{account}/unlock", json={}))
    assert done["locked_until"] is None
    assert enter(apart, "rongan").status_code == 200
    shut = told(
        apart.ask("keeper", "POST", f"/accounts/{account}/disable", json={"reason": "离职"})
    )
    assert shut["disabled"]
    headers = {"Authorization": f"Bearer {token}"}
    assert apart.http.get("/api/v1/units", headers=headers).status_code == 401
    assert enter(apart, "rongan").status_code == 401
    assert not told(apart.ask("keeper", "POST", f"/accounts/{account}/enable"))["disabled"]
    assert enter(apart, "rongan").status_code == 200


def test_the_list_is_read_page_by_page(apart: World) -> None:
    names: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        page = told(apart.get("keeper", f"/accounts?limit=2&cursor={page['next']}"))
        names += [one["name"] for one in page["items"]]
    assert names == list(ids(apart))
    assert len(names) == len(set(names)) >= 8


def test_nothing_begins_anew_with_a_person_who_was_erased(apart: World) -> None:
    told(apart.ask("keeper", "POST", "/accounts", json={**NEW, "name": "gone"}), 201)
    site = open_site(apart.place)  # type: ignore[attr-defined]
    who = erase_user(site, "gone", "asked for it").pseudonym
    site.close()
    for act, body in (
        ("grants", {"role": "planner", "unit": "450224"}),
        ("identity", {"subject": "248289761001"}),
    ):
        refused = told(apart.ask("keeper", "POST", f"/accounts/{who}/{act}", json=body), 404)
        assert refused["code"] == "not_found"
    body = {"to_user": who, "unit": "450200", "to": DAY}
    [error] = told(apart.ask("city", "POST", "/delegations", json=body), 422)["errors"]
    assert (error["field"], error["code"]) == ("to_user", "unknown_user")


def test_a_second_factor_over_http(apart: World) -> None:
    made = apart.ask("rongshui", "POST", "/auth/second-factor", json={"password": PASSWORD})
    maker = pyotp.parse_uri(told(made, 201)["otpauth"])
    assert isinstance(maker, pyotp.TOTP)
    now = int(time.time())
    body = {"code": maker.at(now)}
    done = told(apart.ask("rongshui", "POST", "/auth/second-factor/confirm", json=body))
    assert len(done["recovery_codes"]) == 10
    refused = enter(apart, "rongshui")
    assert (refused.status_code, refused.json()["code"]) == (401, "otp_required")
    assert enter(apart, "rongshui", otp=maker.at(now)).status_code == 401  # used to confirm
    assert enter(apart, "rongshui", otp=done["recovery_codes"][0]).status_code == 200
    body = {"password": PASSWORD, "code": done["recovery_codes"][1]}
    assert told(apart.ask("rongshui", "DELETE", "/auth/second-factor", json=body))["event"]
    assert enter(apart, "rongshui").status_code == 200


def test_every_change_is_an_event_that_names_nobody(apart: World) -> None:
    who = ids(apart)["clerk"]
    for act in ("disable", "enable", "unlock"):
        told(apart.ask("keeper", "POST", f"/accounts/{who}/{act}", json={"reason": "planted why"}))
    given = {"role": "auditor", "unit": "450224"}
    held = told(apart.ask("keeper", "POST", f"/accounts/{who}/grants", json=given), 201)["grants"]
    told(apart.ask("keeper", "DELETE", f"/accounts/{who}/grants/{held[-1]['id']}", json={}))
    token = enter(apart, "clerk").json()["access_token"]
    apart.http.post("/api/v1/auth/revoke", data={"token": token})
    site = open_site(apart.place)  # type: ignore[attr-defined]
    query = text("SELECT kind, leaf FROM event WHERE stream = 'site'")
    rows = site.records.read(lambda tx: tx.connection.execute(query).all())
    site.close()
    kinds = {row.kind for row in rows}
    assert kinds >= {
        "user_added",
        "grant_given",
        "grant_ended",
        "account_unlocked",
        "account_disabled",
        "account_enabled",
        "tokens_ended",
    }
    leaves = b"".join(bytes(row.leaf) for row in rows)
    for planted in ("rongshui", "keeper", "clerk", NEW["password"], "planted why", "450224"):
        assert f'"{planted}"'.encode() not in leaves
