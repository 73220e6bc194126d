"""The page on managing accounts is run as it is written (F9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_tutorial import ADDRESS, BLOCK, run
from tests.e2e.served import service

PAGES = Path(__file__).parents[2] / "docs/how-to"


@pytest.mark.parametrize("page", ["manage-accounts.md", "manage-accounts.zh.md"])
def test_the_page_runs_as_written(
    page: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its last commands stand after its Python, as on the page."""
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(tmp_path / "kept"))
    url = f"sqlite:///{tmp_path / 'page.db'}"
    blocks = list(BLOCK.finditer((PAGES / page).read_text("utf-8")))
    before, after = [block["text"] for block in blocks if block["kind"] == "console"]
    for block in blocks:
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], "utf-8")
    commands = run(before, tmp_path, url)
    python = "".join(block["text"] for block in blocks if block["kind"] == "python")
    names: dict[str, object] = {}
    with service(url) as address:
        exec(python.replace(ADDRESS, address), names)  # noqa: S102 - our own page
        names["site"].close()  # type: ignore[attr-defined]
    commands += run(after, tmp_path, url)
    assert commands == 9
    told = capsys.readouterr().out.split()
    assert told == ["exclusive_roles", "too_many_attempts", "otp_required", "scope_missing"]
