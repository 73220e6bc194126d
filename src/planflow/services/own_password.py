"""A password changed by its holder.

It takes no key: the digest of its body would be a quick way to try passwords out (decision 0048).
"""

from planflow.domain.events import Draft
from planflow.domain.identity import ChangePassword
from planflow.domain.parsing import parse
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal, invalid
from planflow.services import attempts, passwords, tokens
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.site import Site, site_event
from planflow.services.views import Receipt
from planflow.store import people, sites
from planflow.store.appending import Recorded
from planflow.store.transaction import Tx


class PasswordView(Receipt):
    """The receipt of a change of password."""


def change(site: Site, reader: Reader, call: Call, address: str = "") -> PasswordView:
    """Put another password in place of one's own; whoever else is signed in with it is signed out.

    Who does not know the present one is treated as at signing in. Raises `Refusal`.
    """
    command = parse(ChangePassword, call.body)
    attempt = attempts.of(site, reader.name, address)
    attempts.hear(site, attempt)
    found = site.database.read(lambda tx: people.account_of(tx, reader.user_id))
    if found is None or not passwords.fits(command.current, found.password_hash):
        raise invalid(Finding("wrong_password", {}, "current"))
    faults = list(passwords.faults(command.new, reader.name, "new"))
    if not faults and command.new == command.current:
        faults.append(Finding("same_password", {}, "new"))
    if faults:
        site.database.write(lambda tx: attempts.undecided(site, tx, attempt))
        raise invalid(*faults)
    hashed, hand = passwords.kept(command.new), Hand(reader.user_id, "", site.mint)

    def work(tx: Tx) -> PasswordView:
        sites.lock_site(tx)  # passwords are changed, and accounts shut, one at a time
        if people.account_of(tx, reader.user_id) != found:  # what was judged holds no more
            raise Refusal("unauthorized", {"why": "token"})
        done = put(site, tx, reader.user_id, hashed, hand, but=reader.family)
        attempts.passed(site, tx, attempt)
        return PasswordView(event=done.event.id, chain=done.chain.hex())

    return site.database.write(work)


def put(site: Site, tx: Tx, account_id: str, hashed: str, hand: Hand, but: str = "") -> Recorded:
    """Keep another password: an event that does not tell it; all tokens but one family end."""
    terms = {"account": {"id": account_id}}
    done = site_event(site, tx, Draft("password_changed", "", "", terms, site.mint()), hand)
    people.set_password(tx, account_id, hashed)
    tokens.end_all(site, tx, account_id, hand, "password", but=but)
    return done
