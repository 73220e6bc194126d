"""Corrections, an issue that waits and papers of a plan, as they are shown (N13, N14)."""

from typing import Any

from planflow.engine.state import Paper, PendingIssue, PlanState, Proposal
from planflow.services.two_person_views import (
    CorrectionView,
    PaperView,
    PendingView,
    WaitingShareView,
)


def shown(plan: PlanState, beyond: frozenset[str]) -> dict[str, Any]:
    """The fields of a plan's view that tell of acts of two persons.

    Of units that lie `beyond` the reader's scope nothing is told.
    """
    return {
        "corrections": [_correction(one, beyond) for one in plan.corrections],
        "pending": _pending(plan.pending) if plan.pending else None,
        "papers": [_paper(one) for one in plan.papers],
    }


def named(plan: PlanState, own: str) -> set[str]:
    """Other units that a plan's corrections name."""
    return {code for one in plan.corrections for code in (*one.figures, *one.reserve)} - {own}


def _correction(one: Proposal, beyond: frozenset[str]) -> CorrectionView:
    def seen(by_unit: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        return {code: amounts for code, amounts in by_unit.items() if code not in beyond}

    return CorrectionView(
        id=one.id,
        kind="amendment" if one.amends else "correction",
        round=one.round,
        status=one.status,
        figures=seen(one.figures),
        reserve=seen(one.reserve),
        was=seen(one.was),
        top=one.top,
        reason_code=one.reason_code or None,
        document_no=one.document_no or None,
        dated=one.dated or None,
        cites=list(one.cites),
        proposed_by=one.by,
        decided_by=one.decided_by or None,
    )


def _pending(one: PendingIssue) -> PendingView:
    return PendingView(
        round=one.round,
        total=one.total,
        reserve=one.reserve,
        allocations=[
            WaitingShareView(unit=share["unit"], figures=share["figures"])
            for share in one.allocations
        ],
        document_no=one.document_no or None,
        cites=list(one.cites),
        dated=one.dated or None,
        proposed_by=one.by,
    )


def _paper(one: Paper) -> PaperView:
    return PaperView(
        id=one.id,
        round=one.round,
        act=one.act,
        figures=one.figures,
        document_no=one.document_no,
        dated=one.dated,
        status=one.status,
        recorded_by=one.by,
        confirmed_by=one.confirmed_by or None,
    )
