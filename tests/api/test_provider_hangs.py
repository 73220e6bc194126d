"""An identity provider that hangs, trickles or fails holds up nobody but those who ask for it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from planflow.errors import Fault
from planflow.services import waiting
from planflow.services.provider import PUBLISHED, Provider


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    PUBLISHED.forget()
    yield
    PUBLISHED.forget()


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[float]]]:
    """A server that talks as it is told, and when it was called."""
    calls: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                calls.append(time.monotonic())
                threading.Thread(target=told, args=(line,), daemon=True).start()

        def told(line: socket.socket) -> None:
            with line:
                try:
                    talk(line)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", calls
        server.shutdown(socket.SHUT_RDWR)


def trickle(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    for _ in range(60):
        time.sleep(0.05)
        line.sendall(b"x")


def refuse(line: socket.socket) -> None:
    line.recv(4096)
    line.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


def at(issuer: str) -> Provider:
    return Provider(issuer, "planflow", "a secret", "http://testserver/back")


def leave(issuer: str) -> str:
    try:
        return at(issuer).address("state", "nonce", "v" * 64)
    except Fault as fault:
        return fault.code


def settled() -> bool:
    """Whether nobody waits any more."""
    taken = [waiting._TURNS.acquire(timeout=10) for _ in range(waiting.AT_ONCE)]
    for _ in taken:
        waiting._TURNS.release()
    return all(taken)


def test_all_that_is_asked_there_for_one_request_ends_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A head that trickles winds up the clock of a connection again with each byte."""
    monkeypatch.setattr(waiting, "LONGEST", 0.3)
    with listening(trickle) as (issuer, _):
        begun = time.monotonic()
        assert leave(issuer) == "provider_unavailable"
        assert time.monotonic() - begun < 2
        assert settled()


def test_few_wait_at_once_and_the_others_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LONGEST", 2.0)
    with listening(trickle) as (issuer, calls), ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: leave(issuer), range(20)))
        assert told == ["provider_unavailable"] * 20
        assert len(calls) <= waiting.AT_ONCE * 2
        assert settled()


def test_that_it_failed_is_remembered_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(PUBLISHED, "clock", lambda: now[0])
    with listening(refuse) as (issuer, calls):
        assert [leave(issuer) for _ in range(5)] == ["provider_unavailable"] * 5
        assert len(calls) == 1
        now[0] = waiting.FAILED
        assert leave(issuer) == "provider_unavailable"
        assert len(calls) == 2


class Published(BaseHTTPRequestHandler):
    """A provider that answers, and counts what is read."""

    asked: ClassVar[list[str]]
    key: ClassVar[RSAKey]
    issuer: ClassVar[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        keys = {"keys": [{**self.key.as_dict(private=False), "use": "sig"}]}
        parts = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "keys")}
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": parts["authorize"],
            "token_endpoint": parts["token"],
            "jwks_uri": parts["keys"],
        }
        self.tell(keys if self.path == "/keys" else told)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": "planflow",
            "sub": "s",
            "nonce": "nonce",
        }
        claims |= {"exp": now + 60, "iat": now}
        signed = jwt.encode({"alg": "RS256"}, claims, self.key)
        self.tell({"access_token": "a", "token_type": "bearer", "id_token": signed})

    def tell(self, what: Any) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def sound() -> Iterator[type[Published]]:
    class Own(Published):
        asked: ClassVar[list[str]] = []
        key: ClassVar[RSAKey] = RSAKey.generate_key(2048)

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        Own.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Own
        server.shutdown()


def who(issuer: str) -> str | None:
    return at(issuer).subject("code", None, "nonce", "v" * 64, time.time())


def test_what_it_publishes_is_read_once_in_a_while(
    sound: type[Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(PUBLISHED, "clock", lambda: now[0])
    for _ in range(3):
        assert leave(sound.issuer).startswith(f"{sound.issuer}/authorize?")
        assert who(sound.issuer) == "s"
    assert sound.asked == ["/.well-known/openid-configuration", "/keys"]
    now[0] = waiting.FRESH
    assert who(sound.issuer) == "s"
    assert len(sound.asked) == 4


def test_keys_that_were_changed_are_read_again(sound: type[Published]) -> None:
    assert who(sound.issuer) == "s"
    sound.key = RSAKey.generate_key(2048)
    assert who(sound.issuer) == "s"
    assert sound.asked.count("/keys") == 2
