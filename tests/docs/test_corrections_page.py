"""The page on corrections is run as it is written (N13)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/how-to/correct-figures.md"


def test_the_worked_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'page.db'}")
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    exec("".join(blocks), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "[('level_exact', 'A', 65)]\n"
    assert "This prints `[('level_exact', 'A', 65)]`" in text
