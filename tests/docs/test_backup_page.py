"""The pages on backup and audit are run as they are written (F10)."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from planflow.cli import run
from planflow.config import Settings
from planflow.services import keys
from planflow.services.sequencing import Sequencer
from planflow.services.site import open_site

PAGES = Path(__file__).parents[2] / "docs/how-to"
UNITS = "code,name,level,parent,attributes\nC,市,city,,\nA,甲县,county,C,poor_county\n"


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("back-up-and-restore.md", 3),
        ("back-up-and-restore.zh.md", 3),
        ("audit-a-database.md", 1),
        ("audit-a-database.zh.md", 1),
    ],
)
def test_the_page_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    commands: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'page.db'}")
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(tmp_path / "ledger"))

    def command(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        code = run(shlex.split(line)[1:])
        told = capsys.readouterr()
        return code, told.out + told.err

    Path("units.csv").write_text(UNITS, "utf-8")
    assert command("planflow units import units.csv")[0] == 0
    site = open_site(Settings())
    keys.ready(site)
    Sequencer.of(site).advance()
    vkey = str(keys.signer(site).key)
    site.close()
    page = (PAGES / name).read_text("utf-8")
    lines = re.findall(r"^\$ (planflow .*)$", page, re.MULTILINE)
    assert len(lines) == commands
    for line in lines:
        done, told = command(line.replace("VKEY", vkey))
        assert done == 0, told
