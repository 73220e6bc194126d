"""Plans with what stands beside them: past years, the other side, patterns, stocks (N15, N16).

For reading only. An act's answer leaves these out: they rest on other plans and on the register,
and an act's answer says what the act did. All plans of a page are read with a fixed number of
statements.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planflow.domain.past import Past
from planflow.engine import comparison
from planflow.engine.comparison import Pattern
from planflow.engine.numbers import Number
from planflow.engine.scene import Scene
from planflow.messages import sentence
from planflow.quota import stocks
from planflow.quota.signals import Case
from planflow.quota.stocks import Balance
from planflow.services.beside_views import (
    BalanceView,
    BesideView,
    BreakView,
    CaseView,
    FlowView,
    OtherSideView,
    SignalView,
    StockView,
)
from planflow.services.views import PlanView
from planflow.store import past
from planflow.store.transaction import Tx

YEARS_OF_STOCKS = 20
NAMED_AT_MOST = 20  # cases of a signal, and units of a case, that are named


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan as its reader sees it, and the scene it was taken from."""

    scene: Scene
    view: PlanView


def compared(tx: Tx, plans: Sequence[Shown], lang: str) -> list[PlanView]:
    """Plans with everything that stands beside them, now."""
    if not plans:
        return []
    year = plans[0].scene.cycle.year
    own = _own(tx, plans, year)
    below = [seat.unit.id for one in plans for seat in one.scene.children]
    pasts = past.stated(tx, below, year - comparison.YEARS_OF_OUTCOMES, year - 1)
    return [
        _beside(one, own).model_copy(
            update={"signals": [_signal(p, lang) for p in comparison.patterns(one.scene, pasts)]}
        )
        for one in plans
    ]


def compared_then(tx: Tx, one: Shown, moment: dt.datetime) -> PlanView:
    """A plan of an instant with what was known then. The plans below are not asked: no signals."""
    return all_compared_then(tx, [one], moment)[0]


def all_compared_then(tx: Tx, plans: Sequence[Shown], moment: dt.datetime) -> list[PlanView]:
    """The same for a page."""
    if not plans:
        return []
    own = _own(tx, plans, plans[0].scene.cycle.year, moment)
    return [_beside(one, own) for one in plans]


def _own(
    tx: Tx, plans: Sequence[Shown], year: int, moment: dt.datetime | None = None
) -> dict[str, Past]:
    ids = [one.scene.own.unit.id for one in plans]
    return past.stated(tx, ids, year - YEARS_OF_STOCKS, year, moment)


def _beside(one: Shown, pasts: Mapping[str, Past]) -> PlanView:
    own = pasts.get(one.scene.own.unit.id, {})
    found = comparison.beside(one.scene, own)
    views = {
        name: BesideView(
            last_plan=each.last_plan,
            last_outcome=each.last_outcome,
            other_side=_other_side(each.other_side),
            gap=one.view.gaps.get(name),
        )
        for name, each in found.items()
    }
    known = one.scene.negotiation.protocol.indicators_by_name
    checked = {name: stocks.series(years) for name, years in own.items() if name in known}
    return one.view.model_copy(
        update={
            "beside": views,
            "stocks": {
                name: StockView(
                    balances=[_balance(each) for each in series.balances],
                    breaks=[
                        BreakView(
                            year=each.year,
                            closing=each.closing,
                            opening=each.opening,
                            difference=each.difference,
                        )
                        for each in series.breaks
                    ],
                )
                for name, series in checked.items()
                if series.balances or series.breaks
            },
        }
    )


def _other_side(number: Number | None) -> OtherSideView | None:
    if number is None:
        return None
    return OtherSideView(round=number.round, side=number.side, value=number.value)


def _balance(one: Balance) -> BalanceView:
    return BalanceView(
        first=one.first,
        last=one.last,
        stock_start=one.start,
        inflow=one.inflow,
        exits=one.exits,
        adjustment=one.adjustment,
        expected=one.expected,
        stock_end=one.stated,
        difference=one.difference,
        unrecorded=[FlowView(year=flow.year, flow=flow.flow) for flow in one.unrecorded],
    )


def _signal(pattern: Pattern, lang: str) -> SignalView:
    signal = pattern.signal
    params = {
        "indicator": signal.indicator,
        "of": signal.of,
        "count": len(signal.cases),
        "threshold": str(signal.threshold),
    }
    return SignalView(
        name=signal.name,
        text=sentence(f"signal.{signal.name}", params, lang),
        indicator=signal.indicator or None,
        side=pattern.side,
        threshold=str(signal.threshold),
        of=signal.of,
        count=len(signal.cases),
        cases=[_case(case) for case in signal.cases[:NAMED_AT_MOST]],
    )


def _case(case: Case) -> CaseView:
    return CaseView(
        units=list(case.units[:NAMED_AT_MOST]),
        count=len(case.units),
        numbers=dict(case.numbers),
        result=str(case.result),
    )
