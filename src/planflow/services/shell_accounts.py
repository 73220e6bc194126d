"""What the command line does with an account, with nobody behind it: it is the way back in (F9)."""

from planflow.domain.identity import ServiceTerms
from planflow.errors import Refusal, invalid
from planflow.services import (
    accounts,
    attempts,
    factors,
    oidc,
    own_password,
    passwords,
    service_tokens,
    tokens,
)
from planflow.services.service_tokens import ServiceTokenView
from planflow.services.site import Site
from planflow.store import attempts as counted
from planflow.store import factors as kept
from planflow.store import people
from planflow.store import tokens as families
from planflow.store.people import Account
from planflow.store.transaction import Tx


def set_password(site: Site, name: str, password: str) -> None:
    """Put another password in place of a forgotten one. Raises `Refusal`."""
    faults = list(passwords.faults(password, name))
    if faults:
        raise invalid(*faults)
    hashed = passwords.kept(password)

    def work(tx: Tx) -> None:
        found = _account(tx, name)
        own_password.put(site, tx, found.id, hashed, site.shell())
        counted.drop_name(tx, attempts.of_name(site, name))

    site.database.write(work)


def unlock(site: Site, name: str) -> None:
    """Hear a name again at once, however many sign-ins failed. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> None:
        accounts.unlocked(site, tx, _account(tx, name), site.shell())

    site.database.write(work)


def drop_factor(site: Site, name: str) -> None:
    """Let a user who lost the second factor sign in without. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> None:
        found = _account(tx, name)
        if kept.factor(tx, found.id) is None:
            raise Refusal("not_found", {"kind": "factor", "name": name})
        factors.drop(site, tx, found.id, site.shell())

    site.database.write(work)


def link(site: Site, name: str, subject: str) -> None:
    """Let a user sign in at the identity provider. Raises `Refusal`, `Fault`."""
    site.database.write(
        lambda tx: oidc.link(site, tx, _account(tx, name).id, subject, site.shell())
    )


def unlink(site: Site, name: str) -> None:
    """End that. Raises `Refusal` `not_found`."""
    site.database.write(lambda tx: oidc.unlink(site, tx, _account(tx, name).id, site.shell()))


def disable(site: Site, name: str, *, disabled: bool) -> None:
    """Shut an account, or open it again; its grants stay. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> None:
        accounts.shut(site, tx, _account(tx, name), site.shell(), disabled=disabled)

    site.database.write(work)


def make_service_token(site: Site, name: str, command: ServiceTerms) -> ServiceTokenView:
    """A token for a program that acts as an account. Raises `Refusal`."""

    def work(tx: Tx) -> ServiceTokenView:
        return service_tokens.given(site, tx, _account(tx, name).id, command, site.shell())[0]

    return site.database.write(work)


def service_tokens_of(site: Site, name: str) -> list[ServiceTokenView]:
    """An account's service tokens that have not ended. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> list[ServiceTokenView]:
        return service_tokens.running(site, tx, _account(tx, name).id)

    return site.database.read(work)


def end_service_token(site: Site, name: str, token: str) -> None:
    """End one of them. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> None:
        own = {
            one.id: one
            for one in families.running(tx, _account(tx, name).id, site.clock(), tokens.SERVICE)
        }
        if token not in own:
            raise Refusal("not_found", {"kind": "token", "name": token[:64]})
        tokens.end(site, tx, own[token], site.shell(), "revoked")

    site.database.write(work)


def _account(tx: Tx, name: str) -> Account:
    found = people.account(tx, name)
    if found is None or found.erased:
        raise Refusal("not_found", {"kind": "user", "name": name})
    return found
