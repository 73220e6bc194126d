"""What a person asks of a plan or a cycle. Field names are the HTTP contract's (blueprint, section 7)."""

import datetime as dt
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool, StringConstraints

from planflow.domain.figures import Figure, Figures, Name, Noun, Reason, ReconcilingItem, Text
from planflow.domain.moments import Moment
from planflow.domain.units import UnitCode

DocumentNo = Annotated[str, StringConstraints(max_length=100)]
ReasonText = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Reasons = dict[Name, Reason | ReasonText]
CycleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Command(Noun):
    """The parent of all commands; `action` is the last segment of its HTTP path."""

    action: ClassVar[str]


class OnBehalf(Noun):
    """Said by somebody of the unit's parent who types for the unit, with the reason (代报, N14)."""

    reason: ReasonText


class SaveDraft(Command):
    """Replace the unit's working copy (F3)."""

    action: ClassVar[str] = "draft"
    figures: Figures
    also: dict[Name, Figures] = Field(default_factory=dict)
    reasons: Reasons = Field(default_factory=dict)
    reconciling: tuple[ReconcilingItem, ...] = ()
    on_behalf_of: OnBehalf | None = None


class Submit(Command):
    """Send the working copy up."""

    action: ClassVar[str] = "submit"
    note: Text = ""
    on_behalf_of: OnBehalf | None = None


class Withdraw(Command):
    """Take a submission back before the parent has acted on it (N7)."""

    action: ClassVar[str] = "withdraw"
    reason: Text = ""


class Accept(Command):
    """Take a child's figures into the round, as reported or with the parent's own (N4)."""

    action: ClassVar[str] = "accept"
    note: Text = ""
    figures: Figures = Field(default_factory=dict)
    reasons: Reasons = Field(default_factory=dict)


class Return(Command):
    """Send a child's submission back with a reason (N7)."""

    action: ClassVar[str] = "return"
    reason_code: Name
    text: ReasonText
    lines: tuple[Name, ...] = Field(default=(), max_length=200)


class Allocation(Noun):
    """What one child is issued: its task and, by basis, further numbers (N3)."""

    unit: UnitCode
    figures: Figures
    also: dict[Name, Figures] = Field(default_factory=dict)
    reasons: Reasons = Field(default_factory=dict)


class FurtherTerms(Noun):
    """Total and reserve of a further number, as `Issue` has them of the task (N5)."""

    total: Figures | None = None
    reserve: Figures = Field(default_factory=dict)


class Issue(Command):
    """Issue figures to every participating child, in one act (N5).

    `also` has the terms of further numbers by basis; `markup` the reasons for what exceeds the
    figures issued to the unit itself, by indicator.
    """

    action: ClassVar[str] = "issue"
    allocations: tuple[Allocation, ...] = Field(max_length=10_000)
    total: Figures | None = None
    reserve: Figures = Field(default_factory=dict)
    also: dict[Name, FurtherTerms] = Field(default_factory=dict)
    markup: Reasons = Field(default_factory=dict)
    reason: Text = ""
    document_no: DocumentNo = ""
    cites: tuple[DocumentNo, ...] = Field(default=(), max_length=20)
    dated: Annotated[dt.date, Field(strict=True)] | None = None


class Acknowledge(Command):
    """Sign for the figures issued."""

    action: ClassVar[str] = "acknowledge"


class Present(Command):
    """Send the root's figures before the assembly that decides (N2)."""

    action: ClassVar[str] = "present"
    note: Text = ""


class Decide(Command):
    """Record what was decided about the figures presented; straight away presents them too (N2)."""

    action: ClassVar[str] = "decide"
    outcome: Literal["approved", "amended", "rejected"]
    figures: Figures | None = None
    document_no: Annotated[DocumentNo, StringConstraints(strip_whitespace=True, min_length=1)]
    dated: dt.date
    note: Text = ""


class Commit(Command):
    """Promise a child another figure, to be settled in a later round (N10)."""

    action: ClassVar[str] = "commitments"
    indicator: Name
    from_: Figure = Field(alias="from")
    to: Figure
    funded: StrictBool  # money follows: no "yes", no 1
    settle_in: Name
    reason: ReasonText
    document_no: DocumentNo = ""


class Share(Noun):
    """One child's part of a promise, as the change it brings."""

    unit: UnitCode
    amount: Figure


class DistributeCommitment(Command):
    """Pass a promise on to the children in one act that adds up (N10)."""

    action: ClassVar[str] = "distribute"
    allocations: tuple[Share, ...]
    reserve: Figure = 0


class FulfilCommitment(Command):
    """Settle a promise: its figure becomes the base of the settling round (N10)."""

    action: ClassVar[str] = "fulfil"


class WaiveCommitment(Command):
    """Take a promise back, with the issuer's reason (N10)."""

    action: ClassVar[str] = "waive"
    reason: ReasonText


class Choice(Noun):
    """Which number of which round stands as an indicator's headline."""

    round: Name
    basis: Name = "task"


class ChooseHeadline(Command):
    """Let another number stand as the headline, with a reason (N3)."""

    action: ClassVar[str] = "headline"
    choices: dict[Name, Choice]
    reason: ReasonText


class Extend(Command):
    """Give a unit more time in the open round, with a reason (N9)."""

    action: ClassVar[str] = "extensions"
    due_at: Moment
    reason: ReasonText


class Correction(Noun):
    """What a correction makes of one further unit's figures, or of the reserve it holds."""

    unit: UnitCode
    figures: Figures = Field(default_factory=dict)
    reserve: Figures = Field(default_factory=dict)


class Correct(Command):
    """Propose other figures of the unit in a closed round (N13).

    `also` names further units that move with it; levels above that are not named follow by
    themselves. One that cites a resolution is an amendment.
    """

    action: ClassVar[str] = "corrections"
    round: Name
    figures: Figures
    reason: ReasonText
    reserve: Figures = Field(default_factory=dict)
    also: tuple[Correction, ...] = Field(default=(), max_length=10_000)
    reason_code: Name | None = None
    document_no: DocumentNo = ""
    cites: tuple[Annotated[DocumentNo, StringConstraints(min_length=1)], ...] = Field(
        default=(), max_length=20
    )
    dated: Annotated[dt.date, Field(strict=True)] | None = None


class ApproveCorrection(Command):
    """Let a proposed correction take effect in every plan it touches (N13, N14)."""

    action: ClassVar[str] = "approve"


class RejectCorrection(Command):
    """Turn a proposed correction down, with a reason (N13)."""

    action: ClassVar[str] = "reject"
    reason: ReasonText


class ConfirmIssue(Command):
    """Let an issue that a colleague proposed take effect (N14)."""

    action: ClassVar[str] = "confirm"


class RecordPaper(Command):
    """Record what the root's own parent, who is on paper, issued or accepted (N14)."""

    action: ClassVar[str] = "paper"
    act: Literal["issued", "accepted"]
    figures: Annotated[Figures, Field(min_length=1)]
    document_no: Annotated[DocumentNo, StringConstraints(strip_whitespace=True, min_length=1)]
    dated: Annotated[dt.date, Field(strict=True)]
    reason: Text = ""


class AttestPaper(Command):
    """Confirm that a colleague recorded a paper as it is (N14)."""

    action: ClassVar[str] = "attest"


class NoTask(Noun):
    """A unit of the tree that has no task in this cycle (N1)."""

    unit: UnitCode
    reason: ReasonText


class Cut(Noun):
    """A subtree that takes part down to a level of its own (N2)."""

    unit: UnitCode
    leaf_level: Name


class OpenCycle(Noun):
    """Open one run of a protocol for one year over one tree of units."""

    id: CycleId
    protocol: Name
    year: Annotated[int, Field(strict=True, ge=1900, le=2200)]
    root: UnitCode
    leaf_level: Name
    no_task: tuple[NoTask, ...] = Field(default=(), max_length=100_000)
    cuts: tuple[Cut, ...] = Field(default=(), max_length=100_000)
    lists: Literal["optional", "required"] = "optional"
    practice: StrictBool = False


class WindowTerms(Noun):
    """When a level may act in a round: dates count whole, in the cycle's zone (N9)."""

    due_at: Moment
    opens_at: Moment | None = None


class OpenRound(Noun):
    """Open a round for all units that take part in it: one event (N2).

    `windows` and `silence`, by level, stand in place of what the protocol says (N9).
    """

    windows: dict[Name, WindowTerms] = Field(default_factory=dict)
    silence: dict[Name, Name] = Field(default_factory=dict)


class DropCycle(Noun):
    """Drop a practice cycle: nobody sees it any more, its events stay (N13)."""

    reason: Text = ""


class CloseRound(Noun):
    """Close a round when every unit that takes part is done, or settled by declared silence (N9)."""

    reason: Text = ""
    apply_silence: StrictBool = False
