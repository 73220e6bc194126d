"""Standing in for each other: delegations, given and ended by the delegator (F9, N14)."""

import datetime as dt
from typing import Literal

from pydantic import Field

from planflow.access import grants as rules
from planflow.access.grants import Grant, Span
from planflow.access.table import anywhere
from planflow.domain.delegating import Delegate, EndDelegation
from planflow.domain.events import Draft, spoken
from planflow.domain.moments import ZONE, begin_of, end_of
from planflow.domain.parsing import parse
from planflow.errors import Finding, Refusal, guard_failed, invalid
from planflow.services import calls, people, reads
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.site import Site, site_event
from planflow.services.views import Page, Receipt
from planflow.store import grants, sites
from planflow.store import people as accounts
from planflow.store.accesses import Access
from planflow.store.appending import Recorded
from planflow.store.grants import Delegation
from planflow.store.sites import KeyUsed
from planflow.store.transaction import Tx

_ACTION = "delegate"


class DelegationView(Receipt):
    """Who may act for whom at a unit, from when to when.

    `in_place_of` are all on whose grant it rests, the one who was given it first. `status` is ended
    where it or one above it was ended before its time, `over` where its time is; it waits for its
    time, and while an account that it rests on is shut.
    """

    id: str
    from_user: str
    to_user: str
    in_place_of: list[str]
    unit: str
    role: str
    from_: dt.datetime = Field(alias="from")
    to: dt.datetime
    onward: bool
    reason: str | None
    status: Literal["waiting", "in_force", "ended", "over"]
    ended_at: dt.datetime | None


def delegate(site: Site, reader: Reader, call: Call) -> DelegationView:
    """Let somebody act by a grant of one's own, for a time. Raises `Refusal`."""

    def work(tx: Tx) -> DelegationView:
        if not anywhere((grant.role for grant in reader.grants), _ACTION):
            raise Refusal("forbidden", {"action": _ACTION})
        calls.wait_for(tx, reader, call)
        used = calls.replayed(tx, reader, call)
        if used is not None:
            return _again(site, tx, str(used.event_id), used)
        command = parse(Delegate, call.body)
        sites.lock_site(tx)  # what is passed on may have ended while it was waited for
        made, start = _made(site, tx, people.still(site, tx, reader), command)
        account = _receiver(site, tx, reader, command, made)
        hand = people.hand(site, reader, made.line[-1])
        terms = {
            "grant": made.id,
            "account": account,
            "role": made.role,
            "unit": made.unit_id,
            "code": command.unit,
            "from": start.isoformat(),
            "to": made.until.isoformat() if made.until else "",
            "by": reader.user_id,
            "line": list(made.line),
            "delegators": list(made.delegators),
            "onward": made.onward,
        }
        parts = {"grant": terms, **spoken({"reason": command.reason})}
        # A delegation bears the id of its event, so that an act's grant leads there.
        done = site_event(site, tx, Draft("grant_delegated", "", "", parts, made.id), hand)
        grants.add(tx, account, made, start, reader.user_id)
        return _answered(site, tx, reader, call, made.id, done)

    return site.database.write(work)


def list_delegations(
    site: Site, reader: Reader, cursor: str | None, limit: int | None = None
) -> Page[DelegationView]:
    """What the reader has delegated, what rests on it, and what was delegated to them.

    It shows names of others: that somebody read them is recorded.
    """
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> tuple[Page[DelegationView], list[Access]]:
        found = grants.delegations(tx, reader.user_id, cursor or "", size + 1)
        items = _views(site, tx, found[:size])
        shown = [Access("delegations", items=len(items))] if items else []
        return Page(items=items, next=items[-1].id if len(found) > size else None), shown

    return reads.answered(site, reader.user_id, work)


def end_delegation(site: Site, reader: Reader, call: Call, delegation: str) -> DelegationView:
    """End a delegation before its time: by anybody in its chain, its receiver included.

    Whoever is not in it does not find it. Raises `Refusal`.
    """

    def work(tx: Tx) -> DelegationView:
        found = grants.delegation(tx, delegation)
        if found is None or reader.user_id not in (found.account_id, *found.delegators):
            raise Refusal("not_found", {"kind": "delegation", "name": delegation[:64]})
        calls.wait_for(tx, reader, call)
        used = calls.replayed(tx, reader, call)
        if used is not None:
            return _again(site, tx, delegation, used)
        command, now = parse(EndDelegation, call.body), site.clock()
        if found.ended_at is not None or found.end <= now:
            raise guard_failed(Finding("delegation_runs", {}))
        links = dict(
            zip((*found.delegators, found.account_id), (*found.line, found.id), strict=True)
        )
        terms = {"grant": found.id, "account": found.account_id, "by": reader.user_id}
        terms["at"] = now.isoformat()
        parts = {"grant": terms, **spoken({"reason": command.reason})}
        hand = people.hand(site, reader, links[reader.user_id])
        done = site_event(site, tx, Draft("grant_ended", "", "", parts, site.mint()), hand)
        grants.end(tx, found.id, now, reader.user_id)
        return _answered(site, tx, reader, call, found.id, done)

    return site.database.write(work)


def _made(site: Site, tx: Tx, reader: Reader, command: Delegate) -> tuple[Grant, dt.datetime]:
    """The delegated grant, and when it begins: at once where that lies behind (nothing is backdated)."""
    unit_id = accounts.unit_id(tx, command.unit)
    role = command.role or _only_role(reader, unit_id)
    base = rules.delegable(reader.grants, unit_id, role) if unit_id and role else None
    if base is None:  # the same answer where there is no such unit: a code is not to be tried out
        raise Refusal("forbidden", {"action": _ACTION})
    now = site.clock()
    start = max(begin_of(command.from_, ZONE), now) if command.from_ is not None else now
    span = Span(start, end_of(command.to, ZONE))
    far = list(rules.too_far(base))
    if far:
        raise guard_failed(*far)
    long = list(rules.too_long(base, span, ZONE))
    if long:
        raise invalid(*long)
    line, delegators = (*base.line, base.id), (*base.delegators, reader.user_id)
    made = Grant(site.mint(), role, unit_id, span.end, line, delegators, command.onward)
    return made, start


def _only_role(reader: Reader, unit_id: str | None) -> str:
    """The role held at a unit where none is named: there must be one."""
    held = sorted({one.role for one in reader.grants if unit_id and one.unit_id == unit_id})
    if len(held) > 1:
        raise invalid(Finding("missing", {"field": "role"}, "role"))
    return held[0] if held else ""


def _receiver(site: Site, tx: Tx, reader: Reader, command: Delegate, made: Grant) -> str:
    found = accounts.account(tx, command.to_user)
    if found is None or found.erased:
        raise invalid(Finding("unknown_user", {"field": "to_user"}, "to_user"))
    faults = list(rules.not_to(found.id, reader.user_id, made))
    if faults:
        raise invalid(*faults)
    people.keep_apart(site, tx, found.id, made.role, "to_user", named=False)
    return found.id


def _answered(
    site: Site, tx: Tx, reader: Reader, call: Call, delegation: str, done: Recorded
) -> DelegationView:
    seq, chain = done.event.seq, done.chain.hex()
    used = KeyUsed(call.digest, seq, seq, done.event.id, chain, 0)
    calls.remember(tx, site, reader, call, used)
    return _again(site, tx, delegation, used)


def _again(site: Site, tx: Tx, delegation: str, used: KeyUsed) -> DelegationView:
    """A delegation as it stands, with the receipt of the act that was asked for."""
    found = grants.delegation(tx, delegation)
    if found is None:
        raise AssertionError("a delegation is never removed")
    receipt = {"event": used.event_id, "chain": used.chain}
    return _views(site, tx, [found])[0].model_copy(update=receipt)


def _views(site: Site, tx: Tx, found: list[Delegation]) -> list[DelegationView]:
    ids = {one for each in found for one in (each.account_id, *each.delegators)}
    names, shut, now = grants.names(tx, ids), grants.shut(tx, ids), site.clock()
    return [
        DelegationView(
            id=one.id,
            from_user=names[one.delegators[-1]],
            to_user=names[one.account_id],
            in_place_of=[names[each] for each in one.delegators],
            unit=one.unit,
            role=one.role,
            from_=one.start,
            to=one.end,
            onward=one.onward,
            reason=one.reason or None,
            status=_status(one, now, shut),
            ended_at=one.ended_at,
        )
        for one in found
    ]


def _status(
    one: Delegation, now: dt.datetime, shut: set[str]
) -> Literal["waiting", "in_force", "ended", "over"]:
    if one.ended_at is not None:
        return "ended"
    if one.end <= now:
        return "over"
    stands = one.start <= now and shut.isdisjoint(one.delegators)
    return "in_force" if stands else "waiting"
