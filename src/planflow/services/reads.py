"""Who read what belongs to others: on record before the answer goes out, or there is no answer (F9)."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from planflow.access.scope import Standing
from planflow.access.table import covering, is_own
from planflow.domain.units import UnitNode
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.store import accesses
from planflow.store.accesses import Access
from planflow.store.beginning import Within
from planflow.store.transaction import Tx

KINDS = (
    "history",
    "events",
    "events_file",
    "documents",
    "bundle",
    "delegations",
    "accounts",
    "access_records",
    "access_records_file",
)
T = TypeVar("T")


def answered(
    site: Site,
    actor: str,
    work: Callable[[Tx], tuple[T, Sequence[Access]]],
    within: Within | None = None,
) -> T:
    """Read on one snapshot; what the answer shows of others is recorded, durably, before it goes out.

    The record is a unit of work of its own: the reading one cannot write. Raises `Fault` where the
    record cannot be written; then nothing is shown.
    """
    answer, shown = site.database.read(work, within)
    if shown:
        rows = [(site.mint(), one) for one in shown]
        site.database.write(lambda tx: accesses.add(tx, actor, site.clock(), rows))
    return answer


def of_others(
    kind: str,
    reader: Reader,
    standings: Sequence[Standing],
    shown: Iterable[str],
    *,
    cycle: str,
    unit: UnitNode | None = None,
    asked: Mapping[str, str] | None = None,
) -> list[Access]:
    """What to record of an answer that shows things of the plans at these places, one for each thing.

    What belongs to a unit the reader acts for is their own. An answer about one other unit is recorded
    also where it shows nothing: that there is nothing tells something too.
    """
    counts: Counter[Standing] = Counter()
    for path in shown:
        by = None if is_own(standings, path) else covering(standings, path)
        if by is not None:
            counts[by] += 1
    if unit is not None and not counts and not is_own(standings, unit.path):
        by = covering(standings, unit.path)
        if by is not None:
            counts[by] = 0
    return [
        Access(kind, by.grant, cycle, unit.id if unit else _unit_of(reader, by), count, asked or {})
        for by, count in counts.items()
    ]


def filters(values: Mapping[str, object], told: Iterable[str]) -> dict[str, str]:
    """What was filtered by; the value itself only for fields that can hold nobody's name."""
    plain = set(told)
    return {name: str(one) if name in plain else "*" for name, one in values.items() if one}


def _unit_of(reader: Reader, by: Standing) -> str:
    return next((one.unit_id or "" for one in reader.grants if one.id == by.grant), "")
