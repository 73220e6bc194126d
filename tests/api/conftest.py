"""A small world behind a real service: Liuzhou, two of its counties, on a database file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from pydantic import SecretStr
from starlette.testclient import TestClient

from planflow.config import Settings
from planflow.services.past import import_history
from planflow.services.people import add_user
from planflow.services.site import open_site
from planflow.services.units import import_units
from planflow_api.app import create_app

UNITS = """\
code,name,level,parent,attributes
450200,柳州市,city,,
450224,融安县,county,450200,poor_county
450225,融水苗族自治县,county,450200,poor_county
450202,城中区,county,450200,
"""
PAST = """\
unit,year,indicator,plan,outcome,stock_start,inflow,exits,adjustment,stock_end
450224,2018,persons,8000,8700,20000,100,8700,,11400
"""
PASSWORD = "correct horse"
USERS = {
    "city": ("admin", "450200"),
    "clerk": ("planner", "450200"),
    "auditor": ("auditor", "450200"),
    "rongan": ("admin", "450224"),
    "rongshui": ("planner", "450225"),
    "system": ("sysadmin", None),
}
RONGAN = {"persons": 9000, "villages": 12, "county_exit": 1}
RONGSHUI = {"persons": 21000, "villages": 30, "county_exit": 0}

_numbers = itertools.count(1)


@dataclass
class World:
    """The service, and everybody's token."""

    http: TestClient
    tokens: dict[str, str] = field(default_factory=dict)

    def signed(self, who: str | None) -> dict[str, str]:
        if who is None:
            return {}
        if who not in self.tokens:
            form = {"username": who, "password": PASSWORD}
            answer = self.http.post("/api/v1/auth/token", data=form)
            self.tokens[who] = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def ask(self, who: str | None, method: str, path: str, **how: Any) -> Response:
        """A request of somebody; `version` and `key` become headers."""
        headers = {"Accept-Language": "en"} | self.signed(who) | how.pop("headers", {})
        version, key = how.pop("version", None), how.pop("key", None)
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if key is not None:
            headers["Idempotency-Key"] = key
        answer: Response = self.http.request(method, f"/api/v1{path}", headers=headers, **how)
        return answer

    def get(self, who: str | None, path: str, **how: Any) -> Response:
        return self.ask(who, "GET", path, **how)

    def new_cycle(self) -> str:
        """A cycle of its own, so that tests do not meet."""
        name = f"exit-{next(_numbers)}"
        no_task = [{"unit": "450202", "reason": "无脱贫任务"}]
        body = {
            "id": name,
            "protocol": "exit-plan",
            "year": 2019,
            "root": "450200",
            "leaf_level": "county",
            "no_task": no_task,
        }
        answer = self.ask("city", "POST", "/cycles", json=body)
        assert answer.status_code == 201, answer.text
        return name

    def version(self, cycle: str, unit: str) -> int:
        return int(self.get("city", f"/cycles/{cycle}/plans/{unit}").json()["version"])

    def act(self, who: str, cycle: str, unit: str, act: str, body: Any = None) -> Response:
        """An act on the plan as it is now, which must succeed."""
        method = "PUT" if act in {"draft", "headline"} else "POST"
        answer = self.ask(
            who,
            method,
            f"/cycles/{cycle}/plans/{unit}/{act}",
            version=self.version(cycle, unit),
            json=body or {},
        )
        assert answer.is_success, answer.text
        return answer

    def open(self, cycle: str, name: str) -> Response:
        answer = self.ask("city", "POST", f"/cycles/{cycle}/rounds/{name}/open")
        assert answer.status_code == 200, answer.text
        return answer

    def close(self, cycle: str, name: str) -> Response:
        answer = self.ask("city", "POST", f"/cycles/{cycle}/rounds/{name}/close")
        assert answer.status_code == 200, answer.text
        return answer

    def reported(self, cycle: str) -> None:
        """Both counties reported, and the city accepted."""
        for who, unit, figures in (
            ("rongan", "450224", RONGAN),
            ("rongshui", "450225", RONGSHUI),
        ):
            self.act(who, cycle, unit, "draft", {"figures": figures})
            self.act(who, cycle, unit, "submit")
            self.act("city", cycle, unit, "accept")


def settings(folder: Path) -> Settings:
    return Settings(database_url=SecretStr(f"sqlite:///{folder / 'planflow.db'}"), lang="zh")


def people_the(place: Settings) -> None:
    """Give an empty database units and accounts."""
    site = open_site(place, migrate=True)
    try:
        import_units(site, UNITS.encode())
        import_history(site, PAST.encode())
        for name, (role, unit) in USERS.items():
            add_user(site, name, PASSWORD, role, unit)
    finally:
        site.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = settings(tmp_path_factory.mktemp("site"))
    people_the(made)
    return made


@pytest.fixture(scope="module")
def world(place: Settings) -> Iterator[World]:
    with TestClient(create_app(place), raise_server_exceptions=False) as http:
        yield World(http)


@pytest.fixture
def cycle(world: World) -> str:
    """A cycle of this test alone, with its first round open."""
    name = world.new_cycle()
    world.open(name, "up1")
    return name


@pytest.fixture
def place_of_its_own(tmp_path: Path) -> Settings:
    """An empty site for a test that starts a service itself."""
    return settings(tmp_path)
