"""Inclusion and consistency proofs of RFC 9162, section 2.1: made from a tree's nodes, checked without.

A node is the hash of a complete subtree: `node(height, number)` covers the leaves from
`number << height` up to `(number + 1) << height`. A checker trusts nothing but what it is given: it
says no to every proof that is too short, too long, of another place or size, or of an empty tree.
"""

from collections.abc import Callable, Iterable, Sequence

from planflow.ledger.merkle import EMPTY, node_hash

Node = Callable[[int, int], bytes]
_HASH = 32


def tree_root(size: int, node: Node) -> bytes:
    """Hash of the tree over the first `size` leaves."""
    return _span(0, size, node) if size else EMPTY


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """Prove that leaf `index` stands in the tree of `size` leaves: PATH(m, D[n])."""
    if not 0 <= index < size:
        raise ValueError("a leaf outside its tree")
    path, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        left = index < middle
        path.append(_span(middle, stop, node) if left else _span(start, middle, node))
        start, stop = (start, middle) if left else (middle, stop)
    return path[::-1]


def consistency(old: int, new: int, node: Node) -> list[bytes]:
    """Prove that the tree of `new` leaves begins with the tree of `old`: PROOF(m, D[n])."""
    if not 0 < old <= new:
        raise ValueError("a tree that is no beginning of the other")
    path, start, stop = [], 0, new
    while stop != old:
        middle = start + _split(stop - start)
        left = old <= middle
        path.append(_span(middle, stop, node) if left else _span(start, middle, node))
        start, stop = (start, middle) if left else (middle, stop)
    # The old tree is known to its holder: its hash is given only where it is but a part of it.
    return ([_span(start, stop, node)] if start else []) + path[::-1]


def includes(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Check an inclusion proof of a leaf hash (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or not _hashes(root, leaf, *proof):
        return False
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            at, last = _past_zeros(at, last)
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def extends(old_root: bytes, old: int, new_root: bytes, new: int, proof: Sequence[bytes]) -> bool:
    """Check a consistency proof (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= new or not _hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            at, last = _past_zeros(at, last)
        else:
            after = node_hash(after, step)
        at, last = at >> 1, last >> 1
    return last == 0 and (before, after) == (old_root, new_root)


def grown(size: int, node: Node, leaves: Iterable[bytes]) -> bytes:
    """Hash of the tree after more leaf hashes: of what stood before, its few complete parts are read."""
    heights = [height for height in reversed(range(size.bit_length())) if size >> height & 1]
    parts, start = [], 0
    for height in heights:
        parts.append(node(height, start >> height))
        start += 1 << height
    for leaf in leaves:
        parts.append(leaf)
        size += 1
        for _ in range(
            (size & -size).bit_length() - 1
        ):  # each zero at its end: two parts become one
            right = parts.pop()
            parts.append(node_hash(parts.pop(), right))
    if not parts:
        return EMPTY
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found


def _span(start: int, stop: int, node: Node) -> bytes:
    """MTH(D[start:stop]), for a run that is a node or begins where its larger part is one."""
    length = stop - start
    if length & (length - 1) == 0:
        return node(length.bit_length() - 1, start // length)
    middle = start + _split(length)
    return node_hash(_span(start, middle, node), _span(middle, stop, node))


def _split(length: int) -> int:
    """The largest power of two smaller than a length."""
    return 1 << (length - 1).bit_length() - 1


def _past_zeros(at: int, last: int) -> tuple[int, int]:
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _hashes(*values: bytes) -> bool:
    return all(len(value) == _HASH for value in values)
