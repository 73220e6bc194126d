"""No file holds a package index, somebody's home, or code that is marked as unfinished."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import house


def test_the_house_is_clean() -> None:
    assert house.hygiene_faults(house.ROOT) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("docs/trial.md", f"from https://{house.REGISTRIES[0]}/simple", "names a package index"),
        (".ci/trial", "pip install --index" + "-url http://mirror", "names a package index"),
        ("trial.toml", 'path = "/' + 'home/somebody/planflow"', "holds a path of somebody's home"),
        ("src/planflow/trial.py", "x = 1  # TO" + "DO: finish", "is marked as unfinished"),
        ("api/planflow_api/trial.py", "raise NotImplemented" + "Error", "is marked as unfinished"),
        ("api/planflow_api/trial.html", "<!-- FIX" + "ME -->", "is marked as unfinished"),
    ],
)
def test_what_no_file_may_hold_is_found(tree: Path, name: str, text: str, fault: str) -> None:
    before = house.hygiene_faults(tree)
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"first line\n{text}\n", encoding="utf-8")
    found = [new for new in house.hygiene_faults(tree) if new not in before]
    assert found == [f"{name}:2: {fault}"]


@pytest.mark.parametrize(
    "text", ["see ~/planflow", "https://example.cn/home/page", "GET /cycles/{cycle}/root/x"]
)
def test_a_path_of_the_web_is_no_home(tree: Path, text: str) -> None:
    before = house.hygiene_faults(tree)
    (tree / "trial.md").write_text(text, encoding="utf-8")
    assert house.hygiene_faults(tree) == before
