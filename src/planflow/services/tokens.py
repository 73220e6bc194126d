"""Tokens: short-lived ones for access, and ones that renew them, each good for one use.

All that come of one sign-in are a family. A refresh token used twice was stolen, from its holder or
by them: nobody can tell which, so the whole family ends (RFC 9700, section 4.14).
"""

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from planflow.domain.events import Draft
from planflow.engine.hand import Hand
from planflow.errors import Refusal
from planflow.services.site import Site, site_event
from planflow.services.views import TokenView
from planflow.store import factors, grants, people, sites, tokens
from planflow.store.appending import Recorded
from planflow.store.tokens import Family
from planflow.store.transaction import Tx

SIGN_IN, SERVICE = "sign_in", "service"
PASSWORD = "password"  # how a sign-in came about  # noqa: S105 # nosec B105
# What a token may be used for. The last two are a person's own: no service token has them.
READ, ACT, MANAGE, ENROL = "read", "act", "manage", "enrol"
OF_A_PERSON = (READ, ACT, MANAGE, ENROL)
OF_A_SERVICE = (READ, ACT)


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of family: how it came about, what its tokens are for, and how long they are good."""

    name: str
    via: str
    scopes: tuple[str, ...]
    access: dt.timedelta
    whole: dt.timedelta
    renewed: bool = False


def digest_of(token: str) -> bytes:
    """A token as it is kept."""
    return sha256(token.encode(errors="replace")).digest()


def signed_in(site: Site, via: str, scopes: tuple[str, ...] = OF_A_PERSON) -> Kind:
    """The family of a sign-in."""
    access = dt.timedelta(minutes=site.settings.token_minutes)
    whole = max(access, dt.timedelta(minutes=site.settings.session_minutes))
    return Kind(SIGN_IN, via, scopes, access, whole, renewed=True)


def issue(
    site: Site, tx: Tx, account_id: str, kind: Kind, now: dt.datetime | None = None
) -> tuple[str, TokenView]:
    """Begin a family with its first tokens; its id, and what its holder is told once."""
    now = now or site.clock()
    made = Family(
        site.mint(),
        account_id,
        kind.name,
        "",
        " ".join(kind.scopes),
        kind.via,
        now,
        now + kind.whole,
    )
    tokens.add_family(tx, made)
    return made.id, _tokens(tx, made, now, kind.access, renewed=kind.renewed)


def scopes(site: Site, tx: Tx, account_id: str) -> tuple[str, ...]:
    """What signing in is good for: enrolling alone, where the role needs a factor not yet there."""
    needed = frozenset(site.settings.second_factor_roles.split())
    if not needed or factors.confirmed(tx, [account_id]):
        return OF_A_PERSON
    held = grants.roles(tx, account_id, site.clock())
    return OF_A_PERSON if needed.isdisjoint(held) else (ENROL,)


def refresh(site: Site, token: str) -> TokenView:
    """New tokens for a refresh token, which is used up. Raises `Refusal` `unauthorized`."""
    digest = digest_of(token)

    def work(tx: Tx) -> TokenView | None:
        now = site.clock()
        found = tokens.refreshing(tx, digest)
        if found is None or not tokens.runs(tx, found, now):
            return None
        if not tokens.use_refresh(tx, digest, now):
            end(site, tx, found, Hand(found.account_id, "", site.mint), "reused")
            return None
        tokens.drop_over(tx, found.id, now)
        access = dt.timedelta(minutes=site.settings.token_minutes)
        return _tokens(tx, _today(site, tx, found), now, access, renewed=True)

    made = site.database.write(work)  # the end of a family stays, whatever is answered
    if made is None:
        raise Refusal("unauthorized", {"why": "token"})
    return made


def _today(site: Site, tx: Tx, family: Family) -> Family:
    """A family whose holder may have been given a role since that needs a second factor (0050)."""
    if family.via != PASSWORD or scopes(site, tx, family.account_id) != (ENROL,):
        return family
    return replace(family, scopes=ENROL)


def sign_out(site: Site, token: str) -> None:
    """End the family of an access or refresh token; one that is unknown has ended already."""
    digest = digest_of(token)

    def work(tx: Tx) -> None:
        found = tokens.of_access(tx, digest) or tokens.refreshing(tx, digest)
        if found is not None and tokens.runs(tx, found, site.clock()):
            end(site, tx, found, Hand(found.account_id, "", site.mint), "signed_out")

    site.database.write(work)


def end(
    site: Site,
    tx: Tx,
    family: Family,
    hand: Hand,
    why: str,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Recorded | None:
    """End a family before its time: an event, and a row of its own; nothing where it had ended."""
    sites.lock_site(tx)
    if tokens.has_ended(tx, family.id):  # somebody else came first
        return None
    now = site.clock()
    terms = {"family": family.id, "account": family.account_id, "why": why, "at": now.isoformat()}
    event = Draft("tokens_ended", "", "", {"tokens": terms, **more}, site.mint())
    done = site_event(site, tx, event, hand)
    tokens.end(tx, family.id, now, hand.actor, why)
    return done


def end_all(
    site: Site, tx: Tx, account_id: str, hand: Hand, why: str, *, but: str = "", via: str = ""
) -> None:
    """End all of an account's families but one, or all that came about in one way."""
    for one in tokens.running(tx, account_id, site.clock()):
        if one.id != but and via in ("", one.via):
            end(site, tx, one, hand, why)


def _tokens(
    tx: Tx, family: Family, now: dt.datetime, access: dt.timedelta, *, renewed: bool
) -> TokenView:
    token, more = secrets.token_urlsafe(32), secrets.token_urlsafe(32) if renewed else None
    until = min(now + access, family.expires_at)
    people.add_token(
        tx, digest_of(token), family.account_id, family.via, until, family.id, family.scopes
    )
    if more is not None:
        tokens.add_refresh(tx, digest_of(more), family.id)
    return TokenView(
        access_token=token,
        expires_in=int((until - now).total_seconds()),
        refresh_token=more,
        scope=family.scopes,
    )
