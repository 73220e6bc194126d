"""The generated pages of the reference say what the program says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture import house
from tests.unit.messages.raised import codes

DOCS = house.ROOT / "docs"
REFERENCE = DOCS / "reference"


def test_the_pages_are_what_their_script_writes(tmp_path: Path) -> None:
    # The tests are read by the page of rules.
    for part in ("docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(house.ROOT / part, tmp_path / part, ignore=ignored)
    told = subprocess.run(
        [sys.executable, "-W", "error", "docs/_generate"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert told.stderr == b""
    written = {page.name: page.read_text("utf-8") for page in tmp_path.glob("docs/reference/*.md")}
    stale = [name for name in written if written[name] != (REFERENCE / name).read_text("utf-8")]
    assert stale == [], "stale: run make docs"
    assert len(written) >= 6


def test_the_page_of_errors_has_every_code() -> None:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    assert [code for code in sorted(codes()) if f"\n| `{code}` | " not in page] == []


def test_every_rule_that_is_built_has_tests() -> None:
    """N12 and N17 need lists, which a later edition brings."""
    page = (REFERENCE / "rules.md").read_text(encoding="utf-8")
    held = set(re.findall(r"^## ([NF]\d+)\.", page, re.MULTILINE))
    rules = {f"N{number}" for number in range(1, 19)} - {"N12", "N17"}
    assert sorted(rules - held) == []
