"""The register of units: import and look-up (N1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from planflow.access.scope import runs_the_site, units_read
from planflow.domain.events import Draft, Many
from planflow.domain.units import UnitNode, UnitRow
from planflow.engine.hand import Hand
from planflow.errors import Finding, Refusal
from planflow.exchange.units_csv import read_units
from planflow.services.people import Reader
from planflow.services.site import Site, site_event
from planflow.services.views import Page, UnitView
from planflow.store import sites
from planflow.store.sites import Registered
from planflow.store.transaction import Tx

_ROWS_PER_ENTRY = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """How many units an import added, changed and found as they were."""

    added: int
    changed: int
    unchanged: int


def import_units(site: Site, data: bytes) -> Imported:
    """Register the units of a CSV file, all or none; a unit keeps its identity by its code.

    Raises `Refusal` `units_invalid` naming rows.
    """

    def work(tx: Tx) -> Imported:
        head = sites.lock_site(tx)
        known = sites.registered(tx)
        rows = read_units(data, known, site.settings.file_limit)
        _refuse_cycles(rows, known)
        added, changed = _compared(site, rows, known)
        if added or changed:
            sites.write_units(tx, added, changed, head.position + 1)
            site_event(site, tx, _event(site, added, changed), site.shell())
        return Imported(len(added), len(changed), len(rows) - len(added) - len(changed))

    return site.database.write(work)


def any_registered(site: Site) -> bool:
    """Whether the site has any unit at all: for whoever sets it up, before anybody can sign in."""
    return site.database.read(lambda tx: bool(sites.children_of(tx, None, "", 1)))


def list_units(
    site: Site, reader: Reader, parent: str | None, cursor: str | None, limit: int | None = None
) -> Page[UnitView]:
    """Units directly below one, or those without a parent, by code, as far as the reader sees.

    Raises `Refusal` `not_found`.
    """
    size = min(limit or site.settings.page_limit, site.settings.page_limit)

    def work(tx: Tx) -> Page[UnitView]:
        sight = _sight(tx, reader)
        above = _seen(tx, sight, parent) if parent else None
        only = None
        if sight is not None and (above is None or not _within(tx, sight, above)):
            only = sight.line
        found = sites.children_of(tx, above.id if above else None, cursor or "", size + 1, only)
        items = [_view(unit, above) for unit in found[:size]]
        return Page(items=items, next=items[-1].code if len(found) > size else None)

    return site.database.read(work)


def get_unit(site: Site, reader: Reader, code: str) -> UnitView:
    """One registered unit in the reader's sight. Raises `Refusal` `not_found`."""

    def work(tx: Tx) -> UnitView:
        unit = _seen(tx, _sight(tx, reader), code)
        return _view(unit, sites.by_id(tx, unit.parent_id) if unit.parent_id else None)

    return site.database.read(work)


@dataclass(frozen=True, slots=True)
class _Sight:
    """The units a reader has a place at, and the line from each of them up to its root."""

    own: frozenset[str]
    line: frozenset[str]


def _sight(tx: Tx, reader: Reader) -> _Sight | None:
    """What a reader sees of the register: their subtrees and the way up. None: all of it.

    Whoever runs the site has no place in the tree, and sees it whole: units are no plan content.
    """
    if runs_the_site(reader.grants):
        return None
    own = units_read(reader.grants)
    return _Sight(own, frozenset(one for unit in own for one in sites.line_of(tx, unit)))


def _within(tx: Tx, sight: _Sight, unit: Registered) -> bool:
    return not sight.own.isdisjoint(sites.line_of(tx, unit.id))


def _seen(tx: Tx, sight: _Sight | None, code: str) -> Registered:
    found = sites.registered(tx, [code]).get(code)
    if found is not None and (sight is None or found.id in sight.line or _within(tx, sight, found)):
        return found
    raise Refusal("not_found", {"kind": "unit", "name": code})


def _view(unit: Registered, parent: Registered | None) -> UnitView:
    return UnitView(
        code=unit.code,
        name=unit.name,
        level=unit.level,
        parent=parent.code if parent else None,
        attributes=[part for part in unit.attributes.split(";") if part],
    )


def _refuse_cycles(rows: list[UnitRow], known: dict[str, Registered]) -> None:
    """A file may move a registered unit: not below itself (N1). Cycles in the file are found there."""
    codes = {unit.id: unit.code for unit in known.values()}
    above = {code: codes.get(unit.parent_id or "", "") for code, unit in known.items()}
    above |= {row.code: row.parent for row in rows}
    sound: set[str] = {""}
    for row in rows:
        climbed: list[str] = []
        code = row.code
        while code not in sound:
            if code in climbed:
                names = [*climbed[climbed.index(code) :], code]
                params = {"codes": " → ".join(names[:20]), "length": len(names) - 1}
                raise Refusal(
                    "units_invalid",
                    {"count": 1},
                    findings=[Finding("unit_cycle", params, row.code)],
                )
            climbed.append(code)
            code = above.get(code, "")
        sound.update(climbed)


def _compared(
    site: Site, rows: list[UnitRow], known: dict[str, Registered]
) -> tuple[list[Registered], list[Registered]]:
    """Rows that are new and rows that differ; parents come before children."""
    ids = {code: unit.id for code, unit in known.items()}
    added, changed = [], []
    for row in rows:
        old = known.get(row.code)
        ids.setdefault(row.code, site.mint())
        parent_id = ids[row.parent] if row.parent else None
        attributes = ";".join(sorted(row.attributes))
        unit = Registered(ids[row.code], row.code, row.name, row.level, parent_id, attributes)
        if old is None:
            added.append(unit)
        elif old != unit:
            changed.append(unit)
    return added, changed


def rename(site: Site, tx: Tx, renamed: Sequence[UnitNode], hand: Hand) -> None:
    """Give registered units other codes and names; each stays the same unit (N1)."""
    if not renamed:
        return
    head = sites.lock_site(tx)
    changed = []
    for node in renamed:
        old = sites.by_id(tx, node.id)
        new = replace(old, code=node.code, name=node.name)
        if new != old:
            changed.append(new)
    if changed:
        sites.write_units(tx, [], changed, head.position + 1)
        site_event(site, tx, _event(site, [], changed, "units_renamed"), hand)


def _event(
    site: Site, added: list[Registered], changed: list[Registered], kind: str = "units_imported"
) -> Draft:
    rows: list[dict[str, Any]] = [
        {"id": one.id, "code": one.code, "name": one.name, "level": one.level}
        | {"parent": one.parent_id or "", "attributes": one.attributes}
        for one in [*added, *changed]
    ]
    chunks = [rows[at : at + _ROWS_PER_ENTRY] for at in range(0, len(rows), _ROWS_PER_ENTRY)]
    counts = {"added": len(added), "changed": len(changed)}
    return Draft(kind, "", "", {"counts": counts, "units": Many(chunks)}, site.mint())
