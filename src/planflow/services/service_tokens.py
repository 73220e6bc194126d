"""Tokens for programs: named by their owner, for certain uses, until a day; shown once."""

import datetime as dt

from pydantic import Field

from planflow.domain.events import Draft, spoken
from planflow.domain.identity import EndServiceToken, NewServiceToken, ServiceTerms
from planflow.domain.moments import ZONE, end_of
from planflow.domain.parsing import parse
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal, invalid
from planflow.services import attempts, calls, tokens
from planflow.services.attempts import Attempt
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.proving import by_password, with_factor
from planflow.services.site import Site, site_event
from planflow.services.tokens import ACT, READ, SERVICE, Kind
from planflow.services.views import Page, Receipt
from planflow.store import tokens as families
from planflow.store.appending import Recorded
from planflow.store.sites import KeyUsed
from planflow.store.tokens import Family
from planflow.store.transaction import Tx

LONGEST = dt.timedelta(days=366)


class ServiceTokenView(Receipt):
    """A service token. `token` itself is told once, when it is made, and to nobody again."""

    id: str
    name: str
    scopes: list[str]
    from_: dt.datetime = Field(alias="from")
    to: dt.datetime
    token: str | None = None
    ended: bool = False


def make(site: Site, reader: Reader, call: Call, address: str = "") -> ServiceTokenView:
    """Make a token for a program that acts as its owner: by the password, as it outlives a sign-in.

    It takes no key, for its body holds a password (decision 0048). Raises `Refusal`.
    """
    command = parse(NewServiceToken, call.body)
    _life(site, command)  # before a password is judged

    def work(tx: Tx, attempt: Attempt) -> ServiceTokenView | Refusal:
        refused = with_factor(site, tx, reader, command.code, attempt)
        if refused is not None:
            return refused
        hand = Hand(reader.user_id, "", site.mint)
        view, done = given(site, tx, reader.user_id, command, hand)
        attempts.undecided(site, tx, attempt)
        return view.model_copy(update={"event": done.event.id, "chain": done.chain.hex()})

    return by_password(site, reader, command.password, address, work)


def given(
    site: Site, tx: Tx, account_id: str, command: ServiceTerms, hand: Hand
) -> tuple[ServiceTokenView, Recorded]:
    """A service token and its event, whose id it bears."""
    until, life = _life(site, command)
    scopes = (READ, ACT) if ACT in command.scopes else (READ,)
    kind = Kind(SERVICE, SERVICE, scopes, life, life)
    family, told = tokens.issue(site, tx, account_id, kind, until - life)
    terms = {
        "family": family,
        "account": account_id,
        "scopes": list(scopes),
        "to": until.isoformat(),
    }
    parts = {"tokens": terms, "name": command.name}
    done = site_event(site, tx, Draft("service_token_made", "", "", parts, family), hand)
    made = families.family(tx, family)
    if made is None:
        raise AssertionError("it was made just now")
    return _view(made, command.name).model_copy(update={"token": told.access_token}), done


def _life(site: Site, command: ServiceTerms) -> tuple[dt.datetime, dt.timedelta]:
    """Until when a token is good, and how long that is. Raises `Refusal`."""
    now, until = site.clock(), end_of(command.to, ZONE)
    if until <= now:
        raise invalid(Finding("ends_before_it_begins", {}, "to"))
    if until - now > LONGEST:
        raise invalid(Finding("delegation_too_long", {"limit": LONGEST.days}, "to"))
    return until, until - now


def list_service_tokens(
    site: Site, reader: Reader, cursor: str | None, limit: int | None = None
) -> Page[ServiceTokenView]:
    """The reader's own service tokens that have not ended."""
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> Page[ServiceTokenView]:
        found = [one for one in running(site, tx, reader.user_id) if one.id > (cursor or "")]
        items = found[:size]
        return Page(items=items, next=items[-1].id if len(found) > size else None)

    return site.database.read(work)


def running(site: Site, tx: Tx, account_id: str) -> list[ServiceTokenView]:
    """An account's service tokens that have not ended."""
    found = families.running(tx, account_id, site.clock(), SERVICE)
    titles = families.titles(tx, [one.id for one in found])
    return [_view(one, titles.get(one.id, one.name)) for one in found]


def end(site: Site, reader: Reader, call: Call, token: str) -> ServiceTokenView:
    """End one of the reader's own service tokens. Raises `Refusal`."""

    def work(tx: Tx) -> ServiceTokenView:
        found = families.family(tx, token)
        if found is None or (found.account_id, found.kind) != (reader.user_id, SERVICE):
            raise Refusal("not_found", {"kind": "token", "name": token[:64]})
        calls.wait_for(tx, reader, call)
        used = calls.replayed(tx, reader, call)
        if used is not None:
            return _again(site, tx, token, used)
        command = parse(EndServiceToken, call.body)
        if not families.runs(tx, found, site.clock()):
            raise Refusal("not_found", {"kind": "token", "name": token[:64]})
        hand = Hand(reader.user_id, "", site.mint)
        more = spoken({"reason": command.reason})
        done = tokens.end(site, tx, found, hand, "revoked", more)
        if done is None:
            raise Refusal("not_found", {"kind": "token", "name": token[:64]})
        return _again(site, tx, token, _kept(site, tx, reader, call, done))

    return site.database.write(work)


def _kept(site: Site, tx: Tx, reader: Reader, call: Call, done: Recorded) -> KeyUsed:
    seq = done.event.seq
    used = KeyUsed(call.digest, seq, seq, done.event.id, done.chain.hex(), 0)
    calls.remember(tx, site, reader, call, used)
    return used


def _again(site: Site, tx: Tx, token: str, used: KeyUsed) -> ServiceTokenView:
    """A service token as it stands, itself untold, with the receipt of what was asked for."""
    found = families.family(tx, token)
    if found is None:
        raise AssertionError("a family is never removed")
    ended = not families.runs(tx, found, site.clock())
    receipt = {"event": used.event_id, "chain": used.chain, "ended": ended}
    title = families.titles(tx, [found.id]).get(found.id, found.name)
    return _view(found, title).model_copy(update=receipt)


def _view(one: Family, title: str) -> ServiceTokenView:
    return ServiceTokenView(
        id=one.id,
        name=title,
        scopes=one.scopes.split(),
        from_=one.begun_at,
        to=one.expires_at,
    )
