"""A cycle's tree as it is written: fixed at opening, changed in place, every version kept (N1, F5)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, insert, literal, or_, select, update

from planflow.access.scope import Scope
from planflow.domain.units import UnitNode
from planflow.store.scopes import at_or_below, below, within
from planflow.store.tables import CycleUnitRow, CycleUnitVersionRow, PlanRow, table
from planflow.store.transaction import Tx
from planflow.store.trees import node_of

UNITS, VERSIONS, PLANS = table(CycleUnitRow), table(CycleUnitVersionRow), table(PlanRow)
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Move:
    """A place that is new, or that changed from the one at `old`."""

    node: UnitNode
    old: UnitNode | None = None

    @property
    def reaches_below(self) -> bool:
        """Whether the places of units below change with it."""
        if self.old is None or self.node.left:
            return False
        return self.node.path != self.old.path or self.node.no_task != self.old.no_task


def fix(tx: Tx, rows: list[dict[str, Any]], position: int) -> None:
    """Write a cycle's tree as it is fixed when the cycle opens."""
    for at in range(0, len(rows), _AT_ONCE):
        part = rows[at : at + _AT_ONCE]
        tx.connection.execute(insert(UNITS), part)
        tx.connection.execute(insert(VERSIONS), [{**row, "position": position} for row in part])


def change(tx: Tx, cycle: str, position: int, moves: Sequence[Move]) -> None:
    """Change places, and with them the paths of all units below; keep every version."""
    for one in moves:
        if one.old is None:
            tx.connection.execute(insert(UNITS), {"cycle_id": cycle, **_row(one.node)})
        else:
            _move(tx, cycle, one.node, one.old)
    for one in moves:
        which = UNITS.c.path == one.node.path
        if one.reaches_below:
            which = or_(which, below(UNITS.c.path, one.node.path))
        copied = [column for column in VERSIONS.columns if column.name != "position"]
        source = select(*(UNITS.c[column.name] for column in copied), literal(position)).where(
            UNITS.c.cycle_id == cycle, which
        )
        names = [*(column.name for column in copied), "position"]
        tx.connection.execute(insert(VERSIONS).from_select(names, source))


def at(
    tx: Tx,
    cycle: str,
    position: int,
    *,
    code: str | None = None,
    scope: Scope | None = None,
    after: str = "",
    limit: int = 1,
    gone: bool = False,
) -> list[UnitNode]:
    """Places of the tree as it was after the cycle's event of a position, by path.

    `scope` has places of today: only units that stand at or below one of them now are found. Units
    that had left by then are told of only where `gone`.
    """
    later = VERSIONS.alias()
    newest = (
        select(func.max(later.c.position))
        .where(later.c.cycle_id == VERSIONS.c.cycle_id, later.c.unit_id == VERSIONS.c.unit_id)
        .where(later.c.position <= position)
        .scalar_subquery()
    )
    same = and_(UNITS.c.cycle_id == VERSIONS.c.cycle_id, UNITS.c.unit_id == VERSIONS.c.unit_id)
    query = (
        select(VERSIONS)
        .select_from(VERSIONS.join(UNITS, same))
        .where(VERSIONS.c.cycle_id == cycle, VERSIONS.c.position == newest)
        .where(VERSIONS.c.path > after)
        .order_by(VERSIONS.c.path)
        .limit(limit)
    )
    if not gone:
        query = query.where(VERSIONS.c.gone.is_(False))
    if code is not None:
        query = query.where(VERSIONS.c.code == code)
    if scope is not None:
        query = query.where(within(UNITS.c.path, scope))
    return [node_of(row) for row in tx.connection.execute(query)]


def ever(tx: Tx, cycle: str, codes: Collection[str]) -> set[tuple[str, str]]:
    """Codes of now or earlier, each with the place of today of a unit that bears it or once did."""
    same = and_(UNITS.c.cycle_id == VERSIONS.c.cycle_id, UNITS.c.unit_id == VERSIONS.c.unit_id)
    query = (
        select(VERSIONS.c.code, UNITS.c.path)
        .select_from(VERSIONS.join(UNITS, same))
        .where(VERSIONS.c.cycle_id == cycle, VERSIONS.c.code.in_(sorted(codes)))
        .distinct()
    )
    return {(row.code, row.path) for row in tx.connection.execute(query)}


def children(tx: Tx, cycle: str, parents: Sequence[str]) -> dict[str, list[UnitNode]]:
    """Units directly below some, by the parent's code; those that left are not among them."""
    found: dict[str, list[UnitNode]] = {code: [] for code in parents}
    query = select(UNITS).where(
        UNITS.c.cycle_id == cycle, UNITS.c.parent_code.in_(parents), UNITS.c.gone.is_(False)
    )
    for row in tx.connection.execute(query.order_by(UNITS.c.path)):
        found[row.parent_code].append(node_of(row))
    return found


def busy(tx: Tx, cycle: str, path: str) -> bool:
    """Whether a unit, or one below it, has acted in the cycle."""
    query = select(PLANS.c.unit_id).where(
        PLANS.c.cycle_id == cycle,
        PLANS.c.position > 0,
        at_or_below(PLANS.c.path, path),
    )
    return tx.connection.execute(query.limit(1)).first() is not None


def _move(tx: Tx, cycle: str, node: UnitNode, old: UnitNode) -> None:
    unit = and_(UNITS.c.cycle_id == cycle, UNITS.c.unit_id == node.id)
    tx.connection.execute(update(UNITS).where(unit).values(_row(node)))
    if node.path != old.path:
        for rows in (UNITS, PLANS):
            rest = func.substr(rows.c.path, len(old.path) + 1)
            moved = and_(rows.c.cycle_id == cycle, below(rows.c.path, old.path))
            tx.connection.execute(
                update(rows).where(moved).values(path=literal(node.path).concat(rest))
            )
        own = and_(PLANS.c.cycle_id == cycle, PLANS.c.unit_id == node.id)
        tx.connection.execute(update(PLANS).where(own).values(path=node.path))
    if node.code != old.code:
        child = and_(UNITS.c.cycle_id == cycle, UNITS.c.parent_code == old.code)
        tx.connection.execute(update(UNITS).where(child).values(parent_code=node.code))
    if node.no_task and not node.left:
        under = and_(UNITS.c.cycle_id == cycle, below(UNITS.c.path, node.path))
        tx.connection.execute(update(UNITS).where(under).values(no_task=True))


def _row(node: UnitNode) -> dict[str, Any]:
    return {
        "unit_id": node.id,
        "code": node.code,
        "name": node.name,
        "level": node.level,
        "parent_code": node.parent or None,
        "path": node.path,
        "attributes": ";".join(sorted(node.attributes)),
        "no_task": node.no_task,
        "since": node.since,
        "gone": node.left,
    }
