"""`decide(scene, command, hand) -> events`: one door to all decisions about a plan."""

from collections.abc import Callable
from typing import Any

from planflow.domain import commands as c
from planflow.domain.events import Draft
from planflow.engine import corrections, decision, down, papers, promises, up, windows
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene
from planflow.errors import in_terms

Decision = Callable[[Scene, Any, Hand], list[Draft]]
DecisionOn = Callable[[Scene, str, Any, Hand], list[Draft]]

PLAN: dict[type[c.Command], Decision] = {
    c.Submit: up.submit,
    c.Withdraw: up.withdraw,
    c.Accept: up.accept,
    c.Return: up.return_,
    c.Issue: down.issue,
    c.Acknowledge: down.acknowledge,
    c.Present: decision.present,
    c.Decide: decision.decide,
    c.Commit: promises.commit,
    c.Extend: windows.extend,
    c.ChooseHeadline: promises.choose_headline,
    c.Correct: corrections.propose,
    c.ConfirmIssue: down.confirm,
    c.RecordPaper: papers.record,
}
ON: dict[type[c.Command], DecisionOn] = {
    c.DistributeCommitment: promises.distribute,
    c.FulfilCommitment: promises.fulfil,
    c.WaiveCommitment: promises.waive,
    c.ApproveCorrection: corrections.approve,
    c.RejectCorrection: corrections.reject,
    c.AttestPaper: papers.attest,
}


def decide(scene: Scene, command: c.Command, hand: Hand, subject: str = "") -> list[Draft]:
    """Decide a command; nothing is changed here. `subject` is the id of the commitment, correction or
    paper it is about.

    Raises `Refusal`: `invalid`, `illegal_transition`, `guard_failed` or `not_found`.
    """
    with in_terms(scene.negotiation.terms):
        if type(command) in ON:
            return ON[type(command)](scene, subject, command, hand)
        return PLAN[type(command)](scene, command, hand)
