"""What is pinned can still be had, and its makers have not taken it back (decision 0052).

A version is yanked from an index where its makers found it broken or unsafe. It is the one fault of a
package that every index tells, a mirror inside an intranet too, with no list of known faults at hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
YANKED = "is a yanked version"

pytestmark = pytest.mark.wheel


def resolved(pins: Path, *more: str) -> str:
    """What pip says while it looks up each pin, itself and without its needs; nothing is installed."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
    ]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--requirement", str(pins), *more],
        env={**os.environ, "PIP_NO_INPUT": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=1_200,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def would_install(told: str) -> int:
    [line] = [one for one in told.splitlines() if one.startswith("Would install ")]
    return len(line.split()) - 2


def test_no_pin_is_yanked() -> None:
    """Each pin is found at the index that is configured here, and is none that was taken back."""
    pins = ROOT / "constraints.txt"
    names = [one for one in pins.read_text("utf-8").splitlines() if "==" in one]
    told = resolved(pins)
    print(f"{would_install(told)} of {len(names)} pins looked up")
    assert would_install(told) == len(names)
    assert YANKED not in told


def test_a_yanked_pin_is_found(tmp_path: Path) -> None:
    """It can fail: the same look-up at an index whose one version was taken back."""
    room = tmp_path / "index" / "broken"
    room.mkdir(parents=True)
    wheel = "broken-1.0-py3-none-any.whl"
    with zipfile.ZipFile(room / wheel, "w") as file:
        file.writestr(
            "broken-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
        )
        file.writestr("broken-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("broken-1.0.dist-info/RECORD", "")
    (room / "index.html").write_text(f'<a href="{wheel}" data-yanked="unsafe">{wheel}</a>')
    pins = tmp_path / "pins.txt"
    pins.write_text("broken==1.0\n")
    told = resolved(pins, "--isolated", "-i", room.parent.as_uri())
    assert would_install(told) == 1
    assert YANKED in told
