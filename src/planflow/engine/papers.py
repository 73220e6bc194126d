"""A root whose own parent is on paper: its acts, recorded by one and confirmed by another (N14)."""

from planflow.domain.commands import AttestPaper, RecordPaper
from planflow.domain.events import Draft, spoken
from planflow.engine import checks
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene
from planflow.engine.second_guards import PAPER_ACTS
from planflow.errors import Finding, Refusal, guard_failed, invalid


def record(scene: Scene, command: RecordPaper, hand: Hand) -> list[Draft]:
    """Record what the parent issued, or accepted, in the open round."""
    faults = list(
        checks.figures(scene.negotiation.protocol, scene.own.unit, command.figures, "figures")
    )
    if faults:
        raise invalid(*faults)
    require(scene, command.action, hand.people)
    expected = PAPER_ACTS[scene.negotiation.protocol.rounds_by_name[scene.round].kind]
    if command.act != expected:
        params = {"got": command.act, "known": expected, "round": scene.round}
        raise invalid(Finding("act_of_round", params, "act"))
    paper = {
        "id": hand.mint(),
        "act": command.act,
        "figures": dict(command.figures),
        "document_no": command.document_no,
        "dated": command.dated.isoformat(),
    }
    parts = {"paper": paper, **spoken({"reason": command.reason})}
    return [Draft("paper_recorded", scene.own.unit.code, scene.round, parts, hand.mint())]


def attest(scene: Scene, paper_id: str, command: AttestPaper, hand: Hand) -> list[Draft]:
    """Confirm a record; from then on what the root issues must agree with it, or say why."""
    found = [one for one in scene.own.plan.papers if one.id == paper_id]
    if not found:
        raise Refusal("not_found", {"kind": "paper", "name": paper_id})
    require(scene, command.action, hand.people)
    if found[0].round != scene.round:  # what the guards looked at is another paper
        raise guard_failed(Finding("holds_paper", {"unit": scene.own.unit.code}))
    if found[0].status != "recorded":
        state = found[0].status
        raise Refusal("illegal_transition", {"action": command.action, "state": state})
    parts = {"paper": {"id": paper_id}}
    return [Draft("paper_attested", scene.own.unit.code, found[0].round, parts, hand.mint())]
