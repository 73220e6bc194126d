"""How often one caller may ask: token buckets in this process, by account and by address.

Whoever is signed in is counted by account alone, so that the people behind one address never hold
each other up. All else (signing in, tokens nobody has, no token) is counted by address.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from planflow.access.addresses import block
from planflow.config import Settings
from planflow_api.bearing import bearer

MOST_KEPT = 20_000
Clock = Callable[[], float]


class Buckets:
    """A bucket a key, filled at a rate up to a burst; those not used for longest are forgotten."""

    def __init__(self, rate: float, burst: int, clock: Clock, most: int = MOST_KEPT) -> None:
        self.rate, self.burst, self.clock, self.most = rate, burst, clock, most
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one and return 0; where there is none, the seconds until there is."""
        if not self.rate:
            return 0.0
        now = self.clock()
        level, at = self._kept.get(key, (float(self.burst), now))
        level = min(self.burst, level + (now - at) * self.rate)
        missing = 1.0 - level
        self._put(key, level if missing > 0 else level - 1.0, now)
        return missing / self.rate if missing > 0 else 0.0

    def give_back(self, key: str) -> None:
        """Undo a taking."""
        if key in self._kept:
            level, at = self._kept[key]
            self._kept[key] = min(self.burst, level + 1.0), at

    def _put(self, key: str, level: float, now: float) -> None:
        self._kept[key] = level, now
        self._kept.move_to_end(key)
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)


@dataclass(slots=True)
class Caller:
    """Who asks: by a token that was good before, or an address alone."""

    address: str
    token: bytes = b""
    actor: str = ""


class Rates:
    """Admits callers, and learns from the answers whose token is whose."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        self.actors = Buckets(settings.rate_actor, settings.rate_actor_burst, clock)
        self.addresses = Buckets(settings.rate_address, settings.rate_address_burst, clock)
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def caller(self, address: str, authorization: bytes) -> Caller:
        """The caller of a request."""
        borne = bearer(authorization.decode("latin-1")) if authorization else ""
        token = sha256(borne.encode()).digest() if borne else b""
        return Caller(address, token, self._known.get(token, ""))

    def admit(self, caller: Caller) -> int:
        """0 where the caller may go on; else how many whole seconds to wait."""
        if caller.actor:
            return math.ceil(self.actors.take(caller.actor))
        return math.ceil(self.addresses.take(block(caller.address)))

    def learn(self, caller: Caller, actor: str, status: int) -> None:
        """After the answer: whose token it was, or that it is nobody's any more."""
        if caller.actor:
            if status == 401:
                self._known.pop(caller.token, None)
        elif actor and caller.token:
            # It was the account's to pay; the address paid where that has nothing left.
            if not self.actors.take(actor):
                self.addresses.give_back(block(caller.address))
            self._known[caller.token] = actor
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
