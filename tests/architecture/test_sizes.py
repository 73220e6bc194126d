"""The sizes that keep a room livable, and names that say what lives in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import house


def test_the_house_keeps_its_sizes() -> None:
    assert house.size_faults(house.ROOT) == []


def _function(lines: int) -> str:
    return "def long():\n" + "    x = 1\n" * (lines - 1)


def _class(lines: int) -> str:
    return "class Long:\n" + "    x = 1\n" * (lines - 1)


def _methods(number: int) -> str:
    return "class Busy:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(number))


def _module(lines: int) -> str:
    return "x = 1\n" * lines


def faults_after(tree: Path, name: str, text: str) -> list[str]:
    """What the check finds in the tree once the file is in it, and did not find before."""
    before = house.size_faults(tree)
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return [fault for fault in house.size_faults(tree) if fault not in before]


@pytest.mark.parametrize("package", [house.LIBRARY, house.SERVICE])
@pytest.mark.parametrize(
    ("make", "limit", "fault"),
    [
        (_module, house.MODULE_LINES, "module of 401 lines"),
        (_function, house.FUNCTION_LINES, "function long has 71 lines"),
        (_class, house.CLASS_LINES, "class Long has 201 lines"),
        (_methods, house.CLASS_METHODS, "class Busy has 16 methods"),
    ],
)
def test_an_over_large_room_is_found(
    tree: Path, package: str, make: Callable[[int], str], limit: int, fault: str
) -> None:
    name = f"{package}/domain/room.py"
    assert faults_after(tree, name, make(limit)) == []
    [found] = faults_after(tree, name, make(limit + 1))
    assert fault in found


@pytest.mark.parametrize("text", ["async def long():\n" + "    x = 1\n" * 70, _class(201)])
def test_a_room_inside_a_room_is_measured_too(tree: Path, text: str) -> None:
    inner = "".join(f"    {line}\n" for line in text.splitlines())
    found = faults_after(tree, f"{house.LIBRARY}/domain/room.py", f"class Outer:\n{inner}")
    assert any(" long " in fault or " Long " in fault for fault in found)


def test_a_migration_may_have_a_long_function_but_no_long_class(tree: Path) -> None:
    name = f"{house.LIBRARY}/store/migrations/versions/trial.py"
    assert faults_after(tree, name, _function(300)) == []
    assert len(faults_after(tree, name, _class(300))) == 1


@pytest.mark.parametrize("part", house.TOTAL_LINES)
def test_an_over_large_house_is_found(tree: Path, part: str) -> None:
    limit = house.TOTAL_LINES[part][0]
    for n in range(limit // house.MODULE_LINES):
        (tree / part / f"wing{n}.py").write_text(_module(house.MODULE_LINES), encoding="utf-8")
    found = faults_after(tree, f"{part}/last.py", _module(1))
    assert [f"{part}: " in fault and "lines in all" in fault for fault in found] == [True]


@pytest.mark.parametrize("name", ["utils.py", "_helpers.py", "common/__init__.py", "manager.py"])
def test_a_name_that_says_nothing_is_found(tree: Path, name: str) -> None:
    [found] = faults_after(tree, f"{house.LIBRARY}/domain/{name}", "")
    assert "is no name for a room" in found
