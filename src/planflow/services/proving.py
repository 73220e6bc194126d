"""What the password is asked for again, so that a stolen token is not enough for it."""

from collections.abc import Callable
from typing import TypeVar

from planflow.errors import Finding, Refusal, invalid
from planflow.services import attempts, factors, passwords
from planflow.services.attempts import Attempt
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.store import people, sites
from planflow.store.transaction import Tx

V = TypeVar("V")


def by_password(
    site: Site,
    reader: Reader,
    password: str,
    address: str,
    work: Callable[[Tx, Attempt], V | Refusal],
) -> V:
    """Work that is done for the right password; a wrong one is treated as at signing in.

    A refusal that the work raises stays counted as a failure; one that it returns is counted as it says.
    """
    attempt = attempts.of(site, reader.name, address)
    attempts.hear(site, attempt)
    found = site.database.read(lambda tx: people.account_of(tx, reader.user_id))
    if found is None or not passwords.fits(password, found.password_hash):
        raise invalid(Finding("wrong_password", {}, "password"))

    def judged(tx: Tx) -> V | Refusal:
        sites.lock_site(tx)  # passwords are changed, and accounts shut, one at a time
        if people.account_of(tx, reader.user_id) != found:  # what was judged holds no more
            return Refusal("unauthorized", {"why": "token"})
        return work(tx, attempt)

    made = site.database.write(judged)
    if isinstance(made, Refusal):
        raise made
    return made


def with_factor(site: Site, tx: Tx, reader: Reader, code: str, attempt: Attempt) -> Refusal | None:
    """Why a code is not taken, where there is a second factor; a missing one is no failure."""
    if not factors.there(tx, reader.user_id):
        return None
    if not code:
        attempts.undecided(site, tx, attempt)
        return invalid(Finding("missing", {"field": "code"}, "code"))
    if not factors.accept(site, tx, reader.user_id, code):
        return invalid(Finding("wrong_code", {}, "code"))
    return None
