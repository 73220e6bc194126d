"""Only one line of the code commits; a use case is one unit of work because nothing else can."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import house


def test_the_house_commits_in_one_place() -> None:
    assert house.commit_faults(house.ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "session.commit()",
        "with engine.begin() as connection: pass",
        'connection.exec_driver_sql("BEGIN IMMEDIATE")',
        'connection.exec_driver_sql("COMMIT")',
    ],
)
@pytest.mark.parametrize(
    "name",
    ["src/planflow/services/trial.py", "src/planflow/store/trial.py", "api/planflow_api/trial.py"],
)
def test_a_second_place_is_found(tree: Path, name: str, line: str) -> None:
    before = house.commit_faults(tree)
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    found = [fault for fault in house.commit_faults(tree) if fault not in before]
    assert any(fault.startswith(f"{name}:1: ") for fault in found)


def test_a_second_commit_in_the_right_file_is_found(tree: Path) -> None:
    path = tree / house.TRANSACTION
    path.write_text(path.read_text(encoding="utf-8") + "\nconnection.commit()\n", encoding="utf-8")
    [found] = house.commit_faults(tree)
    assert found.startswith("commit must be written exactly once")
    assert found.count(house.TRANSACTION) == 2


def test_a_house_that_never_commits_is_found(tree: Path) -> None:
    (tree / house.TRANSACTION).write_text("", encoding="utf-8")
    assert house.commit_faults(tree) == ["commit must be written exactly once; it is at: nowhere"]


def test_a_trigger_may_say_begin(tree: Path) -> None:
    before = house.commit_faults(tree)
    sql = "CREATE TRIGGER t BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'no'); END"
    (tree / "src/planflow/store/trial.py").write_text(f'SQL = "{sql}"\n', encoding="utf-8")
    assert house.commit_faults(tree) == before
