"""Trees and proofs word by word as RFC 6962, section 2.1, has them. Imports nothing of planflow."""

from __future__ import annotations

from functools import cache
from hashlib import sha256


class Oracle:
    """A list of leaves, and every hash and proof over a run of them; kept, as they come again."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.root = cache(self._root)
        self.path = cache(self._path)
        self.proof = cache(self._proof)

    def _root(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop])."""
        if stop == start:
            return sha256(b"").digest()
        if stop - start == 1:
            return sha256(b"\x00" + self.leaves[start]).digest()
        middle = start + split(stop - start)
        return sha256(b"\x01" + self.root(start, middle) + self.root(middle, stop)).digest()

    def _path(self, index: int, start: int, stop: int) -> tuple[bytes, ...]:
        """PATH(m, D[start:stop]), m counted from the first of all leaves."""
        if stop - start == 1:
            return ()
        middle = start + split(stop - start)
        if index < middle:
            return (*self.path(index, start, middle), self.root(middle, stop))
        return (*self.path(index, middle, stop), self.root(start, middle))

    def _proof(self, old: int, start: int, stop: int, known: bool = True) -> tuple[bytes, ...]:
        """SUBPROOF(m, D[start:stop], b)."""
        if old == stop:
            return () if known else (self.root(start, stop),)
        middle = start + split(stop - start)
        if old <= middle:
            return (*self.proof(old, start, middle, known), self.root(middle, stop))
        return (*self.proof(old, middle, stop, False), self.root(start, middle))


def split(length: int) -> int:
    """The largest power of two smaller than a length."""
    power = 1
    while power * 2 < length:
        power *= 2
    return power
