"""Security: scanners are clean, an exception says why, and what runs is what was looked through."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture import house

# An exception from a security rule of either scanner, and the reason that must follow it.
EXCEPTION = re.compile(r"#\s*(?:noqa: [A-Z0-9, ]*\bS\d+|nosec\b)")
REASON = re.compile(r"noqa: [A-Z0-9, ]+ - \S|#\s*(?!noqa)\w.*#\s*nosec")


def unreasoned(root: Path) -> Iterator[str]:
    for part in ("src", "api", "bench"):
        for path in sorted((root / part).rglob("*.py")):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if EXCEPTION.search(line) and not REASON.search(line):
                    yield f"{path.relative_to(root).as_posix()}:{number}"


def test_an_exception_from_a_security_rule_says_why() -> None:
    assert list(unreasoned(house.ROOT)) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = 1  # noqa: S105", 1),
        ("x = 1  # noqa: E501, S105", 1),
        ("x = 1  # nosec B105", 1),
        ("x = 1  # nosec", 1),
        ("x = 1  # noqa: S105 - an example", 0),
        ("x = 1  # noqa: S105 - an example  # nosec B105", 0),
        ("x = 1  # an example  # nosec B105", 0),
        ("x = 1  # noqa: S105  # nosec B105", 1),
        ("x = 1  # noqa: E501", 0),
    ],
)
def test_an_exception_without_a_reason_is_found(tmp_path: Path, line: str, found: int) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "x.py").write_text(line)
    assert len(list(unreasoned(tmp_path))) == found


def bandit(*paths: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "bandit", "-q", "-r", *paths]
    return subprocess.run(call, cwd=house.ROOT, capture_output=True, text=True, check=False)


def test_bandit_finds_nothing() -> None:
    done = bandit(house.LIBRARY, house.SERVICE)
    assert done.returncode == 0, done.stdout


def test_bandit_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("import yaml\nyaml.load('x')\nexec('x')\n")
    assert bandit(str(tmp_path)).returncode == 1


# What stands in for a list of known faults, which no offline machine has: decision 0052.


def pinned() -> dict[str, str]:
    text = (house.ROOT / "constraints.txt").read_text("utf-8")
    lines = [line.strip() for line in text.splitlines() if line and not line.startswith("#")]
    return {
        canonicalize_name(name): version for name, version in (one.split("==") for one in lines)
    }


def needed(name: str, extra: str = "") -> set[str]:
    """All that a package needs here, its needs' needs included."""
    found: set[str] = set()
    queue = [(name, extra)]
    while queue:
        one, more = queue.pop()
        for text in metadata.requires(one) or ():
            requirement = Requirement(text)
            extras = {"extra": more}
            if requirement.marker and not requirement.marker.evaluate(extras):
                continue
            below = canonicalize_name(requirement.name)
            if below not in found:
                found.add(below)
                queue += [(below, asked) for asked in (requirement.extras or {""})]
    return found


def test_all_that_runs_is_pinned_to_what_was_tested() -> None:
    versions = pinned()
    for name in needed("planflow", "postgres"):
        assert name in versions, f"{name} is not pinned"
        assert metadata.version(name) == versions[name], name


def test_nothing_is_pinned_to_an_address_or_a_range() -> None:
    for name, version in pinned().items():
        assert re.fullmatch(r"[0-9][0-9A-Za-z.!+-]*", version), name
