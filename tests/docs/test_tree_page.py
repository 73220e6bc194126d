"""The pages on changing a cycle's tree are run as they are written (N1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs/how-to"
TOLD = "shares_exact 7 6 -1\n['C', 'E', 'N'] ['C', 'A', 'B']\n"


@pytest.mark.parametrize("name", ["change-the-tree.md", "change-the-tree.zh.md"])
def test_the_worked_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'page.db'}")
    blocks = re.findall(r"```python\n(.*?)```", (PAGES / name).read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    exec("".join(blocks), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == TOLD
