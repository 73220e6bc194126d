"""A cycle, a plan and the plan above it, read and locked in one statement (F6, F8).

Which rows these are is taken from the cycle as this process saw it last, and holds as long as the
cycle's tree and open round are still the same, which the statement itself tells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    true,
)

from planflow.domain.units import UnitNode
from planflow.engine.scene import Seat
from planflow.store import grants, row_security, seats, trees
from planflow.store.driver import Statement, row_of
from planflow.store.seats import CYCLES, PLANS, CycleHead, PlanHead
from planflow.store.transaction import Database, Tx

_HEAD = tuple(column.name for column in CYCLES.c)
_PLAN = tuple(column.name for column in PLANS.c)
_PlanRow: Any = row_of(_PLAN)
_OVER = slice(len(_HEAD), len(_HEAD) + len(_PLAN))
_OWN = slice(_OVER.stop, _OVER.stop + len(_PLAN))


@dataclass(frozen=True, slots=True)
class Opened:
    """A plan and the one above it, locked, under a cycle that is locked too; `heads` by unit code.

    `lapsed`: something that the act rests on ended before all was locked.
    """

    head: CycleHead
    unit: UnitNode
    parent: UnitNode | None
    seats: dict[str, Seat]
    heads: dict[str, PlanHead]
    lapsed: bool


def remember(database: Database, head: CycleHead) -> CycleHead:
    """Keep a cycle as it was seen."""
    database.memory["seen", head.state.id] = head
    return head


def opened(
    database: Database,
    tx: Tx,
    cycle: str,
    code: str,
    may: Callable[[CycleHead, UnitNode], bool],
    rests: str,
) -> Opened | None:
    """A plan opened for an act on it alone; None where it takes the long way.

    `may` tells, of the cycle and the unit as they were seen last, whether to lock anything; `rests`
    what the act rests on (`grants.lapsed`).
    """
    seen: CycleHead | None = database.memory.get(("seen", cycle))
    place = trees.node(database, tx, seen.tree, code) if seen else None
    if seen is None or place is None or not may(seen, place):
        return None
    above = trees.above(database, tx, seen.tree, place, seen.taking_now)
    ids = {"over": above.id if above else "", "own": place.id}
    rows = _three().rows(tx, cycle=cycle, rests=rests, **ids)
    if not rows:
        return None
    row = rows[0]
    same_chain = row.chain == seen.chain
    head = seen if same_chain else remember(database, seats.head_of(database, tx, row))
    same = head.tree == seen.tree and head.taking_now == seen.taking_now
    if head.state.dropped or not same:
        return None
    here: dict[str, Seat] = {}
    heads: dict[str, PlanHead] = {}
    for unit, columns in ((above, _OVER), (place, _OWN)):
        if unit is None:
            continue
        plan = _PlanRow._make(row[columns])
        if plan.unit_id is None and tx.locks:
            return None  # a row that does not exist cannot be locked: it is begun on the long way
        found = plan if plan.unit_id else None
        here[unit.code], heads[unit.code] = seats.seat_of(unit, found, head.state.open_round)
    return Opened(head, place, above, here, heads, bool(row.lapsed))


@cache
def _three() -> Statement:
    """The cycle first, then the plan above, then the plan: locked in this order (F6)."""
    units = func.string_to_array(bindparam("over"), literal_column("','"))
    above = row_security.around(units, literal_column("'share'"))
    here, there = grants.lapsed("rests")
    return Statement(_ordered(_plan("over"), here), _ordered(select(above), there))


def _ordered(over_it: Select[Any], lapsed: ColumnElement[bool]) -> Select[Any]:
    cycle: Any = bindparam("cycle")
    held = select(CYCLES).where(CYCLES.c.id == cycle).with_for_update(read=True).cte("held")
    over = over_it.where(exists(select(held.c.id))).cte("over")
    after = select(func.count()).select_from(over).scalar_subquery() >= literal_column("0")
    own = _plan("own").where(and_(exists(select(held.c.id)), after)).with_for_update().cte("own")
    columns = [
        *(held.c[name] for name in _HEAD),
        *(part.c[name].label(f"{part.name}_{name}") for part in (over, own) for name in _PLAN),
        lapsed.label("lapsed"),  # told last, of rows that are locked
    ]
    joined = held.outerjoin(over, true()).outerjoin(own, true())
    return select(*columns).select_from(joined)


def _plan(name: str) -> Select[Any]:
    cycle: Any = bindparam("cycle")
    return select(PLANS).where(PLANS.c.cycle_id == cycle, PLANS.c.unit_id == bindparam(name))
