"""`planflow events`: from this machine's database, and from a service."""

from __future__ import annotations

from pathlib import Path

from planflow.config import Settings
from planflow.demo.server import serving
from tests.cli.conftest import Cli
from tests.cli.test_evidence import key

__all__ = ["key"]


def test_events_are_printed_and_written(peopled: Cli, key: str) -> None:
    assert key
    done = peopled("events", "R", "--as", "region")
    assert done.code == 0, done
    assert "round_opened" in done.out
    told = peopled("events", "R", "--as", "region", "--kind", "round_opened", "--json").data
    assert [one["round"] for one in told["items"]] == ["up1"]
    lines = peopled("events", "R", "--as", "region", "--format", "csv").out.splitlines()
    assert len(lines) == 3
    assert peopled("events", "K", "--as", "county-K", "--json").data == {"items": []}
    assert "from" in peopled("events", "R", "--as", "region", "--from", "x").refused()


def test_events_of_a_service_are_the_same(peopled: Cli, home: Path, key: str) -> None:
    assert key
    here = peopled("events", "R", "--as", "region", "--format", "jsonl").out
    with serving(Settings().database_url.get_secret_value(), home, 0, "zh") as server:
        token = peopled("token", "region").out.strip()
        way = ("--url", server.url, "--token", token, "--cycle", "c1")
        assert peopled("events", "R", *way, "--format", "jsonl").out == here
        assert len(peopled("events", "R", *way, "--json").data["items"]) == 2
