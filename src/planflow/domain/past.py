"""What a year brought: plan, outcome, and what stood and moved behind them (N15, N16)."""

from collections.abc import Mapping
from dataclasses import dataclass

ADJUSTMENT = "adjustment"  # the one flow with a sign of its own
FLOWS = ("inflow", "exits", ADJUSTMENT)
AMOUNTS = ("plan", "outcome", "stock_start", *FLOWS, "stock_end")


@dataclass(frozen=True, slots=True)
class PastYear:
    """One unit's year by one indicator, as stated. What is None was not stated; it is not zero."""

    year: int
    indicator: str
    plan: int | None = None
    outcome: int | None = None
    stock_start: int | None = None
    inflow: int | None = None
    exits: int | None = None
    adjustment: int | None = None
    stock_end: int | None = None

    @property
    def amounts(self) -> dict[str, int | None]:
        """All amounts by name."""
        return {name: getattr(self, name) for name in AMOUNTS}

    @property
    def says_nothing(self) -> bool:
        """Whether no amount is stated: such a row takes back what an earlier one stated."""
        return all(amount is None for amount in self.amounts.values())


# indicator → its years, in order
Past = Mapping[str, tuple[PastYear, ...]]


@dataclass(frozen=True, slots=True)
class PastRow:
    """A row of a planner's file."""

    unit: str
    stated: PastYear
