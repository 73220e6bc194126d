"""The reference of codes says what the catalogue says."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.architecture import house
from tests.unit.messages.raised import codes

PAGE = "docs/reference/errors.md"
SCRIPT = "docs/_generate/errors.py"


def test_the_page_is_what_its_script_writes() -> None:
    written = subprocess.run(
        [sys.executable, SCRIPT],
        cwd=house.ROOT,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
    )
    assert written.stderr == b""
    told = f"{PAGE} is stale: python {SCRIPT} > {PAGE}"
    assert (house.ROOT / PAGE).read_bytes().decode() == written.stdout.decode(), told


def test_the_page_has_every_code() -> None:
    page = (house.ROOT / PAGE).read_text(encoding="utf-8")
    assert [code for code in sorted(codes()) if f"\n| `{code}` | " not in page] == []
