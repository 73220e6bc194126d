"""The pages of a witness: its own key, and for each log the signer it pinned and all it ever saw."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planflow.errors import Refusal
from planflow.ledger import note, witness
from planflow.ledger.checkpoint import Checkpoint, read_checkpoint
from planflow.ledger.note import COSIGNATURE, Key
from planflow.ledger.witness import Accepted, Server
from planflow.store.keeping import Keep


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a log, oldest first, and whose signatures count."""

    key: Key
    notes: tuple[str, ...] = ()

    @property
    def heads(self) -> list[Checkpoint]:
        """The checkpoints."""
        return [read_checkpoint(one, self.key) for one in self.notes]


@dataclass(frozen=True, slots=True)
class Pages:
    """A witness's folder. A key given, else the server's own at the first visit, is pinned."""

    folder: Path
    ask_key: Callable[[], str]
    given: str | None = None

    def read(self, log: str) -> Seen:
        """What was seen of a log. Raises `Refusal`: `vkey_malformed`, `witness_other_key`."""
        raw = Keep(self.folder).checkpoint(log)
        if raw is None:
            return Seen(note.read_key(self.given or self.ask_key()))
        found: dict[str, Any] = json.loads(raw)
        key = note.read_key(found["key"])
        if self.given is not None and note.read_key(self.given) != key:
            raise Refusal("witness_other_key", {"log": log, "key": str(key)})
        return Seen(key, tuple(found["seen"]))

    def cosign(self, log: str, seen: Seen, accepted: list[Accepted], name: str, moment: int) -> str:
        """Remember what was accepted, then cosign the last of it; the note with both signatures."""
        keep = Keep(self.folder)
        fresh = [one.note for one in accepted if one.head not in seen.heads[-1:]]
        told = {"key": str(seen.key), "seen": [*seen.notes, *fresh]}
        keep.keep(log, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
        keep.make_seed()
        signer = note.signer(name, keep.seed() or "", COSIGNATURE)
        last = accepted[-1]
        return last.note + signer.sign(last.head.text, moment)


def visit(server: Server, seen: Seen) -> list[Accepted]:
    """Check a server's log against what was seen of it."""
    return witness.visit(server, seen.key, seen.heads)
