"""Back-off after failed sign-ins, per name and place, and per each alone, over all processes.

Guesses from one place shut nobody out elsewhere: a name as such waits only after many more, and not
where it was signed in to lately. A sign-in counts as failed before it is judged, so that many at once
are not many for one. Unknown names are counted as known ones are, and neither names nor addresses are
kept: only their digests.
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from planflow.access import patience
from planflow.access.addresses import block
from planflow.errors import Refusal
from planflow.services.site import Site
from planflow.store import attempts
from planflow.store.attempts import Tries
from planflow.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in under way: the keys that it is counted under.

    `pair` is the name at its place, and `known` says when that was last right. Both begin with `name`.
    `address` and `known` are empty where no place is known.
    """

    name: str
    pair: str
    known: str
    address: str

    @property
    def keys(self) -> list[str]:
        """All of them."""
        return [one for one in (self.name, self.pair, self.known, self.address) if one]


def of(site: Site, name: str, address: str) -> Attempt:
    """The keys of a sign-in."""
    place, own = block(address), of_name(site, name)
    pair = f"{own}:{_digest(site, 'pair', name, place)}"
    if not place:
        return Attempt(own, pair, "", "")
    return Attempt(own, pair, f"{pair}:known", _digest(site, "address", place))


def of_name(site: Site, name: str) -> str:
    """What all keys of a name begin with."""
    return _digest(site, "name", name)


def hear(site: Site, attempt: Attempt) -> None:
    """Count a sign-in as failed. Raises `Refusal` `too_many_attempts` where it is not heard."""

    def work(tx: Tx) -> int:
        now = site.clock()
        found = attempts.hold(tx, attempt.keys)
        limits = _limits(site, attempt, found, now)
        longest = max((found[one].until for one in limits if one in found), default=now)
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
    """A sign-in was good: the name's failures here and as such are forgotten, the address's but this.

    From here the name is heard whatever is tried elsewhere.
    """
    found, now = attempts.hold(tx, attempt.keys), site.clock()
    attempts.drop(tx, attempt.name)
    attempts.drop(tx, attempt.pair)
    _take_back(tx, attempt.address, found, now)
    if attempt.known:
        attempts.put(tx, attempt.known, Tries(0, now, now), known=attempt.known in found)
    attempts.forget(
        tx,
        now - dt.timedelta(seconds=patience.FORGOTTEN_AFTER),
        now - dt.timedelta(seconds=patience.KNOWN_FOR),
    )


def undecided(site: Site, tx: Tx, attempt: Attempt) -> None:
    """A sign-in was right as far as it went: it is no failure, and forgives none."""
    found, now = attempts.hold(tx, attempt.keys), site.clock()
    for one in _limits(site, attempt, found, now):
        _take_back(tx, one, found, now)


def _limits(
    site: Site, attempt: Attempt, found: Mapping[str, Tries], now: dt.datetime
) -> dict[str, int]:
    """What a sign-in is counted under, and how many failures of each are free."""
    limits = {attempt.pair: site.settings.free_attempts}
    if attempt.address:
        limits[attempt.address] = site.settings.free_attempts_of_address
    known = found.get(attempt.known)
    if known is None or known.last_at < now - dt.timedelta(seconds=patience.KNOWN_FOR):
        limits[attempt.name] = site.settings.free_attempts_of_name
    return limits


def _take_back(tx: Tx, one: str, found: Mapping[str, Tries], now: dt.datetime) -> None:
    tries = found.get(one)
    if tries is not None and tries.failures > 1:
        attempts.put(tx, one, Tries(tries.failures - 1, now, now), known=True)
    else:
        attempts.drop(tx, one)


def _digest(site: Site, *parts: str) -> str:
    """A digest of this site's own."""
    return sha256("\0".join((site.id, *parts)).encode(errors="replace")).hexdigest()
