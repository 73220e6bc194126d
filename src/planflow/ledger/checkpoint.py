"""A log's head as a signed note (C2SP tlog-checkpoint), and an event's receipt (C2SP tlog-proof)."""

import re
from dataclasses import dataclass

from planflow.errors import Refusal
from planflow.ledger import proofs
from planflow.ledger.leaf import named
from planflow.ledger.merkle import EMPTY, leaf_hash
from planflow.ledger.note import Key, Signer, decode, encode, open_note

_NUMBER = r"(0|[1-9][0-9]{0,17})"
_TEXT = re.compile(rf"([^\n]+)\n{_NUMBER}\n([^\n]+)\n")
_PROOF = re.compile(rf"c2sp\.org/tlog-proof@v1\nindex {_NUMBER}\n((?:[^\n]+\n)*)\n")
_EPOCH = re.compile(r"(.+)/epoch/([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `size` leaves of a log, as one hash. The origin names site, log and epoch."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{encode(self.root)}\n"

    @property
    def log(self) -> str:
        """The name its leaves give their log: the same in all epochs."""
        match = _EPOCH.fullmatch(self.origin)
        return match[1] if match else self.origin

    @property
    def epoch(self) -> int:
        """Which tree of its log this is; the first has no number in its origin."""
        match = _EPOCH.fullmatch(self.origin)
        return int(match[2]) if match else 1

    def signed(self, signer: Signer) -> str:
        """The note."""
        return f"{self.text}\n{signer.sign(self.text)}"


def origin(log: str, epoch: int) -> str:
    """Name the tree of a log in an epoch."""
    return log if epoch == 1 else f"{log}/epoch/{epoch}"


def read_checkpoint(note: str, *known: Key) -> Checkpoint:
    """A checkpoint that one of these keys signed, of a log of the first one's site.

    Raises `Refusal`, those of `open_note` among them.
    """
    found = checkpoint_of(open_note(note, *known))
    if not found.origin.startswith(f"{known[0].name}/"):
        raise Refusal("other_log", {"log": found.origin, "expected": known[0].name})
    return found


def checkpoint_of(text: str) -> Checkpoint:
    """Read a note's text. Raises `Refusal` `note_malformed`."""
    match = _TEXT.fullmatch(text)
    root = decode(match[3]) if match else None
    if match is None or root is None or len(root) != len(EMPTY):
        raise Refusal("note_malformed")
    return Checkpoint(match[1], int(match[2]), root)


def receipt(index: int, proof: list[bytes], note: str) -> str:
    """An event's receipt: with its leaf and the site's key it proves itself, without a server."""
    steps = "".join(f"{encode(step)}\n" for step in proof)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{steps}\n{note}"


def check_receipt(text: str, leaf: bytes, *known: Key) -> Checkpoint:
    """The checkpoint that a receipt proves a leaf to stand under.

    Raises `Refusal`: `receipt_malformed`, `not_included`, `other_log`, and those of `open_note`.
    """
    match = _PROOF.match(text)
    steps = [decode(line) for line in match[2].split("\n")[:-1]] if match else []
    if match is None or None in steps:
        raise Refusal("receipt_malformed")
    found = read_checkpoint(text[match.end() :], *known)
    proof = [step for step in steps if step is not None]
    if not proofs.includes(found.root, found.size, int(match[1]), leaf_hash(leaf), proof):
        raise Refusal("not_included", {"log": found.origin, "index": int(match[1])})
    _, log = named(leaf)
    if log != found.log:
        raise Refusal("other_log", {"log": log, "expected": found.log})
    return found
