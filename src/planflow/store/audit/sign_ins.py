"""How people come in, told again by the site's events: accounts shut, second factors, identities, tokens.

A sign-in itself leaves no event: of its family of tokens, only the end is told (F9).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select

from planflow.domain.events import Event
from planflow.errors import Finding
from planflow.store.audit.course import compare, differing, one
from planflow.store.identity_tables import (
    IdentityRow,
    SecondFactorRow,
    TokenEndRow,
    TokenFamilyRow,
)
from planflow.store.tables import AccountRow, table
from planflow.store.transaction import Tx

ACCOUNTS, FACTORS, IDENTITIES = table(AccountRow), table(SecondFactorRow), table(IdentityRow)
FAMILIES, ENDS = table(TokenFamilyRow), table(TokenEndRow)
SIGN_IN, SERVICE, SHELL = "sign_in", "service", "shell"


class SignIns:
    """What the events seen so far make of accounts, factors, identities and tokens."""

    def __init__(self) -> None:
        self._shut: set[str] = set()
        self._factors: set[str] = set()
        self._links: dict[tuple[str, str], str] = {}
        self._services: set[str] = set()
        self._shell: dict[str, str] = {}  # whose a token is that an event of the command line tells
        self._ended: set[str] = set()

    def see(self, tx: Tx, event: Event) -> Iterator[Finding]:
        """One more event of the site's stream; rows that only grow are compared at once."""
        if event.kind == "tokens_ended":
            yield from self._end(tx, event)
        elif event.kind == "service_token_made":
            yield from self._service(tx, event)
        elif event.kind == "token_issued":
            self._shell[f"{SHELL}:{event.id}"] = event.parts["token"]["account"]
        elif event.kind in _STEPS:
            _STEPS[event.kind](self, event.parts["account"]["id"], event.parts)

    def findings(self, tx: Tx) -> Iterator[Finding]:
        """How it stands, once the last event was seen."""
        for row in tx.connection.execute(select(ACCOUNTS.c.id, ACCOUNTS.c.disabled)).mappings():
            yield from differing(
                ACCOUNTS.name, row["id"], {"disabled": row["id"] in self._shut}, row
            )
        confirmed = select(FACTORS.c.account_id).where(FACTORS.c.confirmed_at.is_not(None))
        meant: Iterator[dict[str, Any]] = ({"account_id": key} for key in sorted(self._factors))
        found = tx.connection.execute(confirmed).mappings()
        yield from compare(FACTORS.name, ["account_id"], meant, found)
        links = (
            {"issuer": issuer, "subject": subject, "account_id": account}
            for (issuer, subject), account in self._links.items()
        )
        kept = tx.connection.execute(select(IDENTITIES)).mappings()
        yield from compare(IDENTITIES.name, ["issuer", "subject"], links, kept)
        yield from self._beyond(tx)

    def _beyond(self, tx: Tx) -> Iterator[Finding]:
        """Rows of tokens that no event made."""
        for key in tx.connection.execute(select(ENDS.c.family)).scalars():
            if key not in self._ended:
                yield Finding("row_unexpected", {"table": ENDS.name, "key": key})
        columns = (FAMILIES.c.id, FAMILIES.c.kind, FAMILIES.c.via, FAMILIES.c.account_id)
        told = select(*columns).where(FAMILIES.c.kind != SIGN_IN)
        for row in tx.connection.execute(told):
            ours = row.id in self._services
            if row.kind == SHELL:
                ours = self._shell.get(row.via) == row.account_id
            if not ours:
                yield Finding("row_unexpected", {"table": FAMILIES.name, "key": row.id})

    def _service(self, tx: Tx, event: Event) -> Iterator[Finding]:
        terms = event.parts["tokens"]
        self._services.add(terms["family"])
        meant = {
            "account_id": terms["account"],
            "kind": SERVICE,
            "scopes": " ".join(terms["scopes"]),
            "via": SERVICE,
            "expires_at": datetime.fromisoformat(terms["to"]),
        }
        # Rows of before titles could be erased bear theirs; it is compared while the event tells it.
        own = select(FAMILIES.c.name).where(FAMILIES.c.id == terms["family"])
        kept = tx.connection.execute(own).scalar()
        named = {"name": event.parts.get("name", kept) if kept else ""}
        yield from one(tx.connection, FAMILIES, terms["family"], meant | named)

    def _end(self, tx: Tx, event: Event) -> Iterator[Finding]:
        terms = event.parts["tokens"]
        self._ended.add(terms["family"])
        meant: dict[str, Any] = {"ended_by": event.actor, "why": terms["why"]}
        if "at" in terms:  # older events do not tell it
            meant["ended_at"] = datetime.fromisoformat(terms["at"])
        yield from one(tx.connection, ENDS, terms["family"], meant)
        yield from one(tx.connection, FAMILIES, terms["family"], {"account_id": terms["account"]})

    def _close(self, account: str, _: Any) -> None:
        self._shut.add(account)

    def _open(self, account: str, _: Any) -> None:
        self._shut.discard(account)

    def _confirm(self, account: str, _: Any) -> None:
        self._factors.add(account)

    def _drop(self, account: str, _: Any) -> None:
        self._factors.discard(account)

    def _link(self, account: str, parts: Any) -> None:
        told = parts.get("identity")  # nothing of somebody who was erased: so is the link
        if told:
            self._links[told["issuer"], told["subject"]] = account

    def _unlink(self, account: str, _: Any) -> None:
        self._links = {who: own for who, own in self._links.items() if own != account}

    def _erase(self, account: str, parts: Any) -> None:
        self._drop(account, parts)
        self._unlink(account, parts)


_STEPS = {
    "account_disabled": SignIns._close,
    "account_enabled": SignIns._open,
    "factor_confirmed": SignIns._confirm,
    "factor_dropped": SignIns._drop,
    "identity_linked": SignIns._link,
    "identity_unlinked": SignIns._unlink,
    "user_erased": SignIns._erase,
}
