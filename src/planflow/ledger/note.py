"""Signed notes with Ed25519, and cosignatures (C2SP signed-note, tlog-cosignature/v1).

Signature lines of unknown keys are passed over, as the specification has it; one of a known key that
does not verify condemns the note.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from planflow.errors import Refusal

SIGNATURE, COSIGNATURE = 0x01, 0x04  # signature types
_ID, _SEED, _PUBLIC, _TIME, _SIGNED = 4, 32, 32, 8, 64
_MOST_SIGNATURES = 64
_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key under its name; as text, a vkey: what a reader pins."""

    name: str
    public: bytes
    kind: int = SIGNATURE

    @property
    def id(self) -> bytes:
        """The key's short id, which tells signature lines apart and proves nothing."""
        head = self.name.encode() + b"\n" + bytes([self.kind])
        return sha256(head + self.public).digest()[:_ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode(bytes([self.kind]) + self.public)}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether this key made a signature, or a cosignature with its time, over a text."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            moment = int.from_bytes(signature[:_TIME], "big")
            signature, message = signature[_TIME:], _witnessed(text, moment)
        if len(signature) != _SIGNED:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under its name. `repr` never shows the seed."""

    name: str
    seed: bytes
    kind: int = SIGNATURE

    def __repr__(self) -> str:
        return f"Signer({self.key})"

    @property
    def key(self) -> Key:
        """The public key."""
        return Key(self.name, self._private().public_key().public_bytes_raw(), self.kind)

    def sign(self, text: str, moment: int = 0) -> str:
        """A signature line over a note's text; a cosignature states its time in POSIX seconds."""
        if self.kind == COSIGNATURE:
            signature = moment.to_bytes(_TIME, "big") + self._private().sign(
                _witnessed(text, moment)
            )
        else:
            signature = self._private().sign(text.encode())
        return f"— {self.name} {encode(self.key.id + signature)}\n"

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def signer(name: str, seed_text: str, kind: int = SIGNATURE) -> Signer:
    """A signer from its seed as base64. Raises `Refusal` `ledger_key_malformed`."""
    seed = decode(seed_text.strip())
    if seed is None or len(seed) != _SEED:
        raise Refusal("ledger_key_malformed")
    return Signer(name, seed, kind)


def read_key(text: str) -> Key:
    """A key from its vkey. Raises `Refusal` `vkey_malformed`."""
    name, _, rest = text.strip().partition("+")
    short, _, coded = rest.partition("+")
    raw = decode(coded) or b""
    if _NAME.fullmatch(name) and len(raw) == 1 + _PUBLIC and raw[0] in (SIGNATURE, COSIGNATURE):
        key = Key(name, raw[1:], raw[0])
        if key.id.hex() == short:
            return key
    raise Refusal("vkey_malformed")


def open_note(note: str, *known: Key) -> str:
    """The text of a note that at least one of these keys signed.

    Raises `Refusal`: `note_malformed`, `note_forged`, `note_unsigned`.
    """
    text, signatures = _parts(note)
    found = False
    for name, short, signature in signatures:
        for key in known:
            if (key.name, key.id) != (name, short):
                continue
            if not key.signed(text, signature):
                raise Refusal("note_forged", {"key": str(key)})
            found = True
    if not found:
        raise Refusal("note_unsigned", {"key": ", ".join(map(str, known))})
    return text


def encode(raw: bytes) -> str:
    """Standard base64."""
    return b64encode(raw).decode()


def decode(text: str) -> bytes | None:
    """Bytes from standard base64; None where another text would mean the same bytes."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if encode(raw) == text else None


def _witnessed(text: str, moment: int) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def _parts(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    text, blank, below = note.rpartition("\n\n")
    lines = list(_signatures(below))
    good = blank and lines and len(lines) <= _MOST_SIGNATURES and not _CONTROL.search(note)
    if not good or not below.endswith("\n"):
        raise Refusal("note_malformed")
    return text + "\n", lines


def _signatures(below: str) -> Iterator[tuple[str, bytes, bytes]]:
    for line in below.removesuffix("\n").split("\n"):
        match = _LINE.fullmatch(line)
        raw = decode(match[2]) if match else None
        if match is None or raw is None or len(raw) <= _ID:
            raise Refusal("note_malformed")
        yield match[1], raw[:_ID], raw[_ID:]
