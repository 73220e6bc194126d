"""A world with plans in many states and somebody of every role at every place, behind the service."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from planflow.services import keys, service_tokens
from planflow.services.calls import Call
from planflow.services.people import revoke
from planflow.services.searching import Wanted, search
from planflow.services.sequencing import Sequencer
from planflow.services.site import open_site
from planflow_api.app import create_app
from tests import databases as made
from tests.access.oracle import ABOVE, Person
from tests.world import PASSWORD, World

PLACES = ("Rregion", "Ccity", "Dcity", "Acounty", "Bcounty", "Ecounty", "Xregion", "Wcounty")
PEOPLE = (
    *(Person(f"{r}-{u}", r, u) for u in PLACES for r in ("planner", "admin", "auditor")),
    Person("planner-Ttown", "planner", "Ttown"),
    Person("sysadmin", "sysadmin"),
    Person("secadmin", "secadmin"),
    Person("no-grant"),
    Person("deputy", "admin", "Ccity"),  # in the place of admin-Ccity, by a delegation
    Person("no-token", token=False),
    Person("false-token", token=False),
)
LEVELS = {"region": "region", "city": "city", "county": "county", "town": "township"}
FIGURES = {
    "Acounty": {"persons": 60, "villages": 60, "county_exit": 1},
    "Bcounty": {"persons": 40, "villages": 40},
    "Ecounty": {"persons": 30, "villages": 30},
}
BASE = "/api/v1"
OWNER = "planner-Acounty"  # whose programs have a token
MINUTES = 600  # a sign-in is good for: longer than all cells take


def secret(unit: str) -> str:
    """A text that only whoever reads this unit's plan may ever see."""
    return f"words-of-{unit}"


def issued(unit: str) -> str:
    """A text that a unit said to those it issued to: theirs to read, and nobody else's below."""
    return f"issue-of-{unit}"


@dataclass
class Things:
    """What the world has that a call may be about."""

    tokens: dict[str, str] = field(default_factory=dict)
    promises: dict[str, str] = field(default_factory=dict)  # by unit, in c3
    paper: str = ""  # of Rregion in c1
    correction: str = ""  # of Acounty in c3, and of Bcounty with it: Ccity decides
    delegation: str = ""
    account: str = ""  # somebody's who holds nothing
    service: str = ""  # a program's token that OWNER made
    events: dict[str, str] = field(default_factory=dict)  # the last one of a plan, by cycle/unit
    issues: set[str] = field(default_factory=set)  # those among them that issue to units below


def prepare(url: str) -> Things:
    """Fill an empty database."""
    site = open_site(made.settings(url, token_minutes=MINUTES), migrate=True)
    try:
        world, things = World(site), Things()
        keys.ready(site)
        _people(world)
        _cycles(world, things)
        # of a sign-in: one from the command line is not meant for accounts, not even for one's own
        things.tokens = {one.name: world.tokens[one.name] for one in PEOPLE if one.token}
        _accounts(world, things)
        while Sequencer.of(site).advance():
            pass
        return things
    finally:
        site.close()


def _people(world: World) -> None:
    poor = {"Acounty": "poor_county"}
    rows = (f"{u},name-of-{u},{_level(u)},{up},{poor.get(u, '')}\n" for u, up in ABOVE.items())
    world.units("code,name,level,parent,attributes\n" + "".join(rows))
    for one in PEOPLE:
        if one.name in ("no-grant", "deputy"):
            world.user(one.name, "planner", "Zcounty")
            revoke(world.site, one.name, "planner", "Zcounty")
        elif one.token:
            world.user(one.name, one.role, one.unit or None)
    world.again()


def _accounts(world: World, things: Things) -> None:
    things.account = world.readers["no-grant"].user_id
    body = b'{"name": "program", "scopes": ["read"], "to": "%s", "password": "%s"}'
    until = (world.site.clock() + dt.timedelta(days=30)).date().isoformat().encode()
    call = Call("POST", f"{BASE}/auth/service-tokens", body % (until, PASSWORD.encode()))
    things.service = service_tokens.make(world.site, world.readers[OWNER], call).id


def _level(unit: str) -> str:
    return next(level for end, level in LEVELS.items() if unit.endswith(end))


def _cycles(world: World, things: Things) -> None:
    idle = [{"unit": "Zcounty", "reason": "无任务"}]
    for name in ("c1", "c2", "c3"):
        world.cycle(name, who="admin-Rregion", root="Rregion", no_task=idle)
    _reported(world, "c1", ("Acounty", "Ecounty"))
    world.act("planner-Bcounty", "Bcounty", "draft", _draft("Bcounty"))
    world.act("admin-Dcity", "Ecounty", "accept", {"note": secret("Ecounty")})
    paper = {"act": "accepted", "figures": SUM_C, "document_no": "doc-2", "dated": "2019-04-10"}
    things.paper = world.act("admin-Rregion", "Rregion", "paper", paper).papers[-1].id
    _issued(world)
    _promised(world, things)
    world.cycle("x1", who="admin-Xregion", root="Xregion", no_task=())
    _reported(world, "x1", ("Wcounty",))
    end = (world.site.clock() + dt.timedelta(days=30)).isoformat()
    made_ = world.delegate("admin-Ccity", "deputy", "Ccity", role="admin", to=end)
    things.delegation = made_.id
    for place in ("c1/Acounty", "c1/Ecounty", "c2/Ccity", "c3/Bcounty", "x1/Wcounty"):
        world.name, _, unit = place.partition("/")
        last = world.history(unit)[-1]
        things.events[place] = last.id
        if last.kind == "distributed":
            things.issues.add(last.id)
    things.events["site/"] = things.delegation  # which bears the id of its event
    for name, who in (("c1", "admin-Rregion"), ("x1", "admin-Xregion")):
        seen = search(world.site, world.readers[who], name, Wanted(kind="cycle_opened"))
        things.events[f"{name}/"] = seen.items[0].id


def _draft(unit: str) -> dict[str, Any]:
    figures = FIGURES.get(unit, {"persons": 7, "villages": 7})
    why = {"persons": {"reason_code": "field_check", "text": secret(unit)}}
    return {"figures": figures, "reasons": why}


def _reported(world: World, cycle: str, units: Iterable[str]) -> None:
    world.name = cycle
    world.open("up1")
    for unit in units:
        world.act(f"planner-{unit}", unit, "draft", _draft(unit))
        world.act(f"planner-{unit}", unit, "submit", {"note": secret(unit)})


def _issued(world: World) -> None:
    world.name = "c2"
    world.play_until("down1", FIGURES)
    world.issue("Rregion", {"Ccity": SUM_C, "Dcity": FIGURES["Ecounty"]}, reason=issued("Rregion"))
    world.act("planner-Ccity", "Ccity", "acknowledge")
    below = {unit: FIGURES[unit] for unit in ("Acounty", "Bcounty")}
    world.issue("Ccity", below, reason=issued("Ccity"), document_no="doc-1")


SUM_C = {"persons": 100, "villages": 100, "county_exit": 1}


def _promised(world: World, things: Things) -> None:
    world.name = "c3"
    world.play_until("down2", FIGURES)
    world.down("down2", FIGURES)
    promise = world.promise("Ccity", "villages", 8)
    shares = {"allocations": [{"unit": "Acounty", "amount": 8}]}
    world.act("admin-Ccity", "Ccity", "distribute", shares, promise)
    [part] = world.plan("admin-Ccity", "Acounty").commitments
    things.promises = {"Ccity": promise, "Acounty": part.id}
    beside = {"unit": "Bcounty", "figures": {"persons": 39}}
    body = {"round": "up1", "figures": {"persons": 61}, "also": [beside], "reason": "其一其二"}
    shown = world.act("admin-Ccity", "Acounty", "corrections", body)
    things.correction = shown.corrections[-1].id
    world.open("adjust")


@dataclass(frozen=True)
class Sent:
    """One request: somebody's, as it goes over the wire."""

    who: Person
    method: str
    path: str
    body: bytes = b""
    version: str = ""

    @property
    def told(self) -> str:
        """What the asker said themselves."""
        return f"{self.path} {self.body.decode()}"


@dataclass(frozen=True)
class Answer:
    """What came back; of an archive the text of what lies in it."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.text)


def ask(url: str, tokens: dict[str, str], requests: Iterable[Sent]) -> list[Answer]:
    """Send requests to the service on a database, one after another."""
    return asyncio.run(_asked(url, tokens, list(requests)))


async def _asked(url: str, tokens: dict[str, str], requests: list[Sent]) -> list[Answer]:
    app = create_app(made.settings(url, rate_actor=0, rate_address=0))  # as many as one likes
    async with app.router.lifespan_context(app) as state:

        async def stated(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(app=stated)
        async with httpx.AsyncClient(transport=transport, base_url="http://planflow") as http:
            return [await _one(http, tokens, one) for one in requests]


async def _one(http: httpx.AsyncClient, tokens: dict[str, str], sent: Sent) -> Answer:
    headers = {"Accept-Language": "en"}
    if sent.who.name == "false-token":
        headers["Authorization"] = "Bearer none-of-ours"
    elif sent.who.token:
        headers["Authorization"] = f"Bearer {tokens[sent.who.name]}"
    if sent.version:
        headers["If-Match"] = sent.version
    answer = await http.request(sent.method, sent.path, content=sent.body, headers=headers)
    return Answer(answer.status_code, _text(answer.content))


def _text(content: bytes) -> str:
    if not content.startswith(b"PK"):
        return content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return "\n".join(packed.read(name).decode("utf-8", "replace") for name in packed.namelist())
