"""Corrections after a round is closed: proposed by one person, approved by another (N13, N14).

Nothing is overwritten: what stood before stays beside the number that now stands. An amendment by a
cited resolution goes the same way.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from planflow.domain.commands import ApproveCorrection, Correct, RejectCorrection
from planflow.domain.events import Draft, Many, spoken
from planflow.engine import checks, numbers
from planflow.engine.coverage import Cover, Coverage, Wanted, coverage, forbidden
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.scene import Ground, Scene
from planflow.engine.second_guards import not_correctable, wanted_by
from planflow.engine.state import Proposal
from planflow.errors import Finding, Refusal, guard_failed, invalid


def propose(scene: Scene, command: Correct, hand: Hand) -> list[Draft]:
    """Propose other figures; nothing stands until somebody else approves it."""
    _refuse(invalid, _shape_faults(scene, command))
    require(scene, command.action, hand.people)
    _refuse(guard_failed, not_correctable(scene, command.round))
    ground = scene.ground
    if ground is None:
        raise AssertionError("a correction is decided on its ground")
    _refuse(invalid, _unit_faults(scene, ground, command))
    wanted = _wanted(scene, command)
    covered = coverage(scene, ground, wanted)
    _refuse(guard_failed, iter(covered.faults))
    if scene.own.unit.code not in {cover.seat.unit.code for cover in covered.covers}:
        params = {"unit": scene.own.unit.code, "round": command.round}
        raise invalid(Finding("nothing_corrected", params, "figures"))
    _refuse(guard_failed, forbidden(scene, ground, covered, wanted))
    return [_proposed(scene, ground, command, covered, hand)]


def approve(scene: Scene, proposal_id: str, command: ApproveCorrection, hand: Hand) -> list[Draft]:
    """Let a proposal take effect: one event in each plan it touches, citing each other (N18)."""
    require(scene, command.action, hand.people)
    proposal = _open(scene, proposal_id, command.action)
    if scene.ground is None:
        raise AssertionError("a correction is decided on its ground")
    covered = coverage(scene, scene.ground, wanted_by(proposal))
    ids = {cover.seat.unit.code: hand.mint() for cover in covered.covers}
    own_id = ids[scene.own.unit.code]
    own_first = sorted(covered.covers, key=lambda one: ids[one.seat.unit.code] != own_id)
    return [
        _corrected(cover, proposal, ids, proposal.event if event == own_id else own_id)
        for cover in own_first
        if (event := ids[cover.seat.unit.code])
    ]


def reject(scene: Scene, proposal_id: str, command: RejectCorrection, hand: Hand) -> list[Draft]:
    """Turn a proposal down; it stays in the history."""
    require(scene, command.action, hand.people)
    proposal = _open(scene, proposal_id, command.action)
    parts = {"correction": {"id": proposal.id}, **spoken({"reason": command.reason})}
    kind, code = "correction_rejected", scene.own.unit.code
    return [Draft(kind, code, proposal.round, parts, hand.mint(), (proposal.event,))]


def _proposed(
    scene: Scene, ground: Ground, command: Correct, covered: Coverage, hand: Hand
) -> Draft:
    wanted = _wanted(scene, command)
    units = [
        {
            "unit": code,
            "figures": dict(figures),
            "reserve": dict(wanted.reserve.get(code, {})),
            "was": _was(scene, ground, code, figures),
            "held": _held(ground, code, wanted.reserve.get(code, {})),
        }
        for code, figures in wanted.figures.items()
    ]
    terms = {
        "reason_code": command.reason_code or "",
        "document_no": command.document_no,
        "dated": command.dated.isoformat() if command.dated else "",
        "cites": list(command.cites),
    }
    about = {"id": hand.mint(), "top": covered.top, "hands": sorted(hand.people | covered.hands)}
    parts: dict[str, Any] = {"proposal": about, "terms": terms, "units": Many(units)}
    parts |= spoken({"reason": command.reason})
    return Draft("correction_proposed", scene.own.unit.code, command.round, parts, hand.mint())


def _corrected(cover: Cover, proposal: Proposal, ids: Mapping[str, str], cites: str) -> Draft:
    unit = cover.seat.unit.code
    by = {
        "proposed_by": proposal.by,
        "reason_code": proposal.reason_code,
        "document_no": proposal.document_no,
        "amended": proposal.amends,
    }
    parts: dict[str, Any] = {
        "correction": {"id": proposal.id},
        "by": by,
        "hands": list(proposal.proposers or (proposal.by,)),
        "figures": dict(cover.figures),
        "reserve": dict(cover.reserve),
    }
    if cover.carried:
        parts["carried"] = {name: dict(figures) for name, figures in cover.carried.items()}
    if cites == proposal.event:
        others = [{"unit": code, "event": event} for code, event in ids.items() if code != unit]
        parts |= {"others": Many(others)} if others else {}
    return Draft("corrected", unit, proposal.round, parts, ids[unit], (cites,))


def _wanted(scene: Scene, command: Correct) -> Wanted:
    own = scene.own.unit.code
    figures = {own: command.figures} | {one.unit: one.figures for one in command.also}
    reserve = {own: command.reserve} | {one.unit: one.reserve for one in command.also}
    return Wanted(figures, reserve, bool(command.cites))


def _was(scene: Scene, ground: Ground, code: str, figures: Mapping[str, int]) -> dict[str, int]:
    now = numbers.in_force(scene.negotiation.protocol, ground.seats[code].plan, ground.round)
    return {name: now[name] for name in figures if name in now}


def _held(ground: Ground, code: str, reserve: Mapping[str, int]) -> dict[str, int]:
    split = ground.seats[code].plan.record(ground.round).split
    return {name: split.held.get(name, 0) for name in reserve} if split else {}


def _open(scene: Scene, proposal_id: str, action: str) -> Proposal:
    found = [one for one in scene.own.plan.corrections if one.id == proposal_id]
    if not found:
        raise Refusal("not_found", {"kind": "correction", "name": proposal_id})
    if found[0].status != "proposed":
        raise Refusal("illegal_transition", {"action": action, "state": found[0].status})
    return found[0]


def _shape_faults(scene: Scene, command: Correct) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    if command.round not in protocol.rounds_by_name:
        known = ", ".join(protocol.rounds_by_name)
        yield Finding("unknown_round", {"round": command.round, "known": known}, "round")
    yield from checks.amounts(protocol, command.reserve, "reserve")
    for at, one in enumerate(command.also):
        yield from checks.amounts(protocol, one.reserve, f"also.{at}.reserve")
    if command.reason_code is not None:
        yield from checks.reason_code(protocol, command.reason_code, None, "reason_code")
    if command.cites:
        for field in ("document_no", "dated"):
            if not getattr(command, field):
                yield Finding("missing", {"field": field}, field)


def _unit_faults(scene: Scene, ground: Ground, command: Correct) -> Iterator[Finding]:
    """Units that are none or take no part, named twice, or without a reserve to change."""
    protocol, own = scene.negotiation.protocol, scene.own.unit.code
    named = Counter([own, *(one.unit for one in command.also)])
    asked = [("", own, command.figures, command.reserve)]
    asked += [(f"also.{at}.", o.unit, o.figures, o.reserve) for at, o in enumerate(command.also)]
    for where, code, figures, reserve in asked:
        seat = ground.seats.get(code)
        if seat is None:
            yield Finding("unknown_unit", {"unit": code, "parent": ""}, f"{where}unit")
        elif named[code] > 1 and where:
            yield Finding("duplicate_unit", {"unit": code}, f"{where}unit")
        else:
            yield from checks.figures(protocol, seat.unit, figures, f"{where}figures")
            split = seat.plan.record(ground.round).split
            # what no child can have is not split, so nothing of it is held back
            below = ground.below.get(code, ())
            passed = checks.carried(protocol, below) if below else frozenset()
            if reserve and (split is None or any(reserve[one] for one in {*reserve} - passed)):
                params = {"unit": code, "round": ground.round}
                yield Finding("no_reserve", params, f"{where}reserve")


def _refuse(kind: Any, findings: Iterator[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise kind(*found)
