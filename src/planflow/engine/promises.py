"""Commitments: made, passed on, fulfilled, waived; and the headline a parent may choose (N3, N10)."""

from collections.abc import Iterator
from typing import Any

from planflow.domain.commands import (
    ChooseHeadline,
    Commit,
    DistributeCommitment,
    FulfilCommitment,
    Share,
    WaiveCommitment,
)
from planflow.domain.events import Draft, Many, spoken
from planflow.engine import checks, numbers
from planflow.engine.guards import require, resting, whole
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import Promise
from planflow.errors import Finding, Refusal, guard_failed, invalid


def commit(scene: Scene, command: Commit, hand: Hand) -> list[Draft]:
    """Promise the unit another figure, settled in a later round."""
    protocol = scene.negotiation.protocol
    findings = list(checks.figures(protocol, scene.own.unit, {command.indicator: command.to}, "to"))
    if command.settle_in not in protocol.rounds_by_name:
        known = ", ".join(protocol.rounds_by_name)
        findings.append(
            Finding("unknown_round", {"round": command.settle_in, "known": known}, "settle_in")
        )
    if command.to == command.from_:
        findings.append(Finding("no_change", {"indicator": command.indicator}, "to"))
    if findings:
        raise invalid(*findings)
    require(scene, command.action, hand.people)
    faults = list(_commit_faults(scene, command))
    if faults:
        raise guard_failed(*faults)
    terms = _terms(scene, scene.own, hand.mint(), command.model_dump(by_alias=True))
    return [_made(scene, scene.own, terms, hand, (), {"reason": command.reason})]


def distribute(
    scene: Scene, promise_id: str, command: DistributeCommitment, hand: Hand
) -> list[Draft]:
    """Pass a promise on to children, in one act that adds up; each part is a promise of its own."""
    promise = _held(scene, promise_id)
    faults = list(_share_faults(scene, command))
    if faults:
        raise invalid(*faults)
    require(scene, command.action, hand.people)
    if promise.status != "open" or promise.passed_on:
        raise Refusal("illegal_transition", {"action": command.action, "state": _status(promise)})
    by_code = {child.unit.code: child for child in scene.children}
    shares = [share for share in command.allocations if share.amount]
    faults = list(_part_faults(scene, promise, command, by_code))
    if faults:
        raise invalid(*faults)
    faults = list(_passing_faults(scene, promise, shares, command.reserve, by_code))
    if faults:
        raise guard_failed(*faults)
    whole_id = promise.part_of or promise.id
    own_id = hand.mint()
    drafts = []
    for share in shares:
        child = by_code[share.unit]
        start = _figure(scene, child, promise.indicator)
        part = {**_shape(promise), "from": start, "to": start + share.amount, "part_of": whole_id}
        drafts.append(
            _made(scene, child, _terms(scene, child, hand.mint(), part), hand, (own_id,), {})
        )
    entries = [
        {"unit": d.unit, "event": d.id, "amount": s.amount}
        for d, s in zip(drafts, shares, strict=True)
    ]
    parts = {"commitment": {"id": promise.id, "reserve": command.reserve}, "shares": Many(entries)}
    return [Draft("commitment_passed_on", scene.own.unit.code, scene.round, parts, own_id), *drafts]


def fulfil(scene: Scene, promise_id: str, command: FulfilCommitment, hand: Hand) -> list[Draft]:
    """Settle a promise and all parts of it that were passed on, in one act (N10, N18)."""
    promise = _open_whole(scene, promise_id, command.action)
    if not scene.cycle.is_open(promise.settle_in):
        raise guard_failed(Finding("holds_due", {"round": promise.settle_in}))
    require(scene, command.action, hand.people)
    touched = tuple(resting(scene, promise.id))
    if touched:
        raise guard_failed(*touched)
    return list(_close(scene, promise, "commitment_fulfilled", hand, {}))


def waive(scene: Scene, promise_id: str, command: WaiveCommitment, hand: Hand) -> list[Draft]:
    """Take a promise back, and all parts of it that were passed on."""
    promise = _open_whole(scene, promise_id, command.action)
    require(scene, command.action, hand.people)
    return list(_close(scene, promise, "commitment_waived", hand, {"reason": command.reason}))


def choose_headline(scene: Scene, command: ChooseHeadline, hand: Hand) -> list[Draft]:
    """Let another number stand as the headline."""
    require(scene, command.action, hand.people)
    offered = {(n.indicator, n.round, n.basis) for n in numbers.numbers(scene.own.plan)}
    findings = [
        Finding(
            "unknown_number",
            {"indicator": name, "round": choice.round, "basis": choice.basis},
            f"choices.{name}",
        )
        for name, choice in command.choices.items()
        if (name, choice.round, choice.basis) not in offered
    ]
    if findings:
        raise invalid(*findings)
    choices = {name: choice.model_dump() for name, choice in command.choices.items()}
    parts = {"choices": choices, **spoken({"reason": command.reason})}
    return [Draft("headline_chosen", scene.own.unit.code, scene.round, parts, hand.mint())]


def _commit_faults(scene: Scene, command: Commit) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    settling = protocol.rounds_by_name[command.settle_in]
    if settling.kind != "adjust" or scene.cycle.rounds.get(settling.name) == "closed":
        yield Finding("settling_round_ahead", {"round": settling.name})
        return
    start = _figure(scene, scene.own, command.indicator)
    if start != command.from_:
        yield _in_force(command.indicator, start, command.from_)
    if any(
        one.status == "open" and one.indicator == command.indicator
        for one in scene.own.plan.promises
    ):
        yield Finding(
            "one_open_promise", {"indicator": command.indicator, "unit": scene.own.unit.code}
        )


def _share_faults(scene: Scene, command: DistributeCommitment) -> Iterator[Finding]:
    known = {child.unit.code for child in scene.children}
    seen: set[str] = set()
    for at, share in enumerate(command.allocations):
        where = f"allocations.{at}.unit"
        if share.unit not in known:
            yield Finding(
                "unknown_unit", {"unit": share.unit, "parent": scene.own.unit.code}, where
            )
        elif share.unit in seen:
            yield Finding("duplicate_unit", {"unit": share.unit}, where)
        seen.add(share.unit)


def _part_faults(
    scene: Scene, promise: Promise, command: DistributeCommitment, by_code: dict[str, Seat]
) -> Iterator[Finding]:
    """What a part would bring a child to must be a figure it may have; nothing is held back twice."""
    protocol = scene.negotiation.protocol
    for at, share in enumerate(command.allocations):
        child, where = by_code[share.unit], f"allocations.{at}.amount"
        if share.amount:
            to = {promise.indicator: _figure(scene, child, promise.indicator) + share.amount}
            yield from checks.figures(protocol, child.unit, to, where)
            yield from checks.too_large(to, where)
    held = {"indicator": promise.indicator, "got": command.reserve}
    # A cut may release what is still held back, and no more: a reserve below zero would be markup (N5).
    still = numbers.reserve_held(scene.own.plan, protocol.rounds_by_name[promise.settle_in])
    lowest = min(0, max(promise.change, -still.get(promise.indicator, 0)))
    if command.reserve < lowest:
        yield Finding("below_minimum", {**held, "minimum": lowest}, "reserve")
    if command.reserve > max(promise.change, 0):
        yield Finding("above_maximum", {**held, "maximum": max(promise.change, 0)}, "reserve")


def _passing_faults(
    scene: Scene,
    promise: Promise,
    shares: list[Share],
    reserve: int,
    by_code: dict[str, Seat],
) -> Iterator[Finding]:
    given = sum(share.amount for share in shares) + reserve
    if given != promise.change:
        fields = {"expected": promise.change, "got": given, "difference": given - promise.change}
        yield Finding("split_exact", {"indicator": promise.indicator, **fields})
    for share in shares:
        child = by_code[share.unit]
        if numbers.binding(scene.negotiation.protocol, child.plan) is None:
            yield Finding("has_binding_issue", {"unit": share.unit})
        if any(
            p.status == "open" and p.indicator == promise.indicator for p in child.plan.promises
        ):
            yield Finding("one_open_promise", {"indicator": promise.indicator, "unit": share.unit})


def _close(
    scene: Scene, promise: Promise, kind: str, hand: Hand, texts: dict[str, str]
) -> Iterator[Draft]:
    held = [
        (seat.unit.code, one, hand.mint())
        for seat in (scene.own, *scene.descendants)
        for one in seat.plan.promises
        if promise.id in (one.id, one.part_of) and one.status == "open"
    ]
    (_, _, own_id), *below = held  # the whole comes first: it is the unit's own
    entries = [{"unit": code, "event": event} for code, _, event in below]
    for code, one, event in held:
        settled = {"id": one.id, "indicator": one.indicator, "to": one.to}
        parts: dict[str, Any] = {"commitment": settled, **spoken(texts)}
        if event == own_id and below:
            parts["parts"] = Many(entries)
        cites = () if event == own_id else (own_id,)
        yield Draft(kind, code, scene.round, parts, event, cites)


def _made(
    scene: Scene,
    seat: Seat,
    terms: dict[str, Any],
    hand: Hand,
    cites: tuple[str, ...],
    texts: dict[str, str],
) -> Draft:
    parts: dict[str, Any] = {"commitment": terms, **spoken(texts)}
    return Draft("commitment_made", seat.unit.code, scene.round, parts, hand.mint(), cites)


def _terms(scene: Scene, seat: Seat, promise_id: str, shape: dict[str, Any]) -> dict[str, Any]:
    amends = numbers.binding(scene.negotiation.protocol, seat.plan)
    kept = ("indicator", "from", "to", "funded", "settle_in", "document_no", "part_of")
    return {
        "id": promise_id,
        "amends": amends.name if amends else "",
        **{name: shape[name] for name in kept if name in shape},
    }


def _shape(promise: Promise) -> dict[str, Any]:
    return {
        "indicator": promise.indicator,
        "funded": promise.funded,
        "settle_in": promise.settle_in,
        "document_no": promise.document_no,
    }


def _figure(scene: Scene, seat: Seat, indicator: str) -> int:
    return numbers.current(scene.negotiation.protocol, scene.cycle, seat.plan).get(indicator, 0)


def _in_force(indicator: str, expected: int, got: int) -> Finding:
    fields = {"expected": expected, "got": got, "difference": got - expected}
    return Finding("from_in_force", {"indicator": indicator, **fields})


def _held(scene: Scene, promise_id: str) -> Promise:
    promise = scene.own.plan.promise(promise_id)
    if promise is None:
        raise Refusal("not_found", {"kind": "commitment", "name": promise_id})
    return promise


def _open_whole(scene: Scene, promise_id: str, action: str) -> Promise:
    promise = _held(scene, promise_id)
    if promise.status == "open" and promise.part_of:
        raise guard_failed(Finding("part_of_another", {"indicator": promise.indicator}))
    if not whole(promise):
        raise Refusal("illegal_transition", {"action": action, "state": _status(promise)})
    return promise


def _status(promise: Promise) -> str:
    return "passed_on" if promise.status == "open" and promise.passed_on else promise.status
