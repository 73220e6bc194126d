"""`board`, `diff`, `treatment`, `documents`: what a review lays side by side, from both sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from planflow.config import Settings
from planflow.demo.server import serving
from tests.cli.conftest import Cli
from tests.cli.test_show import keyed, negotiated

__all__ = ["keyed", "negotiated"]


def times(cli: Cli) -> dict[str, str]:
    """When each kind of event happened last."""
    told = cli("events", "R", "--as", "region", "--json").data["items"]
    return {one["kind"]: one["recorded_at"] for one in told}


def test_a_board_now_and_then(negotiated: Cli) -> None:
    out = negotiated("board", "C", "--as", "city", "--lang", "en").out
    assert "First up" in out
    assert "accepted" in out
    assert "no task" in out
    submitted = times(negotiated)["submitted"]
    asked = ("board", "C", "--as", "city", "--as-of", submitted, "--json")
    told = negotiated(*asked).data
    assert [(one["unit"], one["state"]) for one in told["plans"]] == [
        ("C", "up1.drafting"),
        ("K", "up1.submitted"),
        ("L", "waiting"),
    ]
    assert told["cycle"]["open_round"] == "up1"
    one = negotiated("board", "C", "--as", "city", "--state", "up1.accepted", "--json").data
    assert [plan["unit"] for plan in one["plans"]] == ["K"]


def test_a_plan_as_it_stood(negotiated: Cli) -> None:
    submitted = times(negotiated)["submitted"]
    out = negotiated("show", "K", "--as", "city", "--as-of", submitted, "--lang", "en").out
    assert f"As it stood at {submitted}" in out
    assert "12,345" in out
    assert "12,000" not in out
    wrong = negotiated("show", "K", "--as", "city", "--as-of", "2019-07-12").refused()
    assert "as_of" in wrong
    assert "+08:00" in wrong


def test_a_plan_before_its_cycle_is_not_found(negotiated: Cli) -> None:
    done = negotiated("show", "K", "--as", "county-K", "--as-of", "2001-01-01T00:00:00Z")
    assert done.refused().startswith("没有找到")


def test_differences_of_rounds_times_and_events(negotiated: Cli) -> None:
    asked = ("diff", "K", "--as", "city", "--lang", "en")
    out = negotiated(*asked, "--from", "1", "--to", "2").out
    assert "12,345" in out
    assert "12,000" in out
    assert "-345 (-2.8%)" in out
    assert "field_check" in out
    at = times(negotiated)
    told = negotiated(*asked, "--from", at["round_opened"], "--to", "2", "--json").data
    assert told["figures"]["up1"]["persons"]["to"] == 12000
    rounds = negotiated(*asked, "--from", "up1", "--to", "down1").out
    assert "12,000" in rounds
    for start, end, named in (
        ("up1", "2", "two rounds"),
        ("1", "30", "not above 2"),
        ("up1", "up9", "up9"),
        ("1", "99", "to_seq"),
        ("2019-07-12", "2", "from"),
    ):
        assert named in negotiated(*asked, "--from", start, "--to", end).refused()


def test_units_side_by_side(negotiated: Cli) -> None:
    out = negotiated("treatment", "C", "up1", "--as", "city", "--lang", "en").out
    assert "12,345" in out
    assert "345" in out
    assert "no verdict" in out
    told = negotiated("treatment", "C", "up1", "--as", "city", "--json").data
    assert told["indicators"]["persons"]["siblings"][0]["cut"] == 345
    assert "up9" in negotiated("treatment", "C", "up9", "--as", "city").refused()


def test_a_document_that_nobody_named(negotiated: Cli) -> None:
    asked = ("documents", "C", "柳扶〔2019〕5号", "--as", "city", "--lang", "en")
    assert "柳扶〔2019〕5号" in negotiated(*asked).refused()


@pytest.mark.usefixtures("keyed")
def test_a_service_says_the_same(negotiated: Cli, home: Path) -> None:
    asked = (
        ("board", "C"),
        ("show", "K"),
        ("diff", "K", "--from", "1", "--to", "2"),
        ("treatment", "C", "up1"),
    )
    here = [negotiated(*one, "--as", "city").out for one in asked]
    with serving(Settings().database_url.get_secret_value(), home, 0, "zh") as server:
        token = negotiated("token", "city").out.strip()
        way = ("--url", server.url, "--token", token, "--cycle", "c1")
        assert [negotiated(*one, *way).out for one in asked] == here
        number = negotiated("documents", "C", "无", *way)
        assert "无" in number.refused()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_chain_of_documents(negotiated: Cli, lang: str) -> None:
    from planflow.services import tree
    from tests.cli.test_show import call, opened, signed_in

    with opened() as site:
        body = {"document_no": "文1", "changes": [{"rename": {"unit": "K", "name": "丙二县"}}]}
        region = signed_in(site, "region")
        tree.change_tree(site, region, call(body), "c1")
    out = negotiated("documents", "R", "文1", "--as", "region", "--lang", lang).out
    assert "文1" in out
    assert "+0" in out
