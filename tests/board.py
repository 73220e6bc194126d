"""A negotiation in memory: the engine with nothing under it, for tests that take many steps.

    board = Board.over("exit-plan", SMALL)
    board.open("up1")
    board.act("a", "A", "draft", {"figures": {"persons": 60, "villages": 6}})

It stands in for the store and the services: it finds the same neighbours for a scene, and it keeps
every event, so that a plan can be replayed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from planflow.access import table as access
from planflow.access.scope import Standing
from planflow.domain.calendar import Calendar
from planflow.domain.commands import CloseRound, OpenRound, SaveDraft
from planflow.domain.events import Draft, Event, Many
from planflow.domain.parsing import parse
from planflow.domain.units import UnitNode
from planflow.engine import evolve, guards, rounds, silence, up, windows
from planflow.engine.decide import decide
from planflow.engine.hand import Hand
from planflow.engine.machine import Negotiation, compile_protocol, lapses, stage
from planflow.engine.rounds import Survey, Unfinished
from planflow.engine.scene import Ground, Scene, Seat, answered_round, takes_part
from planflow.engine.state import NEW_PLAN, CycleState, PlanState
from planflow.engine.windows import Opening
from planflow.errors import Finding, Refusal
from planflow.protocol import loader
from planflow.services import subjects
from planflow.services.acting import COMMANDS

NOW = dt.datetime(2019, 7, 12, tzinfo=dt.UTC)

# code, level, parent, attributes, without task
Line = tuple[str, str, str, str, bool]
# region, city, three counties of which one has no task
SMALL: tuple[Line, ...] = (
    ("R", "region", "", "", False),
    ("C", "city", "R", "", False),
    ("A", "county", "C", "poor_county", False),
    ("B", "county", "C", "", False),
    ("Z", "county", "C", "", True),
)
# four levels, and ragged: one county has townships, the other has none
DEEP: tuple[Line, ...] = (
    ("R", "region", "", "", False),
    ("C", "city", "R", "", False),
    ("A", "county", "C", "poor_county", False),
    ("A1", "township", "A", "", False),
    ("A2", "township", "A", "", False),
    ("B", "county", "C", "", False),
    ("Z", "county", "C", "", True),
    ("Z1", "township", "Z", "", True),
)


@dataclass
class Board:
    """One cycle. People are named after their units: `a` is the planner of A, `C` the admin of C."""

    negotiation: Negotiation
    nodes: dict[str, UnitNode]
    cycle: CycleState
    grants: dict[str, list[Standing]]
    plans: dict[str, PlanState] = field(default_factory=dict)
    drafts: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    typists: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    log: dict[str, list[Event]] = field(default_factory=dict)
    minted: int = 0
    kept: dict[tuple[str, frozenset[str]], tuple[str | None, tuple[str, ...]]] = field(
        default_factory=dict
    )
    now: dt.datetime = NOW
    scenes: dict[str, Scene] = field(default_factory=dict)  # until something changes
    states: dict[str, str] = field(default_factory=dict)  # the same

    @classmethod
    def over(cls, protocol: str, tree: Iterable[Line]) -> Self:
        """A cycle of a protocol (a bundled one's name, or a text) over a tree."""
        text = loader.find(protocol) if protocol in loader.bundled() else protocol
        negotiation = compile_protocol(text)
        nodes: dict[str, UnitNode] = {}
        for code, level, parent, attributes, idle in tree:
            path = f"{nodes[parent].path}/{code}" if parent else code
            marks = frozenset(part for part in attributes.split(";") if part)
            nodes[code] = UnitNode(f"id-{code}", code, code, level, path, marks, idle)
        cycle = CycleState(
            id="c1",
            protocol=negotiation.protocol.name,
            digest=negotiation.digest,
            year=2019,
            root=next(iter(nodes)),
            leaf_level=negotiation.protocol.levels[-1].name,
        )
        return cls(negotiation, nodes, cycle, _people(nodes))

    # What is around a plan

    @property
    def round(self) -> str:
        """The open round."""
        return self.cycle.open_round

    @property
    def kind(self) -> str:
        """The kind of the open round; empty between rounds."""
        one = self.negotiation.protocol.rounds_by_name.get(self.round)
        return one.kind if one else ""

    def levels(self) -> frozenset[str]:
        """Levels of the round that is open or was last."""
        name = self.round or next(reversed(self.cycle.rounds), "")
        protocol = self.negotiation.protocol
        return protocol.levels_of(name) if name else frozenset(protocol.level_order)

    def parent(self, code: str, levels: frozenset[str] | None = None) -> str | None:
        """The nearest unit above of these levels, or of the round's."""
        return self._around(code, self.levels() if levels is None else levels)[0]

    def children(self, code: str) -> list[str]:
        """The nearest units below that take part in the round."""
        return list(self._around(code, self.levels())[1])

    def _around(self, code: str, levels: frozenset[str]) -> tuple[str | None, tuple[str, ...]]:
        """The nearest units of these levels above and below; a tree is fixed, so they are kept."""
        if (code, levels) not in self.kept:
            nearest = {
                one: next((up for up in node.ancestors if self.nodes[up].level in levels), None)
                for one, node in self.nodes.items()
            }
            taking = {c for c, n in self.nodes.items() if n.level in levels and not n.no_task}
            for one in self.nodes:
                below = sorted(c for c in taking if nearest[c] == one)
                self.kept[one, levels] = nearest[one], tuple(below)
        return self.kept[code, levels]

    def taking_part(self, round_name: str) -> list[str]:
        """Everybody who takes part in a round, ancestors first."""
        return [c for c, n in self.nodes.items() if takes_part(self.negotiation, n, round_name)]

    def plan(self, code: str) -> PlanState:
        """A unit's plan."""
        return self.plans.get(code, NEW_PLAN)

    def seat(self, code: str) -> Seat:
        """A unit with its plan, its working copy of this round, and who typed it."""
        written, draft = self.drafts.get(code, ("", {}))
        since, typists = self.typists.get(code, ("", ()))
        mine, here = bool(self.round) and written == self.round, since == self.round
        return Seat(
            self.nodes[code],
            self.plan(code),
            draft if mine else None,
            typists if here else (),
        )

    def nearest_below(self, code: str, round_name: str) -> tuple[str, ...]:
        """The nearest units below that take part in a round, whichever is open."""
        if self.negotiation.protocol.rounds_by_name[round_name].kind == "decision":
            return ()  # it is the root's alone
        return self._around(code, self.negotiation.protocol.levels_of(round_name))[1]

    def look(self, code: str) -> PlanState:
        """A plan with what silence made of it."""
        return self.scene(code).own.plan

    def ground(self, code: str, named: Mapping[str, Any] | None) -> Ground | None:
        """What a correction reaches: one that is proposed now, or one that waits."""
        waiting = self.plan(code).proposal
        if named is None and waiting is None:
            return None
        name = named["round"] if named else str(waiting and waiting.round)
        if name not in self.negotiation.protocol.rounds_by_name:
            return None  # it is refused before anything is looked at
        codes = [code, *(one["unit"] for one in named.get("also", []))] if named else []
        codes += list(waiting.figures) if waiting and not named else []
        taking = set(self.taking_part(name))
        touched = sorted(
            {up for c in codes if c in taking for up in (c, *self.nodes[c].ancestors)} & taking
        )
        levels = self.negotiation.protocol.levels_of(name)
        above = {c: self.parent(c, levels) for c in touched}
        below = {c: self.nearest_below(c, name) for c in touched}
        return Ground(
            name,
            {c: self.seat(c) for c in touched},
            {c: up for c, up in above.items() if up},
            {c: tuple(self.nodes[one] for one in codes) for c, codes in below.items()},
        )

    def tick(self, span: dt.timedelta) -> None:
        """Let time pass."""
        self.now += span
        self._changed()

    def scene(self, code: str, named: Mapping[str, Any] | None = None) -> Scene:
        """What an act on a plan may look at; `named` is the body of a correction."""
        if named is not None:
            return self._scene(code, named)
        if code not in self.scenes:
            self.scenes[code] = self._scene(code, None)
        return self.scenes[code]

    def _scene(self, code: str, named: Mapping[str, Any] | None) -> Scene:
        now, own = self.levels(), self.plan(code)
        parent, children = self._around(code, now)
        wholes = {p.id for p in own.promises if p.status == "open" and not p.part_of}
        parts = sorted(
            (one for one, plan in self.plans.items() for p in plan.promises if p.part_of in wholes),
            key=lambda one: self.nodes[one].path,
        )
        answered = answered_round(self.negotiation, self.round)
        levels = self.negotiation.protocol.levels_of(answered) if answered else frozenset()
        issued = code if self.nodes[code].level in levels else self.parent(code, levels)
        scene = Scene(
            self.negotiation,
            self.cycle,
            self.seat(code),
            self.seat(parent) if parent else None,
            tuple(self.seat(one) for one in children),
            tuple(self.seat(one) for one in dict.fromkeys(parts)),
            self.seat(issued) if issued else None,
            self.now,
            self.ground(code, named),
        )
        return silence.seen(scene)

    def state(self, code: str) -> str:
        """A plan's state now."""
        if code not in self.states:
            scene = self.scene(code)
            self.states[code] = scene.state(scene.own)
        return self.states[code]

    def place(self, code: str) -> str:
        """Kind of round and stage, such as `up.drafting`; what a histogram counts by."""
        round_name, _, one = self.state(code).rpartition(".")
        rounds_by_name = self.negotiation.protocol.rounds_by_name
        return f"{rounds_by_name[round_name].kind}.{one}" if round_name else one

    # Acts

    def blocked(self, who: str, code: str, action: str) -> Finding | None:
        """Why somebody may not do something now, as `actions` says it; None when they may."""
        if self._grant(who, code, action) is None:
            return Finding("role", {"action": action})
        grant = self._grant(who, code, action)
        people = frozenset({who, *self.delegators(who, str(grant))})
        return next(iter(guards.blocked(self.scene(code), action, people)), None)

    def act(
        self,
        who: str,
        code: str,
        action: str,
        body: Mapping[str, Any] | None = None,
        promise: str = "",
    ) -> None:
        """Carry out an act. Raises `Refusal`."""
        subjects.check(self.plan(code), action, promise)
        for_it = (body or {}).get("on_behalf_of") is not None
        grant = self._grant(who, code, action, on_behalf=for_it)
        if grant is None:
            raise Refusal("forbidden", {"action": action})
        command = parse(COMMANDS[action], json.dumps(body or {}).encode())
        named = self._seen(who, body or {}) if action == "corrections" else None
        lent = self.delegators(who, grant)
        hand, scene = Hand(who, grant, self._mint, delegators=lent), self.scene(code, named)
        if isinstance(command, SaveDraft):
            draft = up.save_draft(scene, command, hand)
            self._changed()
            self.drafts[code] = (self.round, draft)
            self.typists[code] = (self.round, tuple(sorted({*scene.own.typists, *hand.people})))
            return
        self._write(decide(scene, command, hand, promise), who, lent)

    def open(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Open a round, with windows and silences if any."""
        hand = Hand("R", "g", self._mint)
        command = parse(OpenRound, json.dumps(body or {}).encode())
        level = self.nodes[self.cycle.root].level
        opening = Opening(self.negotiation, self.cycle, name, self.now, Calendar(), level)
        terms = windows.terms_of(opening, command)
        self._turn(rounds.open_round(self.negotiation, self.cycle, name, hand, terms)[0])

    def close(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Close a round."""
        root = next(iter(self.nodes))
        command = parse(CloseRound, json.dumps(body or {}).encode())
        survey = self._survey(name, command) if self.cycle.is_open(name) else Survey()
        hand = Hand("R", "g", self._mint)
        drafts = rounds.close_round(self.scene(root), name, command, survey, hand)
        self._write(drafts[1:], "R")
        self._turn(drafts[0])

    def replayed(self, code: str) -> PlanState:
        """The plan as its events tell it."""
        return evolve.replay(self.negotiation, self.log.get(code, []))

    def copy(self) -> Board:
        """Another board that may go its own way; what is in one is never changed in place."""
        lists = {code: list(events) for code, events in self.log.items()}
        parts = (
            dict(self.plans),
            dict(self.drafts),
            dict(self.typists),
            lists,
            self.minted,
            self.kept,
            self.now,
        )
        return Board(self.negotiation, self.nodes, self.cycle, self.grants, *parts)

    def frozen(self) -> Any:
        """Everything that could change, as a value to compare."""
        counts = {code: len(events) for code, events in self.log.items()}
        return self.cycle, dict(self.plans), dict(self.drafts), dict(self.typists), counts

    def _grant(self, who: str, code: str, action: str, *, on_behalf: bool = False) -> str | None:
        parent = self.parent(code)
        above = self.nodes[parent].path if parent else None
        desk = subjects.desk(self.nodes[code], self.plan(code))
        path = self.nodes[code].path
        return access.grant_for(self.grants[who], action, path, above, desk, on_behalf=on_behalf)

    def _changed(self) -> None:
        """What was worked out from what stood before is worked out anew."""
        self.scenes.clear()
        self.states.clear()

    def _mint(self) -> str:
        self.minted += 1
        return f"e{self.minted}"

    def _seen(self, who: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a correction names, as far as its author sees it."""
        places = {one["unit"]: self.nodes.get(one["unit"]) for one in body.get("also", [])}
        seen = {c for c, at in places.items() if at and access.may_read(self.grants[who], at.path)}
        return {**body, "also": [one for one in body.get("also", []) if one["unit"] in seen]}

    def delegators(self, who: str, grant: str) -> tuple[str, ...]:
        """In whose place somebody acts by a grant."""
        return next((one.delegators for one in self.grants[who] if one.grant == grant), ())

    def _write(self, drafts: Iterable[Draft], who: str, lent: tuple[str, ...] = ()) -> None:
        self._changed()
        for draft in drafts:
            if not draft.unit:
                self._turn(draft)
                continue
            events = self.log.setdefault(draft.unit, [])
            event = _event(draft, draft.unit, len(events) + 1, who, self.now, lent)
            self.plans[draft.unit] = evolve.plan(self.negotiation, self.plan(draft.unit), event)
            events.append(event)

    def _turn(self, draft: Draft) -> None:
        self._changed()
        event = _event(draft, "cycle", self.cycle.position + 1, "R", self.now)
        self.cycle = evolve.cycle(self.cycle, event, self.negotiation.protocol.rounds[-1].name)

    def _survey(self, name: str, command: CloseRound) -> Survey:
        due = silence.due_now(self.cycle, name, self.now, Calendar())
        left = [code for code in self.taking_part(name) if not self._done(name, code)]
        silent = [code for code in left if self._silent(name, code, due)]
        unfinished = [self._unfinished(code) for code in left if code not in silent]
        promised = [
            (code, p.indicator)
            for code, plan in self.plans.items()
            for p in plan.promises
            if p.settle_in == name and p.status == "open"
        ]
        return Survey(
            unfinished,
            len(unfinished),
            promised,
            [self.scene(code) for code in self._moved(name)],
            [self._unfinished(code) for code in silent],
            len(silent),
            silent if command.apply_silence else (),
            due.rules,
        )

    def _unfinished(self, code: str) -> Unfinished:
        return Unfinished(code, code, self.state(code), self.nodes[code].level)

    def _silent(self, name: str, code: str, due: silence.Silences) -> bool:
        """Whether declared silence settles a unit that is not done, as the store finds it (N9)."""
        level, kind = self.nodes[code].level, self.negotiation.protocol.rounds_by_name[name].kind
        if level not in due.rules or stage(self.state(code)) not in lapses(kind):
            return False
        extended = self.plan(code).extensions.get(name)
        if extended is not None and extended >= self.now:
            return False
        latest = due.received.get(level)
        issued = (e for e in self.log.get(code, []) if (e.kind, e.round) == ("issued", name))
        recent = latest is not None and any(one.recorded_at > latest for one in issued)
        return not recent and (kind != "down" or not self.children(code))

    def _moved(self, name: str) -> list[str]:
        """In an adjust round: units that changed something or stand above one that did (N11)."""
        if self.kind != "adjust":
            return []
        moved = {
            code
            for code, plan in self.plans.items()
            if plan.round == name
            or any(p.settle_in == name and p.status == "fulfilled" for p in plan.promises)
        }
        above = {up for code in moved for up in (code, *self.nodes[code].ancestors)}
        return [code for code in self.taking_part(name) if code in above and self.children(code)]

    def _done(self, name: str, code: str) -> bool:
        at = stage(self.state(code))
        kind = self.negotiation.protocol.rounds_by_name[name].kind
        if kind == "decision":
            return at == "decided"
        if kind == "down":
            return at == "distributed" or (at == "acknowledged" and not self.children(code))
        if self.nodes[code].is_root:
            return True
        return at == "accepted" or (kind == "adjust" and at == "drafting")


def _people(nodes: Mapping[str, UnitNode]) -> dict[str, list[Standing]]:
    people: dict[str, list[Standing]] = {}
    for code, node in nodes.items():
        people[code] = [Standing(f"admin@{code}", "admin", node.path)]
        people[code.lower()] = [Standing(f"planner@{code}", "planner", node.path)]
    root, *rest = nodes.values()
    people["auditor"] = [Standing("auditor", "auditor", root.path)]
    people["system"] = [Standing("sysadmin", "sysadmin", "")]
    if rest:
        # One person at two desks: typing for a unit, and reviewing it for the one above.
        both = [code for code in nodes if nodes[code].ancestors]
        people["both"] = [
            Standing(f"{role}@{code}", role, nodes[code].path)
            for code in both
            for role in ("planner", "admin")
        ]
    return people


def _event(
    draft: Draft, stream: str, seq: int, who: str, now: dt.datetime, lent: tuple[str, ...] = ()
) -> Event:
    parts = {
        name: list(value.entries) if isinstance(value, Many) else value
        for name, value in draft.parts.items()
    }
    # Through JSON, as from a database: a part that JSON cannot hold would show here.
    told = json.loads(json.dumps(parts))
    return Event(
        id=draft.id,
        stream=stream,
        seq=seq,
        kind=draft.kind,
        round=draft.round,
        recorded_at=now,
        actor=who,
        grant="g",
        cites=draft.cites,
        parts=told,
        delegators=lent,
    )
