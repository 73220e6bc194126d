"""`planflow reads`, `erase` and `user erase`: what was read, and what is taken out again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from planflow.config import Settings
from planflow.demo.server import serving
from planflow.services import plans
from tests.cli.conftest import PASSWORD, Cli
from tests.cli.test_show import call, keyed, negotiated, opened, signed_in

__all__ = ["keyed", "negotiated"]


@pytest.fixture
def watched(negotiated: Cli) -> Cli:
    """Somebody watches over reading; the city's admin has read what the county said."""
    done = negotiated("user", "add", "watch", "--role", "secadmin", given=f"{PASSWORD}\n")
    assert done.code == 0
    with opened() as site:
        plans.history(site, signed_in(site, "city"), "c1", "K", None)
    return negotiated


def test_what_was_read_is_printed_and_written(watched: Cli) -> None:
    told = watched("reads", "--as", "watch", "--json").data["items"]
    assert [(one["kind"], one["unit"], one["items"]) for one in told] == [("history", "K", 2)]
    assert "city" not in str(told)  # a pseudonym, and no name
    raw = watched("reads", "--as", "watch", "--format", "csv", "--kind", "history").out
    rows = list(csv.DictReader(io.StringIO(raw.removeprefix("\ufeff"))))
    assert [row["actor"] for row in rows] == [told[0]["actor"]]
    out = watched("reads", "--as", "watch", "--kind", "access_records_file", "--lang", "en").out
    assert "kind=history" in out
    assert "--as" in watched("reads", "--lang", "en").refused()
    assert watched("reads", "--as", "city").refused()
    assert "since" in watched("reads", "--as", "watch", "--since", "x").refused()


def test_a_look_up_of_names_is_printed_as_the_shells(watched: Cli) -> None:
    assert "as_whom" not in watched("show", "K").refused()
    told = watched("reads", "--as", "watch", "--kind", "accounts", "--json").data["items"]
    assert [(one["actor"], one["unit"], one["items"]) for one in told] == [("shell", "K", 3)]


@pytest.mark.usefixtures("keyed")
def test_a_service_tells_the_same(watched: Cli, home: Path) -> None:
    here = watched("reads", "--as", "watch", "--kind", "history", "--format", "jsonl").out
    with serving(Settings().database_url.get_secret_value(), home, 0, "zh") as server:
        token = watched("token", "watch").out.strip()
        way = ("--url", server.url, "--token", token, "--kind", "history")
        assert watched("reads", *way, "--format", "jsonl").out == here
        assert len(watched("reads", *way, "--json").data["items"]) == 1


def test_nothing_young_is_pruned(watched: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched("reads", "prune", "--json").data["count"] == 0
    monkeypatch.setenv("PLANFLOW_ACCESS_DAYS", "30")
    assert "PLANFLOW_ACCESS_DAYS" in watched("reads", "prune").refused()


def test_a_text_and_a_person_are_erased(watched: Cli) -> None:
    from planflow.services import acting

    with opened() as site:
        city = signed_in(site, "city")
        body = {"reason_code": "incomplete", "text": "张三家的材料不全"}
        acting.act(site, city, call(body, 3), "c1", "K", "return")
        event = plans.history(site, city, "c1", "K", None).items[-1].id
    why = ("--reason", "本人申请")
    done = watched("erase", event, "texts", *why, "--json")
    assert (done.code, done.data["count"]) == (0, 1)
    assert watched("bundle", "K", "--as", "city", "--out", "k.zip").code == 0
    assert "1 more were erased" in watched("verify", "k.zip", "--lang", "en").out
    for lang in ("zh", "en"):
        again = watched("erase", event, "texts", *why, "--lang", lang).refused()
        assert "texts" in again
    assert "reason" in watched("erase", event, "reason", *why).refused()
    person = watched("user", "erase", "county-K", *why, "--json").data
    assert person["grants"] == 1
    assert watched("token", "county-K").refused()
    assert watched("audit").code == 0
