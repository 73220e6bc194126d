"""The answer's language follows the reader's wish."""

from __future__ import annotations

import pytest

from planflow_api.languages import preferred
from tests.api.conftest import World


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "zh"),
        ("", "zh"),
        ("en", "en"),
        ("EN-us", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh;q=0.3, en;q=0.7", "en"),
        ("fr, en;q=0.4", "en"),
        ("fr", "zh"),
        ("*", "zh"),
        ("en;q=0.5, *;q=0.9", "zh"),
        ("en;q=0", "zh"),
        ("zh;q=0, en;q=0.1", "en"),
        ("en;q=often", "zh"),
        ("en;q=7", "zh"),
        ("en;q=nan", "zh"),
        (";;,=,q", "zh"),
        ("en, zh", "en"),
    ],
)
def test_the_strongest_wish_wins(header: str | None, lang: str) -> None:
    assert preferred(header, "zh") == lang


def test_the_default_is_the_sites() -> None:
    assert preferred("fr", "en") == "en"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_refusal_speaks_the_readers_language(world: World, lang: str) -> None:
    answer = world.get(None, "/units", headers={"Accept-Language": lang})
    assert answer.status_code == 401
    assert answer.headers["Content-Language"] == lang
    assert answer.headers["Vary"] == "Accept-Language"
    assert answer.json()["detail"].isascii() == (lang == "en")
    assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_failed_guards_speak_it_too(world: World, cycle: str, lang: str) -> None:
    plan = f"/cycles/{cycle}/plans/450200"
    answer = world.get("city", plan, headers={"Accept-Language": lang})
    assert answer.headers["Content-Language"] == lang
    texts = [guard["text"] for action in answer.json()["actions"] for guard in action["guards"]]
    assert texts
    assert any(not text.isascii() for text in texts) == (lang == "zh")
