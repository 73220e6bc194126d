"""What acts of two persons leave in a plan: corrections, issues that wait, papers (N13, N14)."""

from collections.abc import Callable
from typing import Any

from planflow.domain.events import Event
from planflow.engine.state import Corrected, Paper, PendingIssue, PlanState, Proposal


def _correction_proposed(state: PlanState, event: Event) -> PlanState:
    parts = event.parts

    def by_unit(name: str) -> dict[str, dict[str, int]]:
        # the unit's own stand first, also where it is its reserve alone that moves
        return {one["unit"]: one.get(name, {}) for one in parts["units"]}

    proposal = Proposal(
        **parts["proposal"],
        **parts["terms"],
        event=event.id,
        round=event.round,
        by=event.actor,
        proposers=event.people,
        figures=by_unit("figures"),
        reserve=by_unit("reserve"),
        was=by_unit("was"),
        held=by_unit("held"),
    )
    return state.but(corrections=(*state.corrections, proposal))


def _corrected(state: PlanState, event: Event) -> PlanState:
    parts, record = event.parts, state.record(event.round)
    told = {**parts["by"], "approved_by": event.actor}
    proposers = parts.get("hands", (told["proposed_by"],))  # those in whose place it was included
    numbers = {name: Corrected(value=value, **told) for name, value in parts["figures"].items()}
    changes: dict[str, Any] = {
        "corrected": {**record.corrected, **numbers},
        "authors": tuple(dict.fromkeys((*record.authors, *proposers))),
    }
    if record.split and parts["reserve"]:
        held = {**record.split.corrected, **parts["reserve"]}
        changes["split"] = record.split.but(corrected=held)
    after = state.having(event.round, **changes)
    for name, figures in parts.get("carried", {}).items():
        carried = {one: Corrected(value=value, **told) for one, value in figures.items()}
        before = after.record(name).corrected
        after = after.having(name, corrected={**before, **carried})
    return _decided(after, event, "approved")


def _correction_rejected(state: PlanState, event: Event) -> PlanState:
    return _decided(state, event, "rejected")


def _decided(state: PlanState, event: Event, status: str) -> PlanState:
    which = event.parts["correction"]["id"]
    return state.but(
        corrections=tuple(
            one.but(status=status, decided_by=event.actor) if one.id == which else one
            for one in state.corrections
        )
    )


def _issue_proposed(state: PlanState, event: Event) -> PlanState:
    parts = event.parts
    pending = PendingIssue(
        event=event.id,
        round=event.round,
        by=event.actor,
        hands=event.people,
        **parts["split"],
        **parts["terms"],
        markup_reasons=parts["markup_reasons"],
        allocations=tuple(parts["allocations"]),
    )
    return state.but(pending=pending)


def _paper_recorded(state: PlanState, event: Event) -> PlanState:
    paper = Paper(**event.parts["paper"], round=event.round, by=event.actor, hands=event.people)
    kept = tuple(_superseded(one, paper, "recorded") for one in state.papers)
    return state.but(papers=(*kept, paper))


def _paper_attested(state: PlanState, event: Event) -> PlanState:
    which = event.parts["paper"]["id"]
    paper = next(one for one in state.papers if one.id == which)
    papers = (_superseded(one, paper, "confirmed") for one in state.papers if one.id != which)
    done = paper.but(status="confirmed", confirmed_by=event.actor)
    return state.but(papers=(*papers, done))


def _superseded(one: Paper, by: Paper, standing: str) -> Paper:
    """Of one act in one round the latest paper of a standing counts."""
    same = (one.round, one.act, one.status) == (by.round, by.act, standing)
    return one.but(status="superseded") if same else one


HANDLERS: dict[str, Callable[[PlanState, Event], PlanState]] = {
    "correction_proposed": _correction_proposed,
    "corrected": _corrected,
    "correction_rejected": _correction_rejected,
    "issue_proposed": _issue_proposed,
    "paper_recorded": _paper_recorded,
    "paper_attested": _paper_attested,
}
