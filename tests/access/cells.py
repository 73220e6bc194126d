"""The cells of the matrix: every call, by everybody, on plans in many states; with what must come of it.

Generated from the routes of the service. An act that would succeed names a version that is none, and a
call that would write has a body that cannot be read: both are looked at after the right is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.access import oracle
from tests.access.oracle import ABOVE, Class, Person
from tests.access.stage import BASE, FIGURES, OWNER, PEOPLE, Answer, Sent, Things

NONSENSE = b'{"figures": 1.5'
STALE = '"999999"'
NONE = "none"  # a name that nothing has
WHY = {"on_behalf_of": {"reason": "x"}}
# Plans of which relations and states are sampled: in c1 reports, in c2 issues, in c3 promises.
PLANS = (
    *(("c1", unit) for unit in ("Rregion", "Ccity", "Acounty", "Ecounty")),
    *(("c2", unit) for unit in ("Ccity", "Acounty")),
    *(("c3", unit) for unit in ("Ccity", "Acounty", "Bcounty")),
    *(("x1", "Wcounty"), ("c1", "Wcounty"), ("c1", "Ttown"), ("c1", NONE), (NONE, "Acounty")),
)
CYCLES = ("c1", "c3", "x1", NONE)
Holds = Callable[[Person, Answer], str]  # what is wrong with the content of an answer; nothing


@dataclass(frozen=True)
class Cell:
    """One request, what class of answer it must have, and what that must hold."""

    route: str
    sent: Sent
    expected: Class
    cycle: str = ""
    unit: str = ""
    table: bool = True  # whether the table of the product says the same by itself
    holds: Holds | None = None


@dataclass
class Asked:
    """How one route is asked: by whoever it is, about some place."""

    method: str
    path: str
    expected: Callable[[Person], Class]
    bodies: tuple[bytes, ...] = (b"",)
    cycle: str = ""
    unit: str = ""
    holds: Holds | None = None
    table: bool = True
    versions: tuple[str, ...] = ("",)


def cells(routes: set[tuple[str, str]], things: Things) -> Iterator[Cell]:
    """All cells of some routes."""
    for method, path in sorted(routes):
        for asked in _asked(method, path, things):
            for at, who in enumerate(PEOPLE):
                body = asked.bodies[at % len(asked.bodies)]
                version = asked.versions[at % len(asked.versions)]
                sent = Sent(who, method, asked.path, body, version)
                yield Cell(
                    f"{method} {path}",
                    sent,
                    asked.expected(who),
                    asked.cycle,
                    asked.unit,
                    asked.table,
                    asked.holds,
                )


def _asked(method: str, path: str, things: Things) -> Iterator[Asked]:
    below = path.removeprefix(BASE)
    if "/plans/{unit}" in below:
        maker = _plan_reads if method == "GET" else _plan_acts
        for cycle, unit in PLANS:
            yield from maker(method, path, cycle, unit, things)
    elif "{cycle}" in below:
        for cycle in CYCLES:
            yield from _of_cycle(method, path, cycle)
    elif below in SITE:
        yield from SITE[below](method, path, things)
    else:
        raise LookupError(f"{method} {path}: the matrix does not know what to ask")


# Plans

MISREAD = {"history": "?limit=x", "diff": "", "treatment": "", "": "?as_of=monday"}
READ_SO = {
    "diff": ("?from=up1&to=down1", "?from_at=2001-01-01T00:00:00Z&to_at=2101-01-01T00:00:00Z"),
    "treatment": ("?round=down1",),
    "": ("", "?as_of=2101-01-01T00:00:00Z"),
}


def _plan_reads(method: str, path: str, cycle: str, unit: str, things: Things) -> Iterator[Asked]:
    kind = path.partition("/plans/{unit}")[2].strip("/")
    here = path.replace("{cycle}", cycle).replace("{unit}", unit)

    def expected(who: Person) -> Class:
        return oracle.plan(who, cycle, unit)

    for query in READ_SO.get(kind, ("",)):
        yield Asked(method, here + query, expected, cycle=cycle, unit=unit)
    if kind in MISREAD:  # 404 comes before 422
        yield Asked(method, here + MISREAD[kind], expected, cycle=cycle, unit=unit)


def _plan_acts(method: str, path: str, cycle: str, unit: str, things: Things) -> Iterator[Asked]:
    action = path.rpartition("/")[2]
    here = path.replace("{cycle}", cycle).replace("{unit}", unit)
    subject, top = NONE, ""
    known: str | None = ""
    if "{commitment}" in path:
        mine = cycle == "c3" and unit in things.promises
        subject, known = (things.promises[unit], "") if mine else (NONE, None)
    if "{correction}" in path:
        mine = (cycle, unit) == ("c3", "Acounty")
        subject, known, top = (things.correction, "", "Ccity") if mine else (NONE, None, "")
    if "{paper}" in path:
        mine = (cycle, unit) == ("c1", "Rregion")
        subject, known = (things.paper, "") if mine else (NONE, None)
    for name in ("commitment", "correction", "paper"):
        here = here.replace(f"{{{name}}}", subject)
    decides = None if known is None else top
    for behalf in (False, True) if action in ("draft", "submit") else (False,):

        def expected(who: Person, behalf: bool = behalf) -> Class:
            return oracle.act(who, cycle, unit, action, behalf=behalf, top=decides)

        body = _body(action, behalf=behalf)
        bodies = (body,) if action in ("draft", "submit") else (body, NONSENSE)
        # Without a version, with one that is none, and with one that is stale: all after 403.
        versions = (STALE, "", '"x"', STALE, STALE)
        yield Asked(
            method,
            here,
            expected,
            bodies,
            cycle,
            unit,
            versions=versions,
            # a body in its turn decides between the two ways; what is not there has no right
            table=decides is not None and action not in ("draft", "submit"),
        )


def _body(action: str, *, behalf: bool) -> bytes:
    told: dict[str, Any] = {"figures": FIGURES["Bcounty"]} if action == "draft" else {}
    return json.dumps({**told, **(WHY if behalf else {})}).encode()


# Cycles


def _of_cycle(method: str, path: str, cycle: str) -> Iterator[Asked]:
    here = path.replace("{cycle}", cycle).replace("{round}", "up1")
    kind = path.partition("{cycle}")[2].strip("/").replace("/{round}", "")

    def seen(who: Person) -> Class:
        return oracle.cycle(who, cycle)

    if method != "GET":
        yield Asked(method, here, lambda who: oracle.of_root(who, cycle), (NONSENSE,), cycle=cycle)
        return
    for query, holds in READS_OF_CYCLE[kind]:
        yield Asked(method, here + query, seen, cycle=cycle, holds=holds and holds(cycle))
    for unit in WITH_UNIT.get(kind, ()):
        name = "parent" if kind == "plans" and unit == "Ccity" else "unit"

        def there(who: Person, unit: str = unit) -> Class:
            return oracle.plan(who, cycle, unit)

        for more in ("", "&limit=x") if kind in ("plans", "events") else ("",):
            yield Asked(method, f"{here}?{name}={unit}{more}", there, cycle=cycle, table=False)


def _listed(field_: str) -> Callable[[str], Holds]:
    """A list that holds just what lies in its reader's scope."""

    def of(cycle: str) -> Holds:
        def holds(who: Person, answer: Answer) -> str:
            found = {one[field_] for one in answer.json["items"]}
            return _differs(found, oracle.plans(who, cycle))

        return holds

    return of


def _some(cycle: str) -> Holds:
    """Events of units in scope alone, and those of the cycle."""

    def holds(who: Person, answer: Answer) -> str:
        found = {one["unit"] for one in answer.json["items"]} - {None}
        return _differs(found - oracle.plans(who, cycle), set())

    return holds


def _idle(cycle: str) -> Holds:
    def holds(who: Person, answer: Answer) -> str:
        found = {one["unit"] for one in answer.json["no_task"]}
        idle = {"Zcounty"} if cycle in ("c1", "c2", "c3") else set()
        return _differs(found, oracle.plans(who, cycle) & idle)

    return holds


def _differs(found: set[str], wanted: set[str]) -> str:
    return "" if found == wanted else f"holds {sorted(found)}, not {sorted(wanted)}"


LATE = "as_of=2101-01-01T00:00:00Z"
READS_OF_CYCLE: dict[str, tuple[tuple[str, Callable[[str], Holds] | None], ...]] = {
    "": (("", _idle), (f"?{LATE}", _idle), ("?as_of=monday", None)),
    "tree": (("", _listed("unit")), (f"?{LATE}", _listed("unit")), ("?as_of=monday", None)),
    "plans": (
        ("", _listed("unit")),
        (f"?{LATE}", _listed("unit")),
        ("?state=none", None),
        ("?limit=x", None),
    ),
    "events": (("", _some), ("?format=csv", None), ("?limit=x", None), ("?from=monday", None)),
    "documents": (("", None),),
    "rounds/bundle": (("", None),),
}
WITH_UNIT = {
    "plans": ("Ccity", "Acounty", "Wcounty", NONE),
    "events": ("Acounty", "Wcounty"),
    "rounds/bundle": ("Acounty", "Bcounty"),
}

# The site


def _anybody(_who: Person) -> Class:
    return "else"


def _open(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path, _anybody)


def _sign_in(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path, _anybody)  # no form was sent: 422


def _signed(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path, oracle.door)


def _no_provider(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path, oracle.provider, table=False)
    yield Asked(method, f"{path}?state=x&code=x", oracle.provider, table=False)


def _own(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path, oracle.door, (b"", NONSENSE))


def _service_tokens(method: str, path: str, things: Things) -> Iterator[Asked]:
    if method != "GET":
        yield from _own(method, path, things)
        return

    def mine(who: Person, answer: Answer) -> str:
        found = {one["id"] for one in answer.json["items"]}
        return _differs(found, {things.service} if who.name == OWNER else set())

    yield Asked(method, path, oracle.door, holds=mine)
    yield Asked(method, f"{path}?limit=x", oracle.door)


def _service_token(method: str, path: str, things: Things) -> Iterator[Asked]:
    for token, owner in ((things.service, OWNER), (NONE, "")):

        def there(who: Person, owner: str = owner) -> Class:
            return oracle.service_token(who, owner)

        yield Asked(method, path.replace("{token}", token), there, (NONSENSE,), table=False)


def _accounts(method: str, path: str, things: Things) -> Iterator[Asked]:
    def everybody(who: Person, answer: Answer) -> str:
        found = {one["name"] for one in answer.json["items"]}
        return _differs(found, {one.name for one in PEOPLE if one.token})

    if method == "GET":
        yield Asked(method, path, oracle.keeps_accounts, holds=everybody)
        yield Asked(method, f"{path}?limit=x", oracle.keeps_accounts)
        return
    yield Asked(method, path, oracle.keeps_accounts, (b"", NONSENSE))


def _account(method: str, path: str, things: Things) -> Iterator[Asked]:
    for account in (things.account, NONE):

        def there(who: Person, account: str = account) -> Class:
            return oracle.account(who, there=account != NONE)

        here = path.replace("{account}", account).replace("{grant}", NONE)
        yield Asked(method, here, there, (NONSENSE,), table=account != NONE)


def _access_records(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path, oracle.watches)
    for unit in oracle.REGISTER:

        def below(who: Person, unit: str = unit) -> Class:
            return oracle.watches_at(who, unit)

        yield Asked(method, f"{path}?unit={unit}", below, table=False, unit=unit)


def _protocol(method: str, path: str, things: Things) -> Iterator[Asked]:
    yield Asked(method, path.replace("{name}", "exit-plan"), oracle.door)
    missing = path.replace("{name}", NONE)
    yield Asked(method, missing, lambda who: "404" if who.token else "401", table=False)


def _units(method: str, path: str, things: Things) -> Iterator[Asked]:
    def children(above: str) -> Holds:
        def holds(who: Person, answer: Answer) -> str:
            found = {one["code"] for one in answer.json["items"]}
            return _differs(found, {u for u in oracle.units(who) if ABOVE[u] == above})

        return holds

    yield Asked(method, path, oracle.door, holds=children(""))
    for unit in (*ABOVE, NONE):

        def there(who: Person, unit: str = unit) -> Class:
            return _unit(who, unit)

        yield Asked(method, f"{path}?parent={unit}", there, holds=children(unit), table=False)
    yield Asked(
        method, f"{path}?parent=Ecounty&limit=x", lambda w: _unit(w, "Ecounty"), table=False
    )


def _unit(who: Person, unit: str) -> Class:
    if not who.token:
        return "401"
    return "else" if unit in oracle.units(who) else "404"


def _one_unit(method: str, path: str, things: Things) -> Iterator[Asked]:
    for unit in (*ABOVE, NONE):

        def there(who: Person, unit: str = unit) -> Class:
            return _unit(who, unit)

        yield Asked(method, path.replace("{code}", unit), there, table=False)


def _delegations(method: str, path: str, things: Things) -> Iterator[Asked]:
    chain = ("admin-Ccity", "deputy")

    def mine(who: Person, answer: Answer) -> str:
        found = {one["id"] for one in answer.json["items"]}
        return _differs(found, {things.delegation} if who.name in chain else set())

    if method == "GET":
        yield Asked(method, path, oracle.door, holds=mine)
        return

    def some(who: Person) -> Class:
        if not who.token:
            return "401"
        return "else" if who.role in ("planner", "admin", "auditor") else "403"

    yield Asked(method, path, some, (NONSENSE,))
    for unit in ("Ccity", "Ecounty", NONE):
        body = {"to_user": NONE, "unit": unit, "role": "planner", "to": "2199-01-01"}

        def there(who: Person, unit: str = unit) -> Class:
            right = who.unit == unit and who.role in ("planner", "admin")
            return some(who) if some(who) != "else" or (right and who.name != "deputy") else "403"

        def lent(who: Person, unit: str = unit) -> Class:
            # somebody whose role was lent to them, and not to be passed on, is told that: 409
            return "else" if who.name == "deputy" and unit == "Ccity" else there(who, unit)

        yield Asked(method, path, lent, (json.dumps(body).encode(),), table=False)


def _end(method: str, path: str, things: Things) -> Iterator[Asked]:
    def chain(who: Person) -> Class:
        if not who.token:
            return "401"
        return "else" if who.name in ("admin-Ccity", "deputy") else "404"

    here = path.replace("{delegation}", things.delegation)
    yield Asked(method, here, chain, (NONSENSE,), table=False)
    missing = path.replace("{delegation}", NONE)
    yield Asked(method, missing, lambda w: "404" if w.token else "401", (NONSENSE,), table=False)


def _cycles(method: str, path: str, things: Things) -> Iterator[Asked]:
    def listed(who: Person, answer: Answer) -> str:
        found = {one["id"] for one in answer.json["items"]}
        return _differs(found, {c for c in oracle.ROOTS if oracle.plans(who, c)})

    if method == "GET":
        yield Asked(method, path, oracle.door, holds=listed)
        return

    def some(who: Person) -> Class:
        if not who.token:
            return "401"
        return "else" if who.role == "admin" else "403"

    yield Asked(method, path, some, (NONSENSE,))
    for root in ("Rregion", "Xregion", "Ccity", NONE):
        body = {"id": "c1", "protocol": "exit-plan", "year": 2019, "root": root}
        body |= {"leaf_level": "county"}

        def there(who: Person, root: str = root) -> Class:
            found = some(who)
            return "403" if found == "else" and who.unit != root else found

        yield Asked(method, path, there, (json.dumps(body).encode(),), table=False)


def _log(method: str, path: str, things: Things) -> Iterator[Asked]:
    wide = "tile" in path  # no log here is so long: a tile that is not there is not found
    here = path.replace("{path:path}", "0/000")

    def site(who: Person) -> Class:
        return "404" if who.token and wide else oracle.door(who)

    yield Asked(method, here, site, table=not wide)
    for cycle in CYCLES:

        def seen(who: Person, cycle: str = cycle) -> Class:
            return oracle.cycle(who, cycle)

        def found(who: Person, cycle: str = cycle) -> Class:
            return "404" if wide and who.token else oracle.cycle(who, cycle)

        yield Asked(method, f"{here}?log={cycle}", found, cycle=cycle, table=not wide)
        yield Asked(method, f"{here}?log={cycle}&epoch=x", seen, cycle=cycle)
        if wide:
            yield Asked(method, f"{here}.p/1?log={cycle}", seen, cycle=cycle)


def _proof(method: str, path: str, things: Things) -> Iterator[Asked]:
    for place, event in things.events.items():
        cycle, _, unit = place.partition("/")

        def there(who: Person, cycle: str = cycle, unit: str = unit) -> Class:
            if cycle == "site":
                return oracle.door(who)
            return oracle.plan(who, cycle, unit) if unit else oracle.cycle(who, cycle)

        cycle = "" if cycle == "site" else cycle
        yield Asked(method, path.replace("{event}", event), there, cycle=cycle, unit=unit)
    missing = path.replace("{event}", NONE)
    yield Asked(method, missing, lambda w: "404" if w.token else "401", table=False)


SITE: dict[str, Callable[[str, str, Things], Iterator[Asked]]] = {
    "/healthz": _open,
    "/readyz": _open,
    "/metrics": _open,  # asked from this machine
    "/": _open,
    "/docs": _open,
    "/openapi.json": _open,
    "/auth/token": _sign_in,
    "/auth/refresh": _sign_in,
    "/auth/revoke": _sign_in,
    "/auth/oidc/login": _no_provider,
    "/auth/oidc/callback": _no_provider,
    "/auth/password": _own,
    "/auth/second-factor": _own,
    "/auth/second-factor/confirm": _own,
    "/auth/service-tokens": _service_tokens,
    "/auth/service-tokens/{token}": _service_token,
    "/accounts": _accounts,
    **{
        f"/accounts/{{account}}/{below}": _account
        for below in (
            *("grants", "grants/{grant}", "identity"),
            *("unlock", "disable", "enable", "drop-factor"),
        )
    },
    "/protocols": _signed,
    "/protocols/{name}": _protocol,
    "/units": _units,
    "/units/{code}": _one_unit,
    "/delegations": _delegations,
    "/delegations/{delegation}/end": _end,
    "/access-records": _access_records,
    "/cycles": _cycles,
    "/ledger/key": _signed,
    "/ledger/checkpoint": _log,
    "/ledger/tile/{path:path}": _log,
    "/ledger/events/{event}/proof": _proof,
}
