"""A tree as tiles of 256 hashes, and its leaves as bundles (C2SP tlog-tiles)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from planflow.errors import Refusal
from planflow.ledger import merkle

WIDTH = 256
HEIGHT = 8
ENTRIES = -1  # the level of the bundles of leaves
_HASH, _LENGTH, _TOP = 32, 2, 63
_PATH = re.compile(r"(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """The place of one tile or bundle, and how many hashes or leaves it has."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its path below `tile/`."""
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return "/".join([name, *(f"x{group}" for group in groups[:-1]), groups[-1]]) + partial

    @property
    def start(self) -> int:
        """The number of its first hash in its level."""
        return self.number * WIDTH

    def within(self, size: int) -> bool:
        """Whether a tree of that size has all of it."""
        return self.start + self.width <= size >> HEIGHT * max(self.level, 0)


def read_path(path: str) -> Tile | None:
    """The tile at a path; None where no tile has such a path."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = ENTRIES if match[1] == "entries" else int(match[1])
    number = int((match[2] + match[3]).replace("x", "").replace("/", ""))
    tile = Tile(level, number, int(match[4] or WIDTH))
    if level > _TOP or (match[4] and tile.width >= WIDTH) or tile.path != path:
        return None
    return tile


def tile_of(level: int, number: int, size: int) -> Tile:
    """A tile as wide as a tree of that size has it."""
    return Tile(level, number, min(WIDTH, (size >> HEIGHT * max(level, 0)) - number * WIDTH))


def bundle(leaves: Iterable[bytes]) -> bytes:
    """Leaves as a bundle: each behind its length in two bytes."""
    return b"".join(len(leaf).to_bytes(_LENGTH, "big") + leaf for leaf in leaves)


def leaves_of(raw: bytes) -> list[bytes]:
    """The leaves of a bundle. Raises `Refusal` `tile_malformed`."""
    found, at = [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + _LENGTH], "big")
        leaf = raw[at + _LENGTH : at + _LENGTH + length]
        if at + _LENGTH > len(raw) or len(leaf) != length:
            raise Refusal("tile_malformed")
        found.append(leaf)
        at += _LENGTH + length
    return found


@dataclass(slots=True)
class Nodes:
    """The nodes of a tree of `size` leaves, from its tiles; each tile is fetched once."""

    size: int
    fetch: Callable[[Tile], bytes]
    _kept: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __call__(self, height: int, number: int) -> bytes:
        """The hash of a complete subtree. Raises `Refusal` `tile_malformed`."""
        level, within = divmod(height, HEIGHT)
        first = number << within
        tile, start = divmod(first, WIDTH)
        raw = self._tile(level, tile)[start * _HASH : (start + (1 << within)) * _HASH]
        return merkle.root([raw[at : at + _HASH] for at in range(0, len(raw), _HASH)])

    def _tile(self, level: int, number: int) -> bytes:
        if (level, number) not in self._kept:
            tile = tile_of(level, number, self.size)
            raw = self.fetch(tile)
            if len(raw) != tile.width * _HASH:
                raise Refusal("tile_malformed")
            self._kept[level, number] = raw
        return self._kept[level, number]
