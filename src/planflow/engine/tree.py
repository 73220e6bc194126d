"""Changes of an open cycle's tree (N1): decided as a whole, every figure mapped to its successors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from planflow.domain.commands import NoTask
from planflow.domain.events import Draft, Many, spoken
from planflow.domain.tree_commands import ChangeTree, Join, MergeUnits, Rename, SplitUnit
from planflow.domain.units import SEPARATOR, UnitNode
from planflow.engine import dividing, merging, succession
from planflow.engine.dividing import Sharing
from planflow.engine.ground import Act, Entry, Ground, Moved, Plan, node_of
from planflow.engine.hand import Hand
from planflow.engine.machine import stage
from planflow.engine.scene import Seat, standing, takes_part
from planflow.errors import Finding, guard_failed, invalid

_OF_KIND = ("join", "split", "merge", "rename", "no_task")


def change(ground: Ground, command: ChangeTree, hand: Hand) -> Plan:
    """Decide all changes or none. The first draft is the cycle's own event, the others are plans'.

    Raises `Refusal` `invalid` or `guard_failed`.
    """
    if ground.cycle.settled:
        raise guard_failed(Finding("not_settled", {}))
    act = Act(ground, command, hand)
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


def _told(act: Act) -> Plan:
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


def _join(act: Act, one: Join, where: str) -> None:
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
    node = node_of(entry, parent.path, _first_round(act.ground))
    act.plan.invalid += _level_faults(act, entry, parent, where)
    if parent.no_task:
        act.plan.guards.append(Finding("has_task", {"unit": parent.code}))
    act.plan.guards += _sent_above(act, node)
    act.joined[node.code] = node
    act.plan.moves.append(Moved(node))


def _level_faults(act: Act, entry: Entry, parent: UnitNode, where: str) -> Iterator[Finding]:
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


def _sent_above(act: Act, node: UnitNode) -> Iterator[Finding]:
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


def _split(act: Act, one: SplitUnit, where: str) -> None:
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


def _merge(act: Act, one: MergeUnits, where: str) -> None:
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


def _stage_faults(act: Act, seats: Sequence[Seat]) -> Iterator[Finding]:
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


def _rename(act: Act, one: Rename, where: str) -> None:
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


def _no_task(act: Act, one: NoTask, where: str) -> None:
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
