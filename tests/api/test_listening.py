"""`planflow serve` on raw sockets: slow heads, slow bodies, smuggled requests, forwarded addresses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from planflow.config import Settings
from tests.api.conftest import PASSWORD, people_the, settings

PATIENCE = "0.2"


@dataclass
class Served:
    """The service's address, and what it writes."""

    host: str
    port: int
    log: Path
    pid: int
    place: Settings

    def peak(self) -> int:
        """The most memory it ever held, in bytes."""
        told = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) * 1024  # type: ignore[index]

    def send(self, *parts: bytes) -> bytes:
        """Send bytes as they are; everything that comes back until the other side closes."""
        with socket.create_connection((self.host, self.port), timeout=20) as line:
            for part in parts:
                line.sendall(part)
            return self.rest(line)

    def rest(self, line: socket.socket) -> bytes:
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(65536):
                found += part
        return found


@contextlib.contextmanager
def served(folder: Path, **environment: str) -> Iterator[Served]:
    place = settings(folder)
    people_the(place)
    log = folder / "log"
    env = {**os.environ, "PLANFLOW_DATABASE_URL": place.database_url.get_secret_value()}
    env |= {"PLANFLOW_HEAD_SECONDS": PATIENCE, "PLANFLOW_BODY_SECONDS": PATIENCE, **environment}
    code = "from planflow.cli import main; main()"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--port", "0"],
            env=env,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
    lines: list[str] = []
    try:
        for line in process.stderr or ():
            lines.append(line)
            if found := re.search(r"running on http://([\w.]+):(\d+)", line):
                yield Served(found[1], int(found[2]), log, process.pid, place)
                return
        pytest.fail(f"it did not start: {''.join(lines)}")
    finally:
        process.terminate()
        log.write_text("".join(lines) + process.communicate(timeout=30)[1], "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), PLANFLOW_TRUSTED_PROXIES="192.0.2.0/24") as one:
        yield one


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


GET = b"GET /api/v1/units HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


def test_a_connection_that_says_nothing_is_closed(site: Served) -> None:
    assert status(site.send()) == 408


@pytest.mark.parametrize(
    "start", [b"G", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "]
)
def test_a_head_that_does_not_end_is_closed(site: Served, start: bytes) -> None:
    assert status(site.send(start)) == 408


def test_a_second_head_that_does_not_end_is_closed_too(site: Served) -> None:
    answer = site.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
    assert status(answer) == 200


def test_a_body_that_does_not_come_is_given_up(site: Served) -> None:
    head = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    answer = site.send(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername=")
    assert status(answer) == 408
    assert b'"too_slow"' in answer
    assert b"connection: close" in answer


def test_the_rest_of_a_refused_body_is_not_waited_for(site: Served) -> None:
    answer = site.send(b"POST /api/v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert status(answer) == 404


SMUGGLED = {
    "length and chunks": (
        b"POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "two lengths": GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a length that is none": GET + b"Content-Length: +1\r\n\r\nx",
    "a length below zero": GET + b"Content-Length: -1\r\n\r\n",
    "an encoding nobody knows": GET + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk that is none": (
        b"POST /api/v1/cycles HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"
    ),
    "a space before the colon": GET + b"Authorization : Bearer x\r\n\r\n",
    "a folded line at the start": b"GET /healthz HTTP/1.1\r\n folded: x\r\nHost: x\r\n\r\n",
    "a bare return in a value": GET + b"X-A: a\rX-B: b\r\n\r\n",
    "a zero in a value": GET + b"X-A: a\0b\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "two tokens": GET + b"Authorization: Bearer x\r\nAuthorization: Bearer y\r\n\r\n",
    "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "a second line of request": b"GET /a HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a head without end": GET + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "headers without end": GET + b"X-A: a\r\n" * 20_000 + b"\r\n",
    "many headers": GET + b"".join(b"X-%d: a\r\n" % number for number in range(100)) + b"\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_two_programs_would_read_differently_is_refused(site: Served, name: str) -> None:
    answer = site.send(SMUGGLED[name])
    assert answer == b"" or status(answer) in {400, 431}, answer
    # One request, one answer: nothing was smuggled behind it.
    assert answer.count(b"HTTP/1.1 ") <= 1


UNREADABLE = {
    "characters that are not encoded": (
        "GET /api/v1/units?parent=柳州市 HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        (400, "unreadable_request"),
    ),
    "a space that is not encoded": (
        b"GET /api/v1/units?parent=a b HTTP/1.1\r\nHost: x\r\n\r\n",
        (400, "unreadable_request"),
    ),
    "two hosts": (SMUGGLED["two hosts"], (400, "unreadable_request")),
    "a head without end": (SMUGGLED["a head without end"][:30_000], (431, "head_too_large")),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_request_is_refused_as_everything_is(site: Served, name: str) -> None:
    sent, expected = UNREADABLE[name]
    head, _, body = site.send(sent).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert (told["status"], told["code"]) == expected
    assert status(head) == told["status"]
    assert "%E6%9F%B3" in told["detail"] or told["code"] == "head_too_large"
    lines = {line.partition(b": ")[0].lower(): line for line in head.split(b"\r\n")}
    assert lines[b"content-type"].endswith(b"application/problem+json")
    assert {b"x-content-type-options", b"content-security-policy", b"cache-control"} <= set(lines)
    assert re.fullmatch(rb"x-request-id: [0-9a-f]{32}", lines[b"x-request-id"])
    assert lines[b"connection"] == b"connection: close"


def test_what_follows_a_refused_head_is_no_request(site: Served) -> None:
    behind = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head = b"POST /api/v1/cycles HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    answer = site.send(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + behind)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_program_does_not_say_what_serves_it(site: Served) -> None:
    answer = site.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").lower()
    assert b"\r\nserver:" not in answer
    assert b"uvicorn" not in answer


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the kernel's own count")
@pytest.mark.parametrize("length", [b"Content-Length: 104857600", b"Transfer-Encoding: chunked"])
def test_a_hundred_megabytes_are_refused_and_never_held(site: Served, length: bytes) -> None:
    before, piece = site.peak(), b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = b"POST /api/v1/cycles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
    head += length + b"\r\n\r\n"
    with socket.create_connection((site.host, site.port), timeout=20) as line:
        line.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(1600):
                line.sendall(piece)
        answer = site.rest(line)
    assert answer == b"" or status(answer) == 413
    assert site.peak() - before < 64 << 20


def test_a_forwarded_address_of_somebody_not_trusted_is_not_believed(site: Served) -> None:
    """We are 127.0.0.1, which this site was not told to trust: what we forward is not ours to say."""
    head = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    assert status(site.send(head + b"\r\n")) == 200
    assert status(site.send(head + b"X-Forwarded-For: 127.0.0.1\r\n\r\n")) == 404


def test_a_trusted_proxy_tells_who_asks_and_over_what(tmp_path: Path) -> None:
    known = {"PLANFLOW_TRUSTED_PROXIES": "127.0.0.1", "PLANFLOW_HSTS_SECONDS": "60"}
    known |= {"PLANFLOW_RATE_ADDRESS": "0.001", "PLANFLOW_RATE_ADDRESS_BURST": "1"}
    with served(tmp_path, **known) as one:
        asked = [GET + b"X-Forwarded-For: 198.51.100.%d\r\n" % n for n in (1, 1, 2)]
        answers = [one.send(head + b"X-Forwarded-Proto: https\r\n\r\n") for head in asked]
        assert [status(answer) for answer in answers] == [401, 429, 401]
        assert all(b"strict-transport-security: max-age=60" in answer for answer in answers)


def test_the_log_is_lines_of_json_without_addresses_and_queries(tmp_path: Path) -> None:
    with served(tmp_path) as one:
        form = f"username=city&password={PASSWORD}".replace(" ", "+").encode()
        head = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += (
            b"Content-Type: application/x-www-form-urlencoded\r\nX-Request-Id: from-outside-1\r\n"
        )
        answer = one.send(head + b"Content-Length: %d\r\n\r\n" % len(form) + form)
        assert b"x-request-id: from-outside-1" in answer
        token = json.loads(answer.partition(b"\r\n\r\n")[2])["access_token"]
        signed = b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
        one.send(
            GET.replace(b"/units", b"/units?parent=450224&cursor=planted", 1).replace(
                b"/v1", b"/v1"
            )
            + signed
        )
    lines = [json.loads(line) for line in one.log.read_text("utf-8").splitlines() if line[0] == "{"]
    told = [line for line in lines if line["logger"] == "planflow.access"]
    assert told[0]["request"] == "from-outside-1"
    assert (told[0]["method"], told[0]["route"]) == ("POST", "/api/v1/auth/token")
    assert (told[1]["route"], told[1]["status"]) == ("/api/v1/units", 200)
    assert re.fullmatch(r"[0-9a-f-]{36}", told[1]["actor"])
    assert {"time", "level", "ms"} <= set(told[1])
    text = one.log.read_text("utf-8")
    assert not any(word in text for word in ("planted", token, PASSWORD, "450224"))
