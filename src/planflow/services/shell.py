"""What the command line looks up before it knows who asks: names and codes, no plan's content."""

from planflow.access.scope import READERS
from planflow.errors import Refusal
from planflow.services import reads
from planflow.services.site import SHELL, Site
from planflow.store import people, trees
from planflow.store.accesses import Access
from planflow.store.seats import cycle_head
from planflow.store.transaction import Tx


def latest_cycle(site: Site, unit: str) -> str:
    """The cycle with this unit in which something happened last. Raises `Refusal` `not_found`."""
    found = site.database.read(lambda tx: trees.cycles_of(tx, unit))
    if not found:
        raise Refusal("not_found", {"kind": "unit", "name": unit})
    return found[0]


def readers(site: Site, cycle: str, unit: str) -> list[str]:
    """Names of the users in whose scope a unit lies; that they were looked up is recorded.

    Raises `Refusal` `not_found`.
    """

    def work(tx: Tx) -> tuple[list[str], list[Access]]:
        head = cycle_head(site.database, tx, cycle)
        place = trees.node(site.database, tx, head.tree, unit) if head else None
        if head is None or place is None:
            raise Refusal("not_found", {"kind": "unit", "name": unit})
        above = trees.nodes(site.database, tx, head.tree, [unit, *place.ancestors])
        names = people.names_at(tx, [one.id for one in above.values()], READERS, site.clock())
        return names, [Access("accounts", "", cycle, place.id, len(names))] if names else []

    return reads.answered(site, SHELL, work)
