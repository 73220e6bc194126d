"""Signing in at the site's identity provider: there and back once, in one browser (decision 0050)."""

import datetime as dt
import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256

from planflow.domain.events import Draft, spoken
from planflow.engine.hand import Hand
from planflow.errors import Refusal
from planflow.services import tokens
from planflow.services.provider import Provider
from planflow.services.site import Site, site_event
from planflow.services.views import TokenView
from planflow.store import identities, people, sites
from planflow.store.appending import Recorded
from planflow.store.identities import Visit
from planflow.store.transaction import Tx

LIFE = dt.timedelta(minutes=10)
VIA = "oidc"


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a browser is sent, and what it keeps to show that it is the same when it comes back."""

    address: str
    browser: str
    secure: bool


def depart(site: Site) -> Departure:
    """Begin to sign in at the provider. Raises `Refusal` `not_found`, `Fault`."""
    provider = Provider.of(site.settings)
    state, nonce, browser = (secrets.token_urlsafe(32) for _ in range(3))
    verifier = secrets.token_urlsafe(64)
    address = provider.address(state, nonce, verifier)
    now = site.clock()
    visit = Visit(_digest(state), _digest(browser), nonce, verifier, now + LIFE)
    site.database.write(lambda tx: identities.begin_visit(tx, visit, now))
    return Departure(address, browser, provider.redirect_url.startswith("https:"))


def arrive(site: Site, state: str, code: str, issuer: str | None, browser: str) -> TokenView:
    """Tokens for who comes back from the provider, once.

    Raises `Refusal` `unauthorized`, one and the same whatever does not hold, and `Fault`.
    """
    provider, now = Provider.of(site.settings), site.clock()
    visit = site.database.write(lambda tx: identities.take_visit(tx, _digest(state)))
    same = visit is not None and hmac.compare_digest(visit.browser, _digest(browser))
    if visit is None or not same or visit.expires_at <= now or not code:
        raise Refusal("unauthorized", {"why": "provider"})
    subject = provider.subject(code, issuer, visit.nonce, visit.verifier, now.timestamp())

    def work(tx: Tx) -> TokenView | None:
        own = identities.account_of(tx, provider.issuer, subject) if subject else None
        found = people.account_held(tx, own) if own else None
        if found is None or found.disabled:
            return None
        return tokens.issue(site, tx, found.id, tokens.signed_in(site, VIA))[1]

    made = site.database.write(work)
    if made is None:
        raise Refusal("unauthorized", {"why": "provider"})
    return made


def link(
    site: Site, tx: Tx, account_id: str, subject: str, hand: Hand, reason: str = ""
) -> Recorded:
    """Let an account be signed in to by somebody of the provider: an event. Raises `Refusal`."""
    issuer = Provider.of(site.settings).issuer
    parts = {
        "account": {"id": account_id},
        "identity": {"issuer": issuer, "subject": subject},
        **spoken({"reason": reason}),
    }
    done = site_event(site, tx, Draft("identity_linked", "", "", parts, site.mint()), hand)
    if identities.account_of(tx, issuer, subject) is not None:
        raise Refusal("already_exists", {"kind": "identity", "name": ""})
    identities.link(tx, issuer, subject, account_id)
    return done


def unlink(site: Site, tx: Tx, account_id: str, hand: Hand, reason: str = "") -> Recorded:
    """End all links of an account, and its sign-ins by them: an event. Raises `Refusal` `not_found`."""
    sites.lock_site(tx)
    if not identities.unlink(tx, account_id):
        raise Refusal("not_found", {"kind": "identity", "name": account_id})
    tokens.end_all(site, tx, account_id, hand, "unlinked", via=VIA)
    parts = {"account": {"id": account_id}, **spoken({"reason": reason})}
    return site_event(site, tx, Draft("identity_unlinked", "", "", parts, site.mint()), hand)


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()
