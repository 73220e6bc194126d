"""Waiting for somebody else's machine: few at once, each for a fixed time, and rarely."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread
from typing import Any, TypeVar

from planflow.errors import Fault

T = TypeVar("T")
AT_ONCE = 3  # fewer than threads that carry requests
LONGEST = 5.0  # seconds for all that one request asks there
FRESH, FAILED = 300.0, 5.0  # seconds for which an answer, or that there was none, is believed
_TURNS = BoundedSemaphore(AT_ONCE)


def in_time(work: Callable[[], T]) -> T:
    """Do some work elsewhere, waiting no longer than is allowed, whatever holds it up.

    Raises `Fault` `provider_unavailable`: at once where too many wait already.
    """
    if not _TURNS.acquire(blocking=False):
        raise Fault("provider_unavailable")
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # it is raised where it is waited for
            done.set_exception(error)
        finally:
            _TURNS.release()

    # A thread of its own: no limit of a connection holds for looking up names, or heads that trickle.
    Thread(target=run, name="planflow-provider", daemon=True).start()
    try:
        return done.result(LONGEST)
    except TimeoutError:
        raise Fault("provider_unavailable") from None


class Published:
    """What another machine publishes, kept for a while; that it did not answer, for a moment."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._kept: dict[str, tuple[float, Any]] = {}
        self._faults: dict[str, tuple[float, Fault]] = {}

    def kept(self, url: str) -> Any:
        """What is kept of an address, or None. Raises the `Fault` of a moment ago."""
        now = self.clock()
        until, fault = self._faults.get(url, (now, None))
        if fault is not None and until > now:
            raise Fault(fault.code, fault.params)
        until, found = self._kept.get(url, (now, None))
        return found if until > now else None

    def fetched(self, url: str, fetch: Callable[[], Any]) -> Any:
        """What is published there now. Raises the `Fault` of fetching it."""
        try:
            found = fetch()
        except Fault as fault:
            self._faults[url] = self.clock() + FAILED, fault
            raise
        self._faults.pop(url, None)
        self._kept[url] = self.clock() + FRESH, found
        return found

    def forget(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self._faults.clear()
