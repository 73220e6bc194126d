"""What is known of a cycle and of a plan: frozen values that a fold of events produces."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from planflow.domain.figures import TASK, Noun


class Item(Noun):
    """A reconciling item's amount and reason code; its text stays in the event alone."""

    indicator: str
    amount: int
    reason_code: str
    basis: str = TASK


class Portion(Noun):
    """What was split of one basis: total, reserve held, and what was added on top of both (N5)."""

    total: dict[str, int]
    reserve: dict[str, int]
    markup: dict[str, int] = Field(default_factory=dict)


class Markup(Noun):
    """What a unit's level added on top of what it was issued, as told to those below (N5)."""

    unit: str
    level: str
    basis: str
    indicator: str
    issued: int
    added: int


class Split(Portion):
    """What a unit issued on, and the issue to itself that it splits; `also` by basis (N3)."""

    also: dict[str, Portion] = Field(default_factory=dict)
    markup_reasons: dict[str, str] = Field(default_factory=dict)
    document_no: str = ""
    of: str = ""
    corrected: dict[str, int] = Field(default_factory=dict)  # parts of the reserve, since (N13)

    @property
    def held(self) -> dict[str, int]:
        """The reserve as it stands."""
        return {**self.reserve, **self.corrected}

    def portions(self) -> dict[str, Portion]:
        """All that was split, by basis."""
        return {TASK: self, **self.also}


class Corrected(Noun):
    """A number put over another after its round was closed, with who did it (N13)."""

    value: int
    reason_code: str = ""
    document_no: str = ""
    amended: bool = False  # by a resolution that was cited
    proposed_by: str = ""
    approved_by: str = ""


class Decision(Noun):
    """What the root presented in a decision round, and what was decided about it (N2)."""

    presented: dict[str, int]
    presented_by: str  # the event
    outcome: str = ""  # approved | amended | rejected; empty until decided
    figures: dict[str, int] = Field(default_factory=dict)  # as decided; none where rejected
    document_no: str = ""
    dated: str = ""

    @property
    def in_force(self) -> dict[str, int]:
        """The figures decided or, before that, presented; none after a rejection."""
        return dict(self.figures if self.outcome else self.presented)


class SentBack(Noun):
    """What a unit had reported when it was returned: figures by basis, and its items (N7)."""

    figures: dict[str, dict[str, int]]
    items: tuple[Item, ...] = ()


class Record(Noun):
    """A unit's numbers in one round. Free texts are not here: they can be erased from the event."""

    reported: dict[str, dict[str, int]] = Field(default_factory=dict)  # basis → indicator → value
    reported_reasons: dict[str, str] = Field(default_factory=dict)
    reconciling: tuple[Item, ...] = ()
    raised: dict[str, int] = Field(default_factory=dict)  # a root's base by its children's (N11)
    settled: dict[str, int] = Field(default_factory=dict)
    settled_reasons: dict[str, str] = Field(default_factory=dict)
    issued: dict[str, int] = Field(default_factory=dict)
    issued_also: dict[str, dict[str, int]] = Field(default_factory=dict)  # as `reported`
    issued_reasons: dict[str, str] = Field(default_factory=dict)
    issued_by: str = ""  # the event
    markups: tuple[Markup, ...] = ()  # of the levels above, in what was issued
    document_no: str = ""
    split: Split | None = None
    returned: bool = False  # sent back by the parent and not accepted since
    unlocked: tuple[str, ...] = ()  # lines that a return is about; none named: all
    sent_back: SentBack | None = None  # the report that was returned last
    decision: Decision | None = None
    hands: tuple[str, ...] = ()  # who typed or submitted what stands here (N14)
    authors: tuple[str, ...] = ()  # who put the other side's number: settled, issued, decided (N14)
    corrected: dict[str, Corrected] = Field(default_factory=dict)  # over whatever stood (N13)
    stage: str = ""  # the last one reached in this round


class Proposal(Noun):
    """A correction of figures in a closed round, as proposed; by unit, its own first (N13).

    `was` and `held` are the figures in force and the reserves when it was proposed; `top` is the
    unit whose admin decides; `hands` are people who may not: who proposed it, and whose figures it
    corrects (N14).
    """

    id: str
    event: str
    round: str
    by: str
    figures: dict[str, dict[str, int]]
    reserve: dict[str, dict[str, int]]
    was: dict[str, dict[str, int]]
    held: dict[str, dict[str, int]]
    top: str
    hands: tuple[str, ...]
    proposers: tuple[str, ...] = ()  # who proposed it, and in whose place
    reason_code: str = ""
    document_no: str = ""
    dated: str = ""
    cites: tuple[str, ...] = ()
    status: str = "proposed"  # proposed | approved | rejected
    decided_by: str = ""

    @property
    def amends(self) -> bool:
        """Whether it goes back to a resolution."""
        return bool(self.cites)


class PendingIssue(Noun):
    """An issue that waits for a second person (N14). Free texts stay in its event.

    `allocations` hold unit, figures, and per indicator with a reason its code, empty for words alone.
    """

    event: str
    round: str
    by: str
    hands: tuple[str, ...]  # who proposed it, and in whose place
    total: dict[str, int]
    reserve: dict[str, int]
    also: dict[str, Portion] = Field(default_factory=dict)
    markup_reasons: dict[str, str] = Field(default_factory=dict)
    allocations: tuple[dict[str, Any], ...]
    reasoned: bool
    run: int = 0  # of its round: nothing that waits outlasts the round
    document_no: str
    cites: tuple[str, ...]
    dated: str


class Paper(Noun):
    """What the root's parent did on paper, recorded by one person and confirmed by another (N14)."""

    id: str
    round: str
    act: str
    figures: dict[str, int]
    document_no: str
    dated: str
    by: str
    hands: tuple[str, ...]
    status: str = "recorded"  # recorded | confirmed | superseded
    confirmed_by: str = ""


class Promise(Noun):
    """A commitment this unit holds (N10). `from_` is the figure in force when it was made."""

    id: str
    indicator: str
    from_: int
    to: int
    funded: bool
    settle_in: str
    amends: str
    document_no: str = ""
    part_of: str = ""
    status: str = "open"  # open | fulfilled | waived | handed_over
    passed_on: bool = False
    reserve: int = 0

    @property
    def change(self) -> int:
        """What the promise adds to the figure it amends."""
        return self.to - self.from_


class Chosen(Noun):
    """A headline that the parent chose instead of the usual one (N3)."""

    round: str
    basis: str


class Lapse(Noun):
    """What a declared silence makes of a unit that did not answer in a round (N9)."""

    rule: str
    figures: dict[str, int]


class PlanState(Noun):
    """One unit's plan: fold of its own events. `position` counts them.

    `lapses`, by round, come from the cycle's stream alone (`engine.silence`): they are never stored.
    """

    state: str = "waiting"
    position: int = 0
    rounds: dict[str, Record] = Field(default_factory=dict)
    promises: tuple[Promise, ...] = ()
    headline: dict[str, Chosen] = Field(default_factory=dict)
    extensions: dict[str, dt.datetime] = Field(default_factory=dict)
    corrections: tuple[Proposal, ...] = ()
    pending: PendingIssue | None = None
    papers: tuple[Paper, ...] = ()
    handed_to: tuple[str, ...] = ()  # codes of its successors, once it has any (N1)
    taken_from: tuple[str, ...] = ()  # codes of those it succeeded
    lapses: dict[str, Lapse] = Field(default_factory=dict, exclude=True)

    @property
    def round(self) -> str:
        """Round of the last act; empty before the first."""
        return self.state.rpartition(".")[0]

    def record(self, round_name: str) -> Record:
        """The unit's numbers in a round; empty when it has none."""
        return self.rounds.get(round_name, _NOTHING)

    def promise(self, promise_id: str) -> Promise | None:
        """The commitment of this id, if the unit holds it."""
        return next((one for one in self.promises if one.id == promise_id), None)

    @property
    def proposal(self) -> Proposal | None:
        """The correction that waits for a decision: at most one."""
        return next((one for one in self.corrections if one.status == "proposed"), None)

    def paper(self, round_name: str, act: str, status: str = "confirmed") -> Paper | None:
        """The last paper of a round in such a standing."""
        found = [p for p in self.papers if (p.round, p.act, p.status) == (round_name, act, status)]
        return found[-1] if found else None

    def having(self, round_name: str, **changes: Any) -> "PlanState":
        """The same plan with other numbers in one round."""
        record = self.record(round_name).but(**changes)
        return self.but(rounds={**self.rounds, round_name: record})


_NOTHING = Record()
NEW_PLAN = PlanState()


class Window(Noun):
    """When a level, or a unit, may act in a round. The last instant is within it."""

    opens_at: dt.datetime | None = None
    due_at: dt.datetime | None = None

    def begun(self, now: dt.datetime) -> bool:
        """Whether it has opened."""
        return self.opens_at is None or now >= self.opens_at

    def over(self, now: dt.datetime) -> bool:
        """Whether it has ended; without a due date it never does."""
        return self.due_at is not None and now > self.due_at


class RoundTerms(Noun):
    """Under what terms a round was opened, and what silence made of it at close; all by level (N9).

    `assumed` are years in which working days were taken to be Monday to Friday, for want of data.
    """

    windows: dict[str, Window] = Field(default_factory=dict)
    silence: dict[str, str] = Field(default_factory=dict)
    assumed: tuple[int, ...] = ()
    applied: dict[str, str] = Field(default_factory=dict)
    silent: int = 0


_NO_TERMS = RoundTerms()


class CycleState(Noun):
    """One cycle: fold of its own events. `rounds` holds those ever opened, `open` or `closed`."""

    id: str
    protocol: str
    digest: str
    year: int
    root: str
    leaf_level: str
    zone: str = "Asia/Shanghai"
    lists: str = "optional"
    practice: bool = False
    dropped: bool = False
    position: int = 0
    tree: int = 1  # position of the event that changed the tree last (N1)
    rounds: dict[str, str] = Field(default_factory=dict)
    runs: dict[str, int] = Field(default_factory=dict)  # how often a round was opened once more
    settled: bool = False
    terms: dict[str, RoundTerms] = Field(default_factory=dict)

    def terms_of(self, round_name: str) -> RoundTerms:
        """The terms of a round; none where it was opened without."""
        return self.terms.get(round_name, _NO_TERMS)

    @property
    def open_round(self) -> str:
        """The round that is open; empty between rounds."""
        return next((name for name, status in self.rounds.items() if status == "open"), "")

    def is_open(self, round_name: str) -> bool:
        """Whether a round is open now."""
        return self.rounds.get(round_name) == "open"


Figures = Mapping[str, int]
