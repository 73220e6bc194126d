"""A role at a unit, dated, given or delegated; and what of it may be delegated (F9, N14). Pure."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from planflow.access.table import DELEGABLE
from planflow.domain.moments import shown
from planflow.errors import Finding

MOST_LINKS = 3  # delegations one upon another
LONGEST = dt.timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant in force; `unit_id` is None for roles that run the site.

    A delegated one rests on others: `line` holds these, the one that was given first; `delegators`
    those who passed them on. It ends when any of them does.
    """

    id: str
    role: str
    unit_id: str | None
    until: dt.datetime | None = None
    line: tuple[str, ...] = ()
    delegators: tuple[str, ...] = ()
    onward: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a delegation is to last."""

    start: dt.datetime
    end: dt.datetime


def delegable(grants: Iterable[Grant], unit_id: str, role: str) -> Grant | None:
    """The grant by which its holder may delegate a role at a unit; one that may be, if there is one.

    An own grant before a delegated one, the very role before a wider one, a longer before a shorter.
    """
    fitting = [
        one
        for one in grants
        if one.unit_id == unit_id and role in DELEGABLE.get(one.role, frozenset())
    ]
    return min(fitting, key=lambda one: _preference(one, role), default=None)


def _preference(one: Grant, role: str) -> tuple[bool, int, bool, bool, float, str]:
    end = one.until.timestamp() if one.until else 0.0
    stuck = any(True for _ in too_far(one))
    return stuck, len(one.line), one.role != role, one.until is not None, -end, one.id


def too_far(grant: Grant) -> Iterator[Finding]:
    """A delegation goes on only where it was allowed, and not for ever (N14)."""
    if grant.line and not grant.onward:
        yield Finding("onward_allowed", {})
    elif len(grant.line) >= MOST_LINKS:
        yield Finding("chain_length", {"limit": MOST_LINKS})


def too_long(grant: Grant, span: Span, zone: str) -> Iterator[Finding]:
    """A delegation is time-boxed, and lasts no longer than what it rests on (F9)."""
    if span.end <= span.start:
        yield Finding("ends_before_it_begins", {}, "to")
    elif span.end - span.start > LONGEST:
        yield Finding("delegation_too_long", {"limit": LONGEST.days}, "to")
    elif grant.until is not None and span.end > grant.until:
        yield Finding("beyond_own_time", {"due_at": shown(grant.until, zone)}, "to")


def not_to(account_id: str, own_id: str, grant: Grant) -> Iterator[Finding]:
    """A delegation goes to somebody else, and never back up its own chain (N14)."""
    if account_id == own_id:
        yield Finding("delegates_to_self", {}, "to_user")
    elif account_id in grant.delegators:
        yield Finding("delegates_back", {}, "to_user")
