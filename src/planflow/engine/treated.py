"""What a unit asked and was answered in one round, with the reason given (N3, N15)."""

from dataclasses import dataclass

from planflow.domain.figures import TASK
from planflow.engine import numbers
from planflow.engine.numbers import Number
from planflow.engine.state import PlanState
from planflow.protocol.models import Protocol
from planflow.quota.treatment import Pair

_ANSWERS = ("settled", "issued", "corrected", "amended")


@dataclass(frozen=True, slots=True)
class Answer:
    """Both sides of one indicator, and the code of the reason beside the answer."""

    pair: Pair
    reason_code: str = ""


def asked_in(protocol: Protocol, round_name: str) -> str:
    """The up round that a round answers: itself, or the last one before a down round; or none."""
    found = ""
    for one in protocol.rounds:
        if one.kind == "up":
            found = one.name
        if one.name == round_name:
            return found if one.kind in ("up", "down") else ""
    return ""


def answers(protocol: Protocol, plan: PlanState, round_name: str) -> dict[str, Answer]:
    """By indicator, as far as either side said something; accepted as reported is an answer."""
    up = asked_in(protocol, round_name)
    said = [one for one in numbers.numbers(plan) if one.basis == TASK]
    asked = {one.indicator: one for one in said if (one.round, one.side) == (up, "reported")}
    told: dict[str, Number] = {}
    if up == round_name and plan.record(up).stage == "accepted":
        told = {name: Number(up, "settled", TASK, name, one.value) for name, one in asked.items()}
    told |= {one.indicator: one for one in said if one.round == round_name and one.side in _ANSWERS}
    return {
        name: Answer(
            Pair(
                asked[name].value if name in asked else None,
                told[name].value if name in told else None,
            ),
            told[name].reason_code if name in told else "",
        )
        for name in protocol.indicators_by_name
        if name in asked or name in told
    }
