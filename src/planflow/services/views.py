"""What a reader is shown (blueprint, section 7). Field names are the HTTP contract's."""

import datetime as dt
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from planflow.services.beside_views import BesideView, GapView, SignalView, StockView
from planflow.services.two_person_views import CorrectionView, PaperView, PendingView
from planflow.services.view import View

T = TypeVar("T")


class Page(View, Generic[T]):
    """A page of a list; `next` is the cursor of the one after it, null on the last."""

    items: list[T]
    next: str | None = None


class TokenView(View):
    """A bearer token, how many seconds it lives, and what it may be used for.

    `refresh_token` gets the next one, once; tokens of the command line and of services have none.
    """

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the OAuth word for its kind
    expires_in: int
    refresh_token: str | None = None
    scope: str = ""


class SignedOutView(View):
    """Nobody is signed in by this token, nor by any that came of the same sign-in."""

    signed_out: Literal[True] = True


class UnitView(View):
    """A unit as registered today."""

    code: str
    name: str
    level: str
    parent: str | None
    attributes: list[str]


class ProtocolView(View):
    """A protocol: its definition and its state diagram in Mermaid."""

    name: str
    version: int
    digest: str
    definition: dict[str, Any]
    diagram: str


class ProtocolItem(View):
    """A protocol in the list."""

    name: str
    version: int
    title: dict[str, str]


class NoTaskView(View):
    """A unit without task in this cycle."""

    unit: str
    name: str


class PlaceView(View):
    """A unit's place in a cycle's tree, now or at an earlier time."""

    unit: str
    name: str
    level: str
    parent: str | None
    attributes: list[str]
    no_task: bool


class Receipt(View):
    """The reader's receipt of an act: the event and its stream's chain after it, in hex."""

    event: str | None = None
    chain: str | None = None


class WindowView(View):
    """When a level, or a unit, may act in a round, in the cycle's zone. The last instant counts."""

    opens_at: dt.datetime | None = None
    due_at: dt.datetime | None = None


class PlanWindowView(WindowView):
    """A unit's time in the open round.

    `late`: it is over and the unit has still to act. `silence`: what that means at close. `out_of_order`:
    it ends after its parent's, or for figures that come down, before (N9).
    """

    round: str
    extended: bool
    late: bool
    silence: str
    out_of_order: bool


class SilenceView(View):
    """What silence means in a round, by level; what was applied at close, and to how many units."""

    rules: dict[str, str]
    applied: dict[str, str]
    units: int


class GuardView(View):
    """A condition that failed, or a warning, by name and sentence."""

    name: str
    text: str
    fields: dict[str, Any] = Field(default_factory=dict)


class CycleItem(View):
    """A cycle in the list. A practice cycle counts for nothing."""

    id: str
    protocol: str
    year: int
    root: str
    leaf_level: str
    lists: str
    practice: bool
    open_round: str | None
    settled: bool


class CycleView(Receipt):
    """A cycle with the standing of its rounds: waiting, open or closed.

    `windows` and `silence` by round, as it was opened; `warnings` are about the round that is open.
    `tree` is the version at which the tree changed last.
    """

    id: str
    protocol: str
    protocol_version: int
    digest: str
    year: int
    root: str
    leaf_level: str
    zone: str
    lists: str
    practice: bool = False
    rounds: dict[str, str]
    open_round: str | None
    settled: bool
    no_task: list[NoTaskView]
    windows: dict[str, dict[str, WindowView]] = Field(default_factory=dict)
    silence: dict[str, SilenceView] = Field(default_factory=dict)
    warnings: list[GuardView] = Field(default_factory=list)
    tree: int
    version: int


class NumberView(View):
    """One offer that stands. `hands` of a corrected number: who proposed and who approved it."""

    round: str
    side: str
    basis: str
    indicator: str
    value: int
    reason_code: str | None = None
    document_no: str | None = None
    hands: list[str] = Field(default_factory=list)


class HeadlineView(View):
    """The number that stands for an indicator and where it comes from."""

    value: int
    round: str
    basis: str
    commitment: str | None = None


class CommitmentView(View):
    """A promise the unit holds."""

    id: str
    indicator: str
    from_: int = Field(alias="from")
    to: int
    funded: bool
    settle_in: str
    status: str
    amends: str
    document_no: str | None = None
    part_of: str | None = None
    passed_on: bool = False
    reserve: int = 0


class ActionView(View):
    """Something one may do with a plan: now, or why not.

    `on_behalf_of`: the reader may do it for the unit alone, and has to say so in the body.
    """

    name: str
    allowed: bool
    on_behalf_of: bool = False
    guards: list[GuardView]


class PortionView(View):
    """What was split of one further number, and held back of it."""

    total: dict[str, int]
    reserve: dict[str, int]


class SplitView(PortionView):
    """What the unit issued on in a round; outdated when it was issued anew since (N5).

    `also` has the further numbers by basis.
    """

    also: dict[str, PortionView] = Field(default_factory=dict)
    outdated: bool


class MarkupView(View):
    """What a level added on top of what it was issued: figure, and percent of what it was issued."""

    round: str
    unit: str
    level: str
    basis: str
    indicator: str
    issued: int
    added: int
    percent: float | None
    reason_code: str | None = None


class ChangeView(View):
    """One number of two reports or rounds; null where there is none."""

    from_: int | None = Field(alias="from")
    to: int | None


class ApartView(ChangeView):
    """The same with what lies between; null where one of them is missing."""

    difference: int | None
    percent: float | None


class ReasonsApartView(View):
    """The reason codes beside one number in two rounds."""

    from_: str | None = Field(alias="from")
    to: str | None


class DecisionView(View):
    """What the root presented in a decision round, and what was decided; outcome null until then."""

    presented: dict[str, int]
    outcome: str | None
    figures: dict[str, int]
    document_no: str | None
    dated: str | None


class DiffView(View):
    """Two rounds of one plan: numbers and reason codes that differ, promises that lie between them.

    `also` has the further numbers by basis. `commitments` amend a figure of one of the two rounds, or
    are settled in one of them.
    """

    cycle: str
    unit: str
    from_: str = Field(alias="from")
    to: str
    figures: dict[str, ApartView]
    also: dict[str, dict[str, ApartView]]
    reasons: dict[str, ReasonsApartView]
    commitments: list[CommitmentView]


class PlanView(Receipt):
    """One unit's plan as its reader may see it. `figures` are the numbers in force by round.

    `issued_here` marks a root whose tree lacks some of its children: its headline says what was
    issued here this year and is no plan of its own (N16). `beside`, `signals` (about the units
    below) and `stocks` come with reading; in the answer to an act they are null, and so are the
    signals of a plan of an earlier time.
    `gaps` are those of the task, `also_gaps` those of further numbers by basis. `markups` are what the
    levels above and then the unit itself added on top; `changed` is what the unit's last report
    changed since it was returned, `changed_also` the same of further numbers (N5, N7).
    `pending` is an issue that waits for a second person; `papers` is what the root's own parent did.
    `silence` names rounds the unit did not answer in time, with the rule that stands for its answer.
    `handed_to` are the unit's successors, once it has any, `taken_from` those it succeeded.
    """

    cycle: str
    practice: bool = False
    unit: str
    name: str
    level: str
    state: str
    round: str | None
    version: int
    figures: dict[str, dict[str, int]]
    numbers: list[NumberView]
    draft: dict[str, Any] | None = None
    headline: dict[str, HeadlineView]
    issued_here: bool = False
    gaps: dict[str, GapView]
    also_gaps: dict[str, dict[str, GapView]] = Field(default_factory=dict)
    markups: list[MarkupView] = Field(default_factory=list)
    changed: dict[str, ChangeView] = Field(default_factory=dict)
    changed_also: dict[str, dict[str, ChangeView]] = Field(default_factory=dict)
    commitments: list[CommitmentView]
    splits: dict[str, SplitView] = Field(default_factory=dict)
    beside: dict[str, BesideView] | None = None
    signals: list[SignalView] | None = None
    stocks: dict[str, StockView] | None = None
    decisions: dict[str, DecisionView] = Field(default_factory=dict)
    corrections: list[CorrectionView] = Field(default_factory=list)
    pending: PendingView | None = None
    papers: list[PaperView] = Field(default_factory=list)
    window: PlanWindowView | None = None
    silence: dict[str, str] = Field(default_factory=dict)
    handed_to: list[str] = Field(default_factory=list)
    taken_from: list[str] = Field(default_factory=list)
    actions: list[ActionView] = Field(default_factory=list)


class ReceiptView(View):
    """An event's receipt: a C2SP tlog-proof, which with the leaf and the site's key proves itself."""

    event: str
    log: str
    epoch: int
    position: int
    leaf: str = Field(description="The bytes that were hashed, in base64")
    receipt: str


class EventView(View):
    """One event of a plan's history; parts erased since are absent.

    `delegators`: in whose place the actor acted, the one who was given the grant first.
    """

    id: str
    seq: int
    kind: str
    round: str
    recorded_at: dt.datetime
    actor: str
    grant: str
    delegators: list[str]
    cites: list[str]
    parts: dict[str, Any]
    chain: str
