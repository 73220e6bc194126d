"""The house's own rules, as functions of a tree, so that a wrong tree can be tried as well.

Each check answers with one sentence for every fault it finds; no sentence, no fault.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "src/planflow"
SERVICE = "api/planflow_api"
TRANSACTION = "src/planflow/store/transaction.py"

MODULE_LINES = 400
FUNCTION_LINES = 70
CLASS_LINES = 200
CLASS_METHODS = 15
TOTAL_LINES = {LIBRARY: (31000, ("*.py",)), SERVICE: (4000, ("*.py", "*.html"))}
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def copy_tree(target: Path) -> Path:
    """What the checks read, copied to a place where it may be spoilt."""
    for part in ("src", "api"):
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    for part in (LIBRARY, SERVICE):
        for path in sorted((root / part).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path


# Sizes and names


def size_faults(root: Path) -> list[str]:
    faults = []
    for name, path in modules(root):
        faults += _name_faults(name)
        faults += _room_faults(name, path.read_text(encoding="utf-8"))
    for part, (limit, patterns) in TOTAL_LINES.items():
        files = [path for pattern in patterns for path in (root / part).rglob(pattern)]
        total = sum(_lines(path.read_text(encoding="utf-8")) for path in files)
        if total > limit:
            faults.append(f"{part}: {total} lines in all, at most {limit}")
    return faults


def _lines(text: str) -> int:
    return len(text.splitlines())


def _name_faults(name: str) -> list[str]:
    parts = [part.strip("_") for part in Path(name).with_suffix("").parts]
    return [f"{name}: {part} is no name for a room" for part in parts if part in VAGUE_NAMES]


def _room_faults(name: str, text: str) -> list[str]:
    faults = []
    if _lines(text) > MODULE_LINES:
        faults.append(f"{name}: module of {_lines(text)} lines, at most {MODULE_LINES}")
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, Function) and "/migrations/versions/" not in name:
            faults += _too_long(name, node, "function", FUNCTION_LINES)
        elif isinstance(node, ast.ClassDef):
            faults += _too_long(name, node, "class", CLASS_LINES)
            methods = sum(isinstance(item, Function) for item in node.body)
            if methods > CLASS_METHODS:
                faults.append(
                    f"{name}:{node.lineno}: class {node.name} has {methods} methods,"
                    f" at most {CLASS_METHODS}"
                )
    return faults


def _too_long(name: str, node: Function | ast.ClassDef, kind: str, limit: int) -> list[str]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines <= limit:
        return []
    return [f"{name}:{node.lineno}: {kind} {node.name} has {lines} lines, at most {limit}"]


# One place commits

_BEGIN = re.compile(r"\s*BEGIN(\s+\w+)*\s*;?\s*")
_COMMIT = re.compile(r"\s*COMMIT(\s+\w+)*\s*;?\s*")


def commit_faults(root: Path) -> list[str]:
    """`commit` is written once in all the code, and transactions begin where it is."""
    faults, commits = [], []
    for name, path in modules(root):
        for line, word in _transaction_words(path.read_text(encoding="utf-8")):
            if word == "commit":
                commits.append(f"{name}:{line}")
            if name != TRANSACTION:
                faults.append(f"{name}:{line}: {word} outside {TRANSACTION}")
    if len(commits) != 1:
        where = ", ".join(commits) or "nowhere"
        faults.append(f"commit must be written exactly once; it is at: {where}")
    return faults


def _transaction_words(text: str) -> Iterator[tuple[int, str]]:
    """Every `commit` and `begin`: a method of that name called, or a statement of SQL by itself."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("begin", "commit"):
                yield node.lineno, node.func.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _BEGIN.fullmatch(node.value):
                yield node.lineno, "begin"
            elif _COMMIT.fullmatch(node.value):
                yield node.lineno, "commit"


# Who imports whom


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the tree at root, not over the one that is installed."""
    paths = os.pathsep.join(str(root / part) for part in ("src", "api"))
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


# What no file may hold

# Put together here, so that this file holds none of them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "npmmirror", "com"),
        ("registry", "yarnpkg", "com"),
        ("tuna", "tsinghua", "edu", "cn"),
        ("mirrors", "aliyun", "com"),
        ("proxy", "golang", "org"),
    )
]
_INDEX = re.compile("--(?:extra-)?" + "index-" + "url|--find-" + "links")
_HOME = re.compile(r"(?<![\w.~}-])/(?:home|Users|root)/\w")
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b")
_MADE = {"build", "dist", "node_modules", "__pycache__"}


def hygiene_faults(root: Path) -> list[str]:
    faults = []
    for name, text in _texts(root):
        for number, line in enumerate(text.splitlines(), 1):
            what = _unwanted(name, line)
            if what:
                faults.append(f"{name}:{number}: {what}")
    return faults


def _unwanted(name: str, line: str) -> str | None:
    if any(registry in line for registry in REGISTRIES) or _INDEX.search(line):
        return "names a package index"
    if _HOME.search(line):
        return "holds a path of somebody's home"
    if name.startswith(("src/", "api/")) and _UNFINISHED.search(line):
        return "is marked as unfinished"
    return None


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    """Every text file of the project; what can be made again and what is hidden is passed over."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name == ".ci" or not (name in _MADE or name[0] == ".")
        )
        for file in sorted(files):
            path = Path(folder, file)
            content = path.read_bytes()
            if b"\0" not in content:
                yield path.relative_to(root).as_posix(), content.decode("utf-8")
