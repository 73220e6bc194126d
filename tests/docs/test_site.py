"""The documentation's site builds without a warning, and speaks both languages where people learn."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.architecture import house

DOCS = house.ROOT / "docs"
CHINESE = re.compile(r"[一-鿿]")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(tmp_path)]
    told = subprocess.run(call, capture_output=True, check=False, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    assert (tmp_path / "tutorial" / "first-negotiation.zh.html").exists()


def test_pages_on_several_machines_make_the_key_that_signs() -> None:
    """On PostgreSQL no key is made by itself: a site set up by these pages alone must sign."""
    for name in ("run-on-postgresql", "run-many-processes"):
        for page in (DOCS / "how-to").glob(f"{name}*.md"):
            text = page.read_text("utf-8")
            assert "openssl rand -base64 32" in text, page.name
            assert "PLANFLOW_LEDGER_KEY_FILE" in text, page.name


def test_what_one_learns_from_is_in_both_languages() -> None:
    pages = [page for part in ("tutorial", "how-to") for page in (DOCS / part).glob("*.md")]
    english = {page for page in pages if not page.name.endswith(".zh.md")}
    missing = [one.name for one in english if not one.with_suffix(".zh.md").exists()]
    assert missing == []
    assert len(pages) == 2 * len(english)
    for page in set(pages) - english:
        assert len(CHINESE.findall(page.read_text("utf-8"))) > 100, page.name
