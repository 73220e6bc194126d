"""The service as it is run, by uvicorn in a process of its own, and the client against it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from planflow.client import Client, ProblemError
from planflow.config import Settings
from tests.api.conftest import PASSWORD, RONGAN, people_the, settings

SERVE = ("-m", "uvicorn", "planflow_api.app:create_app", "--factory", "--no-access-log")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def start(place: Settings) -> subprocess.Popen[str]:
    """The service, on a port that the system picks."""
    url = place.database_url.get_secret_value()
    return subprocess.Popen(
        [sys.executable, *SERVE, "--port", "0"],
        env={**os.environ, "PLANFLOW_DATABASE_URL": url, "PLANFLOW_LANG": "en"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def address(process: subprocess.Popen[str]) -> str:
    """Where it serves: told once it has started."""
    told = []
    for line in process.stdout or ():
        told.append(line)
        if found := re.search(r"running on (http://[\w.:]+)", line):
            assert httpx.get(f"{found[1]}/healthz", trust_env=False).is_success
            return found[1]
    pytest.fail(f"the service did not start: {''.join(told)}")


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = settings(tmp_path_factory.mktemp("served"))
    people_the(place)
    process = start(place)
    try:
        yield address(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def person(base_url: str, name: str, **how: Any) -> Client:
    return Client(base_url, username=name, password=PASSWORD, lang="en", **how)


@pytest.fixture
def city(base_url: str) -> Iterator[Client]:
    with person(base_url, "city") as client:
        yield client


@pytest.fixture
def rongan(base_url: str) -> Iterator[Client]:
    with person(base_url, "rongan") as client:
        yield client


def new_cycle(city: Client, name: str) -> str:
    body = {"id": name, "protocol": "exit-plan", "year": 2019, "root": "450200"}
    city.create_cycle({**body, "leaf_level": "county"})
    assert city.open_round(name, "up1")["open_round"] == "up1"
    return name


def test_the_client_names_the_version_it_saw(city: Client, rongan: Client) -> None:
    cycle = new_cycle(city, "versions")
    rongan.draft(cycle, "450224", {"figures": RONGAN})
    rongan.submit(cycle, "450224")
    assert city.return_(cycle, "450224", {"reason_code": "incomplete", "text": "缺名单"})
    with pytest.raises(ProblemError) as refused:
        rongan.submit(cycle, "450224")
    assert (refused.value.status, refused.value.code) == (412, "stale_version")
    assert str(refused.value) == refused.value.problem["detail"]
    version = rongan.plan(cycle, "450224")["version"]
    rongan.draft(cycle, "450224", {"figures": RONGAN}, version=version)
    assert rongan.submit(cycle, "450224")["state"] == "up1.submitted"
    kinds = [event["kind"] for event in city.history(cycle, "450224")]
    assert kinds == ["submitted", "returned", "submitted"]


def test_a_key_of_ones_own_makes_an_act_happen_once(city: Client, rongan: Client) -> None:
    cycle = new_cycle(city, "keys")
    version = rongan.draft(cycle, "450224", {"figures": RONGAN})["version"]
    first = rongan.submit(cycle, "450224", version=version, key="once")
    again = rongan.submit(cycle, "450224", version=version, key="once")
    assert first["event"] == again["event"]
    assert len(list(city.history(cycle, "450224"))) == 1


def test_the_client_reads_lists_to_their_end(city: Client) -> None:
    cycle = new_cycle(city, "lists")
    assert [unit["code"] for unit in city.units()] == ["450200"]
    assert [unit["code"] for unit in city.units("450200")] == ["450202", "450224", "450225"]
    assert city.unit("450224")["name"] == "融安县"
    assert "exit-plan" in [one["name"] for one in city.protocols()]
    assert city.protocol("exit-plan")["definition"]["markup"] == "forbid"
    assert city.cycle(cycle)["year"] == 2019
    assert len(list(city.plans(cycle, parent="450200"))) >= 2
    with pytest.raises(ProblemError, match="cycle"):
        city.plan(cycle, "450224", as_of="2019-01-01T00:00:00+08:00")


def test_the_client_lists_cycles_drops_a_practice_and_compares_rounds(
    city: Client, rongan: Client
) -> None:
    real = new_cycle(city, "kept")
    body = {"id": "drill", "protocol": "exit-plan", "year": 2019, "root": "450200"}
    city.create_cycle({**body, "leaf_level": "county", "practice": True})
    assert {"kept", "drill"} <= {one["id"] for one in rongan.cycles()}
    assert city.drop_cycle("drill", {"reason": "演练结束"})["practice"]
    assert "drill" not in {one["id"] for one in city.cycles()}
    with pytest.raises(ProblemError) as refused:
        city.drop_cycle(real)
    assert [one["name"] for one in refused.value.problem["guards"]] == ["practice_only"]
    rongan.draft(real, "450224", {"figures": RONGAN})
    rongan.submit(real, "450224")
    apart = rongan.diff(real, "450224", "up1", "down1")
    assert apart["figures"]["persons"] == {
        "from": RONGAN["persons"],
        "to": None,
        "difference": None,
        "percent": None,
    }


def test_a_wrong_password_is_refused_in_a_sentence(base_url: str) -> None:
    with (
        Client(base_url, username="city", password="wrong", lang="zh") as client,
        pytest.raises(ProblemError) as refused,
    ):
        list(client.units())
    assert refused.value.code == "unauthorized"
    assert not str(refused.value).isascii()


def test_a_token_serves_as_well(base_url: str, city: Client) -> None:
    with Client(base_url, city.token()) as client:
        assert list(client.units())


class Busy(BaseHTTPRequestHandler):
    """Another's service, too busy for the first two calls."""

    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.keys.append(self.headers["Idempotency-Key"])
        self.rfile.read(int(self.headers["Content-Length"]))
        busy = len(self.keys) < 3
        self.send_response(503 if busy else 201)
        if busy:
            self.send_header("Retry-After", "3600")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def test_a_busy_service_is_asked_again_with_the_same_key() -> None:
    pauses: list[float] = []
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        with Client(url, "token", pause=pauses.append) as client:
            assert client.create_cycle({}) == {}
        server.shutdown()
        thread.join()
    assert pauses == [10.0, 10.0]  # no longer than anybody would wait
    assert Busy.keys[0]
    assert len(Busy.keys) == 3
    assert len(set(Busy.keys)) == 1


def test_an_unreachable_service_is_tried_a_few_times() -> None:
    pauses: list[float] = []
    with (
        Client(f"http://127.0.0.1:{free_port()}", "token", pause=pauses.append) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.create_cycle({})
    assert len(pauses) == 3
    assert pauses == sorted(pauses)


def test_a_service_that_cannot_open_its_database_says_so_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "planflow.db").write_text("no database" * 1000)
    process = start(settings(tmp_path))
    told = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "Traceback" not in told


def test_one_process_serves_an_embedded_database(tmp_path: Path) -> None:
    place = settings(tmp_path)
    people_the(place)
    first = start(place)
    try:
        assert address(first)
        second = start(place)
        told = second.communicate(timeout=60)[0]
        assert second.returncode != 0
        assert "Traceback" not in told
        assert "PostgreSQL" in told
    finally:
        first.terminate()
        first.communicate(timeout=30)
