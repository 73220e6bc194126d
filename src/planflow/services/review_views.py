"""What a review is shown: events found, the chain of documents, siblings side by side."""

import datetime as dt

from pydantic import Field

from planflow.services.view import View
from planflow.services.views import ApartView, CommitmentView, ReasonsApartView


class FoundView(View):
    """An event that was found; its content is told by the plan's history.

    `unit` is null for the cycle's own events. `documents` are its own document numbers,
    `cited_documents` those it cites; `cites` are events.
    """

    id: str
    recorded_at: dt.datetime
    unit: str | None
    name: str | None
    seq: int
    kind: str
    round: str
    actor: str
    delegators: list[str]
    documents: list[str]
    cited_documents: list[str]
    cites: list[str]


class MarkView(View):
    """A plan at one end of a comparison: the instant, its last event by then, its state."""

    at: dt.datetime
    seq: int
    state: str


class PromiseApartView(View):
    """A commitment at both ends; null where it was not made yet."""

    id: str
    from_: CommitmentView | None = Field(alias="from")
    to: CommitmentView | None


class BetweenView(View):
    """What happened to one plan between two instants, as far as it differs; round by round.

    `figures` are those in force, `also` the further numbers by basis; `reasons` are codes.
    """

    cycle: str
    unit: str
    from_: MarkView = Field(alias="from")
    to: MarkView
    figures: dict[str, dict[str, ApartView]]
    also: dict[str, dict[str, dict[str, ApartView]]]
    reasons: dict[str, dict[str, ReasonsApartView]]
    commitments: list[PromiseApartView]


class TreatedView(View):
    """One sibling: what it asked and was issued, the cut, and whether it lies apart from the others.

    `percent` is the cut of a hundred of what was asked; `arithmetic` is exact, and so is `distance`,
    from the median, as a fraction. Null where a side has said nothing, or nothing was asked.
    """

    unit: str
    name: str
    asked: int | None
    issued: int | None
    cut: int | None
    percent: float | None
    reason_code: str | None
    distance: str | None
    outlier: bool
    arithmetic: str | None


class TreatmentView(View):
    """Siblings by one indicator; of fewer than three with a cut there is no median."""

    median: str | None
    threshold: str
    siblings: list[TreatedView]


class TreatmentsView(View):
    """How a round treated the units below one, by indicator: arithmetic and no verdict (N15)."""

    cycle: str
    unit: str
    round: str
    asked_in: str
    indicators: dict[str, TreatmentView]


class DocumentView(View):
    """A document of a chain. `distance`: above zero it is rested on, below zero it rests on the other.

    `carried` and `cited` count the events that do so in sight; `events` are the first of them.
    """

    document_no: str
    distance: int
    cites: list[str]
    cited_by: list[str]
    carried: int
    cited: int
    events: list[FoundView]


class ChainView(View):
    """A document with what it cites and what cites it, link by link; `whole` unless there is too much."""

    cycle: str
    document_no: str
    whole: bool
    documents: list[DocumentView]


class AccessView(View):
    """One answer that showed somebody what belongs to others.

    `actor` is the reader's pseudonym, `shell` for the command line itself. `unit` is what was asked for,
    or where the grant is; `asked` names the filters, with a star for a value that is not kept. `items`
    counts what was shown of others.
    """

    id: str
    recorded_at: dt.datetime
    actor: str
    grant: str | None
    kind: str
    cycle: str | None
    unit: str | None
    asked: list[str]
    items: int
