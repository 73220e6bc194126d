"""What a refusal found, as values to compare."""

from __future__ import annotations

from typing import Any

from tests.world import Refused


def sums(refused: Refused) -> list[tuple[Any, ...]]:
    """Code, indicator, expected, got and difference of every finding."""
    words = ("indicator", "expected", "got", "difference")
    return [
        (one.code, *(one.params.get(word) for word in words)) for one in refused.refusal.findings
    ]


def places(refused: Refused) -> list[tuple[str, str]]:
    """Code and field of every finding."""
    return [(one.code, one.where) for one in refused.refusal.findings]


def named(refused: Refused, *words: str) -> list[tuple[Any, ...]]:
    """Code and some parameters of every finding."""
    return [
        (one.code, *(one.params.get(word) for word in words)) for one in refused.refusal.findings
    ]
