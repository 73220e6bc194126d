"""A small world for tests: a site with units, people and a cycle, and short words to act in it.

    world.act("a", "A", "draft", {"figures": {"persons": 60, "villages": 60}})
    world.up("up1")                       # a whole up round, from the leaves to the root
    world.play_until("down2")             # every round before it, then down2 is open
    with world.refused("stale_version"):  # a Refusal of that code, and nothing was written
        world.act("a", "A", "submit", version=0)

The fixture `world` is the tree below; `World(site)` is an empty one, for a tree of one's own.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sqlalchemy import and_, select

from planflow.errors import PlanflowError, Refusal
from planflow.services import acting, cycles, delegations, past, people, plans, tree, units
from planflow.services.calls import Call
from planflow.services.delegations import DelegationView
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.units import Imported
from planflow.services.views import CycleView, EventView, PlaceView, PlanView
from planflow.store.tables import METADATA, CycleUnitRow, PlanRow, table

# Region R; city C with counties A (a poor county), B, and Z without task.
TREE = """\
code,name,level,parent,attributes
R,自治区,region,,
C,市,city,R,
A,甲县,county,C,poor_county
B,乙县,county,C,
Z,城中区,county,C,
"""
# Last year of a county, as a planner's file states it.
PAST = "unit,year,indicator,plan,outcome\nA,2018,persons,50,58\nA,2018,villages,60,60\n"
USERS = {
    "region": ("admin", "R"),
    "city": ("admin", "C"),
    "clerk": ("planner", "C"),
    "auditor": ("auditor", "C"),
    "a": ("planner", "A"),
    "b": ("planner", "B"),
    "system": ("sysadmin", None),
}
PASSWORD = "password-1"
NO_TASK = ({"unit": "Z", "reason": "无脱贫任务"},)

# Figures of the leaves, from which a round is played when a test names none.
Figures = Mapping[str, Mapping[str, int]]
FIGURES: Figures = {
    "A": {"persons": 60, "villages": 60, "county_exit": 1},
    "B": {"persons": 40, "villages": 40},
}
REASON = "overall_balance"  # a code the bundled protocol knows for settling and issuing
# Where the path of an act on something else than a commitment leads; and of one on no such thing.
BELOW = {"approve": "corrections/", "reject": "corrections/", "attest": "paper/"}
BELOW_ALL = {"confirm": "issue/"}

Snapshot = dict[str, list[tuple[Any, ...]]]
_keys = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A unit in the tree of a cycle."""

    code: str
    level: str
    parent: str | None
    no_task: bool


@dataclass
class World:
    """A site with people in it. `name` is the cycle that is meant when none is named."""

    site: Site
    readers: dict[str, Reader] = field(default_factory=dict)
    roles: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    name: str = ""
    lang: str = "zh"
    tokens: dict[str, str] = field(default_factory=dict)
    until: str = ""

    # People and places

    def units(self, csv: str) -> Imported:
        """Register units."""
        return units.import_units(self.site, csv.encode())

    def past(self, csv: str = PAST) -> Imported:
        """State past years."""
        return past.import_history(self.site, csv.encode())

    def user(self, name: str, role: str, unit: str | None) -> Reader:
        """Add a person (or another grant to one) and sign them in."""
        people.add_user(self.site, name, PASSWORD, role, unit)
        token = self.tokens.get(name) or people.sign_in(self.site, name, PASSWORD).access_token
        return self.enter(name, role, unit, token)

    def enter(self, name: str, role: str, unit: str | None, token: str) -> Reader:
        """Let a person in by a token they have."""
        self.roles.setdefault(name, (role, unit))
        self.tokens[name] = token
        self.readers[name] = people.authenticate(self.site, token, self.lang)
        return self.readers[name]

    def again(self) -> None:
        """Everybody comes in anew: by the grants they have now."""
        for name, token in self.tokens.items():
            self.readers[name] = people.authenticate(self.site, token, self.lang)

    def delegate(
        self, who: str, to_user: str, unit: str, key: str | None = None, **more: Any
    ) -> DelegationView:
        """Let somebody act in another's place, until one and the same time unless told otherwise."""
        self.until = self.until or (self.site.clock() + dt.timedelta(days=30)).isoformat()
        call = self.call(
            "/delegations", {"to_user": to_user, "unit": unit, "to": self.until, **more}, key=key
        )
        made = delegations.delegate(self.site, self.readers[who], call)
        self.again()
        return made

    def end(self, who: str, delegation: str, key: str | None = None) -> DelegationView:
        """End a delegation."""
        call = self.call(f"/delegations/{delegation}/end", key=key)
        ended = delegations.end_delegation(self.site, self.readers[who], call, delegation)
        self.again()
        return ended

    def at(self, site: Site) -> World:
        """The same people and cycle through another Site on the same database."""
        return World(
            site, dict(self.readers), dict(self.roles), self.name, self.lang, dict(self.tokens)
        )

    def hand(self, unit: str, *roles: str) -> str:
        """Who acts for a unit: the first person with one of these roles there."""
        wanted = roles or ("planner", "admin")
        found = [n for n, (role, where) in self.roles.items() if where == unit and role in wanted]
        if not found:
            raise LookupError(f"nobody is {' or '.join(wanted)} at {unit}")
        return found[0]

    def places(self, cycle: str | None = None) -> dict[str, Place]:
        """The tree of the cycle, ancestors first."""
        rows = table(CycleUnitRow)
        query = select(rows.c.code, rows.c.level, rows.c.parent_code, rows.c.no_task)
        query = query.where(rows.c.cycle_id == (cycle or self.name), rows.c.gone.is_(False))
        query = query.order_by(rows.c.path)
        found = self.site.records.read(lambda tx: tx.connection.execute(query).all())
        return {row.code: Place(row.code, row.level, row.parent_code, row.no_task) for row in found}

    # Cycles and rounds

    def call(
        self,
        path: str = "/cycles",
        body: Any = None,
        version: int | None = None,
        key: str | None = None,
        method: str = "POST",
    ) -> Call:
        """An unsafe call as it comes in over HTTP; a body of bytes is sent as it is."""
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return Call(method, f"/api/v1{path}", raw, None if version is None else f'"{version}"', key)

    def cycle(
        self,
        name: str = "c1",
        *,
        who: str = "region",
        protocol: str = "exit-plan",
        year: int = 2019,
        root: str = "R",
        leaf_level: str = "county",
        no_task: Iterable[Mapping[str, str]] = NO_TASK,
        cuts: Iterable[Mapping[str, str]] = (),
        key: str | None = None,
        **more: Any,
    ) -> CycleView:
        """Open a cycle; from then on it is the one that is meant."""
        body = {"id": name, "protocol": protocol, "year": year, "root": root}
        body |= {"leaf_level": leaf_level, "no_task": [dict(one) for one in no_task], **more}
        if cuts:
            body["cuts"] = [dict(one) for one in cuts]
        made = cycles.create_cycle(self.site, self.readers[who], self.call(body=body, key=key))
        self.name = name
        return made

    def get(self, who: str | None = None, cycle: str | None = None) -> CycleView:
        """The cycle as it stands."""
        name = cycle or self.name
        return cycles.get_cycle(self.site, self.readers[who or self._root_admin(name)], name)

    def open(
        self,
        name: str,
        *,
        who: str | None = None,
        cycle: str | None = None,
        key: str | None = None,
        body: Any = None,
    ) -> CycleView:
        """Open a round."""
        where = cycle or self.name
        call = self.call(f"/cycles/{where}/rounds/{name}/open", body, key=key)
        reader = self.readers[who or self._root_admin(where)]
        return cycles.open_round(self.site, reader, call, where, name)

    def close(
        self,
        name: str,
        *,
        who: str | None = None,
        cycle: str | None = None,
        key: str | None = None,
        body: Any = None,
    ) -> CycleView:
        """Close a round."""
        where = cycle or self.name
        call = self.call(f"/cycles/{where}/rounds/{name}/close", body, key=key)
        reader = self.readers[who or self._root_admin(where)]
        return cycles.close_round(self.site, reader, call, where, name)

    def drop(
        self, *, who: str = "region", cycle: str | None = None, key: str | None = None
    ) -> CycleView:
        """Drop a practice cycle."""
        where = cycle or self.name
        call = self.call(f"/cycles/{where}", {"reason": "演练结束"}, key=key, method="DELETE")
        return cycles.drop_cycle(self.site, self.readers[who], call, where)

    def change_tree(
        self,
        *changes: Mapping[str, Any],
        who: str | None = None,
        document_no: str = "桂民复〔2019〕12号",
        key: str | None = None,
        **more: Any,
    ) -> CycleView:
        """Change the tree of the cycle, by a document."""
        body = {"document_no": document_no, "changes": list(changes), **more}
        call = self.call(f"/cycles/{self.name}/tree", body, key=key)
        reader = self.readers[who or self._root_admin(self.name)]
        return tree.change_tree(self.site, reader, call, self.name)

    def tree(
        self, who: str | None = None, as_of: dt.datetime | None = None
    ) -> dict[str, PlaceView]:
        """The tree as somebody sees it, now or then."""
        reader = self.readers[who or self._root_admin(self.name)]
        found: list[PlaceView] = []
        cursor: str | None = None
        while True:
            page = tree.get_tree(self.site, reader, self.name, as_of, cursor)
            found += page.items
            cursor = page.next
            if cursor is None:
                return {one.unit: one for one in found}

    def _root_admin(self, cycle: str) -> str:
        return self.hand(next(iter(self.places(cycle))), "admin")

    # Plans

    def plan(self, who: str, unit: str, cycle: str | None = None) -> PlanView:
        """A plan as this person sees it."""
        return plans.get_plan(self.site, self.readers[who], cycle or self.name, unit)

    def state(self, unit: str) -> str:
        """A plan's state."""
        return self.plan(self._root_admin(self.name), unit).state

    def version(self, unit: str, cycle: str | None = None) -> int:
        """A plan's version as the database has it, whoever may see it."""
        rows, tree = table(PlanRow), table(CycleUnitRow)
        same = and_(rows.c.cycle_id == tree.c.cycle_id, rows.c.unit_id == tree.c.unit_id)
        query = select(rows.c.version).select_from(rows.join(tree, same))
        query = query.where(tree.c.cycle_id == (cycle or self.name), tree.c.code == unit)
        row = self.site.records.read(lambda tx: tx.connection.execute(query).first())
        return int(row.version) if row else 0

    def act(
        self,
        who: str,
        unit: str,
        action: str,
        body: Any = None,
        promise: str = "",
        version: int | None = None,
        key: str | None = None,
        *,
        cycle: str | None = None,
        with_version: bool = True,
    ) -> PlanView:
        """One act on a plan: at its version now, unless another is given or none is sent at all."""
        where = cycle or self.name
        if version is None and with_version:
            version = self.version(unit, where)
        place = f"/cycles/{where}/plans/{unit}/"
        below = BELOW.get(action, "commitments/") if promise else BELOW_ALL.get(action, "")
        path = place + below + (f"{promise}/{action}" if promise else action)
        method = "PUT" if action in ("draft", "headline") else "POST"
        call = self.call(path, body, version, key, method)
        reader = self.readers[who]
        return acting.act(self.site, reader, call, where, unit, action, promise).view(reader)

    def key(self) -> str:
        """An idempotency key nobody has used."""
        return f"key-{next(_keys)}"

    def history(self, unit: str, who: str | None = None) -> list[EventView]:
        """All events of a plan, page by page."""
        reader = self.readers[who or self._root_admin(self.name)]
        found: list[EventView] = []
        cursor: str | None = None
        while True:
            page = plans.history(self.site, reader, self.name, unit, cursor)
            found += page.items
            cursor = page.next
            if cursor is None:
                return found

    # Whole rounds

    def report(
        self,
        unit: str,
        figures: Mapping[str, int],
        reasons: Mapping[str, str] | None = None,
    ) -> PlanView:
        """Draft and submit by somebody of the unit."""
        who = self.hand(unit)
        self.act(who, unit, "draft", {"figures": dict(figures), "reasons": dict(reasons or {})})
        return self.act(who, unit, "submit")

    def accept(self, unit: str) -> PlanView:
        """Accept by the parent's admin."""
        parent = self.places()[unit].parent
        return self.act(self.hand(str(parent), "admin"), unit, "accept")

    def up(self, round_name: str, figures: Figures | None = None) -> None:
        """A whole up round: open unless it is, every unit from the leaves up, close."""
        self._open_unless(round_name)
        tree, sums = self.places(), dict(figures or FIGURES)
        for place in reversed([one for one in tree.values() if not one.no_task]):
            if place.parent is None:
                continue
            below = [
                sums[c.code] for c in tree.values() if c.parent == place.code and not c.no_task
            ]
            if below:
                sums[place.code] = total(below)
            self.report(place.code, sums[place.code])
            self.accept(place.code)
        self.close(round_name)

    def down(self, round_name: str, figures: Figures | None = None) -> None:
        """A whole down round: open unless it is, issue and acknowledge from the root down, close."""
        self._open_unless(round_name)
        tree, sums = self.places(), dict(figures or FIGURES)
        taking = [one for one in tree.values() if not one.no_task]
        for place in reversed(taking):
            below = [sums[one.code] for one in taking if one.parent == place.code]
            if below:
                sums[place.code] = total(below)
        for place in taking:
            if place.parent is not None:
                self.act(self.hand(place.code), place.code, "acknowledge")
            below_codes = [one.code for one in taking if one.parent == place.code]
            if below_codes:
                self.issue(place.code, {code: sums[code] for code in below_codes})
        self.close(round_name)

    def issue(self, unit: str, figures: Figures, **more: Any) -> PlanView:
        """Issue to the unit's children, with a reason for every figure."""
        allocations = [
            {"unit": code, "figures": dict(own), "reasons": dict.fromkeys(own, REASON)}
            for code, own in figures.items()
        ]
        return self.act(
            self.hand(unit, "admin"), unit, "issue", {"allocations": allocations, **more}
        )

    def play_until(self, round_name: str, figures: Figures | None = None) -> None:
        """Play every round before this one, then open it. A cycle is made unless there is one."""
        if not self.name:
            self.cycle()
        for name, standing in self.get().rounds.items():
            if name == round_name:
                self._open_unless(name)
                return
            if standing != "closed":
                self.play(name, figures)
        raise LookupError(f"no round {round_name}")

    def play(self, round_name: str, figures: Figures | None = None) -> None:
        """Play one round from open to closed; an adjust round in which nobody changes anything."""
        if round_name.startswith("up"):
            self.up(round_name, figures)
        elif round_name.startswith("down"):
            self.down(round_name, figures)
        else:
            self._open_unless(round_name)
            self.close(round_name)

    def play_all(self, figures: Figures | None = None) -> None:
        """A whole cycle after a year that is known: two up, two down, a promise passed on, an adjust."""
        self.past()
        self.play_until("down2", figures)
        self.down("down2", figures)
        promise = self.promise("C", "villages", 8)
        self.act("city", "C", "distribute", {"allocations": [{"unit": "A", "amount": 8}]}, promise)
        self.open("adjust")
        self.act("region", "C", "fulfil", None, promise)
        self.report("A", {"persons": 57}, {"persons": "criteria_not_met"})
        self.accept("A")
        self.report("C", {"persons": 97})
        self.accept("C")
        self.close("adjust")

    def promise(self, unit: str, indicator: str, by: int, settle_in: str = "adjust") -> str:
        """A commitment to a unit, made by its parent's admin; its id."""
        parent = str(self.places()[unit].parent)
        who = self.hand(parent, "admin")
        now = self.plan(who, unit).headline[indicator].value
        body = {"indicator": indicator, "from": now, "to": now + by, "funded": True}
        body |= {"settle_in": settle_in, "reason": "请示答复"}
        return self.act(who, unit, "commitments", body).commitments[-1].id

    def _open_unless(self, round_name: str) -> None:
        if self.get().rounds[round_name] == "waiting":
            self.open(round_name)

    # The whole database

    def snapshot(self) -> Snapshot:
        """Every row of every table, as a value to compare; but for tokens, which reading makes too."""
        return snapshot(self.site)

    def refused(self, code: str, act: Callable[[], object] | None = None) -> Refused:
        """A Refusal of this code, after which the database is what it was.

        As a context (`with world.refused("invalid"): ...`) or with a callable. What it answers
        keeps the refusal: `.refusal`, and `.codes` of what was found.
        """
        watch = Refused(self.site, code)
        if act is not None:
            with watch:
                act()
        return watch


class Refused:
    """Sees to it that something is refused, and that nothing of it was written."""

    def __init__(self, site: Site, code: str) -> None:
        self.site = site
        self.code = code
        self.refusal: Refusal

    @property
    def codes(self) -> list[str]:
        """Codes of the single findings."""
        return [finding.code for finding in self.refusal.findings]

    def __enter__(self) -> Refused:
        self.before = snapshot(self.site)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if error is None:
            raise AssertionError(f"was not refused; expected {self.code}")
        if not isinstance(error, PlanflowError):
            return False
        if not isinstance(error, Refusal) or error.code != self.code:
            told = f"{type(error).__name__} {error} {error.params}"
            raise AssertionError(f"expected the refusal {self.code}, got {told}") from error
        self.refusal = error
        changes = difference(self.before, snapshot(self.site))
        if changes:
            raise AssertionError(f"refused with {self.code}, yet the database changed: {changes}")
        return True


def snapshot(site: Site) -> Snapshot:
    """Every row of every table but the tokens."""
    tables = [one for name, one in sorted(METADATA.tables.items()) if name != "token"]
    return site.records.read(
        lambda tx: {
            one.name: sorted((tuple(row) for row in tx.connection.execute(select(one))), key=repr)
            for one in tables
        }
    )


def difference(before: Snapshot, after: Snapshot) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """Rows that are only in one of two snapshots, by table."""
    found = {}
    for name in before:
        gone = [row for row in before[name] if row not in after[name]]
        new = [row for row in after[name] if row not in before[name]]
        if gone or new:
            found[name] = {"gone": gone, "new": new}
    return found


def total(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sum by indicator."""
    sums: dict[str, int] = defaultdict(int)
    for one in parts:
        for indicator, value in one.items():
            sums[indicator] += value
    return dict(sums)
