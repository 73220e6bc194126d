"""What a reader may see of a cycle and its plans: what lies outside it is not found (404, never 403)."""

from dataclasses import dataclass

from planflow.access import table as access
from planflow.access.table import Standing
from planflow.domain.units import UnitNode
from planflow.errors import Refusal
from planflow.services import people
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.store import trees
from planflow.store.opening import Opened
from planflow.store.seats import CycleHead, Lock, cycle_head
from planflow.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Sight:
    """A plan a reader may see: its cycle, unit, parent in the round, and the reader's grants there."""

    head: CycleHead
    unit: UnitNode
    parent: UnitNode | None
    standings: list[Standing]
    opened: Opened | None = None  # the plan and the one above it, where they were read on the way


def of_cycle(
    site: Site, tx: Tx, reader: Reader, cycle: str, lock: Lock
) -> tuple[CycleHead, list[Standing]]:
    """A cycle with a reader's grants there. Raises `Refusal` `not_found`."""
    head = cycle_head(site.database, tx, cycle, lock)
    standings = people.standings(site, tx, reader, head.tree) if head else []
    if head is None or not any(one.role in access.READERS for one in standings):
        raise Refusal("not_found", {"kind": "cycle", "name": cycle})
    return head, standings


def of_plan(site: Site, tx: Tx, reader: Reader, cycle: str, unit: str, lock: Lock) -> Sight:
    """Find a plan in the reader's scope; one outside it is not found (404, never 403)."""
    head, standings = of_cycle(site, tx, reader, cycle, lock)
    place = trees.node(site.database, tx, head.tree, unit)
    if place is None or not access.may_read(standings, place.path):
        raise Refusal("not_found", {"kind": "unit", "name": unit})
    return Sight(
        head, place, trees.above(site.database, tx, head.tree, place, head.taking_now), standings
    )
