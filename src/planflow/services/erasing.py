"""What a person said or is called, taken out of history by an act of its own; the proof stays (F2)."""

import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from planflow.domain.events import Draft, spoken
from planflow.errors import Finding, Refusal, invalid
from planflow.services import passwords, people, tokens
from planflow.services.attempts import of_name as key_of_name
from planflow.services.site import Site, site_event
from planflow.store import attempts, erasing, grants, sites
from planflow.store import people as accounts
from planflow.store import tokens as families
from planflow.store.appending import Head, append_cycle
from planflow.store.erasing import Found
from planflow.store.seats import CycleHead, cycle_head
from planflow.store.transaction import Tx

ERASED, USER_ERASED = "part_erased", "user_erased"
TEXTS, NAME, IDENTITY = "texts", "name", "identity"


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: how many entries of which part of which event, and the event that says so."""

    event: str
    part: str
    count: int
    by: str


@dataclass(frozen=True, slots=True)
class ErasedUser:
    """A person who was erased: the pseudonym that stays, grants and tokens that ended."""

    pseudonym: str
    grants: int
    tokens: int


def erase(site: Site, event: str, part: str, reason: str, number: int | None = None) -> Erased:
    """Erase the free texts of an event, or one of them, for whoever runs this machine.

    What states are told again from stays. Raises `Refusal`: `not_found`, `part_stays`,
    `erased_already`, `invalid`.
    """
    _check(reason)

    def work(tx: Tx) -> Erased:
        found = erasing.find(tx, event, part)
        if found is None:
            raise Refusal("not_found", {"kind": "event", "name": event[:64]})
        place = _locked(site, tx, found.cycle)
        found = erasing.find(tx, event, part) or found  # another may have been at it meanwhile
        wanted = set(found.entries) if number is None else {number} & set(found.entries)
        if not wanted:
            raise Refusal("not_found", {"kind": "part", "name": part[:64]})
        if part != TEXTS:
            raise Refusal("part_stays", {"part": part, "why": _why(found, part)})
        there = sorted(one for one in wanted if found.entries[one])
        if not there:
            raise Refusal("erased_already", {"part": part})
        return _erased(site, tx, place, Entries(event, part, there), reason)

    return site.records.write(work)


def erase_user(site: Site, name: str, reason: str) -> ErasedUser:
    """Erase who an account is, for whoever runs this machine; what it did stays, under its pseudonym.

    Its grants and tokens end, and nobody signs in by it again. Raises `Refusal`.
    """
    _check(reason)
    nobody = passwords.kept(secrets.token_urlsafe(32))

    def work(tx: Tx) -> ErasedUser:
        place = _locked(site, tx, "")
        found = accounts.account(tx, name)
        if found is None or found.erased:
            raise Refusal("not_found", {"kind": "user", "name": name})
        now = site.clock()
        ended = grants.held(tx, found.id, now)
        for one in ended:
            people.take(site, tx, found.id, one, site.shell())
        tokens.end_all(site, tx, found.id, site.shell(), "erased")
        count = erasing.close_account(tx, found.id, nobody)
        attempts.forget_name(tx, key_of_name(site, name))
        for event, part in _personal(tx, found.id):
            told = erasing.find(tx, event, part)
            if told is not None and any(told.entries.values()):
                _erased(site, tx, place, Entries(event, part, list(told.entries)), reason)
        parts = {"account": {"id": found.id}, **spoken({"reason": reason})}
        site_event(site, tx, Draft(USER_ERASED, "", "", parts, site.mint()), site.shell())
        return ErasedUser(found.id, len(ended), count)

    return site.records.write(work)


def _personal(tx: Tx, account_id: str) -> Iterator[tuple[str, str]]:
    """Events and their parts that hold what a person, or what they are at a provider, is called."""
    for event in erasing.events_of_account(tx, "user_added", account_id):
        yield event, NAME
    for event in erasing.events_of_account(tx, "identity_linked", account_id):
        yield event, IDENTITY
    for event in families.ids(tx, account_id, tokens.SERVICE):  # it bears the id of its event
        yield event, NAME


def _check(reason: str) -> None:
    if not reason.strip():
        raise invalid(Finding("empty", {"field": "reason"}, "reason"))


def _why(found: Found, part: str) -> str:
    """Why a part cannot be erased, as a word that has a title."""
    if part == NAME and found.kind == "user_added":
        return "account"
    return "state" if found.cycle else "register"


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a part of an event."""

    event: str
    part: str
    numbers: list[int]


def _locked(site: Site, tx: Tx, cycle: str) -> CycleHead | None:
    """The stream that an erasure is told in, taken for writing: the cycle's, or the site's."""
    if not cycle:
        sites.lock_site(tx)
        return None
    head = cycle_head(site.records, tx, cycle, "update", dropped=True)
    if head is None:
        raise AssertionError("an event's cycle is never removed")
    return head


def _erased(site: Site, tx: Tx, place: CycleHead | None, which: Entries, reason: str) -> Erased:
    """Erase, and say so in the stream that was taken for it, citing the event in the open."""
    erasing.erase(tx, which.event, which.part, which.numbers)
    parts = {"erased": asdict(which), **spoken({"reason": reason})}
    draft = Draft(ERASED, "", "", parts, site.mint(), (which.event,))
    if place is None:
        site_event(site, tx, draft, site.shell())
    else:
        state, pen = place.state, site.pen(site.shell())
        end = Head(state.position, place.chain, place.recorded_at)
        append_cycle(tx, place.negotiation, state, end, draft, pen, state.id)
    return Erased(which.event, which.part, len(which.numbers), draft.id)
