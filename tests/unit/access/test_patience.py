"""Back-off doubles with each failure beyond the free ones, and has an end."""

from __future__ import annotations

from planflow.access.patience import FIRST_WAIT, LONGEST_WAIT, wait


def test_the_wait_doubles_and_ends() -> None:
    assert [wait(at, 5) for at in range(5)] == [0] * 5
    assert [wait(at, 5) for at in (5, 6, 7)] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert wait(50, 5) == wait(10**6, 5) == LONGEST_WAIT
    waits = [wait(at, 5) for at in range(40)]
    assert waits == sorted(waits)
