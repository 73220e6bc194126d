"""`show`: from this machine's database and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from planflow.cli import tables
from planflow.cli.desk import Desk
from planflow.cli.titles import Titles, figure
from planflow.config import Settings
from planflow.demo.server import serving
from planflow.protocol.loader import bundled
from planflow.services import acting, cycles, keys, people
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.protocols import get_protocol
from planflow.services.site import Site, open_site
from tests.cli.conftest import PASSWORD, Cli


@contextmanager
def opened() -> Iterator[Site]:
    site = open_site(Settings())
    try:
        yield site
    finally:
        site.close()


def signed_in(site: Site, name: str) -> Reader:
    return people.authenticate(site, people.sign_in(site, name, PASSWORD).access_token, "zh")


@pytest.fixture
def keyed(negotiated: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The same with a key that a service finds as well."""
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(home / "ledger"))
    with opened() as site:
        keys.ready(site)
    return negotiated


def call(body: Any, version: int | None = None) -> Call:
    match = None if version is None else f'"{version}"'
    return Call("POST", "/", json.dumps(body).encode(), match)


def open_cycle(site: Site, name: str, *, practice: bool = False) -> None:
    region = signed_in(site, "region")
    terms = {"id": name, "protocol": "exit-plan", "year": 2019, "root": "R", "leaf_level": "county"}
    idle = [{"unit": "L", "reason": "nothing to do"}]
    cycles.create_cycle(site, region, call({**terms, "no_task": idle, "practice": practice}))
    cycles.open_round(site, region, call({}), name, "up1")


@pytest.fixture
def negotiated(peopled: Cli) -> Cli:
    """County K has reported, the city has accepted less."""
    with opened() as site:
        open_cycle(site, "c1")
        county, city = signed_in(site, "county-K"), signed_in(site, "city")
        figures = {"persons": 12345, "villages": 7, "county_exit": 1}
        acting.act(site, county, call({"figures": figures}, 0), "c1", "K", "draft")
        acting.act(site, county, call({}, 1), "c1", "K", "submit")
        settled = {"figures": {"persons": 12000}, "reasons": {"persons": "field_check"}}
        acting.act(site, city, call(settled, 2), "c1", "K", "accept")
    return peopled


def test_rounds_by_indicators(negotiated: Cli) -> None:
    out = negotiated("show", "K", "--as", "county-K").out
    assert "丙县 K" in out
    rows = [line for line in out.splitlines() if "上报数" in line or "核定数" in line]
    assert "12,345" in rows[0]
    assert "12,000" in rows[1]
    assert "一上" in rows[0]
    assert "年度 c1" in out
    english = negotiated("show", "K", "--as", "county-K", "--lang", "en").out
    assert "First up" in english
    assert "settled" in english


def test_a_practice_says_so_in_the_title(peopled: Cli) -> None:
    """F10: nobody takes a practice cycle's numbers for real ones."""
    with opened() as site:
        open_cycle(site, "drill", practice=True)
        open_cycle(site, "real")
    assert "【演练】 甲区 R" in peopled("show", "R", "--cycle", "drill").out
    assert "[practice] 甲区 R" in peopled("show", "R", "--cycle", "drill", "--lang", "en").out
    assert "演练" not in peopled("show", "R").out


def test_the_units_below(negotiated: Cli) -> None:
    out = negotiated("show", "C", "--as", "city").out
    assert "K 丙县" in out
    assert "L 丁县 无任务" in out


def test_a_table_is_as_wide_as_its_screen(negotiated: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        for lang in ("zh", "en"):
            lines = negotiated("show", "C", "--as", "city", "--lang", lang).out.splitlines()
            edges = [cell_len(line) for line in lines if line.startswith(("╭", "│", "├", "╰"))]
            assert edges
            assert max(edges) <= width
            assert "…" not in "".join(lines)


def test_data(negotiated: Cli) -> None:
    data = negotiated("show", "C", "--as", "city", "--json").data
    assert data["plan"]["unit"] == "C"
    assert [one["unit"] for one in data["below"]] == ["K", "L"]
    assert data["below"][0]["figures"]["up1"]["persons"] == 12000


def test_as_whom(negotiated: Cli) -> None:
    line = negotiated("show", "K").refused()
    assert "能查看“K”的用户不止一个：city, county-K, region。" in line
    assert "region" in negotiated("show", "K", "--lang", "en").refused()
    # only the region may see itself
    assert "甲区 R" in negotiated("show", "R").out
    assert "没有找到单位“C”" in negotiated("show", "C", "--as", "county-K").refused()
    assert "没有找到用户“nobody”" in negotiated("show", "C", "--as", "nobody").refused()


def test_nobody_may_see_it(cli: Cli, home: Path) -> None:
    (home / "u.csv").write_text("code,name,level,parent\nR,r,region,\nC,c,city,R\n", "utf-8")
    cli("units", "import", "u.csv")
    cli("user", "add", "region", "--role", "admin", "--unit", "R", given=PASSWORD)
    assert "没有找到单位“R”" in cli("show", "R").refused()
    assert "没有找到单位“R”" in cli("show", "R", "--cycle", "none").refused()


def test_the_latest_cycle(negotiated: Cli) -> None:
    with opened() as site:
        open_cycle(site, "c2")
    assert "年度 c2" in negotiated("show", "R").out
    assert "年度 c1" in negotiated("show", "R", "--cycle", "c1").out
    assert "没有找到单位“Z”" in negotiated("show", "Z").refused()


def test_looking_leaves_a_trace(negotiated: Cli) -> None:
    with opened() as site:
        before = site.records.read(_tokens)
    negotiated("show", "K", "--as", "county-K")
    with opened() as site:
        assert site.records.read(_tokens) == before + 1


def _tokens(tx: Any) -> int:
    query = "SELECT count(*) FROM event WHERE kind = 'token_issued'"
    return int(tx.connection.exec_driver_sql(query).scalar())


# HTTP


def test_over_http(negotiated: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = Settings().database_url.get_secret_value()
    with serving(url, home, 0, "zh") as server:
        token = negotiated("token", "city").out.strip()
        far = ("--url", server.url, "--cycle", "c1")
        assert "丙县 K" in negotiated("show", "K", *far, "--token", token).out
        monkeypatch.setenv("PLANFLOW_TOKEN", token)
        assert negotiated("show", "C", *far, "--json").data["plan"]["unit"] == "C"
        assert "没有找到单位“R”" in negotiated("show", "R", *far).refused()
        english = negotiated("show", "R", *far, "--lang", "en").refused()
        assert english.startswith("Nothing found")
        assert negotiated("show", "R", *far, "--token", "x").refused().startswith("您还没有登录")
        assert "--cycle" in negotiated("show", "K", "--url", server.url).refused()
        monkeypatch.delenv("PLANFLOW_TOKEN")
        assert "PLANFLOW_TOKEN" in negotiated("show", "K", *far).refused()
    gone = negotiated("show", "K", *far, "--token", token).refused()
    assert gone.startswith(f"连不上 {server.url}")
    assert (
        "PLANFLOW" not in negotiated("show", "K", "--url", "::", "--cycle", "c", "--token", "t").err
    )


# What no exit plan has


def test_scaled_figures() -> None:
    assert figure(-123456, 2) == "-1,234.56"
    assert figure(5, 2) == "0.05"
    assert figure(0) == "0"
    assert figure(-7) == "-7"


def plan(**more: Any) -> dict[str, Any]:
    bare: dict[str, Any] = {"unit": "K", "name": "[red]丙县", "state": "up1.drafting"}
    bare |= {"numbers": [], "figures": {}, "headline": {}, "gaps": {}, "commitments": []}
    return bare | more


def titles(lang: str = "zh") -> Titles:
    protocol = get_protocol(bundled(), "exit-plan", lang).model_dump(mode="json")
    cycle = {"id": "c", "root": "R", "no_task": []}
    return Titles(Desk(lang), cycle, protocol, {"up1": "made up"})


def printed(table: Any, lang: str, capsys: pytest.CaptureFixture[str]) -> str:
    Desk(lang).console().print(table)
    return capsys.readouterr().out


def test_a_plan_without_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(tables.rounds(titles(), plan()), "zh", capsys)
    assert "[red]丙县 K" in out
    assert "一上 编制中" in out


def test_other_bases_open_promises_and_gaps_from_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    number = {"round": "up1", "side": "reported", "indicator": "persons", "value": 5}
    promise = {"indicator": "persons", "from": 0, "to": 9, "amends": "down1", "funded": False}
    shown = plan(
        numbers=[
            {**number, "basis": "task"},
            {**number, "basis": "stretch", "value": 8},
            {**number, "round": "down1", "side": "issued", "basis": "task", "value": 0},
        ],
        gaps={"persons": {"from": 0, "to": 5, "difference": 5, "percent": None}},
        commitments=[{**promise, "status": "open"}],
        headline={"persons": {"value": 5, "round": "up1", "basis": "task"}},
    )
    out = printed(tables.rounds(titles("en"), shown), "en", capsys)
    assert "reported stretch" in out
    assert "commitment 0 → 9, open" in out
    assert "+5" in out
    assert "%" not in out
    assert out.count("made up") == 3  # two lines of the round, and the headline that rests on it


def test_who_reaches_a_goal_is_named_where_it_is_entered() -> None:
    reached = {"headline": {"county_exit": {"value": 1}, "persons": {"value": 1}}}
    below = [plan(level="county", **reached), plan(level="county")]
    assert titles().goal("county_exit", below) == "[red]丙县"
    assert titles().goal("county_exit", [plan(level="city", **reached)]) == ""
    assert titles().goal("persons", below) == ""
