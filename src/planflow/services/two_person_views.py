"""What acts of two persons look like: corrections, issues that wait, papers (N13, N14)."""

from pydantic import Field

from planflow.services.view import View

Figures = dict[str, int]


class CorrectionView(View):
    """A correction of figures in a closed round, as proposed; an amendment cites a resolution.

    `figures` and `reserve` by unit, as asked for, those of units in the reader's scope; levels above
    follow by themselves. `top` is the unit whose admin decides.
    """

    id: str
    kind: str
    round: str
    status: str
    figures: dict[str, Figures]
    reserve: dict[str, Figures]
    was: dict[str, Figures]
    top: str
    reason_code: str | None
    document_no: str | None
    dated: str | None
    cites: list[str]
    proposed_by: str
    decided_by: str | None


class WaitingShareView(View):
    """What one child is to be issued."""

    unit: str
    figures: Figures


class PendingView(View):
    """An issue that waits for a second person."""

    round: str
    total: Figures
    reserve: Figures
    allocations: list[WaitingShareView]
    document_no: str | None
    cites: list[str]
    dated: str | None
    proposed_by: str


class PaperView(View):
    """An act of the root's own parent, who is on paper."""

    id: str
    round: str
    act: str
    figures: Figures
    document_no: str
    dated: str
    status: str
    recorded_by: str
    confirmed_by: str | None = Field(default=None)
