"""Back-off after failed sign-ins, per name and per address, over all processes.

A sign-in counts as failed before it is judged, so that many at once are not many for one. Unknown
names are counted as known ones are, and neither names nor addresses are kept: only their digests.
"""

import datetime as dt
import math
from dataclasses import dataclass
from hashlib import sha256

from planflow.access import patience
from planflow.errors import Refusal
from planflow.services.site import Site
from planflow.store import attempts
from planflow.store.attempts import Tries
from planflow.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in under way; `address` is empty where none is known."""

    name: str
    address: str


def of(site: Site, name: str, address: str) -> Attempt:
    """The keys that a sign-in is counted under."""
    return Attempt(key(site, "name", name), key(site, "address", address) if address else "")


def key(site: Site, kind: str, text: str) -> str:
    """A digest of this site's own for a name or an address."""
    return sha256(f"{site.id}\0{kind}\0{text}".encode(errors="replace")).hexdigest()


def hear(site: Site, attempt: Attempt) -> None:
    """Count a sign-in as failed. Raises `Refusal` `too_many_attempts` where it is not heard."""
    limits = {attempt.name: site.settings.free_attempts}
    if attempt.address:
        limits[attempt.address] = site.settings.free_attempts_of_address

    def work(tx: Tx) -> int:
        now = site.clock()
        found = attempts.hold(tx, list(limits))
        longest = max((one.until for one in found.values()), default=now)
        if longest > now:
            return math.ceil((longest - now).total_seconds())
        old = now - dt.timedelta(seconds=patience.FORGOTTEN_AFTER)
        for one, free in limits.items():
            tries = found.get(one)
            failures = tries.failures + 1 if tries is not None and tries.last_at > old else 1
            until = now + dt.timedelta(seconds=patience.wait(failures, free))
            attempts.put(tx, one, Tries(failures, now, until), known=tries is not None)
        return 0

    seconds = site.database.write(work)
    if seconds:
        raise Refusal("too_many_attempts", {"seconds": seconds})


def passed(site: Site, tx: Tx, attempt: Attempt) -> None:
    """A sign-in was good: the name's failures are forgotten, the address's but for this one kept."""
    _hold(tx, attempt)
    attempts.drop(tx, attempt.name)
    _take_back(site, tx, attempt.address)
    attempts.forget(tx, site.clock() - dt.timedelta(seconds=patience.FORGOTTEN_AFTER))


def undecided(site: Site, tx: Tx, attempt: Attempt) -> None:
    """A sign-in was right as far as it went: it is no failure, and forgives none."""
    _hold(tx, attempt)
    for one in (attempt.name, attempt.address):
        _take_back(site, tx, one)


def _hold(tx: Tx, attempt: Attempt) -> None:
    """Both keys in one order, so that no two sign-ins wait for each other."""
    attempts.hold(tx, [one for one in (attempt.name, attempt.address) if one])


def _take_back(site: Site, tx: Tx, one: str) -> None:
    tries = attempts.hold(tx, [one]).get(one) if one else None
    if tries is not None:
        now = site.clock()
        attempts.put(tx, one, Tries(max(tries.failures - 1, 0), now, now), known=True)
