"""Past years: import from a planner's file (N15, N16)."""

from typing import Any

from planflow.domain.events import Draft, Many
from planflow.domain.past import PastRow, PastYear
from planflow.engine.machine import compile_protocol
from planflow.exchange.history_csv import FIRST_YEAR, LAST_YEAR, Known, read_history
from planflow.protocol import loader
from planflow.services.site import Site, site_event
from planflow.services.units import Imported
from planflow.store import past, sites
from planflow.store.transaction import Tx

_ROWS_PER_ENTRY = 500


def import_history(site: Site, data: bytes) -> Imported:
    """State past years from a CSV file, all rows or none; an earlier statement stays as a version.

    Raises `Refusal` `history_invalid` naming rows.
    """

    def work(tx: Tx) -> Imported:
        head = sites.lock_site(tx)
        named = Known(_indicators(tx), lambda codes: sites.registered(tx, [*codes]))
        rows = read_history(data, named, site.settings.file_limit)
        ids = {
            code: one.id for code, one in sites.registered(tx, [*{r.unit for r in rows}]).items()
        }
        known = past.stated(tx, [*ids.values()], FIRST_YEAR, LAST_YEAR)
        added, changed = _compared(rows, ids, known)
        if added or changed:
            past.add(tx, [*added, *changed], head.position + 1)
            site_event(site, tx, _event(site, added, changed), site.shell())
        return Imported(len(added), len(changed), len(rows) - len(added) - len(changed))

    return site.records.write(work)


def _indicators(tx: Tx) -> dict[str, int]:
    """Indicators of every protocol known here, with their lowest figure."""
    lowest: dict[str, int] = {}
    for text in [*loader.bundled().values(), *past.protocol_texts(tx)]:
        for one in compile_protocol(text).protocol.indicators:
            lowest[one.name] = min(one.minimum, lowest.get(one.name, one.minimum))
    return lowest


def _compared(
    rows: list[PastRow], ids: dict[str, str], known: dict[str, Any]
) -> tuple[list[tuple[str, PastYear]], list[tuple[str, PastYear]]]:
    """Rows that are new and rows that differ from what stands."""
    stands = {
        (unit_id, one.indicator, one.year): one
        for unit_id, years in known.items()
        for several in years.values()
        for one in several
    }
    added, changed = [], []
    for row in rows:
        unit_id, stated = ids[row.unit], row.stated
        old = stands.get((unit_id, stated.indicator, stated.year))
        if old is not None and old != stated:
            changed.append((unit_id, stated))
        elif old is None and not stated.says_nothing:
            added.append((unit_id, stated))
    return added, changed


def _event(
    site: Site, added: list[tuple[str, PastYear]], changed: list[tuple[str, PastYear]]
) -> Draft:
    rows: list[dict[str, Any]] = [
        {"unit": unit_id, "year": one.year, "indicator": one.indicator}
        | {name: amount for name, amount in one.amounts.items() if amount is not None}
        for unit_id, one in [*added, *changed]
    ]
    chunks = [rows[at : at + _ROWS_PER_ENTRY] for at in range(0, len(rows), _ROWS_PER_ENTRY)]
    counts = {"added": len(added), "changed": len(changed)}
    return Draft("history_imported", "", "", {"counts": counts, "years": Many(chunks)}, site.mint())
