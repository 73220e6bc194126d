"""Changes of an open cycle's tree (N1): decided as a whole, every figure mapped to its successors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from planflow.domain.commands import NoTask
from planflow.domain.events import Draft, Many, spoken
from planflow.domain.tree_commands import ChangeTree, Join, MergeUnits, Rename, SplitUnit
from planflow.domain.units import SEPARATOR, UnitNode
from planflow.engine import dividing, merging, succession
from planflow.engine.dividing import Sharing
from planflow.engine.hand import Hand
from planflow.engine.machine import Negotiation, stage
from planflow.engine.scene import Seat, standing, takes_part
from planflow.engine.state import CycleState, PlanState
from planflow.errors import Finding, guard_failed, invalid

_OF_KIND = ("join", "split", "merge", "rename", "no_task")


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


def change(ground: Ground, command: ChangeTree, hand: Hand) -> Plan:
    """Decide all changes or none. The first draft is the cycle's own event, the others are plans'.

    Raises `Refusal` `invalid` or `guard_failed`.
    """
    if ground.cycle.settled:
        raise guard_failed(Finding("not_settled", {}))
    act = _Act(ground, command, hand)
    if not command.changes:
        act.plan.invalid.append(Finding("missing", {"field": "changes"}, "changes"))
    for at, one in enumerate(command.changes):
        given = [name for name in _OF_KIND if getattr(one, name) is not None]
        where = f"changes.{at}"
        if len(given) != 1:
            act.plan.invalid.append(Finding("one_change", {"known": ", ".join(_OF_KIND)}, where))
            continue
        name = given[0]
        _DECIDE[name](act, getattr(one, name), f"{where}.{name}")
    plan = act.plan
    plan.invalid += _nested(plan)
    if plan.invalid:
        raise invalid(*plan.invalid)
    if plan.guards:
        raise guard_failed(*plan.guards)
    return _told(act)


def _told(act: "_Act") -> Plan:
    """The plan with the cycle's own event before those of the plans; both cite each other."""
    command, plan = act.command, act.plan
    parts: dict[str, Any] = {
        "terms": act.terms,
        "changes": Many([one.model_dump(mode="json", exclude_none=True) for one in _said(command)]),
        "places": Many([succession.place_of(one.node) for one in plan.moves]),
    }
    parts |= spoken(_words(command))
    cites = tuple(draft.id for draft in plan.drafts)
    own = Draft("tree_changed", "", act.ground.cycle.open_round, parts, act.event, cites)
    plan.drafts.insert(0, own)
    return plan


def _said(command: ChangeTree) -> list[Any]:
    """The changes as data; why a unit is left without task is a text, and no part of them."""
    return [
        one.but(no_task=one.no_task.but(reason="")) if one.no_task else one
        for one in command.changes
    ]


def _words(command: ChangeTree) -> dict[str, str]:
    said = {"reason": command.reason}
    for at, one in enumerate(command.changes):
        if one.no_task:
            said[f"changes.{at}.no_task"] = one.no_task.reason
    return said


class _Act:
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
        return _node(entry, parent.path, of.since)

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
            parts = {"terms": self.terms, "to": _named(come)}
            self.plan.drafts.append(Draft("handed_over", code, round_name, parts, event, cites))
        for (unit, state), (code, event) in zip(news, come, strict=True):
            cites = (self.event, *(other for _, other in gone))
            parts = {"terms": self.terms, "from": _named(gone), **succession.parts_of(state)}
            self.plan.drafts.append(Draft("taken_over", code, round_name, parts, event, cites))
            self.plan.moves.append(Moved(unit))


def _join(act: _Act, one: Join, where: str) -> None:
    entry = act.entry(one.unit, f"{where}.unit")
    seat = act.ground.seats.get(one.parent)
    parent = act.joined.get(one.parent) or (seat.unit if seat and not seat.unit.left else None)
    if parent is None:
        act.plan.invalid.append(
            Finding("unit_not_in_tree", {"unit": one.parent}, f"{where}.parent")
        )
    elif one.parent in act.plan.claimed and one.parent not in act.joined:
        act.plan.invalid.append(Finding("changed_twice", {"unit": one.parent}, f"{where}.parent"))
    if entry is None or parent is None:
        return
    node = _node(entry, parent.path, _first_round(act.ground))
    act.plan.invalid += _level_faults(act, entry, parent, where)
    if parent.no_task:
        act.plan.guards.append(Finding("has_task", {"unit": parent.code}))
    act.plan.guards += _sent_above(act, node)
    act.joined[node.code] = node
    act.plan.moves.append(Moved(node))


def _level_faults(act: _Act, entry: Entry, parent: UnitNode, where: str) -> Iterator[Finding]:
    params = {"unit": entry.code, "level": entry.level}
    if entry.level not in act.order:
        known = {"known": ", ".join(act.order)}
        yield Finding("level_not_in_protocol", {**params, **known}, f"{where}.unit")
    elif act.order[entry.level] <= act.order[parent.level]:
        yield Finding("level_not_below", {**params, "parent": parent.code}, f"{where}.unit")
    elif act.order[entry.level] > act.order[act.ground.cycle.leaf_level]:
        yield Finding(
            "below_leaf_level",
            {**params, "leaf_level": act.ground.cycle.leaf_level},
            f"{where}.unit",
        )
    elif entry.parent_id != parent.id:
        named = {"unit": entry.code, "parent": parent.code}
        yield Finding("registered_elsewhere", named, f"{where}.parent")


def _sent_above(act: _Act, node: UnitNode) -> Iterator[Finding]:
    """Sums that were sent up do not rest on units that were not there (N4, N18)."""
    ground, name = act.ground, act.ground.cycle.open_round
    if not name or act.protocol.rounds_by_name[name].kind not in ("up", "adjust"):
        return
    for code in node.ancestors:
        seat = ground.seats.get(code)
        if seat is None or not takes_part(ground.negotiation, seat.unit, name):
            continue
        state = standing(ground.negotiation, ground.cycle, seat.unit, seat.plan)
        if not seat.unit.is_root and stage(state) not in ("drafting", "returned"):
            yield Finding("parent_open", {"unit": code, "name": seat.unit.name, "state": state})
        return


def _split(act: _Act, one: SplitUnit, where: str) -> None:
    before = len(act.plan.invalid)
    act.two_of(one.into, f"{where}.into")
    unit = act.place(one.unit, f"{where}.unit")
    if unit is None or not act.with_task(unit, f"{where}.unit"):
        return
    heirs = [
        act.heir(each.unit, unit, f"{where}.into.{at}.unit") for at, each in enumerate(one.into)
    ]
    children = act.ground.children.get(unit.code, ())
    act.plan.invalid += succession.naming_faults(unit, children, one, where)
    act.plan.invalid += succession.share_faults(act.protocol, one, where)
    found = [heir for heir in heirs if heir is not None]
    if len(act.plan.invalid) > before or len(found) < len(heirs):
        return
    seat = act.ground.seats[unit.code]
    act.plan.guards += succession.promise_faults(seat)
    to = {code: at for at, each in enumerate(one.into) for code in each.children}
    weights = [each.weight for each in one.into if each.weight is not None]
    sharing = Sharing(
        act.protocol,
        found,
        weights or None,
        {(each.round, each.side, each.basis, each.indicator): each for each in one.shares},
        {
            name: _by_heir(unit, seats, to, len(found))
            for name, seats in act.ground.below.get(unit.code, {}).items()
        },
        where,
    )
    states = dividing.split(seat.stored, sharing, act.hand.mint)
    for finding in sharing.findings:
        (act.plan.invalid if finding.code == "share_missing" else act.plan.guards).append(finding)
    act.plan.invalid += succession.unused_shares(one, sharing.used, where)
    for at, (heir, state) in enumerate(zip(found, states, strict=True)):
        act.plan.invalid += succession.figure_faults(
            act.protocol, heir, state, f"{where}.into.{at}"
        )
    act.leaves(unit)
    act.succeeded([unit], list(zip(found, states, strict=True)))
    for child in children:
        act.moves_child(child, found[to[child.code]])


def _by_heir(
    unit: UnitNode, seats: Sequence[Seat], to: Mapping[str, int], count: int
) -> list[list[Seat]]:
    """The units below, by the successor to which the child on the way to them goes."""
    found: list[list[Seat]] = [[] for _ in range(count)]
    for seat in seats:
        child = seat.unit.path[len(unit.path) + 1 :].partition(SEPARATOR)[0]
        found[to[child]].append(seat)
    return found


def _merge(act: _Act, one: MergeUnits, where: str) -> None:
    act.two_of(one.units, f"{where}.units")
    units = [act.place(code, f"{where}.units.{at}") for at, code in enumerate(one.units)]
    found = [unit for unit in units if unit is not None and act.with_task(unit, f"{where}.units")]
    if not found or len(found) < len(one.units):
        return
    first = found[0]
    for at, unit in enumerate(found):
        if (unit.parent, unit.level) != (first.parent, first.level):
            parent = {"level": first.level, "parent": first.parent}
            params = {"unit": unit.code, "of": first.code, **parent}
            act.plan.invalid.append(Finding("not_siblings", params, f"{where}.units.{at}"))
    heir = act.heir(one.into, first, f"{where}.into")
    if heir is None or act.plan.invalid:
        return
    heir = replace(heir, since=min(unit.since for unit in found))
    seats = [act.ground.seats[unit.code] for unit in found]
    act.plan.guards += _stage_faults(act, seats)
    for seat in seats:
        act.plan.guards += succession.promise_faults(seat)
    if act.plan.guards:
        return
    state, findings = merging.merge(act.protocol, seats, act.hand.mint)
    act.plan.guards += findings
    below = {
        name: [act.ground.below.get(unit.code, {}).get(name, ()) for unit in found]
        for name in act.ground.cycle.rounds
    }
    act.plan.guards += merging.merged_sums(act.protocol, seats, state, below, heir.code)
    act.plan.invalid += [
        finding
        for finding in succession.figure_faults(act.protocol, heir, state, f"{where}.into")
        if finding.code == "not_applicable"  # a sum may exceed what one unit may have
    ]
    for unit in found:
        act.leaves(unit)
    act.succeeded(found, [(heir, state)])
    for unit in found:
        for child in act.ground.children.get(unit.code, ()):
            act.moves_child(child, heir)


def _stage_faults(act: _Act, seats: Sequence[Seat]) -> Iterator[Finding]:
    """In the open round all stand at the same stage: a sum of what is half sent up would be none."""
    ground = act.ground
    if not ground.cycle.open_round:
        return
    states = [standing(ground.negotiation, ground.cycle, one.unit, one.plan) for one in seats]
    for seat, state in zip(seats, states, strict=True):
        if state != states[0]:
            yield Finding(
                "stages_differ",
                {
                    "unit": seat.unit.code,
                    "state": state,
                    "of": seats[0].unit.code,
                    "other": states[0],
                },
            )


def _rename(act: _Act, one: Rename, where: str) -> None:
    unit = act.place(one.unit, f"{where}.unit")
    if unit is None:
        return
    code, name = one.code or unit.code, one.name or unit.name
    if (code, name) == (unit.code, unit.name):
        act.plan.invalid.append(Finding("no_rename", {"unit": unit.code}, where))
        return
    if code != unit.code:
        known = act.ground.register.get(code)
        if unit.is_root:
            act.plan.invalid.append(Finding("root_stays", {"unit": unit.code}, f"{where}.code"))
        elif code in act.ground.seats or code in act.plan.claimed:
            act.plan.invalid.append(Finding("unit_in_tree", {"unit": code}, f"{where}.code"))
        elif known is not None and known.id != unit.id:
            act.plan.invalid.append(Finding("code_taken", {"unit": code}, f"{where}.code"))
        act.plan.claimed[code] = f"{where}.code"
    above = unit.path.rpartition(SEPARATOR)
    node = replace(unit, code=code, name=name, path=above[0] + above[1] + code)
    act.plan.moves.append(Moved(node, unit))
    act.plan.renamed.append(node)


def _no_task(act: _Act, one: NoTask, where: str) -> None:
    unit = act.place(one.unit, f"{where}.unit")
    if unit is None:
        return
    if unit.is_root:
        act.plan.invalid.append(Finding("root_without_task", {"unit": unit.code}, f"{where}.unit"))
    elif unit.no_task:
        act.plan.guards.append(Finding("has_task", {"unit": unit.code}))
    elif unit.code in act.ground.busy:
        act.plan.guards.append(Finding("has_not_acted", {"unit": unit.code}))
    act.plan.moves.append(Moved(replace(unit, no_task=True), unit))


_DECIDE: Mapping[str, Any] = {
    "join": _join,
    "split": _split,
    "merge": _merge,
    "rename": _rename,
    "no_task": _no_task,
}


def _nested(plan: Plan) -> Iterator[Finding]:
    """A unit and one below it do not change in one act: the order of the two would matter."""
    named = [one.old for one in plan.moves if one.old is not None and one.old.code in plan.claimed]
    for one in named:
        for above in named:
            if one is not above and one.within(above.path):
                yield Finding("changed_twice", {"unit": one.code}, plan.claimed[one.code])


def _first_round(ground: Ground) -> int:
    """The round in which a unit that joins now begins: the one that is open, or the next."""
    protocol, rounds = ground.negotiation.protocol, ground.cycle.rounds
    if ground.cycle.open_round:
        return protocol.place_of(ground.cycle.open_round)
    return protocol.place_of(list(rounds)[-1]) + 1 if rounds else 0


def _node(entry: Entry, above: str, since: int) -> UnitNode:
    path = above + SEPARATOR + entry.code
    return UnitNode(
        entry.id, entry.code, entry.name, entry.level, path, entry.attributes, since=since
    )


def _named(events: Sequence[tuple[str, str]]) -> Many:
    return Many([{"unit": code, "event": event} for code, event in events])
