"""F2: commitments are Merkle tree hashes of RFC 6962 over SHA-256.

Against roots made before this program, and against the RFC's own recursion, written here.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.ledger import merkle

DATA = json.loads((Path(__file__).parents[2] / "data" / "merkle-sha256.json").read_text("utf-8"))
sizes: Counter[int] = Counter()


def tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = max(2**power for power in range(64) if 2**power < len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(len(DATA["roots_by_size"])))
def test_roots_made_elsewhere(size: int) -> None:
    leaves = [data.encode() for data in DATA["leaf_data_ascii"][:size]]
    found = merkle.root([merkle.leaf_hash(data) for data in leaves])
    assert found.hex() == DATA["roots_by_size"][size]
    assert tree_hash(leaves) == found


@given(st.integers(0, 600), st.binary(max_size=8))
def test_it_equals_the_rfcs_recursion(size: int, salt: bytes) -> None:
    leaves = [salt + str(number).encode() for number in range(size)]
    sizes[len(leaves)] += 1
    assert merkle.root([merkle.leaf_hash(data) for data in leaves]) == tree_hash(leaves)


@pytest.mark.parametrize("size", [3000, 4095, 4096, 4097])
def test_large_trees(size: int) -> None:
    leaves = [str(number).encode() for number in range(size)]
    assert merkle.root([merkle.leaf_hash(data) for data in leaves]) == tree_hash(leaves)


def test_sizes_reached() -> None:
    print(f"{sizes.total()} trees of {len(sizes)} sizes, up to {max(sizes, default=0)} leaves")


def test_a_leaf_is_no_node() -> None:
    """Leaves and inner nodes are hashed apart, so that neither passes for the other."""
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.root([merkle.leaf_hash(left + right)]) != merkle.root([left, right])
