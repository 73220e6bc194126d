"""No code knows a protocol: none of its names stands as a word in the engine or around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from planflow.protocol import loader
from tests.architecture import house

ROOMS = (
    "src/planflow/engine",
    "src/planflow/quota",
    "src/planflow/services",
    "src/planflow/store",
    "src/planflow/access",
    "src/planflow/protocol",
    "api/planflow_api",
)
# Words that a protocol happens to share with ours: a kind of round, a purpose of a reason.
OURS = {"adjust", "other"}


def names() -> set[str]:
    """Names of bundled protocols, and of their levels, rounds, indicators, codes and attributes."""
    found: set[str] = set()
    for name, text in loader.bundled().items():
        protocol = loader.load(text)
        found.add(name)
        for part in (
            protocol.levels,
            protocol.rounds,
            protocol.indicators,
            protocol.reason_codes,
        ):
            found |= {one.name for one in part}
        found |= {one.applies_to for one in protocol.indicators if one.applies_to}
    return found - OURS


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Texts that code may compare: all but documentation, descriptions and examples."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def compared(path: Path) -> Iterator[tuple[int, str]]:
    """Texts in a comparison, a match, a call's argument or a subscript that decides something."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue | ast.Subscript):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.lineno, inner.value


def faults(root: Path, rooms: tuple[str, ...]) -> list[str]:
    known = names()
    found = []
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            # the service shows examples in its documentation: there, what is compared counts
            seen = compared(path) if room.startswith("api/") else words(path)
            where = path.relative_to(root).as_posix()
            found += [f"{where}:{line}: {word}" for line, word in seen if word in known]
    return found


def test_the_names_are_those_of_the_bundled_protocols() -> None:
    assert {"exit-plan", "city", "down2", "persons", "criteria_not_met", "poor_county"} <= names()


def test_no_room_knows_a_protocol_by_name() -> None:
    assert faults(house.ROOT, ROOMS) == []


def test_a_room_that_does_is_found(tree: Path) -> None:
    for room in ("src/planflow/engine/branch.py", "api/planflow_api/branch.py"):
        (tree / room).write_text('def f(name):\n    return name == "down2"\n', encoding="utf-8")
    assert faults(tree, ROOMS) == [
        "src/planflow/engine/branch.py:2: down2",
        "api/planflow_api/branch.py:2: down2",
    ]
