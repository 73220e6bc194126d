"""A log's new beginning after a restore: its first leaf cites the old checkpoint and what was lost."""

from dataclasses import dataclass

import orjson

from planflow.ledger.checkpoint import Checkpoint
from planflow.ledger.note import decode, encode

KIND = "epoch_opened"


@dataclass(frozen=True, slots=True)
class Epoch:
    """The last checkpoint of the old tree, and the shorter beginning of it that is left."""

    old: Checkpoint
    left: int
    root: bytes

    @property
    def number(self) -> int:
        """The epoch that begins."""
        return self.old.epoch + 1

    @property
    def cites(self) -> tuple[str, ...]:
        """How the first leaf says it: open to everyone, for these are no values of a plan."""
        return (
            f"checkpoint {self.old.origin} {self.old.size} {encode(self.old.root)}",
            f"left {self.left} {encode(self.root)}",
            f"lost {self.left} {self.old.size}",
        )


def epoch_of(leaf: bytes) -> Epoch | None:
    """The epoch that a leaf opens; None where it opens none."""
    try:
        fields = orjson.loads(leaf)
        if fields["kind"] != KIND:
            return None
        words = [line.split(" ") for line in fields["cites"]]
        _, origin, size, old_root = words[0]
        _, left, root = words[1]
        old = Checkpoint(origin, int(size), decode(old_root) or b"")
        epoch = Epoch(old, int(left), decode(root) or b"")
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    whole = list(epoch.cites) == fields["cites"] and 0 <= epoch.left < old.size
    return epoch if whole and old.log == fields["log"] else None
