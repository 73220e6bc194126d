"""A person's own second factor: begun, confirmed, dropped by themselves, by their password."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel

from planflow.domain.identity import ConfirmFactor, DropFactor, EnrolFactor
from planflow.domain.parsing import parse
from planflow.engine.hand import Hand
from planflow.errors import Finding, invalid
from planflow.services import attempts, factors, passwords
from planflow.services.attempts import Attempt
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.view import View
from planflow.services.views import Receipt
from planflow.store import people
from planflow.store.transaction import Tx

V = TypeVar("V", bound=BaseModel)


class EnrolmentView(View):
    """A secret for an authenticator, told this once: the address that its picture holds."""

    otpauth: str


class RecoveryView(Receipt):
    """Codes for when the second factor is lost, each good for one use; told this once."""

    recovery_codes: list[str]


class FactorView(Receipt):
    """The receipt of a change of one's second factor."""


def enrol(site: Site, reader: Reader, call: Call, address: str = "") -> EnrolmentView:
    """Begin to have a second factor. Raises `Refusal`."""
    command = parse(EnrolFactor, call.body)

    def work(tx: Tx, attempt: Attempt) -> EnrolmentView:
        attempts.undecided(site, tx, attempt)
        return EnrolmentView(otpauth=factors.enrol(site, tx, reader.user_id, reader.name))

    return _by_password(site, reader, command.password, address, work)


def confirm(site: Site, reader: Reader, call: Call, address: str = "") -> RecoveryView:
    """Show that the secret has arrived; from now on it is asked for. Raises `Refusal`."""
    command = parse(ConfirmFactor, call.body)
    attempt = attempts.of(site, reader.name, address)
    attempts.hear(site, attempt)  # a code has six digits

    def work(tx: Tx) -> RecoveryView:
        done, codes = factors.confirm(site, tx, reader.user_id, command.code)
        attempts.undecided(site, tx, attempt)
        receipt = {"event": done.event.id, "chain": done.chain.hex()}
        return RecoveryView(recovery_codes=codes, **receipt)

    return site.database.write(work)


def drop(site: Site, reader: Reader, call: Call, address: str = "") -> FactorView:
    """Do without it again: by the password and a code. Raises `Refusal`."""
    command = parse(DropFactor, call.body)

    def work(tx: Tx, attempt: Attempt) -> FactorView:
        if not factors.accept(site, tx, reader.user_id, command.code):
            raise invalid(Finding("wrong_code", {}, "code"))
        attempts.undecided(site, tx, attempt)
        done = factors.drop(site, tx, reader.user_id, Hand(reader.user_id, "", site.mint))
        return FactorView(event=done.event.id, chain=done.chain.hex())

    return _by_password(site, reader, command.password, address, work)


def _by_password(
    site: Site, reader: Reader, password: str, address: str, work: Callable[[Tx, Attempt], V]
) -> V:
    """Work that the password is asked for again; what is refused stays counted as failed."""
    attempt = attempts.of(site, reader.name, address)
    attempts.hear(site, attempt)
    found = site.database.read(lambda tx: people.account_of(tx, reader.user_id))
    if found is None or not passwords.fits(password, found.password_hash):
        raise invalid(Finding("wrong_password", {}, "password"))
    return site.database.write(lambda tx: work(tx, attempt))
