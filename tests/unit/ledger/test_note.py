"""Signed notes, keys, checkpoints, cosignatures and receipts (F10).

Against a note published with the specification's first implementation, and against every flipped bit.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

import orjson
import pytest

from planflow.errors import Refusal
from planflow.ledger import checkpoint, merkle, note, proofs
from planflow.ledger.checkpoint import Checkpoint
from planflow.ledger.note import COSIGNATURE, Key, Signer

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM="
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETERS_NOTE = (
    f"{TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
    "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SITE = Signer("site-1", bytes(range(32)))
WITNESS = Signer("auditor", bytes(32), COSIGNATURE)
LOG = "site-1/cycle/c1"
LEAVES = [orjson.dumps({"id": str(number), "log": LOG}) for number in range(7)]
HEAD = Checkpoint(LOG, 7, merkle.root([merkle.leaf_hash(leaf) for leaf in LEAVES]))


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code


def node(height: int, number: int) -> bytes:
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES]
    return merkle.root(hashes[number << height : (number + 1) << height])


def test_a_published_key_and_note() -> None:
    key = note.read_key(PETER)
    assert (str(key), key.name, key.id.hex()) == (PETER, "PeterNeumann", "c74f20a3")
    assert note.open_note(PETERS_NOTE, key) == TEXT
    signer = note.signer("PeterNeumann", PETERS_SEED)
    assert signer.key == key
    assert f"{TEXT}\n{signer.sign(TEXT)}" == PETERS_NOTE


def test_ids_are_those_of_the_specifications() -> None:
    for signer, kind in ((SITE, b"\x01"), (WITNESS, b"\x04")):
        told = signer.name.encode() + b"\n" + kind + signer.key.public
        assert signer.key.id == sha256(told).digest()[:4]


def test_a_seed_is_never_shown() -> None:
    assert "000102" not in repr(SITE)
    assert str(SITE.seed) not in repr(SITE)


@pytest.mark.parametrize("wrong", ["", "AAAA", "not base64", b64encode(bytes(33)).decode()])
def test_a_seed_that_is_none(wrong: str) -> None:
    refused("ledger_key_malformed", lambda: note.signer("x", wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "PeterNeumann",
        PETER[:-1],
        PETER.replace("c74f", "c74e"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("PeterNeumann", "Paul"),
        PETER.replace("+ARpc", "+AhPc"),
        PETER + "A",
    ],
)
def test_a_key_that_is_none(wrong: str) -> None:
    refused("vkey_malformed", lambda: note.read_key(wrong))


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    signed = HEAD.signed(SITE)
    root = b64encode(HEAD.root).decode()
    assert signed.startswith(f"{LOG}\n7\n{root}\n\n— site-1 ")
    assert checkpoint.read_checkpoint(signed, SITE.key) == HEAD
    assert (HEAD.log, HEAD.epoch) == (LOG, 1)
    later = Checkpoint(checkpoint.origin(LOG, 3), 1, HEAD.root)
    assert (later.origin, later.log, later.epoch) == (f"{LOG}/epoch/3", LOG, 3)


def test_every_flipped_bit_of_a_checkpoint_is_found() -> None:
    raw = HEAD.signed(SITE).encode()
    count = 0
    for at in range(len(raw)):
        for bit in range(8):
            wrong = bytearray(raw)
            wrong[at] ^= 1 << bit
            try:
                told = wrong.decode()
            except UnicodeDecodeError:
                continue
            with pytest.raises(Refusal):
                checkpoint.read_checkpoint(told, SITE.key)
            count += 1
    print(f"{count} flipped bits found")


@pytest.mark.parametrize(
    "text",
    [
        f"{LOG}\n7\n",
        f"{LOG}\n07\n{b64encode(bytes(32)).decode()}\n",
        f"{LOG}\n-7\n{b64encode(bytes(32)).decode()}\n",
        f"{LOG}\n7\n{b64encode(bytes(31)).decode()}\n",
        f"{LOG}\n7\n{b64encode(bytes(32)).decode()}\nmore\n",
        f"\n7\n{b64encode(bytes(32)).decode()}\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint(text: str) -> None:
    signed = f"{text}\n{SITE.sign(text)}"
    refused("note_malformed", lambda: checkpoint.read_checkpoint(signed, SITE.key))


def test_whose_signatures_count() -> None:
    """An unknown key's line is passed over, a known key's wrong one condemns the note."""
    other = Signer("site-1", bytes([1]) * 32)
    signed = HEAD.signed(SITE)
    refused("note_unsigned", lambda: note.open_note(signed, other.key))
    both = signed + other.sign(HEAD.text)
    assert note.open_note(both, SITE.key) == HEAD.text
    wrong = signed + SITE.sign("another text\n")
    refused("note_forged", lambda: note.open_note(wrong, SITE.key))
    # A key with the known one's short id and name, but not the known one.
    forged = f"{HEAD.text}\n— site-1 {note.encode(SITE.key.id + bytes(64))}\n"
    refused("note_forged", lambda: note.open_note(forged, SITE.key))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "\n",
        HEAD.text,
        f"{HEAD.text}\n",
        f"{HEAD.text}\nno signature\n",
        HEAD.signed(SITE)[:-1],
        HEAD.signed(SITE).replace("—", "-"),
        HEAD.signed(SITE).replace("\n", "\r\n"),
        HEAD.signed(SITE) + "\n",
        f"{HEAD.text}\n" + SITE.sign(HEAD.text) * 65,
    ],
)
def test_a_note_that_is_none(wrong: str) -> None:
    refused("note_malformed", lambda: note.open_note(wrong, SITE.key))


def test_another_sites_log_is_none_of_its_keys() -> None:
    foreign = Checkpoint("site-2/cycle/c1", 7, HEAD.root).signed(SITE)
    refused("other_log", lambda: checkpoint.read_checkpoint(foreign, SITE.key))


def test_a_cosignature_states_its_time() -> None:
    line = WITNESS.sign(HEAD.text, 1_679_315_147)
    raw = note.decode(line.split()[2])
    assert raw is not None
    assert (raw[:4], raw[4:12]) == (WITNESS.key.id, (1_679_315_147).to_bytes(8, "big"))
    both = HEAD.signed(SITE) + line
    assert note.open_note(both, WITNESS.key) == HEAD.text
    assert checkpoint.read_checkpoint(both, SITE.key, WITNESS.key) == HEAD
    plain = Key(WITNESS.name, WITNESS.key.public)
    assert plain.signed(f"cosignature/v1\ntime 1679315147\n{HEAD.text}", raw[12:])
    later = raw[:4] + (1_679_315_148).to_bytes(8, "big") + raw[12:]
    back_dated = f"{HEAD.signed(SITE)}— auditor {note.encode(later)}\n"
    refused("note_forged", lambda: note.open_note(back_dated, WITNESS.key))


def test_a_receipt_proves_its_leaf_without_a_server() -> None:
    for index, leaf in enumerate(LEAVES):
        text = checkpoint.receipt(index, proofs.inclusion(index, 7, node), HEAD.signed(SITE))
        assert text.startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n")
        assert checkpoint.check_receipt(text, leaf, SITE.key) == HEAD
        other = LEAVES[index - 1]
        refused("not_included", lambda: checkpoint.check_receipt(text, other, SITE.key))  # noqa: B023
        moved = text.replace(f"index {index}", f"index {index + 1}")
        refused("not_included", lambda: checkpoint.check_receipt(moved, leaf, SITE.key))  # noqa: B023


def test_every_flipped_bit_of_a_receipt_is_found() -> None:
    raw = checkpoint.receipt(3, proofs.inclusion(3, 7, node), HEAD.signed(SITE)).encode()
    for at in range(len(raw)):
        for bit in range(8):
            wrong = bytearray(raw)
            wrong[at] ^= 1 << bit
            try:
                told = wrong.decode()
            except UnicodeDecodeError:
                continue
            with pytest.raises(Refusal):
                checkpoint.check_receipt(told, LEAVES[3], SITE.key)


def test_a_leaf_belongs_to_the_log_it_names() -> None:
    head = Checkpoint("site-1/site", 7, HEAD.root).signed(SITE)
    text = checkpoint.receipt(0, proofs.inclusion(0, 7, node), head)
    refused("other_log", lambda: checkpoint.check_receipt(text, LEAVES[0], SITE.key))
