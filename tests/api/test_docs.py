"""The documentation page needs nothing but this service."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.testclient import TestClient

from planflow.config import Settings
from planflow_api.app import create_app
from tests.api.conftest import World

_ADDRESS = re.compile(r"""(?:src|href)=["']([^"']+)["']|url:\s*["']([^"']+)["']""")


def addresses(page: str) -> list[str]:
    return [first or second for first, second in _ADDRESS.findall(page)]


def test_the_page_names_no_other_host(world: World) -> None:
    page = world.http.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"https?://|//[a-z]", page.text)
    assert "validatorUrl" in page.text


def test_the_page_runs_its_own_script_and_no_other(world: World) -> None:
    page = world.http.get("/docs")
    policy = dict(
        one.strip().split(" ", 1) for one in page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert "http" not in page.headers["Content-Security-Policy"]


def test_everything_the_page_names_is_served_here(world: World) -> None:
    found = addresses(world.http.get("/docs").text)
    assert {urlsplit(address).path.rpartition(".")[2] for address in found} == {
        "js",
        "css",
        "png",
        "json",
    }
    for address in found:
        answer = world.http.get(address)
        assert answer.status_code == 200
        assert answer.content


def test_the_bare_address_leads_to_the_page(world: World) -> None:
    answer = world.http.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/docs")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_works_behind_a_prefix(place: Settings) -> None:
    # Its site stays closed: the page needs none.
    http = TestClient(create_app(place), root_path="/planning")
    found = addresses(http.get("/planning/docs").text)
    assert found
    assert all(address.startswith("/planning/") for address in found)


def test_the_framework_adds_no_page_of_its_own(world: World) -> None:
    assert world.http.get("/redoc").status_code == 404
