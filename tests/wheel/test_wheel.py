"""The wheel, installed in an empty environment outside the checkout, runs the demo."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = "Scripts" if os.name == "nt" else "bin"
# Nothing of the environment that the tests run in may help the wheel.
STRANGE = re.compile(r"PYTHON(?!UTF8|IOENCODING)|VIRTUAL_ENV|PLANFLOW_|PYTEST_")

pytestmark = [pytest.mark.wheel, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not STRANGE.match(name)}
    home = str(cwd)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**env, "XDG_DATA_HOME": home, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build() -> Path:
    for old in (ROOT / "dist").glob("planflow-*.whl"):
        old.unlink()
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", ROOT, cwd=ROOT)
    [wheel] = (ROOT / "dist").glob("planflow-*.whl")
    return wheel


def test_the_wheel_runs_the_demo_in_an_empty_environment(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    wheel = build()
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"planflow", "planflow_api"}
    assert {"planflow/py.typed", "planflow_api/py.typed"} <= set(names)

    outside = tmp_path_factory.mktemp("outside")
    assert ROOT not in outside.parents
    run(sys.executable, "-m", "venv", outside / "venv", cwd=outside)
    python = outside / "venv" / BIN / "python"
    constraints = ROOT / "constraints.txt"
    run(python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel, cwd=outside)
    found = run(python, "-c", "import planflow, planflow_api as a; print(a.__file__)", cwd=outside)
    assert str(outside) in found

    table = run(outside / "venv" / BIN / "planflow", "demo", "--exit", cwd=outside)
    assert re.search(r"85,?253", table)
    assert "103" in table
    assert re.search(r"融安县|Rong'?an", table)
