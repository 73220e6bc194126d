"""F9 over HTTP: who read what, for those who watch over it, page by page and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from planflow.services.people import add_user
from planflow.services.site import open_site
from planflow_api.app import create_app
from tests.api.conftest import PASSWORD, World, people_the, settings

PATH = "/access-records"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The small world, with somebody who watches; the city has read what a county said."""
    place = settings(tmp_path_factory.mktemp("site"))
    people_the(place)
    site = open_site(place)
    add_user(site, "watch", PASSWORD, "secadmin", None)
    add_user(site, "near", PASSWORD, "auditor", "450224")
    site.close()
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        made = World(http)
        cycle = made.new_cycle()
        made.open(cycle, "up1")
        made.reported(cycle)
        for unit in ("450224", "450225", "450200"):
            assert made.get("city", f"/cycles/{cycle}/plans/{unit}/history").status_code == 200
        assert made.get("rongan", f"/cycles/{cycle}/plans/450224/history").status_code == 200
        yield made


def test_it_is_told_page_by_page_in_the_watchers_scope(world: World) -> None:
    page = world.get("watch", f"{PATH}?kind=history&limit=1").json()
    rest = world.get("watch", f"{PATH}?kind=history&cursor={page['next']}").json()
    assert [one["unit"] for one in page["items"] + rest["items"]] == ["450224", "450225"]
    assert page["items"][0]["items"] == 2
    near = world.get("near", f"{PATH}?kind=history").json()["items"]
    assert [one["unit"] for one in near] == ["450224"]
    own = world.get("watch", f"{PATH}?kind=access_records&unit=450224").json()["items"]
    assert [one["asked"] for one in own] == [["kind=history"]]


def test_it_is_taken_along_as_a_file(world: World) -> None:
    told = world.get("watch", f"{PATH}?kind=history", headers={"Accept": "text/csv"})
    assert told.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(told.content.decode("utf-8-sig"))))
    assert [row["unit"] for row in rows] == ["450224", "450225"]
    lines = world.get("watch", f"{PATH}?kind=history&format=jsonl").text.splitlines()
    assert len(lines) == 2


def test_refusals_stand_in_the_contracts_order(world: World) -> None:
    assert world.get(None, f"{PATH}?since=monday").status_code == 401
    for who in ("city", "rongan", "system", "clerk"):
        assert world.get(who, f"{PATH}?since=monday").status_code == 403
    for wrong in ("unit=450225", "unit=none", "cycle=none"):
        assert world.get("near", f"{PATH}?{wrong}").status_code == 404
    for wrong in ("since=monday", "until=1", "kind=all", "cursor=x", "limit=0", "format=xls"):
        answer = world.get("near", f"{PATH}?{wrong}")
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["field"] == wrong.partition("=")[0]


def test_what_cannot_be_recorded_is_not_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from planflow.errors import Fault
    from planflow.store import accesses

    def full(*_: object) -> None:
        raise Fault("database_readonly")

    monkeypatch.setattr(accesses, "add", full)
    answer = world.get("watch", PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_readonly")
    assert "450224" not in answer.text
