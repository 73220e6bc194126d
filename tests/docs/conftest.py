"""What the pages about the ledger begin with: an empty site of two units, and its command line."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from planflow.cli import run

Command = Callable[..., tuple[int, str]]
UNITS = "code,name,level,parent,attributes\nC,市,city,,\nA,甲县,county,C,poor_county\n"


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """A line of the command line, with what is typed at it; its code, and what it says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'page.db'}")
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(tmp_path / "ledger"))

    def said(line: str, given: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = run(shlex.split(line)[1:])
        told = capsys.readouterr()
        return code, told.out + told.err

    Path("units.csv").write_text(UNITS, "utf-8")
    assert said("planflow units import units.csv")[0] == 0
    return said
