"""What stands beside a plan, as a reader is shown it (N15, N16)."""

from pydantic import Field

from planflow.services.view import View


class GapView(View):
    """From the last number asked to the last issued; percent of the one asked, null from zero."""

    from_: int = Field(alias="from")
    to: int
    difference: int
    percent: float | None


class OtherSideView(View):
    """The last number of the side that does not speak in this round."""

    round: str
    side: str
    value: int


class BesideView(View):
    """What stands beside an offer: last year, the other side, and the gap (N15)."""

    last_plan: int | None
    last_outcome: int | None
    other_side: OtherSideView | None
    gap: GapView | None


class CaseView(View):
    """Units that a signal holds for (the first of them, and how many), numbers in, result out."""

    units: list[str]
    count: int
    numbers: dict[str, int]
    result: str


class SignalView(View):
    """A pattern among the units below, as arithmetic: no verdict (N15). Fractions are exact: "1/20".

    `of` says how many units could be looked at, `count` how many cases were found; the first are named.
    """

    name: str
    text: str
    indicator: str | None
    side: str
    threshold: str
    of: int
    count: int
    cases: list[CaseView]


class FlowView(View):
    """A flow of a year that nobody recorded; in the sums it adds nothing."""

    year: int
    flow: str


class BalanceView(View):
    """Years from one stated stock to the next; `difference` is what does not add up (N16)."""

    first: int
    last: int
    stock_start: int
    inflow: int
    exits: int
    adjustment: int
    expected: int
    stock_end: int | None
    difference: int | None
    unrecorded: list[FlowView]


class BreakView(View):
    """A turn of the year at which the old year's closing stock is not the new one's opening stock."""

    year: int
    closing: int
    opening: int
    difference: int


class StockView(View):
    """An indicator's stocks through the years, as stated."""

    balances: list[BalanceView]
    breaks: list[BreakView]
