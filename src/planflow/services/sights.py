"""What a reader may see of a cycle and its plans: what lies outside it is not found (404, never 403).

Every list and every look-up of the services goes through here: the scope is made in one place.
"""

from collections.abc import Collection
from dataclasses import dataclass

from planflow.access import scope as access
from planflow.access.scope import Scope, Standing
from planflow.domain.units import UnitNode
from planflow.errors import Refusal
from planflow.services import people
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.store import planting, trees
from planflow.store.opening import Opened
from planflow.store.seats import CycleHead, Lock, cycle_head
from planflow.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class InCycle:
    """A cycle that somebody sees, their standings in its tree, and what they read of it."""

    head: CycleHead
    standings: list[Standing]
    scope: Scope


@dataclass(frozen=True, slots=True)
class Sight:
    """A plan a reader may see: its cycle, unit, parent in the round, and the reader's grants there."""

    head: CycleHead
    unit: UnitNode
    parent: UnitNode | None
    standings: list[Standing]
    opened: Opened | None = None  # the plan and the one above it, where they were read on the way


def of_cycle(
    site: Site, tx: Tx, reader: Reader, cycle: str, lock: Lock = "none", *, dropped: bool = False
) -> InCycle:
    """A cycle in which a reader reads some plan. Raises `Refusal` `not_found`."""
    head = cycle_head(site.database, tx, cycle, lock, dropped=dropped)
    standings = people.standings(site, tx, reader, head.tree) if head else []
    scope = access.scope(standings)
    if head is None or not scope:
        raise Refusal("not_found", {"kind": "cycle", "name": cycle})
    return InCycle(head, standings, scope)


def place(site: Site, tx: Tx, seen: InCycle, unit: str, asked: str | None = None) -> UnitNode:
    """The place of a unit in scope. Raises `Refusal` `not_found`, by the name that was `asked` for."""
    found = trees.node(site.database, tx, seen.head.tree, unit)
    if found is None or not seen.scope.has(found.path):
        raise Refusal("not_found", {"kind": "unit", "name": asked or unit})
    return found


def part(site: Site, tx: Tx, seen: InCycle, unit: str | None) -> Scope:
    """The reader's scope; of it what lies at and below a unit, where one is named. Raises the same."""
    return seen.scope if unit is None else Scope((place(site, tx, seen, unit).path,))


def beyond(tx: Tx, head: CycleHead, scope: Scope, codes: Collection[str]) -> frozenset[str]:
    """Which of some units, named by their codes of any time, the reader does not see.

    Nothing is asked of the database where nobody is named, or by those who see the root.
    """
    if not codes or scope.has(head.state.root):
        return frozenset()
    found = planting.ever(tx, head.state.id, codes)
    seen = {code for code, _ in found} - {code for code, path in found if not scope.has(path)}
    return frozenset(codes) - seen


def of_plan(
    site: Site,
    tx: Tx,
    reader: Reader,
    cycle: str,
    unit: str,
    lock: Lock,
    asked: str | None = None,
) -> Sight:
    """Find a plan in the reader's scope; one outside it is not found (404, never 403)."""
    seen = of_cycle(site, tx, reader, cycle, lock)
    unit_there, head = place(site, tx, seen, unit, asked), seen.head
    above = trees.above(site.database, tx, head.tree, unit_there, head.taking_now)
    return Sight(head, unit_there, above, seen.standings)
