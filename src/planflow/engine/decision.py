"""Decision rounds: the root presents its figures, and what an assembly decided is recorded (N2)."""

from collections.abc import Iterator
from typing import Any

from planflow.domain.commands import Decide, Present
from planflow.domain.events import Draft
from planflow.engine import checks, numbers
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.machine import stage
from planflow.engine.scene import Scene
from planflow.errors import Finding, invalid

AMENDED, REJECTED = "amended", "rejected"


def present(scene: Scene, command: Present, hand: Hand) -> list[Draft]:
    """Send the root's last figures before the assembly."""
    require(scene, command.action, hand.people)
    return [_presented(scene, command.note, hand)]


def decide(scene: Scene, command: Decide, hand: Hand) -> list[Draft]:
    """Record a decision; figures that nobody presented yet are presented by the same act.

    What an amendment leaves out stands as presented. A rejection opens the round that the protocol
    names once more, by an event in the cycle's own stream: a draft without a unit.
    """
    _refuse(_figure_faults(scene, command))
    require(scene, command.action, hand.people)
    drafts = []
    record = scene.own.plan.record(scene.round).decision
    if record is None or stage(scene.state(scene.own)) == "awaiting":
        drafts = [_presented(scene, "", hand)]
        presented, source = drafts[0].parts["figures"], drafts[0].id
    else:
        presented, source = record.presented, record.presented_by
    _refuse(_outcome_faults(scene, command, presented))
    given = command.figures or {}
    figures = {} if command.outcome == REJECTED else {**presented, **given}
    parts: dict[str, Any] = {"figures": figures, "terms": _terms(command)}
    if command.note:
        parts["texts"] = {"note": command.note}
    decided = Draft("decided", scene.own.unit.code, scene.round, parts, hand.mint(), (source,))
    drafts.append(decided)
    if command.outcome == REJECTED:
        drafts.append(_reopened(scene, decided, hand))
    return drafts


def _presented(scene: Scene, note: str, hand: Hand) -> Draft:
    figures = numbers.presentable(scene.negotiation.protocol, scene.own.plan, scene.round)
    parts: dict[str, Any] = {"figures": figures}
    if note:
        parts["texts"] = {"note": note}
    return Draft("presented", scene.own.unit.code, scene.round, parts, hand.mint())


def _reopened(scene: Scene, decided: Draft, hand: Hand) -> Draft:
    name = scene.negotiation.protocol.rounds_by_name[scene.round].reopens or ""
    parts = {"decision": {"round": scene.round, "outcome": REJECTED}}
    return Draft("round_reopened", "", name, parts, hand.mint(), (decided.id,))


def _terms(command: Decide) -> dict[str, str]:
    return {
        "outcome": command.outcome,
        "document_no": command.document_no,
        "dated": command.dated.isoformat(),
    }


def _figure_faults(scene: Scene, command: Decide) -> Iterator[Finding]:
    protocol, unit = scene.negotiation.protocol, scene.own.unit
    if command.outcome == AMENDED and not command.figures:
        yield Finding("missing", {"field": "figures"}, "figures")
    yield from checks.figures(protocol, unit, command.figures or {}, "figures")


def _outcome_faults(scene: Scene, command: Decide, presented: dict[str, int]) -> Iterator[Finding]:
    """An amendment changes something, and nothing else does."""
    decided = {**presented, **(command.figures or {})}
    if command.outcome == AMENDED and decided == presented:
        yield Finding("nothing_amended", {"round": scene.round}, "figures")
    elif command.outcome != AMENDED and decided != presented:
        yield Finding("figures_not_amended", {}, "figures")
    if command.outcome != REJECTED:
        yield from checks.missing(
            scene.negotiation.protocol, scene.own.unit, scene.round, decided, "figures"
        )


def _refuse(findings: Iterator[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise invalid(*found)
