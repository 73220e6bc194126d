"""Signing in at another's identity provider: a real one in a process of its own, then a hostile one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from httpx import Response
from pydantic import SecretStr
from sqlalchemy import text
from starlette.testclient import TestClient

from planflow.config import Settings
from planflow.services import shell_accounts
from planflow.services.people import add_user, authenticate
from planflow.services.provider import PUBLISHED
from planflow.services.site import open_site
from planflow_api.app import create_app
from tests.api.conftest import PASSWORD, World, people_the, settings
from tests.api.provider import SECRET, SUBJECT, running
from tests.api.test_server import free_port

CALLBACK = "http://testserver/api/v1/auth/oidc/callback"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with running(free_port()) as url:
        yield url


def configured(place: Settings, issuer: str) -> Settings:
    more = {
        "oidc_issuer": issuer,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_redirect_url": CALLBACK,
    }
    return place.model_copy(update=more)


@pytest.fixture(scope="module")
def site(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = configured(settings(tmp_path_factory.mktemp("oidc")), provider)
    people_the(place)
    opened = open_site(place)
    add_user(opened, "keeper", PASSWORD, "secadmin", None)
    shell_accounts.link(opened, "rongan", SUBJECT)
    opened.close()
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        yield World(http)


@pytest.fixture
def sound(site: World, provider: str) -> Iterator[World]:
    """The same with a provider that does nothing wrong, and a browser that remembers nothing."""
    spoil(provider, "")
    site.http.cookies.clear()
    yield site
    site.http.cookies.clear()


def spoil(provider: str, fault: str) -> None:
    PUBLISHED.forget()
    httpx.post(f"{provider}/spoil", content=fault, trust_env=False).raise_for_status()


def leave(world: World) -> str:
    """To the provider and back: the address that the browser is sent to in the end."""
    gone = world.http.get("/api/v1/auth/oidc/login", follow_redirects=False)
    assert gone.status_code == 302, gone.text
    back = httpx.get(gone.headers["Location"], trust_env=False)
    assert back.status_code == 302, back.text
    return str(back.headers["Location"])


def arrive(world: World, address: str) -> Response:
    answer: Response = world.http.get(address, follow_redirects=False)
    return answer


def refused(answer: Response) -> None:
    assert answer.status_code == 401, answer.text
    assert (answer.json()["code"], answer.json()["why"]) == ("unauthorized", "provider")


def test_somebody_signs_in_and_is_who_they_are_linked_to(sound: World) -> None:
    tokens = arrive(sound, leave(sound)).json()
    assert tokens["token_type"] == "bearer"
    assert tokens["refresh_token"]
    site = open_site(sound.http.app.state.settings)  # type: ignore[attr-defined]
    assert authenticate(site, tokens["access_token"], "zh").name == "rongan"
    site.close()


def test_the_browser_leaves_with_state_nonce_and_a_challenge(sound: World, provider: str) -> None:
    gone = sound.http.get("/api/v1/auth/oidc/login", follow_redirects=False)
    split = urlsplit(gone.headers["Location"])
    asked = {name: one for name, [one] in parse_qs(split.query).items()}
    assert f"{split.scheme}://{split.netloc}" == provider
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == CALLBACK
    cookie = gone.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    for secret in (SECRET, "verifier"):
        assert secret not in gone.headers["Location"].replace("+", " ")


@pytest.mark.parametrize(
    "fault",
    [
        "nonce",
        "expired",
        "old",
        "early",
        "no_exp",
        "text_exp",
        "audience",
        "audiences",
        "party",
        "issuer",
        "no_subject",
        "stranger",
        "kind",
        "none",
        "confused",
        "shared",
        "key",
        "no_id_token",
        "refused",
        "mixed_up",
        "no_iss",
    ],
)
def test_what_does_not_hold_lets_nobody_in(sound: World, provider: str, fault: str) -> None:
    spoil(provider, fault)
    refused(arrive(sound, leave(sound)))


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("other_host", "provider_unusable"),
        ("redirect", "provider_unavailable"),
        ("huge", "provider_unavailable"),
    ],
)
def test_nothing_but_its_own_host_is_called(
    sound: World, provider: str, fault: str, found: str
) -> None:
    address = leave(sound)
    spoil(provider, fault)
    answer = arrive(sound, address)
    assert (answer.status_code, answer.json()["code"]) == (503, found)


def test_another_issuer_in_its_place_is_not_left_for(sound: World, provider: str) -> None:
    spoil(provider, "other_issuer")
    answer = sound.http.get("/api/v1/auth/oidc/login", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unusable")


def test_a_return_is_good_once(sound: World) -> None:
    address = leave(sound)
    cookie = dict(sound.http.cookies)
    assert arrive(sound, address).status_code == 200
    sound.http.cookies.update(cookie)
    refused(arrive(sound, address))


def test_a_return_is_good_in_the_browser_that_left(sound: World) -> None:
    """Else somebody could be signed in to another's account by a link."""
    address = leave(sound)
    sound.http.cookies.clear()
    refused(arrive(sound, address))
    address = leave(sound)
    sound.http.get("/api/v1/auth/oidc/login", follow_redirects=False)  # another departure since
    refused(arrive(sound, address))


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?state=%00&code=%00"])
def test_a_return_of_nobody(sound: World, query: str) -> None:
    refused(arrive(sound, CALLBACK + query))


def test_a_code_of_another_departure_does_not_fit(sound: World) -> None:
    first = parse_qs(urlsplit(leave(sound)).query)["code"][0]
    second = leave(sound)
    own = parse_qs(urlsplit(second).query)["code"][0]
    refused(arrive(sound, second.replace(own, first)))


def test_links_are_a_security_admins_to_make_and_end(sound: World) -> None:
    accounts = sound.get("keeper", "/accounts").json()["items"]
    ids = {one["name"]: one["id"] for one in accounts}
    body = {"subject": SUBJECT}
    taken = sound.ask("keeper", "POST", f"/accounts/{ids['clerk']}/identity", json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
    assert sound.ask("city", "DELETE", f"/accounts/{ids['rongan']}/identity").status_code == 403
    ended = sound.ask("keeper", "DELETE", f"/accounts/{ids['rongan']}/identity")
    assert ended.status_code == 200, ended.text
    refused(arrive(sound, leave(sound)))
    again = sound.ask("keeper", "POST", f"/accounts/{ids['rongan']}/identity", json=body)
    assert again.status_code == 201, again.text
    sound.http.cookies.clear()
    assert arrive(sound, leave(sound)).status_code == 200
    shut = sound.ask("keeper", "POST", f"/accounts/{ids['rongan']}/disable")
    assert shut.status_code == 200
    refused(arrive(sound, leave(sound)))
    assert sound.ask("keeper", "POST", f"/accounts/{ids['rongan']}/enable").status_code == 200


def test_a_link_names_nobody_in_its_leaf(sound: World, provider: str) -> None:
    site = open_site(sound.http.app.state.settings)  # type: ignore[attr-defined]
    query = text("SELECT leaf FROM event WHERE kind = 'identity_linked'")
    leaves = site.records.read(lambda tx: list(tx.connection.execute(query).scalars()))
    site.close()
    assert leaves
    assert not any(SUBJECT.encode() in bytes(leaf) for leaf in leaves)


def test_a_site_without_a_provider_has_no_such_door(world: World) -> None:
    answer: Any = world.http.get("/api/v1/auth/oidc/login", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("issuer", ["http://provider.example", "ftp://127.0.0.1", "nonsense"])
def test_a_provider_in_clear_text_is_not_called(place_of_its_own: Settings, issuer: str) -> None:
    place = configured(place_of_its_own, issuer)
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        answer = http.get("/api/v1/auth/oidc/login", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unusable")
