"""`decide(scene, command, hand) -> events`: one door to all decisions about a plan."""

from collections.abc import Callable
from typing import Any

from planflow.domain import commands as c
from planflow.domain.events import Draft
from planflow.engine import decision, down, promises, up, windows
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene
from planflow.errors import in_terms

Decision = Callable[[Scene, Any, Hand], list[Draft]]
PromiseDecision = Callable[[Scene, str, Any, Hand], list[Draft]]

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
}
PROMISE: dict[type[c.Command], PromiseDecision] = {
    c.DistributeCommitment: promises.distribute,
    c.FulfilCommitment: promises.fulfil,
    c.WaiveCommitment: promises.waive,
}


def decide(scene: Scene, command: c.Command, hand: Hand, promise: str = "") -> list[Draft]:
    """Decide a command; nothing is changed here. `promise` is the id of the commitment it is about.

    Raises `Refusal`: `invalid`, `illegal_transition`, `guard_failed` or `not_found`.
    """
    with in_terms(scene.negotiation.terms):
        if type(command) in PROMISE:
            return PROMISE[type(command)](scene, promise, command, hand)
        return PLAN[type(command)](scene, command, hand)
