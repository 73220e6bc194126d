"""What an operator sees of each request: one line of the log, and numbers.

A line names the route and not the address, the actor's pseudonym and not the name; no header, no
body and no query is in it.
"""

import logging
import os
import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from planflow_api.metrics import Metrics

BASE = "/api/v1"
LOG = logging.getLogger("planflow.access")
REQUEST: ContextVar[str] = ContextVar("planflow_request", default="")
_GIVEN = b"x-request-id"
_WELL_FORMED = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._-]{7,63}")
SEEN = "planflow.seen"
UNKNOWN = "-"


@dataclass(slots=True)
class Seen:
    """One request, as far as it is told; `head` is the first of each of its headers."""

    id: str
    head: dict[bytes, bytes]
    started: float = field(default_factory=time.perf_counter)
    actor: str = ""
    code: str = ""
    status: int = 0


class Watch:
    """Writes down every request of a service."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def arrived(self, scope: Scope) -> Seen:
        """A request arrives: it keeps the name that it came with, where that is one."""
        head = dict(reversed(scope["headers"]))
        given = head.get(_GIVEN, b"")
        name = given.decode() if _WELL_FORMED.fullmatch(given) else os.urandom(16).hex()
        seen = scope[SEEN] = Seen(name, head)
        REQUEST.set(name)
        return seen

    def left(self, scope: Scope, seen: Seen) -> None:
        """It was answered, or broke off (status 0)."""
        took = time.perf_counter() - seen.started
        route, method = route_of(scope), scope["method"]
        self.metrics.request(method, route, seen.status, took)
        if seen.code:
            self.metrics.refusals.labels(seen.code).inc()
        if LOG.isEnabledFor(logging.INFO):
            fields: dict[str, Any] = {"method": method, "route": route, "status": seen.status}
            fields["ms"] = round(took * 1000, 1)
            if seen.actor:
                fields["actor"] = seen.actor
            if seen.code:
                fields["code"] = seen.code
            LOG.info("request", extra={"fields": fields})


def route_of(scope: Scope) -> str:
    """The template of the route that was taken; `-` where none was."""
    return str(getattr(scope.get("route"), "path", UNKNOWN))


def note_actor(scope: Scope, actor: str) -> None:
    """Whose request it turned out to be: a pseudonym."""
    seen = scope.get(SEEN)
    if seen is not None:
        seen.actor = actor


def note_code(scope: Scope, code: str) -> None:
    """With which code it was refused."""
    seen = scope.get(SEEN)
    if seen is not None:
        seen.code = code
