"""The page on superseding an issue is run as it is written, in both languages (N5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_tutorial import ADDRESS, BLOCK, run
from tests.e2e.served import service

PAGES = Path(__file__).parents[2] / "docs/how-to"


@pytest.mark.parametrize("page", ["supersede-an-issue.md", "supersede-an-issue.zh.md"])
def test_the_worked_example_runs(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'page.db'}"
    python, commands = "", 0
    for block in BLOCK.finditer((PAGES / page).read_text("utf-8")):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], "utf-8")
        elif block["kind"] == "console":
            commands += run(block["text"], tmp_path, url)
        else:
            python += block["text"]
    names: dict[str, object] = {}
    with service(url) as address:
        exec(python.replace(ADDRESS, address), names)  # noqa: S102 - our own page
        for name in ("city", "a", "a1", "a2", "b"):
            names[name].close()  # type: ignore[attr-defined]
    assert commands == 6
    assert capsys.readouterr().out == "{'persons': 42, 'villages': 4}\n"
