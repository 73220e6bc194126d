"""The faults of a file's rows: counted all, kept in part (F11)."""

import heapq
from typing import Any

from planflow.errors import Finding, Refusal

MOST_KEPT = 100


class RowFindings:
    """Collects findings in any order and keeps those of the first rows."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[tuple[int, int, Finding]] = []

    def add(self, code: str, row: int, /, **params: Any) -> None:
        """Note a fault of a row, counted as a spreadsheet counts."""
        self.count += 1
        finding = Finding(code, {"row": row, **params}, f"row {row}")
        # a heap whose top is the one to let go: the last row, the latest finding
        heapq.heappush(self._kept, (-row, -self.count, finding))
        if len(self._kept) > MOST_KEPT:
            heapq.heappop(self._kept)

    def refusal(self, code: str) -> Refusal:
        """Return the refusal of the file; its parameter `count` is the number of all findings."""
        kept = [finding for _, _, finding in sorted(self._kept, reverse=True)]
        return Refusal(code, {"count": self.count}, findings=kept)
