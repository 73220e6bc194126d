"""The tutorial is run as it is written: its files, its commands, its Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.e2e.served import service

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial"
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL
)
ADDRESS = "http://127.0.0.1:8000"


@pytest.mark.parametrize("page", ["first-negotiation.md", "first-negotiation.zh.md"])
def test_the_tutorial_runs_as_written(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'tutorial.db'}"
    python, commands = "", 0
    for block in BLOCK.finditer((TUTORIAL / page).read_text("utf-8")):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], "utf-8")
        elif block["kind"] == "console":
            commands += run(block["text"], tmp_path, url)
        elif block["kind"] == "python":
            python += block["text"]
    with service(url) as address:
        names: dict[str, object] = {}
        exec(python.replace(ADDRESS, address), names)  # noqa: S102 - our own page
        for name in ("region", "city", "a", "b"):
            names[name].close()  # type: ignore[attr-defined]
    assert commands == 5
    assert "98" in capsys.readouterr().out  # the guard's sentence names what was expected


def run(text: str, folder: Path, url: str) -> int:
    """Run the commands of a block, but for the one that serves: the test serves itself."""
    planflow = shutil.which("planflow", path=sysconfig.get_path("scripts"))
    assert planflow is not None
    done = 0
    for line in text.splitlines():
        command = line.removeprefix("$ ")
        if " serve " in f" {command} ":
            continue
        command = re.sub(r"\bplanflow\b", planflow, command, count=1)
        env = {**os.environ, "PLANFLOW_DATABASE_URL": url, "PLANFLOW_LANG": "en"}
        subprocess.run(command, shell=True, cwd=folder, env=env, check=True, capture_output=True)  # noqa: S602
        done += 1
    return done
