"""What silence may be declared to mean, and where which meaning makes sense (N9)."""

import re
from collections.abc import Iterator

from planflow.errors import Finding
from planflow.protocol.models import Protocol, Round

STAY_OPEN = "stay_open"
LAST_ISSUED = "last_issued"
ZERO = "zero"
RECEIVED_AFTER = "received_after_N"
_RECEIVED = re.compile(r"received_after_([1-9][0-9]{0,2})")
# An adjust round keeps the base of whoever does nothing: there "last issued" is that base.
_OF_KIND = {
    "up": (STAY_OPEN, LAST_ISSUED, ZERO),
    "adjust": (STAY_OPEN, LAST_ISSUED),
    "down": (STAY_OPEN, RECEIVED_AFTER),
}


def received_after(rule: str) -> int | None:
    """Working days after which something issued counts as received; None for any other rule."""
    found = _RECEIVED.fullmatch(rule)
    return int(found[1]) if found else None


def settles(rule: str) -> bool:
    """Whether a rule ever settles anything."""
    return bool(rule) and rule != STAY_OPEN


def faults(protocol: Protocol, one: Round, level: str, rule: str) -> Iterator[Finding]:
    """What is wrong with a meaning declared for a level in a round; the level is one that takes part."""
    known = _OF_KIND.get(one.kind, (STAY_OPEN,))
    form = RECEIVED_AFTER if received_after(rule) else rule
    if form not in known:
        yield Finding("unknown_silence", {"name": rule, "known": ", ".join(known)})
    elif rule == LAST_ISSUED and not _issued_before(protocol, one, level):
        yield Finding("nothing_issued_before", {"level": level})


def _issued_before(protocol: Protocol, one: Round, level: str) -> bool:
    """Whether an earlier down round issues to the level; whoever stands highest is issued nothing."""
    for earlier in protocol.rounds:
        if earlier.name == one.name:
            return False
        if earlier.kind == "down" and level in protocol.levels_of(earlier.name):
            return True
    return False
