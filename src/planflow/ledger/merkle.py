"""Merkle tree hashes of RFC 6962, section 2.1, over SHA-256."""

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash one leaf: H(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: H(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Hash of the tree over these leaf hashes; of no leaves, H("")."""
    if not leaf_hashes:
        return EMPTY
    level = list(leaf_hashes)
    while len(level) > 1:
        # An odd node at the end moves up unchanged: the same tree as the RFC's left-heavy split.
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]
