"""Lines that a return unlocks (N7). Where no list is attached, a line is an indicator."""

from collections.abc import Iterator, Mapping
from typing import Any

from planflow.domain.figures import TASK
from planflow.engine import checks, numbers
from planflow.engine.limits import drafted, items_of
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import Record
from planflow.errors import Finding
from planflow.quota import exact

Lines = frozenset[str] | None  # None: all of them
ByBasis = Mapping[str, Mapping[str, int]]


def of_return(record: Record) -> Lines:
    """Lines that the return of a unit's report left open; all, unless it named some."""
    return frozenset(record.unlocked) if record.returned and record.unlocked else None


def of_parent(scene: Scene) -> Lines:
    """Lines that may move below the unit above: no child unlocks more than its parent has."""
    return of_return(scene.parent.plan.record(scene.round)) if scene.parent else None


def locked_findings(scene: Scene) -> Iterator[Finding]:
    """Lines of the working copy that are changed, though no return is about them.

    A unit with children answers for what it adds itself: its sums follow the children's lines.
    """
    record = scene.own.plan.record(scene.round)
    own, above = of_return(record), of_parent(scene)
    if own is None and above is None:
        return
    protocol = scene.negotiation.protocol
    known = [one for one in protocol.indicators_by_name if _open(one, own) and _open(one, above)]
    below = (child.unit for child in scene.children)
    summed = checks.summed(protocol, scene.own.unit, below)
    draft: Mapping[str, Any] = scene.own.draft or {}
    figures = {TASK: drafted(scene), **draft.get("also", {})}
    moved = changes(_figures_before(scene, record), figures)
    changed = {name for names in moved.values() for name in names} - summed
    items = record.sent_back.items if record.returned and record.sent_back else ()
    before, after = numbers.items_by_basis(items), items_of(scene)
    for basis in dict.fromkeys([*before, *after]):
        differing = exact.differences(before.get(basis, {}), after.get(basis, {}))
        changed |= {off.indicator for off in differing}
    for name in protocol.indicators_by_name:
        if name in changed and name not in known:
            was = moved.get(TASK, {}).get(name, {}).get("from")
            params = {"indicator": name, "expected": was, "known": ", ".join(known)}
            yield Finding("line_locked", params)


def locks(seat: Seat, round_name: str, line: str) -> bool:
    """Whether a unit was returned without this line."""
    return not _open(line, of_return(seat.plan.record(round_name)))


def changes(before: ByBasis, after: ByBasis) -> dict[str, dict[str, dict[str, int | None]]]:
    """What a report changed: basis → indicator → from, to; null where there was no figure (N3)."""
    found: dict[str, dict[str, dict[str, int | None]]] = {}
    for basis in dict.fromkeys([*before, *after]):
        old, new = before.get(basis, {}), after.get(basis, {})
        for name in dict.fromkeys([*old, *new]):
            if old.get(name) != new.get(name):
                pair = {"from": old.get(name), "to": new.get(name)}
                found.setdefault(basis, {})[name] = pair
    return found


def answered(record: Record) -> dict[str, dict[str, dict[str, int | None]]]:
    """What a unit changed since its report was returned; nothing before it reports again."""
    if record.sent_back is None or not record.reported:
        return {}
    return changes(record.sent_back.figures, record.reported)


def _figures_before(scene: Scene, record: Record) -> ByBasis:
    if record.returned and record.sent_back:
        return record.sent_back.figures
    stood = numbers.in_force(scene.negotiation.protocol, scene.own.plan, scene.round)
    # Who never reported has no line that could be locked.
    return {TASK: stood} if stood else {TASK: drafted(scene)}


def _open(line: str, lines: Lines) -> bool:
    return lines is None or line in lines
