"""The pages on evidence are run as they are written, the second checker as a program (F10)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planflow.client import Client
from planflow.config import Settings
from planflow.demo.server import serving
from planflow.services import keys
from planflow.services.site import open_site
from tests.docs.conftest import Command

PAGES = Path(__file__).parents[2] / "docs/how-to"
PASSWORD = "password-1"
CYCLE = {"id": "exit-2019", "protocol": "exit-plan", "year": 2019, "root": "C"}


@pytest.mark.parametrize("name", ["verify-a-bundle.md", "verify-a-bundle.zh.md"])
def test_the_page_runs(tmp_path: Path, command: Command, name: str) -> None:
    for who, role, unit in [
        ("city", "admin", "C"),
        ("auditor", "auditor", "C"),
        ("county", "planner", "A"),
    ]:
        line = f"planflow user add {who} --role {role} --unit {unit}"
        assert command(line, f"{PASSWORD}\n")[0] == 0
    with (
        serving(f"sqlite:///{tmp_path / 'page.db'}", tmp_path, 0, "zh") as server,
        Client(server.url, username="city", password=PASSWORD) as client,
    ):
        client.create_cycle(CYCLE | {"leaf_level": "county"})
        client.open_round("exit-2019", "up1")
    site = open_site(Settings())
    vkey = str(keys.signer(site).key)
    site.close()
    page = (PAGES / name).read_text("utf-8")
    [take, check, second] = re.findall(r"```console\n(.*?)\n```", page, re.DOTALL)
    for line in take.splitlines():
        done, told = command(line.removeprefix("$ "))
        assert done == 0, told
    done, told = command(check.removeprefix("$ ").replace("VKEY", vkey))
    assert (done, vkey in told) == (0, True), told
    words = second.removeprefix("$ python ").replace("VKEY", vkey).split()
    assert (PAGES / words[0]).exists()
    run_it: Any = [sys.executable, str(PAGES / words[0]), *words[1:]]
    answer = subprocess.run(run_it, capture_output=True, check=True, encoding="utf-8")
    assert "signer pinned" in answer.stdout
    raw = Path("round.zip").read_bytes()
    Path("round.zip").write_bytes(raw.replace(b"round_opened", b"round_Opened"))
    answer = subprocess.run(run_it, capture_output=True, check=False, encoding="utf-8")
    assert answer.returncode == 1
    alone = subprocess.run(run_it[:2], capture_output=True, check=False, encoding="utf-8")
    assert (alone.returncode, "python verify_bundle.py FILE [VKEY]" in alone.stderr) == (2, True)
    assert "Traceback" not in alone.stderr
    assert "wrong: event 2 of cycle/exit-2019" in answer.stderr
    assert f"[`{words[0]}`]({words[0]})" in page
