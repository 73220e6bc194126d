"""Accounts, grants and tokens: who acts, and by which grant (F9)."""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from pwdlib import PasswordHash

from planflow.access.grants import Grant
from planflow.access.scope import Standing
from planflow.access.table import AT_A_UNIT, ROLES
from planflow.domain.events import Draft
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal, invalid
from planflow.services.site import SHELL, Site, site_event
from planflow.services.views import TokenView
from planflow.store import grants, people, trees
from planflow.store.people import Account
from planflow.store.transaction import Tx
from planflow.store.trees import Tree

SHORTEST_PASSWORD = 8


@dataclass(frozen=True, slots=True)
class Reader:
    """A signed-in person: the pseudonym that events carry, their grants, and their language."""

    user_id: str
    name: str
    grants: tuple[Grant, ...]
    lang: str
    via: str

    def delegators(self, grant: str) -> tuple[str, ...]:
        """In whose place a grant of theirs is used; nobody's where it is their own (F9)."""
        return next((one.delegators for one in self.grants if one.id == grant), ())


def add_user(site: Site, name: str, password: str, role: str, unit: str | None) -> None:
    """Add an account with one grant; an existing account gets the grant, its password stays.

    Raises `Refusal` `invalid` naming the field.
    """
    findings = _account_faults(name, password, role, unit)
    if findings:
        raise invalid(*findings)
    # An existing account keeps its password: no time is spent on another one.
    known = site.database.read(lambda tx: people.account(tx, name))
    kept = known.password_hash if known else hashed(password)

    def work(tx: Tx) -> None:
        unit_id = people.unit_id(tx, unit) if unit else None
        if unit and unit_id is None:
            raise invalid(Finding("unknown_unit", {"unit": unit, "parent": ""}, "unit"))
        found = people.account(tx, name)
        if found is not None and found.name == found.id:  # a person who was erased stays so
            raise invalid(Finding("bad_name", {"field": "name"}, "name"))
        if found is None:
            found = Account(site.mint(), name, kept)
            people.add_account(tx, found)
            # The name is a part of its own: it can be erased, and the pseudonym stays.
            parts = {"account": {"id": found.id}, "name": name}
            site_event(site, tx, Draft("user_added", "", "", parts, site.mint()), site.shell())
        # By the clock, not by the record, which may run ahead of a clock that was set back (F4).
        grant, start = Grant(site.mint(), role, unit_id), site.clock()
        terms = {
            "grant": grant.id,
            "account": found.id,
            "role": role,
            "unit": unit_id or "",
            "code": unit or "",
            "from": start.isoformat(),
            "to": "",
            "by": SHELL,
        }
        event = Draft("grant_given", "", "", {"grant": terms}, site.mint())
        site_event(site, tx, event, site.shell())
        grants.add(tx, found.id, grant, start, SHELL)

    site.database.write(work)


def revoke(site: Site, name: str, role: str, unit: str | None) -> int:
    """End what an account holds of a role at a unit, and what rests on it; how many grants that was.

    No row is changed: each end is an event and a row of its own (F9). Raises `Refusal` `not_found`.
    """

    def work(tx: Tx) -> int:
        found, unit_id = people.account(tx, name), people.unit_id(tx, unit) if unit else None
        if found is None:
            raise Refusal("not_found", {"kind": "user", "name": name})
        now = site.clock()
        missing = unit is not None and unit_id is None
        held = [] if missing else grants.running(tx, found.id, role, unit_id, now)
        if not held:
            raise Refusal("not_found", {"kind": "grant", "name": f"{role} {unit or ''}".strip()})
        end_grants(site, tx, found.id, held, now)
        return len(held)

    return site.database.write(work)


def end_grants(site: Site, tx: Tx, account_id: str, held: Sequence[str], now: dt.datetime) -> None:
    """End grants of an account from the command line, each by an event and a row of its own (F9)."""
    for one in held:
        terms = {"grant": one, "account": account_id, "by": SHELL, "at": now.isoformat()}
        event = Draft("grant_ended", "", "", {"grant": terms}, site.mint())
        site_event(site, tx, event, site.shell())
        grants.end(tx, one, now, SHELL)


def hashed(password: str) -> str:
    """A password as it is kept."""
    return _hasher().hash(password)


def sign_in(site: Site, username: str, password: str) -> TokenView:
    """Exchange a name and password for a bearer token.

    Raises `Refusal` `unauthorized`, in the same time whether or not the name is known.
    """
    found = site.database.read(lambda tx: people.account(tx, username))
    good = _hasher().verify(password, found.password_hash if found else _nobody())
    if found is None or not good:
        raise Refusal("unauthorized", {"why": "credentials"})
    return _token(site, found.id, "password", site.settings.token_minutes)


def shell_token(site: Site, name: str) -> TokenView:
    """A short-lived token from the command line: an event of its own, stamped on every act (F9).

    Raises `Refusal` `not_found` or `shell_tokens_off`.
    """
    if not site.settings.shell_tokens:
        raise Refusal("shell_tokens_off")
    found = site.database.read(lambda tx: people.account(tx, name))
    if found is None:
        raise Refusal("not_found", {"kind": "user", "name": name})
    return _token(site, found.id, SHELL, site.settings.shell_token_minutes)


def authenticate(site: Site, token: str | None, lang: str) -> Reader:
    """The person behind a bearer token. Raises `Refusal` `unauthorized`."""
    if not token:
        raise Refusal("unauthorized", {"why": "token"})
    digest = sha256(token.encode()).digest()
    now = site.clock()
    found = site.database.glance(lambda tx: people.holder(tx, digest, now))
    if found is None or (found[2].startswith(SHELL) and not site.settings.shell_tokens):
        raise Refusal("unauthorized", {"why": "token"})
    user_id, name, via, held = found
    if any(grant.line for grant in held):
        held = site.database.read(lambda tx: grants.resting(tx, held, now))
    return Reader(user_id, name, tuple(held), lang, via)


def standings(site: Site, tx: Tx, reader: Reader, tree: Tree) -> list[Standing]:
    """The reader's grants seen from a cycle: where their units stand in its tree."""
    ids = [grant.unit_id for grant in reader.grants if grant.unit_id]
    places = trees.node_of_unit(site.database, tx, tree, ids)
    return [
        Standing(grant.id, grant.role, places[grant.unit_id].path, grant.delegators)
        for grant in reader.grants
        if grant.unit_id in places
    ]


def hand(site: Site, reader: Reader, grant: str) -> Hand:
    """The reader as the actor of a command; a token from the shell is named on every act (F9).

    So are those in whose place the reader acts, if the grant was delegated.
    """
    via = reader.via if reader.via.startswith(SHELL) else ""
    return Hand(reader.user_id, grant, site.mint, via, reader.delegators(grant))


def _token(site: Site, account_id: str, via: str, minutes: int) -> TokenView:
    token = secrets.token_urlsafe(32)

    def work(tx: Tx) -> None:
        origin = via
        if via == SHELL:
            event = site.mint()
            site_event(
                site,
                tx,
                Draft("token_issued", "", "", {"token": {"account": account_id}}, event),
                site.shell(),
            )
            origin = f"{SHELL}:{event}"
        expires = site.clock() + dt.timedelta(minutes=minutes)
        people.add_token(tx, sha256(token.encode()).digest(), account_id, origin, expires)

    site.database.write(work)
    return TokenView(access_token=token, expires_in=minutes * 60)


def _account_faults(name: str, password: str, role: str, unit: str | None) -> list[Finding]:
    findings = []
    if not name or len(name) > 100 or not name.isprintable() or name != name.strip():
        findings.append(Finding("bad_name", {"field": "name"}, "name"))
    if len(password) < SHORTEST_PASSWORD:
        findings.append(Finding("short_password", {"shortest": SHORTEST_PASSWORD}, "password"))
    if role not in ROLES:
        findings.append(Finding("unknown_role", {"role": role, "known": ", ".join(ROLES)}, "role"))
    elif (role in AT_A_UNIT) != bool(unit):
        code = "role_needs_unit" if role in AT_A_UNIT else "role_without_unit"
        findings.append(Finding(code, {"role": role}, "unit"))
    return findings


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()  # argon2id


@cache
def _nobody() -> str:
    return hashed(secrets.token_urlsafe(16))
