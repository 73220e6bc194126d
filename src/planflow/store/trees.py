"""The tree of a cycle as it is (N1): places of units, nearest units above and below in a round.

Places are kept in memory under the tree's version, so that a change by any process is seen.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, literal, not_, select

from planflow.domain.events import cycle_stream
from planflow.domain.units import UnitNode
from planflow.engine.state import CycleState
from planflow.store.tables import CycleRow, CycleUnitRow, EventRow, UnitRow, table
from planflow.store.transaction import Database, Tx

UNITS, CYCLES, REGISTER = table(CycleUnitRow), table(CycleRow), table(UnitRow)
EVENTS = table(EventRow)
_COLUMNS = (
    UNITS.c.unit_id,
    UNITS.c.code,
    UNITS.c.name,
    UNITS.c.level,
    UNITS.c.path,
    UNITS.c.attributes,
    UNITS.c.no_task,
    UNITS.c.since,
    UNITS.c.gone,
)
_KEPT_AT_MOST = 200_000
_IN_AT_MOST = 500


class Tree(NamedTuple):
    """A cycle's tree at one version: the position of the event that changed it last."""

    cycle: str
    version: int


class Taking(NamedTuple):
    """Who takes part in a round: units of these levels that joined no later than it."""

    levels: frozenset[str]
    place: int

    def has(self, unit: Any) -> bool:
        """Whether a unit takes part, as far as its level and its joining tell."""
        return unit.level in self.levels and unit.since <= self.place


def node(database: Database, tx: Tx, tree: Tree, code: str) -> UnitNode | None:
    """A unit's place; None outside the cycle's tree."""
    return nodes(database, tx, tree, [code]).get(code)


def nodes(database: Database, tx: Tx, tree: Tree, codes: Sequence[str]) -> dict[str, UnitNode]:
    """Places of several units by code; unknown codes are left out."""
    memory = _memory(database)
    found = {code: memory.get(("node", tree, code)) for code in codes}
    lacking = [code for code, place in found.items() if place is None]
    for at in range(0, len(lacking), _IN_AT_MOST):
        part = lacking[at : at + _IN_AT_MOST]
        rows = tx.connection.execute(
            select(*_COLUMNS).where(UNITS.c.cycle_id == tree.cycle, UNITS.c.code.in_(part))
        )
        for row in rows:
            found[row.code] = memory["node", tree, row.code] = node_of(row)
    return {code: place for code, place in found.items() if place is not None}


def node_of_unit(
    database: Database, tx: Tx, tree: Tree, unit_ids: Sequence[str]
) -> dict[str, UnitNode]:
    """Places of units by identity; those outside the cycle's tree are left out."""
    memory = _memory(database)
    found = {one: memory.get(("unit", tree, one)) for one in unit_ids}
    lacking = [one for one, place in found.items() if place is None]
    for at in range(0, len(lacking), _IN_AT_MOST):
        part = lacking[at : at + _IN_AT_MOST]
        query = select(*_COLUMNS).where(UNITS.c.cycle_id == tree.cycle, UNITS.c.unit_id.in_(part))
        for row in tx.connection.execute(query):
            found[row.unit_id] = memory["unit", tree, row.unit_id] = node_of(row)
    return {one: place for one, place in found.items() if place is not None}


def not_dropped() -> ColumnElement[bool]:
    """Cycles that were not dropped; only practice cycles can be."""
    dropping = exists().where(
        EVENTS.c.stream == literal(cycle_stream("")) + CYCLES.c.id,
        EVENTS.c.kind == "cycle_dropped",
    )
    return not_(dropping)


def cycles_with(tx: Tx, unit_ids: Sequence[str], after: str, limit: int) -> list[CycleState]:
    """A page of cycles with any of these units in their trees, by id."""
    seen = exists().where(UNITS.c.cycle_id == CYCLES.c.id, UNITS.c.unit_id.in_(unit_ids))
    query = select(CYCLES.c.body).where(seen, not_dropped(), CYCLES.c.id > after)
    rows = tx.connection.execute(query.order_by(CYCLES.c.id).limit(limit)).scalars()
    return [CycleState.model_validate_json(body) for body in rows]


def cycles_of(tx: Tx, code: str) -> list[str]:
    """Cycles with a unit in their tree, the one with the latest event first."""
    query = (
        select(CYCLES.c.id)
        .join(UNITS, UNITS.c.cycle_id == CYCLES.c.id)
        .where(UNITS.c.code == code, not_dropped())
        .order_by(CYCLES.c.recorded_at.desc(), CYCLES.c.id.desc())
    )
    return list(tx.connection.execute(query).scalars())


def above(
    database: Database, tx: Tx, tree: Tree, unit: UnitNode, taking: Taking
) -> UnitNode | None:
    """The nearest unit above that takes part in a round (N2)."""
    found = nodes(database, tx, tree, unit.ancestors)
    places = (found[code] for code in unit.ancestors if code in found)
    return next((place for place in places if taking.has(place)), None)


def below(
    database: Database, tx: Tx, tree: Tree, parents: Sequence[UnitNode], taking: Taking
) -> dict[str, tuple[UnitNode, ...]]:
    """The nearest units below each of these that take part, in the order of their codes.

    One statement for units that take part directly below; one more per level that does not.
    """
    memory = _memory(database)
    found = {one.code: memory.get(("below", tree, one.code, taking)) for one in parents}
    lacking = [code for code, children in found.items() if children is None]
    gathered: dict[str, list[UnitNode]] = {code: [] for code in lacking}
    owner = {code: code for code in lacking}  # code looked below → the parent it is for
    while owner:
        passed: dict[str, str] = {}
        for row in _directly_below(tx, tree.cycle, list(owner)):
            if row.no_task:
                continue
            if taking.has(row):
                gathered[owner[row.parent_code]].append(node_of(row))
            else:
                passed[row.code] = owner[row.parent_code]
        owner = passed
    for code, children in gathered.items():
        ordered = tuple(sorted(children, key=lambda one: one.code))
        found[code] = memory["below", tree, code, taking] = ordered
    return {code: children or () for code, children in found.items()}


def is_partial(tx: Tx, cycle: str, unit: UnitNode) -> bool:
    """Whether a root's tree lacks some of its children, so that its total is not its own (N16).

    Children that are registered and not in the tree are lacking. A tree with one child alone says
    nothing but that child: nobody can tell it from a tree that lacks all the others.
    """
    if not unit.is_root:
        return False
    here = select(UNITS.c.unit_id).where(
        UNITS.c.cycle_id == cycle, UNITS.c.parent_code == unit.code
    )
    lacking = select(func.count()).where(
        REGISTER.c.parent_id == unit.id, REGISTER.c.id.not_in(here)
    )
    present = select(func.count()).select_from(here.subquery())
    row = tx.connection.execute(
        select(
            present.scalar_subquery().label("present"), lacking.scalar_subquery().label("lacking")
        )
    ).one()
    return row.present == 1 or bool(row.present and row.lacking)


def _memory(database: Database) -> dict[Any, Any]:
    if len(database.memory) > _KEPT_AT_MOST:
        database.memory.clear()
    return database.memory


def _directly_below(tx: Tx, cycle: str, codes: list[str]) -> Iterable[Any]:
    for at in range(0, len(codes), _IN_AT_MOST):
        part = codes[at : at + _IN_AT_MOST]
        yield from tx.connection.execute(
            select(*_COLUMNS, UNITS.c.parent_code).where(
                UNITS.c.cycle_id == cycle, UNITS.c.parent_code.in_(part)
            )
        )


def node_of(row: Any) -> UnitNode:
    """A place from a row that holds it."""
    return UnitNode(
        id=row.unit_id,
        code=row.code,
        name=row.name,
        level=row.level,
        path=row.path,
        attributes=frozenset(part for part in row.attributes.split(";") if part),
        no_task=row.no_task,
        since=row.since,
        left=row.gone,
    )
