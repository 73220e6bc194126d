"""Sites to measure on: a wide tree with people in it, on PostgreSQL or SQLite."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from planflow.access.grants import Grant
from planflow.config import Settings
from planflow.services import acting, cycles, people, units
from planflow.services.acting import Acted
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.site import Site, open_site
from planflow.store import grants, sites
from planflow.store import people as accounts
from planflow.store.people import Account
from planflow.store.transaction import Tx

CYCLE = "bench"
PASSWORD = "bench-password"  # noqa: S105 - nobody's
FIGURES = {"persons": 60, "villages": 6}


@dataclass
class Bench:
    """A site whose region has some counties, each with a planner; `readers` by unit."""

    site: Site
    readers: dict[str, Reader]
    tokens: dict[str, str]
    units: int

    def admit(self, unit: str) -> None:
        """Let somebody in who is a unit's admin, and sign them in."""
        people.add_user(self.site, unit, PASSWORD, "admin", unit)
        token = people.sign_in(self.site, unit, PASSWORD).access_token
        self.tokens[unit] = token
        self.readers[unit] = people.authenticate(self.site, token, "en")

    def lend(self, codes: Iterable[str]) -> None:
        """Give units a planner and a token each: to hash thousands of passwords takes minutes."""
        site, now = self.site, self.site.clock()

        def work(tx: Tx) -> None:
            for code, unit in sites.registered(tx, list(codes)).items():
                account, token = Account(site.mint(), code, "-"), secrets.token_urlsafe(32)
                accounts.add_account(tx, account)
                grant = Grant(site.mint(), "planner", unit.id)
                grants.add(tx, account.id, grant, now, "bench")
                digest = sha256(token.encode()).digest()
                accounts.add_token(tx, digest, account.id, "bench", now + dt.timedelta(days=1))
                self.tokens[code] = token

        site.records.write(work)

    def call(self, body: Any = None, version: int | None = None) -> Call:
        """An unsafe call as it would come in over HTTP."""
        match = None if version is None else f'"{version}"'
        return Call("POST", "/", json.dumps(body or {}).encode(), match)

    def act(self, who: str, unit: str, action: str, version: int, body: Any = None) -> Acted:
        """One act on a plan."""
        call = self.call(body, version)
        return acting.act(self.site, self.readers[who], call, CYCLE, unit, action)


def settings(url: str) -> Settings:
    """Settings of a site at an address."""
    return Settings(database_url=SecretStr(url), workers=16)


def counties(count: int) -> list[str]:
    """Codes of the counties."""
    return [f"C{number:05}" for number in range(count)]


@contextmanager
def negotiating(
    url: str, count: int, *, villages: int = 0, actors: int = 8, opened: bool = True
) -> Iterator[Bench]:
    """A region with counties, each with some villages; the first counties have planners and drafts."""
    site = open_site(settings(url), migrate=True)
    rows = [
        "code,name,level,parent",
        "R,R,region,",
        *(f"{c},{c},county,R" for c in counties(count)),
    ]
    rows += (f"{c}V{n:05},V,village,{c}" for c in counties(count) for n in range(villages))
    units.import_units(site, "\n".join(rows).encode())
    bench = Bench(site, {}, {}, 1 + count * (1 + villages))
    for unit in ["R", *counties(count)[:actors]]:
        bench.admit(unit)
    body: dict[str, Any] = {"id": CYCLE, "protocol": "exit-plan", "year": 2026, "root": "R"}
    body["leaf_level"] = "village" if villages else "county"
    cycles.create_cycle(site, bench.readers["R"], bench.call(body))
    if opened:
        cycles.open_round(site, bench.readers["R"], bench.call(), CYCLE, "up1")
        for unit in counties(count)[:actors]:
            bench.act(unit, unit, "draft", 0, {"figures": FIGURES})
    try:
        yield bench
    finally:
        site.close()


def sqlite_url(folder: Path, name: str) -> str:
    """The address of an SQLite file."""
    return f"sqlite:///{folder / name}.db"
