"""Tiles of 256 hashes and bundles of leaves, as C2SP tlog-tiles has them."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.errors import Refusal
from planflow.ledger import merkle, proofs, tiles
from planflow.ledger.tiles import ENTRIES, Nodes, Tile

PATHS = [
    (Tile(0, 0), "0/000"),
    (Tile(0, 1234067), "0/x001/x234/067"),
    (Tile(1, 999), "1/999"),
    (Tile(1, 1000), "1/x001/000"),
    (Tile(2, 0, 1), "2/000.p/1"),
    (Tile(ENTRIES, 273, 112), "entries/273.p/112"),
    (Tile(63, 5), "63/005"),
]


@pytest.mark.parametrize(("tile", "path"), PATHS)
def test_paths(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.read_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_every_path_is_read_back(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert tiles.read_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "0/0",
        "0/00",
        "00/000",
        "64/000",
        "-1/000",
        "0/x000/000",
        "0/001/000",
        "0/x001/x000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/999",
        "0/000.p/",
        "0/000/",
        "data/000",
        "0/x01/000",
    ],
)
def test_a_path_that_is_none(path: str) -> None:
    assert tiles.read_path(path) is None


def test_the_tiles_of_seventy_thousand_leaves() -> None:
    """The specification's own example."""
    size = 70_000
    assert tiles.tile_of(0, 272, size).width == 256
    assert tiles.tile_of(0, 273, size).width == 112
    assert tiles.tile_of(1, 0, size).width == 256
    assert tiles.tile_of(1, 1, size).width == 17
    assert tiles.tile_of(2, 0, size).width == 1
    assert Tile(0, 273, 112).within(size)
    assert not Tile(0, 273, 113).within(size)
    assert not Tile(0, 273).within(size)
    assert Tile(ENTRIES, 273, 112).within(size)
    assert not Tile(3, 0, 1).within(size)


def test_bundles() -> None:
    leaves = [b"", b"a", b"b" * 300, bytes(16 * 1024)]
    raw = tiles.bundle(leaves)
    assert raw[:5] == b"\x00\x00\x00\x01a"
    assert tiles.leaves_of(raw) == leaves
    for wrong in (raw[:-1], raw + b"\x00", raw + b"\x00\x01"):
        with pytest.raises(Refusal) as caught:
            tiles.leaves_of(wrong)
        assert caught.value.code == "tile_malformed"


def served(hashes: list[bytes], tile: Tile) -> bytes:
    """A tile of a tree over these leaf hashes, by the specification's formula."""
    each = 256**tile.level
    first = tile.number * 256
    found = [hashes[at * each : (at + 1) * each] for at in range(first, first + tile.width)]
    assert all(len(part) == each for part in found)
    return b"".join(merkle.root(part) for part in found)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 700, 65_536, 65_793, 70_000])
def test_proofs_from_tiles_are_the_trees(size: int) -> None:
    hashes = [sha256(str(number).encode()).digest() for number in range(size)]
    asked: list[Tile] = []

    def fetch(tile: Tile) -> bytes:
        asked.append(tile)
        return served(hashes, tile)

    root = merkle.root(hashes)
    assert proofs.tree_root(size, Nodes(size, fetch)) == root
    for index in {0, size // 2, size - 1}:
        nodes = Nodes(size, fetch)
        asked.clear()
        proof = proofs.inclusion(index, size, nodes)
        assert proofs.includes(root, size, index, hashes[index], proof)
        assert len(asked) == len(set(asked)) <= 6
        assert all(tile.within(size) for tile in asked)
    for old in {1, (size + 1) // 2, size}:
        proof = proofs.consistency(old, size, Nodes(size, fetch))
        assert proofs.extends(merkle.root(hashes[:old]), old, root, size, proof)


def test_a_tile_of_another_width_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        Nodes(3, lambda tile: bytes(32 * (tile.width + 1)))(0, 0)
    assert caught.value.code == "tile_malformed"
