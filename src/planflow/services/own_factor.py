"""A person's own second factor: begun, confirmed, dropped by themselves, by their password."""

from planflow.domain.identity import ConfirmFactor, DropFactor, EnrolFactor
from planflow.domain.parsing import parse
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal, invalid
from planflow.services import attempts, factors
from planflow.services.attempts import Attempt
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.proving import by_password
from planflow.services.site import Site
from planflow.services.view import View
from planflow.services.views import Receipt
from planflow.store.transaction import Tx


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

    def work(tx: Tx, attempt: Attempt) -> EnrolmentView | Refusal:
        attempts.undecided(site, tx, attempt)
        if factors.there(tx, reader.user_id):
            return invalid(Finding("factor_there"))
        return EnrolmentView(otpauth=factors.enrol(site, tx, reader.user_id, reader.name))

    return by_password(site, reader, command.password, address, work)


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
        done = factors.drop(site, tx, reader.user_id, Hand(reader.user_id, "", site.mint))
        attempts.undecided(site, tx, attempt)
        return FactorView(event=done.event.id, chain=done.chain.hex())

    return by_password(site, reader, command.password, address, work)
