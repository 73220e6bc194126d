"""What a change of a tree rests on and what it comes to, while it is decided (N1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from planflow.domain.events import Draft, Many
from planflow.domain.tree_commands import ChangeTree
from planflow.domain.units import SEPARATOR, UnitNode
from planflow.engine import succession
from planflow.engine.hand import Hand
from planflow.engine.machine import Negotiation
from planflow.engine.scene import Seat
from planflow.engine.state import CycleState, PlanState
from planflow.errors import Finding


@dataclass(frozen=True, slots=True)
class Entry:
    """A unit as it is registered."""

    id: str
    code: str
    name: str
    level: str
    parent_id: str | None
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a change of the tree may look at.

    `seats` are the units it names and all above them; `children` the units directly below those that
    are split or merged; `below` the nearest units below these that take part, by round, `""` for
    now. `busy` are units to be left without task that have acted, they or one below.
    """

    negotiation: Negotiation
    cycle: CycleState
    seats: Mapping[str, Seat]
    children: Mapping[str, Sequence[UnitNode]]
    below: Mapping[str, Mapping[str, Sequence[Seat]]]
    register: Mapping[str, Entry]
    busy: frozenset[str]


@dataclass(frozen=True, slots=True)
class Moved:
    """A place that is new, or that changed from the one at `old`."""

    node: UnitNode
    old: UnitNode | None = None


@dataclass
class Plan:
    """What a change comes to: places, codes and names for the register, events of plans."""

    moves: list[Moved] = field(default_factory=list)
    renamed: list[UnitNode] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    invalid: list[Finding] = field(default_factory=list)
    guards: list[Finding] = field(default_factory=list)
    claimed: dict[str, str] = field(default_factory=dict)  # code or path → where it was named


class Act:
    """One change of the tree while it is decided."""

    def __init__(self, ground: Ground, command: ChangeTree, hand: Hand) -> None:
        self.ground, self.command, self.hand = ground, command, hand
        self.plan = Plan()
        self.event = hand.mint()
        dated = command.dated.isoformat() if command.dated else ""
        self.terms = {"document_no": command.document_no, "dated": dated}
        self.joined: dict[str, UnitNode] = {}
        protocol = ground.negotiation.protocol
        self.protocol, self.order = protocol, protocol.level_order

    def place(self, code: str, where: str) -> UnitNode | None:
        """A unit of the tree that is to change; found once only."""
        seat = self.ground.seats.get(code)
        if seat is None or seat.unit.left:
            self.plan.invalid.append(Finding("unit_not_in_tree", {"unit": code}, where))
            return None
        if code in self.plan.claimed:
            self.plan.invalid.append(Finding("changed_twice", {"unit": code}, where))
            return None
        self.plan.claimed[code] = where
        return seat.unit

    def entry(self, code: str, where: str) -> Entry | None:
        """A registered unit that is not in the tree yet."""
        found = self.ground.register.get(code)
        if found is None:
            finding = Finding("unknown_unit", {"unit": code, "parent": ""}, where)
        elif code in self.ground.seats or code in self.joined:
            finding = Finding("unit_in_tree", {"unit": code}, where)
        elif code in self.plan.claimed:
            finding = Finding("changed_twice", {"unit": code}, where)
        else:
            self.plan.claimed[code] = where
            return found
        self.plan.invalid.append(finding)
        return None

    def heir(self, code: str, of: UnitNode, where: str) -> UnitNode | None:
        """The place of a successor: the same level, below the same parent."""
        entry = self.entry(code, where)
        if entry is None:
            return None
        parent = self.ground.seats[of.parent].unit
        if entry.level != of.level or entry.parent_id != parent.id:
            params = {"unit": code, "of": of.code, "level": of.level, "parent": parent.code}
            self.plan.invalid.append(Finding("not_siblings", params, where))
            return None
        return node_of(entry, parent.path, of.since)

    def two_of(self, named: Sequence[Any], where: str) -> None:
        """A split and a merge are about several units."""
        if len(named) < 2:
            self.plan.invalid.append(Finding("missing", {"field": where}, where))

    def with_task(self, unit: UnitNode, where: str) -> bool:
        """Whether a unit may be succeeded: not the root, nor one without task."""
        if unit.is_root:
            self.plan.invalid.append(Finding("root_stays", {"unit": unit.code}, where))
        elif unit.no_task:
            self.plan.guards.append(Finding("has_task", {"unit": unit.code}))
        return not unit.is_root and not unit.no_task

    def moves_child(self, child: UnitNode, to: UnitNode) -> None:
        """A unit below goes to a successor with all below it."""
        path = to.path + SEPARATOR + child.code
        self.plan.moves.append(Moved(replace(child, path=path), child))

    def leaves(self, unit: UnitNode) -> None:
        """A predecessor stays where it was, without task."""
        self.plan.moves.append(Moved(replace(unit, no_task=True, left=True), unit))

    def succeeded(
        self, olds: Sequence[UnitNode], news: Sequence[tuple[UnitNode, PlanState]]
    ) -> None:
        """Events of those that hand over and of those that take over, citing each other."""
        gone = [(unit.code, self.hand.mint()) for unit in olds]
        come = [(unit.code, self.hand.mint()) for unit, _ in news]
        round_name = self.ground.cycle.open_round
        for code, event in gone:
            cites = (self.event, *(other for _, other in come))
            parts = {"terms": self.terms, "to": _events(come)}
            self.plan.drafts.append(Draft("handed_over", code, round_name, parts, event, cites))
        for (unit, state), (code, event) in zip(news, come, strict=True):
            cites = (self.event, *(other for _, other in gone))
            parts = {"terms": self.terms, "from": _events(gone), **succession.parts_of(state)}
            self.plan.drafts.append(Draft("taken_over", code, round_name, parts, event, cites))
            self.plan.moves.append(Moved(unit))


def node_of(entry: Entry, above: str, since: int) -> UnitNode:
    """The place of a registered unit below a path."""
    path = above + SEPARATOR + entry.code
    return UnitNode(
        entry.id, entry.code, entry.name, entry.level, path, entry.attributes, since=since
    )


def _events(events: Sequence[tuple[str, str]]) -> Many:
    return Many([{"unit": code, "event": event} for code, event in events])
