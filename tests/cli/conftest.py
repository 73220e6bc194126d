"""The command line in this process, with a database and an environment of its own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planflow.cli import run

TREE = """\
code,name,level,parent,attributes
R,甲区,region,,
C,乙市,city,R,
K,丙县,county,C,poor_county
L,丁县,county,C,
"""
PASSWORD = "long enough"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    def refused(self, code: int = 1) -> str:
        """The one line of an error, without the word in front of it."""
        assert self.code == code, self
        assert self.out == ""
        assert "Traceback" not in self.err
        [line] = self.err.splitlines()
        start = "错误：" if line.startswith("错误：") else "error: "
        assert line.startswith(start)
        return line.removeprefix(start)


Cli = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment that says nothing about language or settings."""
    import os

    for name in os.environ:
        if name.startswith(("PLANFLOW_", "LC_", "LANG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'plans.db'}")
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(tmp_path / "kept"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command; `given` is its standard input."""

    def call(*arguments: str, given: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = run(arguments)
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return call


@pytest.fixture
def peopled(cli: Cli, home: Path) -> Cli:
    """The same with four units, their users, and nothing negotiated."""
    (home / "units.csv").write_text(TREE, encoding="utf-8")
    assert cli("units", "import", "units.csv").code == 0
    users = [("region", "admin", "R"), ("city", "admin", "C"), ("county-K", "planner", "K")]
    for name, role, unit in users:
        done = cli("user", "add", name, "--role", role, "--unit", unit, given=f"{PASSWORD}\n")
        assert done.code == 0, done
    return cli
