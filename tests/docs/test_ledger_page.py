"""The pages on the ledger are run as they are written, against a real service (F10)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from planflow.client import Client
from planflow.demo.server import serving
from tests.docs.conftest import Command

PAGES = Path(__file__).parents[2] / "docs/how-to"
PASSWORD = "password-1"
CYCLE = {"id": "exit-2019", "protocol": "exit-plan", "year": 2019, "root": "C"}


@pytest.mark.parametrize("name", ["watch-the-ledger.md", "watch-the-ledger.zh.md"])
def test_the_page_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Command, name: str
) -> None:
    people = {"city": "admin", "auditor": "auditor", "first": "sysadmin", "second": "secadmin"}
    for who, role in people.items():
        unit = "--unit C" if role in ("admin", "auditor") else ""
        line = f"planflow user add {who} --role {role} {unit}"
        assert command(line, f"{PASSWORD}\n")[0] == 0
    page = (PAGES / name).read_text("utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    watch, renew = re.findall(r"```console\n\$ (.*?)\n```", page, re.DOTALL)
    with serving(f"sqlite:///{tmp_path / 'page.db'}", tmp_path, 0, "zh") as server:
        with Client(server.url, username="city", password=PASSWORD) as client:
            cycle: dict[str, Any] = client.create_cycle(CYCLE | {"leaf_level": "county"})
            given = {"url": server.url, "token": client.token(), "event": cycle["event"]}
            vkey = client.ledger_key().strip()
        exec(code, dict(given))  # noqa: S102 - our own page
        assert capsys.readouterr().out == "cycle/exit-2019 True\n"
        line = watch.replace("https://plans.example", server.url).replace("VKEY", vkey)
        done, told = command(line, f"{PASSWORD}\n")
        assert done == 0, told
        assert "\n— auditor.example " in told
        for path in re.findall(r"`(/api/v1/ledger/\w+)`", page):
            headers = {"Authorization": f"Bearer {given['token']}"}
            answer = httpx.get(server.url + path, headers=headers, trust_env=False)
            assert answer.text.strip() == vkey
    done, told = command(renew, f"{PASSWORD}\n{PASSWORD}\n")
    assert (done, "没有丢失" in told) == (1, True)  # what it says where nothing was restored
