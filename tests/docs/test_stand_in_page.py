"""The page on standing in for somebody is run as it is written (N14)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_tutorial import ADDRESS, BLOCK, run
from tests.e2e.served import service

PAGES = Path(__file__).parents[2] / "docs/how-to"


@pytest.mark.parametrize("page", ["stand-in.md", "stand-in.zh.md"])
def test_the_page_runs_as_written(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last commands stand after its Python, as on the page."""
    url = f"sqlite:///{tmp_path / 'page.db'}"
    blocks = list(BLOCK.finditer((PAGES / page).read_text("utf-8")))
    *before, last = [block["text"] for block in blocks if block["kind"] == "console"]
    for block in blocks:
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], "utf-8")
    commands = sum(run(text, tmp_path, url) for text in before)
    python = "".join(block["text"] for block in blocks if block["kind"] == "python")
    with service(url) as address:
        names: dict[str, object] = {}
        exec(python.replace(ADDRESS, address), names)  # noqa: S102 - our own page
        for one in names["people"]:  # type: ignore[attr-defined]
            one.close()
    commands += run(last, tmp_path, url)
    assert commands == 8
    assert capsys.readouterr().out == "separate_hands\n" * 3
