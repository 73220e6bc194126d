"""What is taken of one request and of one caller: enforced by settings, with an injected clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from planflow.config import Settings
from planflow_api.app import create_app
from planflow_api.frame import Frame
from planflow_api.heads import unfit
from planflow_api.rates import Buckets, Rates
from tests.api.conftest import PASSWORD, World


class Clock:
    """Time that passes when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def limited(world: World, clock: Clock | None = None, **limits: Any) -> Iterator[TestClient]:
    """The same service under tighter limits, and its callers forgotten."""
    frame: Any = world.http.app
    while not isinstance(frame, Frame):
        frame = getattr(frame, "middleware_stack", None) or frame.app
    before = frame.settings, frame.rates
    frame.settings = frame.settings.model_copy(update=limits)
    frame.rates = Rates(frame.settings, clock or Clock())
    try:
        yield world.http
    finally:
        frame.settings, frame.rates = before


# Buckets


def test_a_bucket_holds_its_burst_and_fills_at_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b") == 0.0
    clock.now = 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 0.5
    clock.now = 100.0
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_callers_not_seen_for_longest_are_forgotten() -> None:
    buckets = Buckets(1.0, 1, Clock(), most=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key)
    assert set(buckets._kept) == {"a", "c"}


def test_people_behind_one_address_do_not_hold_each_other_up() -> None:
    rates = Rates(Settings(rate_address=1, rate_address_burst=1, rate_actor_burst=2), Clock())
    first = rates.caller("192.0.2.1", b"Bearer one")
    assert rates.admit(first) == 0
    rates.learn(first, "somebody", 200)
    # The address gave its one back: it was somebody's after all.
    second = rates.caller("192.0.2.1", b"Bearer two")
    assert rates.admit(second) == 0
    rates.learn(second, "", 401)
    assert rates.admit(rates.caller("192.0.2.1", b"Bearer three")) == 1
    known = rates.caller("192.0.2.1", b"Bearer one")
    assert known.actor == "somebody"
    assert [rates.admit(known) for _ in range(2)] == [0, 1]  # the first was counted as well
    # A token that has ended is nobody's any more.
    rates.learn(known, "", 401)
    assert rates.caller("192.0.2.1", b"Bearer one").actor == ""


@pytest.mark.parametrize(
    "spelling",
    [
        b"bearer one",
        b"BEARER one",
        b"Bearer    one",
        b"bEARER \t one ",
        "Bearer one\xa0".encode("latin-1"),
    ],
)
def test_a_token_is_one_however_it_is_spelt(spelling: bytes) -> None:
    rates = Rates(Settings(rate_actor_burst=2), Clock())
    rates.learn(rates.caller("192.0.2.1", b"Bearer one"), "somebody", 200)
    assert rates.caller("192.0.2.2", spelling).actor == "somebody"


def test_an_account_pays_for_each_of_its_tokens() -> None:
    rates = Rates(Settings(rate_address=1, rate_address_burst=2, rate_actor_burst=3), Clock())
    waits = []
    for number in range(6):
        caller = rates.caller("192.0.2.1", f"Bearer {number}".encode())
        waits.append(rates.admit(caller))
        rates.learn(caller, "" if waits[-1] else "somebody", 429 if waits[-1] else 200)
    assert waits == [0, 0, 0, 0, 0, 1]  # three of the account, two of the address


# Over HTTP


def test_an_account_that_asks_too_often_is_told_when_to_come_back(world: World) -> None:
    clock = Clock()
    for who in ("city", "rongan"):
        world.signed(who)
    with limited(world, clock, rate_actor=0.5, rate_actor_burst=3):
        answers = [world.get("city", "/units") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert answers[-1].json()["code"] == "too_many_requests"
        assert answers[-1].headers["Retry-After"] == "2"
        assert "2 seconds" in answers[-1].json()["detail"]
        assert world.get("rongan", "/units").status_code == 200
        clock.now = 2.0
        assert world.get("city", "/units").status_code == 200


def test_no_spelling_of_a_token_is_a_way_round(world: World) -> None:
    token = world.signed("city")["Authorization"].removeprefix("Bearer ")
    with limited(world, rate_actor=0.5, rate_actor_burst=3, rate_address_burst=3) as http:
        told = [
            http.get("/api/v1/units", headers={"Authorization": f"{scheme}{' ' * number}{token}"})
            for number, scheme in enumerate(("Bearer", "bearer", "BEARER", "bEarer", "beArer"), 1)
        ]
    assert [one.status_code for one in told] == [200, 200, 200, 429, 429]


def test_guessing_passwords_and_tokens_is_slowed_down_by_address(world: World) -> None:
    with limited(world, rate_address=0.1, rate_address_burst=4) as http:
        form = {"username": "city", "password": "wrong"}
        tried = [http.post("/api/v1/auth/token", data=form).status_code for _ in range(2)]
        for number in range(3):
            told = {"Authorization": f"Bearer guess-{number}"}
            tried.append(http.get("/api/v1/units", headers=told).status_code)
        assert tried == [401, 401, 401, 401, 429]
        answer = http.post("/api/v1/auth/token", data={"username": "city", "password": PASSWORD})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "10"
        assert http.get("/healthz").status_code == 200


def test_no_rate_is_no_limit(world: World) -> None:
    with limited(world, rate_address=0, rate_address_burst=1) as http:
        assert {http.get("/api/v1/units").status_code for _ in range(5)} == {401}


def test_an_address_that_is_too_long_is_refused_unread(world: World) -> None:
    with limited(world, url_limit=128) as http:
        answer = http.get(f"/api/v1/units/{'x' * 200}", headers={"Accept-Language": "en"})
        assert (answer.status_code, answer.json()["code"]) == (414, "url_too_long")
        assert answer.headers["Connection"] == "close"
        assert http.get(f"/api/v1/units?parent={'x' * 200}").status_code == 414


def test_headers_too_many_or_too_large_are_refused_unread(world: World) -> None:
    with limited(world, head_count=20, head_limit=1) as http:
        many = {f"X-{number}": "1" for number in range(20)}
        answer = http.get("/api/v1/units", headers=many)
        assert (answer.status_code, answer.json()["code"]) == (431, "head_too_large")
        assert answer.json()["limit"] == "20"
        answer = http.get("/api/v1/units", headers={"Cookie": "x" * 1000})
        assert (answer.status_code, answer.json()["limit"]) == (431, "1 KiB")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")], "authorization"),
        ([(b"content-length", b"1"), (b"content-length", b"2")], "content-length"),
        ([(b"host", b"a"), (b"host", b"b")], "host"),
        ([(b"content-type", b"a/b"), (b"content-type", b"c/d")], "content-type"),
        (
            [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
            "Content-Length, Transfer-Encoding",
        ),
    ],
)
def test_a_head_that_reads_in_two_ways_is_refused(
    more: list[tuple[bytes, bytes]], field: str
) -> None:
    scope = {"path": "/", "raw_path": b"/", "query_string": b"", "headers": more}
    refusal = unfit(scope, Settings())
    assert refusal is not None
    assert (refusal.code, refusal.params["field"]) == ("bad_head", field)
    assert unfit({**scope, "headers": more[:1]}, Settings()) is None


def test_a_body_that_trickles_is_given_up(place: Settings) -> None:
    """The frame's own clock ends it: nothing here sleeps, the body simply never comes."""
    app = create_app(place.model_copy(update={"body_seconds": 0.01}))
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/cycles",
        "raw_path": b"/api/v1/cycles",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-length", b"10"), (b"authorization", b"Bearer x")],
        "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {"door": None},
    }
    asyncio.run(app(scope, never, keep))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b'"too_slow"' in sent[1]["body"]


def test_nothing_is_deeper_than_it_need_be(world: World, cycle: str) -> None:
    for depth, expected in ((32, {"wrong_shape"}), (33, {"nested_too_deep"})):
        body = b'{"figures":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
        answer = world.ask(
            "rongan", "PUT", f"/cycles/{cycle}/plans/450224/draft", version=0, content=body
        )
        assert answer.status_code == 422
        assert {one["code"] for one in answer.json()["errors"]} == expected


# Headers of every answer


@pytest.mark.parametrize(
    "path", ["/api/v1/units", "/healthz", "/nowhere", "/docs", "/openapi.json"]
)
def test_every_answer_carries_what_keeps_a_browser_strict(world: World, path: str) -> None:
    headers = world.http.get(path, headers={"Origin": "https://elsewhere.example"}).headers
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "object-src 'none'; base-uri 'none'" in headers["Content-Security-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_tls_is_insisted_on_where_it_is_there_and_wanted(place: Settings) -> None:
    app = create_app(place.model_copy(update={"hsts_seconds": 600}))
    expected = "max-age=600; includeSubDomains"
    for scheme, found in (("https", expected), ("http", None)):
        http = TestClient(app, base_url=f"{scheme}://testserver")
        assert http.get("/healthz").headers.get("Strict-Transport-Security") == found


def test_of_nobody_no_body_is_read(world: World) -> None:
    """401 comes first on every call that needs a token: a body beyond the limit is not noticed."""
    app: Any = world.http.app
    asked = [
        (method, path)
        for path, methods in app.openapi()["paths"].items()
        for method, told in methods.items()
        if method != "get" and told.get("security")
    ]
    assert len(asked) > 40
    with limited(world, body_limit=1) as http:
        for method, path in asked:
            for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}):
                answer = http.request(method, path, content=b"x" * 2048, headers=headers)
                assert answer.status_code == 401, path
                assert answer.headers["WWW-Authenticate"] == "Bearer"
        answer = world.ask("city", "POST", "/cycles", content=b"x" * 2048)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["token", "refresh", "revoke"])
@pytest.mark.parametrize("kind", ["data", "files"])
def test_a_form_is_small(world: World, path: str, kind: str) -> None:
    fields = {"username": "city", "password": "x" * (17 << 10), "refresh_token": "x", "token": "x"}
    form: Any = fields if kind == "data" else {name: (None, one) for name, one in fields.items()}
    answer = world.http.post(
        f"/api/v1/auth/{path}", **{kind: form}, headers={"Accept-Language": "en"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.json()["limit"] == "16 KiB"
