"""Says at the end of every run which tests it left out, from pytest's own collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN_BY = {
    "soak": "run by: make soak",
    "system": "needs parts that pip cannot bring; run by: make check",
    "wheel": "needs a package index; run by: make check",
}
OTHER = "other"
_left_out = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_left_out] = {}


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        marks = [name for name in RUN_BY if item.get_closest_marker(name)]
        item.config.stash[_left_out][item.nodeid] = marks[0] if marks else OTHER


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Under xdist the workers collect, and the controller tells.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[_left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_left_out].update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    left_out = config.stash[_left_out]
    terminalreporter.section("left out")
    if not left_out:
        terminalreporter.write_line("nothing was left out")
    for mark, how in RUN_BY.items():
        names = sorted(name for name, why in left_out.items() if why == mark)
        if names:
            terminalreporter.write_line(f"{mark} ({how}): {len(names)}")
            for name in names:
                terminalreporter.write_line(f"  {name}")
    others = sum(why == OTHER for why in left_out.values())
    if others:
        terminalreporter.write_line(f"not selected by this call: {others}")
