"""Accounts and grants in the hands of security admins, who take no part in any plan (F9).

Whoever is none is told nothing of which accounts there are.
"""

import datetime as dt
from collections.abc import Callable, Sequence

from pydantic import Field

from planflow.access.grants import Grant
from planflow.access.table import anywhere
from planflow.domain.events import Draft, spoken
from planflow.domain.identity import AddAccount, ChangeAccount, EndGrant, GiveGrant, LinkIdentity
from planflow.domain.moments import ZONE, begin_of, end_of
from planflow.domain.parsing import parse
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal, guard_failed, invalid
from planflow.services import attempts, calls, factors, oidc, passwords, people, reads, tokens
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.site import Site, site_event
from planflow.services.view import View
from planflow.services.views import Page, Receipt
from planflow.store import attempts as counted
from planflow.store import factors as kept
from planflow.store import grants, sites
from planflow.store import people as stored
from planflow.store.accesses import Access
from planflow.store.appending import Recorded
from planflow.store.people import Account
from planflow.store.sites import KeyUsed
from planflow.store.transaction import Tx

_ACTION = "manage_accounts"
Act = Callable[[Tx, Hand, Account], Recorded]


class GrantView(View):
    """A role that an account holds or will hold, given or `delegated`."""

    id: str
    role: str
    unit: str | None
    from_: dt.datetime = Field(alias="from")
    to: dt.datetime | None
    delegated: bool


class AccountView(Receipt):
    """An account: who it is, what it holds, and whether it can be signed in to now."""

    id: str
    name: str
    disabled: bool
    locked_until: dt.datetime | None
    second_factor: bool
    grants: list[GrantView]


def list_accounts(
    site: Site, reader: Reader, cursor: str | None, limit: int | None = None
) -> Page[AccountView]:
    """A page of all accounts: whose names they are, somebody read (F9). Raises `Refusal`."""
    by = _own_grant(reader)
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> tuple[Page[AccountView], list[Access]]:
        found = stored.accounts(tx, cursor or "", size + 1)
        items = _views(site, tx, found[:size])
        page = Page(items=items, next=items[-1].id if len(found) > size else None)
        return page, [Access("accounts", by, items=len(items))]

    return reads.answered(site, reader.user_id, work)


def sight(reader: Reader) -> None:
    """Whether a reader may look at accounts at all. Raises `Refusal` `forbidden`."""
    _own_grant(reader)


def add(site: Site, reader: Reader, call: Call) -> AccountView:
    """Add an account with one grant. It takes no key, for its body holds a password (decision 0048).

    Raises `Refusal`.
    """
    _own_grant(reader)
    command = parse(AddAccount, call.body)
    findings = people.account_faults(command.name, command.role, command.unit)
    findings += passwords.faults(command.password, command.name)
    if findings:
        raise invalid(*findings)
    hashed = passwords.kept(command.password)

    def work(tx: Tx) -> AccountView:
        if stored.account(tx, command.name) is not None:
            raise Refusal("already_exists", {"kind": "user", "name": command.name})
        hand = _hand(site, tx, reader)
        unit_id = people.unit_named(tx, command.unit)
        made = people.admit(site, tx, command.name, hashed, hand)
        grant = Grant(site.mint(), command.role, unit_id)
        done = people.give(site, tx, made.id, grant, command.unit or "", site.clock(), hand)
        receipt = {"event": done.event.id, "chain": done.chain.hex()}
        return _views(site, tx, [made])[0].model_copy(update=receipt)

    return site.database.write(work)


def give(site: Site, reader: Reader, call: Call, account_id: str) -> AccountView:
    """Give an account a grant, not one's own. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        _somebody(found)
        command, now = parse(GiveGrant, call.body), site.clock()
        if found.id == reader.user_id:
            raise guard_failed(Finding("not_to_oneself", {}))
        faults = people.account_faults(found.name, command.role, command.unit)
        start = max(begin_of(command.from_, ZONE), now) if command.from_ else now
        until = end_of(command.to, ZONE) if command.to else None
        if until is not None and until <= start:
            faults.append(Finding("ends_before_it_begins", {}, "to"))
        if faults:
            raise invalid(*faults)
        grant = Grant(site.mint(), command.role, people.unit_named(tx, command.unit), until)
        return people.give(site, tx, found.id, grant, command.unit or "", start, hand)

    return _carried_out(site, reader, call, account_id, act)


def end_grant(site: Site, reader: Reader, call: Call, account_id: str, grant: str) -> AccountView:
    """End a grant, given or delegated, and what rests on it. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        command = parse(EndGrant, call.body)
        running = grants.of_accounts(tx, [found.id], site.clock())
        if grant not in {one.id for one in running}:
            raise Refusal("not_found", {"kind": "grant", "name": grant[:64]})
        return people.take(site, tx, found.id, grant, hand, command.reason)

    return _carried_out(site, reader, call, account_id, act)


def unlock(site: Site, reader: Reader, call: Call, account_id: str) -> AccountView:
    """Hear a name again at once, however many sign-ins failed. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        reason = parse(ChangeAccount, call.body).reason
        return unlocked(site, tx, found, hand, reason)

    return _carried_out(site, reader, call, account_id, act)


def disable(
    site: Site, reader: Reader, call: Call, account_id: str, *, disabled: bool
) -> AccountView:
    """Shut an account, not one's own, or open it again; its grants stay. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        reason = parse(ChangeAccount, call.body).reason
        if found.id == reader.user_id:
            raise guard_failed(Finding("not_to_oneself", {}))
        return shut(site, tx, found, hand, reason, disabled=disabled)

    return _carried_out(site, reader, call, account_id, act)


def drop_factor(site: Site, reader: Reader, call: Call, account_id: str) -> AccountView:
    """Let somebody who lost the second factor sign in without, not oneself. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        reason = parse(ChangeAccount, call.body).reason
        if found.id == reader.user_id:
            raise guard_failed(Finding("not_to_oneself", {}))
        if kept.factor(tx, found.id) is None:
            raise Refusal("not_found", {"kind": "factor", "name": found.id})
        return factors.drop(site, tx, found.id, hand, reason)

    return _carried_out(site, reader, call, account_id, act)


def link(site: Site, reader: Reader, call: Call, account_id: str) -> AccountView:
    """Let somebody else sign in by who they are at the identity provider. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        _somebody(found)
        command = parse(LinkIdentity, call.body)
        if found.id == reader.user_id:
            raise guard_failed(Finding("not_to_oneself", {}))
        return oidc.link(site, tx, found.id, command.subject, hand, command.reason)

    return _carried_out(site, reader, call, account_id, act)


def unlink(site: Site, reader: Reader, call: Call, account_id: str) -> AccountView:
    """End that. Raises `Refusal`."""

    def act(tx: Tx, hand: Hand, found: Account) -> Recorded:
        reason = parse(ChangeAccount, call.body).reason
        return oidc.unlink(site, tx, found.id, hand, reason)

    return _carried_out(site, reader, call, account_id, act)


def unlocked(site: Site, tx: Tx, found: Account, hand: Hand, reason: str = "") -> Recorded:
    """Hear a name again: an event."""
    done = _told(site, tx, "account_unlocked", found, hand, reason)
    counted.drop_name(tx, attempts.of_name(site, found.name))
    return done


def shut(
    site: Site, tx: Tx, found: Account, hand: Hand, reason: str = "", *, disabled: bool
) -> Recorded:
    """Shut an account, or open it: an event. All its tokens end."""
    kind = "account_disabled" if disabled else "account_enabled"
    done = _told(site, tx, kind, found, hand, reason)
    stored.set_disabled(tx, found.id, disabled=disabled)
    if disabled:
        tokens.end_all(site, tx, found.id, hand, "disabled")
    return done


def _told(site: Site, tx: Tx, kind: str, found: Account, hand: Hand, reason: str) -> Recorded:
    parts = {"account": {"id": found.id}, **spoken({"reason": reason})}
    return site_event(site, tx, Draft(kind, "", "", parts, site.mint()), hand)


def _somebody(found: Account) -> None:
    """Raise `Refusal` `not_found` for a person who was erased, and stays so."""
    if found.erased:
        raise Refusal("not_found", {"kind": "user", "name": found.id})


def _hand(site: Site, tx: Tx, reader: Reader) -> Hand:
    """The reader as a security admin, once the site's stream is held: what they act by may have ended
    while it was waited for. Raises `Refusal` `forbidden`."""
    sites.lock_site(tx)
    return people.hand(site, reader, _own_grant(people.still(site, tx, reader)))


def _own_grant(reader: Reader) -> str:
    for one in reader.grants:
        if anywhere([one.role], _ACTION):
            return one.id
    raise Refusal("forbidden", {"action": _ACTION})


def _carried_out(site: Site, reader: Reader, call: Call, account_id: str, act: Act) -> AccountView:
    _own_grant(reader)

    def work(tx: Tx) -> AccountView:
        found = stored.account_of(tx, account_id)
        if found is None:
            raise Refusal("not_found", {"kind": "user", "name": account_id[:64]})
        calls.wait_for(tx, reader, call)
        used = calls.replayed(tx, reader, call)
        if used is None:
            done = act(tx, _hand(site, tx, reader), found)
            seq = done.event.seq
            used = KeyUsed(call.digest, seq, seq, done.event.id, done.chain.hex(), 0)
            calls.remember(tx, site, reader, call, used)
        now = stored.account_of(tx, account_id) or found
        receipt = {"event": used.event_id, "chain": used.chain}
        return _views(site, tx, [now])[0].model_copy(update=receipt)

    return site.database.write(work)


def _views(site: Site, tx: Tx, found: Sequence[Account]) -> list[AccountView]:
    now, ids = site.clock(), [one.id for one in found]
    held: dict[str, list[GrantView]] = {one: [] for one in ids}
    for row in grants.of_accounts(tx, ids, now):
        shown = GrantView(
            id=row.id,
            role=row.role,
            unit=row.unit,
            from_=row.start,
            to=row.end,
            delegated=bool(row.line),
        )
        held[row.account_id].append(shown)
    names = {one.id: attempts.of_name(site, one.name) for one in found}
    waiting, sealed = counted.waiting(tx, list(names.values()), now), kept.confirmed(tx, ids)
    return [
        AccountView(
            id=one.id,
            name=one.name,
            disabled=one.disabled,
            locked_until=waiting.get(names[one.id]),
            second_factor=one.id in sealed,
            grants=held[one.id],
        )
        for one in found
    ]
