"""Down rounds: issue and acknowledge; nothing is created or lost (N5, N18)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from planflow.domain.commands import Acknowledge, Allocation, Issue
from planflow.domain.events import Draft, Many, spoken
from planflow.engine import checks, numbers
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene, Seat
from planflow.errors import Finding, guard_failed, invalid
from planflow.quota import exact


def acknowledge(scene: Scene, command: Acknowledge, hand: Hand) -> list[Draft]:
    """Sign for what was issued."""
    require(scene, command.action, hand.actor)
    return [Draft("acknowledged", scene.own.unit.code, scene.round, {}, hand.mint())]


def issue(scene: Scene, command: Issue, hand: Hand) -> list[Draft]:
    """Issue to every child in one act; in a round already issued, supersede (N5).

    Writes one event in the issuer's plan and one in each child's whose figures change, citing each
    other.
    """
    _refuse(invalid, _static_faults(scene, command))
    if scene.children:
        _refuse(invalid, _naming_faults(scene, command))
    require(scene, command.action, hand.actor)
    _refuse(invalid, _superseding_faults(scene, command))
    by_code = {child.unit.code: child for child in scene.children}
    _refuse(invalid, _figure_faults(scene, command, by_code))
    total = _total(scene, command)
    _refuse(invalid, checks.too_large(total, "total"))
    _refuse(guard_failed, _decided_faults(scene, total))
    _refuse(guard_failed, _split_faults(scene, command, total))
    changed = [one for one in command.allocations if _changes(scene, by_code[one.unit], one)]
    _refuse(guard_failed, _promise_faults(scene, changed, by_code))
    return _events(scene, command, total, changed, hand)


def _events(
    scene: Scene, command: Issue, total: Mapping[str, int], changed: list[Allocation], hand: Hand
) -> list[Draft]:
    own_id = hand.mint()
    child_ids = {one.unit: hand.mint() for one in changed}
    terms = {"document_no": command.document_no, "cites": list(command.cites)}
    terms["dated"] = command.dated.isoformat() if command.dated else ""
    entries = [
        {"unit": one.unit, "event": child_ids.get(one.unit, ""), "figures": dict(one.figures)}
        for one in command.allocations
    ]
    parts: dict[str, Any] = {
        "split": {"total": dict(total), "reserve": dict(command.reserve)},
        "terms": terms,
        "allocations": Many(entries),
    }
    parts |= spoken({"reason": command.reason})
    drafts = [Draft("distributed", scene.own.unit.code, scene.round, parts, own_id)]
    return drafts + [
        _issued(scene, one, child_ids[one.unit], own_id, terms, command) for one in changed
    ]


def _issued(
    scene: Scene, one: Allocation, event: str, cites: str, terms: dict[str, Any], command: Issue
) -> Draft:
    codes = checks.coded(scene.negotiation.protocol, one.reasons, "issue")
    texts = checks.texts(one.reasons, codes)
    if command.reason:
        texts["reason"] = command.reason
    parts = {"figures": dict(one.figures), "reasons": codes, "terms": terms, **spoken(texts)}
    return Draft("issued", one.unit, scene.round, parts, event, (cites,))


def _static_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    if command.total is not None and not scene.own.unit.is_root:
        yield Finding("total_not_root", {"unit": scene.own.unit.code}, "total")
    if command.total is not None:
        yield from checks.figures(protocol, scene.own.unit, command.total, "total")
    yield from checks.amounts(protocol, command.reserve, "reserve")
    for at, one in enumerate(command.allocations):
        yield from checks.reasons(protocol, one.reasons, "issue", f"allocations.{at}.reasons")


def _naming_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    """Every participating child is named once, and nobody else (N5)."""
    named = Counter(one.unit for one in command.allocations)
    known = {child.unit.code: child.unit.name for child in scene.children}
    for at, one in enumerate(command.allocations):
        if one.unit not in known:
            params = {"unit": one.unit, "parent": scene.own.unit.code}
            yield Finding("unknown_unit", params, f"allocations.{at}.unit")
        elif named[one.unit] > 1:
            yield Finding("duplicate_unit", {"unit": one.unit}, f"allocations.{at}.unit")
    for code, name in known.items():
        if code not in named:
            yield Finding("missing_child", {"unit": code, "name": name}, "allocations")


def _superseding_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    # Also where the unit was issued anew since and signed for it: its own split is replaced.
    superseding = scene.own.plan.record(scene.round).split is not None
    for field, given in (("reason", command.reason), ("document_no", command.document_no)):
        if superseding and not given.strip():
            yield Finding("superseding", {"field": field}, field)


def _figure_faults(scene: Scene, command: Issue, by_code: Mapping[str, Seat]) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    known = ", ".join(protocol.reason_names("issue"))
    against = protocol.rounds_by_name[scene.round].reason_against
    for at, one in enumerate(command.allocations):
        child, where = by_code[one.unit], f"allocations.{at}"
        yield from checks.figures(protocol, child.unit, one.figures, f"{where}.figures")
        yield from checks.missing(
            protocol, child.unit, scene.round, one.figures, f"{where}.figures"
        )
        if against is None:
            continue
        asked = numbers.in_force(protocol, child.plan, against)
        for name, value in one.figures.items():
            if name in asked and asked[name] != value and not checks.said(one.reasons, name):
                params = {"indicator": name, "unit": one.unit, "known": known}
                yield Finding("missing_reason", params, f"{where}.reasons.{name}")


def _total(scene: Scene, command: Issue) -> dict[str, int]:
    """What is split: at the root the total it names (or the sum), below what the unit was issued."""
    if not scene.own.unit.is_root:
        return dict(scene.own.plan.record(scene.round).issued)
    if command.total is not None:
        return dict(command.total)
    return exact.total([*(one.figures for one in command.allocations), command.reserve])


def _decided_faults(scene: Scene, total: Mapping[str, int]) -> Iterator[Finding]:
    """What the root issues in all is what was decided, where the protocol holds it to that (N2)."""
    protocol = scene.negotiation.protocol
    source = protocol.rounds_by_name[scene.round].total_from
    if source is None or not scene.own.unit.is_root:
        return
    for off in exact.differences(numbers.in_force(protocol, scene.own.plan, source), total):
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        yield Finding("total_decided", {"indicator": off.indicator, "round": source, **fields})


def _split_faults(scene: Scene, command: Issue, total: Mapping[str, int]) -> Iterator[Finding]:
    """Issued = children + reserve; markup is what the parts exceed it by, where allowed (N5)."""
    parts = exact.total([*(one.figures for one in command.allocations), command.reserve])
    # What no child can have, because it is entered at this level, stays here whole.
    passed = checks.carried(scene.negotiation.protocol, (one.unit for one in scene.children))
    expected = {name: value for name, value in total.items() if name in passed}
    allowed = scene.negotiation.protocol.markup == "allow" and bool(command.reason)
    for off in exact.differences(expected, parts):
        if off.difference > 0 and allowed and not command.reserve.get(off.indicator):
            continue
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        yield Finding("split_exact", {"indicator": off.indicator, **fields})


def _changes(scene: Scene, child: Seat, one: Allocation) -> bool:
    record = child.plan.record(scene.round)
    return not record.issued_by or record.issued != one.figures


def _promise_faults(
    scene: Scene, changed: list[Allocation], by_code: Mapping[str, Seat]
) -> Iterator[Finding]:
    """A figure that an open promise amends cannot be issued anew: fulfil or waive it first (N10)."""
    for one in changed:
        child = by_code[one.unit].plan
        for promise in child.promises:
            issued = child.record(scene.round).issued
            moved = one.figures.get(promise.indicator) != issued.get(promise.indicator)
            if promise.status == "open" and promise.amends == scene.round and moved:
                yield Finding("promise_open", {"unit": one.unit, "indicator": promise.indicator})


def _refuse(kind: Any, findings: Iterator[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise kind(*found)
