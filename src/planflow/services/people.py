"""Accounts, grants and tokens: who acts, and by which grant (F9)."""

import datetime as dt
from dataclasses import dataclass, replace

import orjson

from planflow.access.grants import Grant
from planflow.access.scope import Standing, units_read
from planflow.access.table import AT_A_UNIT, ROLES, clash
from planflow.domain.events import Draft, spoken
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal, invalid
from planflow.services import attempts, factors, passwords, tokens
from planflow.services.site import SHELL, Site, site_event
from planflow.services.tokens import Kind
from planflow.services.views import TokenView
from planflow.store import grants, people, sites, trees
from planflow.store.appending import Recorded
from planflow.store.beginning import Within
from planflow.store.people import Account
from planflow.store.transaction import Tx
from planflow.store.trees import Tree


@dataclass(frozen=True, slots=True)
class Reader:
    """A signed-in person: the pseudonym that events carry, their grants, and their language."""

    user_id: str
    name: str
    grants: tuple[Grant, ...]
    lang: str
    via: str
    family: str = ""
    scopes: frozenset[str] = frozenset(tokens.OF_A_SERVICE)

    def delegators(self, grant: str) -> tuple[str, ...]:
        """In whose place a grant of theirs is used; nobody's where it is their own (F9)."""
        return next((one.delegators for one in self.grants if one.id == grant), ())

    def rests_on(self) -> str:
        """All that an act of theirs rests on, as `store.grants.lapsed` takes it."""
        links = {link for one in self.grants for link in (one.id, *one.line)}
        accounts = {self.user_id, *(who for one in self.grants for who in one.delegators)}
        told = {"grants": sorted(links), "accounts": sorted(accounts), "family": self.family}
        return orjson.dumps(told).decode()

    def over(self, now: dt.datetime) -> bool:
        """Whether the time of one of their grants is over."""
        return any(one.until is not None and one.until <= now for one in self.grants)

    def within(self, cycle: str) -> Within:
        """Whose plans their units of work are about, in a cycle: what they may read, and no more."""
        return Within(sorted(units_read(self.grants)), cycle)


def add_user(site: Site, name: str, password: str, role: str, unit: str | None) -> None:
    """Add an account with one grant; an existing account gets the grant, its password stays.

    Raises `Refusal` `invalid` naming the field.
    """
    # An existing account keeps its password: it is not looked at, and no time is spent on another.
    known = site.database.read(lambda tx: people.account(tx, name))
    findings = account_faults(name, role, unit)
    findings += passwords.faults(password, name) if known is None else ()
    if findings:
        raise invalid(*findings)
    hashed = known.password_hash if known else passwords.kept(password)

    def work(tx: Tx) -> None:
        unit_id, shell = unit_named(tx, unit), site.shell()
        found = people.account(tx, name)
        if found is not None and found.erased:
            raise invalid(Finding("bad_user_name", {"field": "name"}, "name"))
        found = found or admit(site, tx, name, hashed, shell)
        # By the clock, not by the record, which may run ahead of a clock that was set back (F4).
        grant = Grant(site.mint(), role, unit_id)
        give(site, tx, found.id, grant, unit or "", site.clock(), shell)

    site.database.write(work)


def unit_named(tx: Tx, unit: str | None) -> str | None:
    """The identity of a unit by its code. Raises `Refusal` `invalid`."""
    found = people.unit_id(tx, unit) if unit else None
    if unit and found is None:
        raise invalid(Finding("unknown_unit", {"unit": unit, "parent": ""}, "unit"))
    return found


def admit(site: Site, tx: Tx, name: str, hashed: str, hand: Hand) -> Account:
    """Add an account: an event. Its name is a part of its own: it can be erased, and the id stays."""
    made = Account(site.mint(), name, hashed)
    people.add_account(tx, made)
    parts = {"account": {"id": made.id}, "name": name}
    site_event(site, tx, Draft("user_added", "", "", parts, site.mint()), hand)
    return made


def give(
    site: Site, tx: Tx, account_id: str, grant: Grant, code: str, start: dt.datetime, hand: Hand
) -> Recorded:
    """Give an account a grant: an event. Raises `Refusal` `invalid` for one beside which it cannot be."""
    keep_apart(site, tx, account_id, grant.role, "role")
    terms = {
        "grant": grant.id,
        "account": account_id,
        "role": grant.role,
        "unit": grant.unit_id or "",
        "code": code,
        "from": start.isoformat(),
        "to": grant.until.isoformat() if grant.until else "",
        "by": hand.actor,
    }
    event = Draft("grant_given", "", "", {"grant": terms}, site.mint())
    done = site_event(site, tx, event, hand)
    grants.add(tx, account_id, grant, start, hand.actor)
    return done


def take(site: Site, tx: Tx, account_id: str, grant: str, hand: Hand, reason: str = "") -> Recorded:
    """End a grant, and what rests on it: an event and a row of its own (F9)."""
    now = site.clock()
    terms = {"grant": grant, "account": account_id, "by": hand.actor, "at": now.isoformat()}
    parts = {"grant": terms, **spoken({"reason": reason})}
    done = site_event(site, tx, Draft("grant_ended", "", "", parts, site.mint()), hand)
    grants.end(tx, grant, now, hand.actor)
    return done


def keep_apart(
    site: Site, tx: Tx, account_id: str, role: str, field: str, *, named: bool = True
) -> None:
    """Refuse a role beside one that it must not meet on one account (graded protection, level 3).

    Grants of one site are given one at a time. Raises `Refusal` `invalid`, which names what is held
    to those alone who may know it.
    """
    sites.lock_site(tx)
    held = clash(role, grants.roles(tx, account_id, site.clock()))
    if held and named:
        raise invalid(Finding("exclusive_roles", {"role": role, "held": held}, field))
    if held:
        raise invalid(Finding("exclusive_roles", {"role": role}, field))


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
        for one in held:
            take(site, tx, found.id, one, site.shell())
        return len(held)

    return site.database.write(work)


def sign_in(
    site: Site, username: str, password: str, address: str = "", otp: str = ""
) -> TokenView:
    """Exchange a name and password, and a code where there is a second factor, for tokens.

    Raises `Refusal` `unauthorized`, in the same time whether or not the name is known,
    `otp_required`, and `too_many_attempts` where so many failed that none is heard.
    """
    attempt = attempts.of(site, username, address)
    attempts.hear(site, attempt)
    found = site.database.read(lambda tx: people.account(tx, username))
    good = passwords.fits(password, found.password_hash if found else None)
    if found is None or not good or found.disabled:
        raise Refusal("unauthorized", {"why": "credentials"})
    account_id = found.id

    def work(tx: Tx) -> TokenView | Refusal:
        if factors.there(tx, account_id):
            if not otp:
                attempts.undecided(site, tx, attempt)
                return Refusal("otp_required")
            if not factors.accept(site, tx, account_id, otp):
                return Refusal("unauthorized", {"why": "otp"})
        if people.account_held(tx, account_id) != found:  # changed since it was judged
            return Refusal("unauthorized", {"why": "credentials"})
        attempts.passed(site, tx, attempt)
        kind = tokens.signed_in(site, tokens.PASSWORD, tokens.scopes(site, tx, account_id))
        return tokens.issue(site, tx, account_id, kind)[1]

    made = site.database.write(work)  # what was counted stays counted
    if isinstance(made, Refusal):
        raise made
    return made


def shell_token(site: Site, name: str) -> TokenView:
    """A short-lived token from the command line: an event of its own, stamped on every act (F9).

    Raises `Refusal` `not_found` or `shell_tokens_off`.
    """
    if not site.settings.shell_tokens:
        raise Refusal("shell_tokens_off")
    found = site.database.read(lambda tx: people.account(tx, name))
    if found is None or found.erased:
        raise Refusal("not_found", {"kind": "user", "name": name})
    account_id, life = found.id, dt.timedelta(minutes=site.settings.shell_token_minutes)

    def work(tx: Tx) -> TokenView:
        parts = {"token": {"account": account_id}}
        event = Draft("token_issued", "", "", parts, site.mint())
        site_event(site, tx, event, site.shell())
        kind = Kind(SHELL, f"{SHELL}:{event.id}", tokens.OF_A_SERVICE, life, life)
        return tokens.issue(site, tx, account_id, kind)[1]

    return site.database.write(work)


def authenticate(site: Site, token: str | None, lang: str, needs: str = tokens.READ) -> Reader:
    """The person behind a bearer token.

    Raises `Refusal` `unauthorized`, and `scope_missing` where the token is not meant for this.
    """
    if not token:
        raise Refusal("unauthorized", {"why": "token"})
    digest, now = tokens.digest_of(token), site.clock()
    found = site.database.glance(lambda tx: people.holder(tx, digest, now))
    if found is None or (found.via.startswith(SHELL) and not site.settings.shell_tokens):
        raise Refusal("unauthorized", {"why": "token"})
    if needs not in found.scopes:
        raise Refusal("scope_missing", {"scope": needs})
    held = found.grants
    if any(grant.line for grant in held):
        held = site.database.read(lambda tx: grants.resting(tx, held, now))
    return Reader(found.id, found.name, tuple(held), lang, found.via, found.family, found.scopes)


def still(site: Site, tx: Tx, reader: Reader) -> Reader:
    """The reader with those grants that have not ended since, asked behind the locks of an act.

    Raises `Refusal` `unauthorized` for one whose tokens ended or whose account was shut.
    """
    held = grants.still(tx, reader.user_id, reader.family, reader.grants, site.clock())
    if held is None:
        raise Refusal("unauthorized", {"why": "token"})
    return replace(reader, grants=tuple(held))


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


def account_faults(name: str, role: str, unit: str | None) -> list[Finding]:
    """What is wrong with a name, or with a role and its place."""
    findings = []
    if not name or len(name) > 100 or not name.isprintable() or name != name.strip():
        findings.append(Finding("bad_user_name", {"field": "name"}, "name"))
    if role not in ROLES:
        findings.append(Finding("unknown_role", {"role": role, "known": ", ".join(ROLES)}, "role"))
    elif (role in AT_A_UNIT) != bool(unit):
        code = "role_needs_unit" if role in AT_A_UNIT else "role_without_unit"
        findings.append(Finding(code, {"role": role}, "unit"))
    return findings
