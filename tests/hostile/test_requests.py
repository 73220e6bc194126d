"""Every hostile request is refused with its code, in time, and nothing of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from planflow.config import Settings
from planflow.domain.parsing import has_unseen
from planflow.services import keys
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow_api.app import create_app
from tests.api.conftest import World, people_the, settings
from tests.hostile.corpus import CORPUS, DRAFT, TOKEN, Hostile
from tests.world import difference, snapshot


@dataclass
class Stand:
    """A served site, and a second look at its database."""

    world: World
    site: Site
    cycle: str

    def send(self, it: Hostile) -> Any:
        token = self.world.signed("city")["Authorization"].removeprefix("Bearer ")
        words = {"cycle": self.cycle, "token": token, "swapped": token.swapcase()}

        def filled(text: str) -> str:
            return text.format(**words) if "{" in text else text

        headers = {"Accept-Language": "en"} | self.world.signed(it.who)
        if it.path == DRAFT:
            headers["If-Match"] = '"0"'
        headers |= {name: filled(value) for name, value in it.headers.items()}
        body = it.body if isinstance(it.body, bytes) else it.body()
        return self.world.http.request(it.method, filled(it.path), headers=headers, content=body)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    place: Settings = settings(tmp_path_factory.mktemp("hostile"))
    place = place.model_copy(update={"rate_address": 0.0, "rate_actor": 0.0})
    people_the(place)
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        world = World(http)
        cycle = world.new_cycle()
        world.open(cycle, "up1")
        site = open_site(place)
        keys.ready(site)
        while Sequencer.of(site).advance():
            pass
        yield Stand(world, site, cycle)
        site.close()


@pytest.mark.parametrize("it", CORPUS, ids=lambda it: it.name)
def test_it_is_refused_with_its_code_and_nothing_is_written(stand: Stand, it: Hostile) -> None:
    for who in ("city", "rongan"):
        stand.world.signed(who)
    before = snapshot(stand.site)
    answer = stand.send(it)
    assert answer.status_code == it.status, answer.text
    problem = answer.json()
    assert problem["code"] == it.code
    assert problem["detail"]
    assert not has_unseen(problem["detail"])
    if it.found:
        assert problem["errors"][0]["code"] == it.found
    assert "X-Injected" not in answer.headers
    written = difference(before, snapshot(stand.site))
    if it.path == TOKEN and it.status == 401:  # that it failed is counted, under a digest
        written.pop("sign_in_attempt", None)
    assert written == {}


def test_there_are_enough_of_them() -> None:
    names = [it.name for it in CORPUS]
    assert len(set(names)) == len(names)
    print(f"{len(names)} hostile requests")
    assert len(names) >= 200
