"""Inclusion and consistency proofs, against published ones and against the RFC's own recursion.

Every pair of sizes and every place up to 300 leaves; and every way to bend a proof is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planflow.ledger import merkle, proofs
from tests.unit.ledger.oracle import Oracle

MOST = 300
OWN = json.loads((Path(__file__).parents[2] / "data" / "merkle-sha256.json").read_text("utf-8"))
LEAVES = [f"leaf {number}".encode() for number in range(MOST)]
ORACLE = Oracle(LEAVES)

# The leaves, roots and proofs with which implementations of RFC 6962 are commonly tried.
PUBLISHED = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
E = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSIONS = [
    (0, 1, []),
    (0, 8, [A, B, C]),
    (5, 8, [E, D, ROOTS[3]]),
    (2, 3, [ROOTS[1]]),
    (1, 5, [ROOTS[0], B, E]),
]
CONSISTENCIES = [(1, 1, []), (1, 8, [A, B, C]), (6, 8, [F, D, ROOTS[3]]), (2, 5, [B, E])]
bent: Counter[str] = Counter()


def nodes(leaves: list[bytes]) -> proofs.Node:
    """Every node straight from the leaves."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    kept: dict[tuple[int, int], bytes] = {}

    def node(height: int, number: int) -> bytes:
        key = (height, number)
        if key not in kept:
            kept[key] = merkle.root(hashes[number << height : (number + 1) << height])
        return kept[key]

    return node


NODE = nodes(LEAVES)


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert proofs.tree_root(size, nodes(PUBLISHED)).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSIONS)
def test_published_inclusion_proofs(index: int, size: int, proof: list[str]) -> None:
    made = proofs.inclusion(index, size, nodes(PUBLISHED))
    assert [step.hex() for step in made] == proof
    leaf, root = merkle.leaf_hash(PUBLISHED[index]), bytes.fromhex(ROOTS[size - 1])
    assert proofs.includes(root, size, index, leaf, made)


@pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCIES)
def test_published_consistency_proofs(old: int, new: int, proof: list[str]) -> None:
    made = proofs.consistency(old, new, nodes(PUBLISHED))
    assert [step.hex() for step in made] == proof
    before, after = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    assert proofs.extends(before, old, after, new, made)


def test_own_vectors() -> None:
    leaves = [data.encode() for data in OWN["leaf_data_ascii"]]
    made = [proofs.tree_root(size, nodes(leaves)).hex() for size in range(len(leaves) + 1)]
    assert made == OWN["roots_by_size"]
    assert [Oracle(leaves).root(0, size).hex() for size in range(len(leaves) + 1)] == made


def test_every_root_and_inclusion_up_to_300_leaves() -> None:
    for size in range(1, MOST + 1):
        root = proofs.tree_root(size, NODE)
        assert root == ORACLE.root(0, size)
        for index in range(size):
            made = proofs.inclusion(index, size, NODE)
            assert tuple(made) == ORACLE.path(index, 0, size)
            assert proofs.includes(root, size, index, ORACLE.root(index, index + 1), made)


def test_every_consistency_up_to_300_leaves() -> None:
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            made = proofs.consistency(old, new, NODE)
            assert tuple(made) == ORACLE.proof(old, 0, new)
            assert proofs.extends(ORACLE.root(0, old), old, ORACLE.root(0, new), new, made)


def test_a_tree_grows_to_the_same_root_from_every_size() -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES]
    for size in range(MOST + 1):
        for more in {size, min(size + 1, MOST), (size + MOST) // 2, MOST}:
            assert proofs.grown(size, NODE, hashes[size:more]) == ORACLE.root(0, more)


def bends(proof: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A proof with one thing wrong, and what."""
    yield "one more at the end", [*proof, sha256(b"x").digest()]
    yield "one more in front", [sha256(b"x").digest(), *proof]
    yield "one said twice", [*proof, *proof[-1:]] if proof else [bytes(32)]
    for at, step in enumerate(proof):
        yield "one missing", proof[:at] + proof[at + 1 :]
        yield "another hash", [*proof[:at], sha256(step).digest(), *proof[at + 1 :]]
        yield "too short a hash", [*proof[:at], step[:-1], *proof[at + 1 :]]
        yield "too long a hash", [*proof[:at], step + b"\x00", *proof[at + 1 :]]
        if at and proof[at - 1] != step:
            yield "two changed places", [*proof[: at - 1], step, proof[at - 1], *proof[at + 1 :]]


SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33)


@pytest.mark.parametrize("size", SIZES)
def test_every_bent_inclusion_proof_is_refused(size: int) -> None:
    root = ORACLE.root(0, size)
    for index in range(size):
        leaf, proof = ORACLE.root(index, index + 1), list(ORACLE.path(index, 0, size))
        for what, wrong in bends(proof):
            assert not proofs.includes(root, size, index, leaf, wrong), what
            bent[f"inclusion: {what}"] += 1
        for other in range(-2, 2 * size + 2):
            if other != index:
                assert not proofs.includes(root, size, other, leaf, proof)
                bent["inclusion: another index"] += 1
        for other in range(-2, 2 * size + 2):
            # A leaf far from the end has one path in several trees: but each has its own root.
            told = ORACLE.root(0, other) if 0 <= other <= MOST and other != size else root
            if other != size:
                assert not proofs.includes(told, other, index, leaf, proof)
                bent["inclusion: another size"] += 1
        assert not proofs.includes(root, size, index, sha256(leaf).digest(), proof)
        assert not proofs.includes(leaf if size > 1 else bytes(32), size, index, leaf, proof)


@pytest.mark.parametrize("new", SIZES)
def test_every_bent_consistency_proof_is_refused(new: int) -> None:
    after = ORACLE.root(0, new)
    for old in range(1, new + 1):
        before, proof = ORACLE.root(0, old), list(ORACLE.proof(old, 0, new))
        for what, wrong in bends(proof):
            assert not proofs.extends(before, old, after, new, wrong), what
            bent[f"consistency: {what}"] += 1
        for other in range(-2, new + 3):
            if other != old:
                told = ORACLE.root(0, other) if other >= 0 else before
                assert not proofs.extends(told, other, after, new, proof)
                bent["consistency: another old size"] += 1
        assert not proofs.extends(bytes(32), old, after, new, proof)
        assert not proofs.extends(before, old, bytes(32), new, proof)
        if old < new:
            assert not proofs.extends(after, new, before, old, proof)
            assert not proofs.extends(before, old, after, new, [])


def test_an_empty_tree_proves_nothing() -> None:
    assert not proofs.includes(merkle.EMPTY, 0, 0, merkle.EMPTY, [])
    assert not proofs.extends(merkle.EMPTY, 0, ORACLE.root(0, 5), 5, [])
    assert not proofs.extends(merkle.EMPTY, 0, merkle.EMPTY, 0, [])
    for wrong in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="outside"):
            proofs.inclusion(*wrong, NODE)
    for wrong in ((0, 3), (4, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no beginning"):
            proofs.consistency(*wrong, NODE)


@given(st.integers(1, MOST), st.integers(1, MOST), st.lists(st.binary(min_size=32, max_size=32)))
def test_a_made_up_proof_proves_nothing(one: int, two: int, proof: list[bytes]) -> None:
    old, new = sorted((one, two))
    meant = list(ORACLE.proof(old, 0, new))
    told = proofs.extends(ORACLE.root(0, old), old, ORACLE.root(0, new), new, proof)
    assert told == (proof == meant)


def test_bends_reached() -> None:
    print(f"{bent.total()} bent proofs refused: {dict(sorted(bent.items()))}")
