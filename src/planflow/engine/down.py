"""Down rounds: issue and acknowledge; nothing is created or lost (N5, N18)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from planflow.domain.commands import Acknowledge, Allocation, Issue
from planflow.domain.events import Draft, Many, spoken
from planflow.domain.figures import TASK
from planflow.engine import checks, numbers, splits
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import Portion
from planflow.errors import Finding, guard_failed, invalid
from planflow.quota import exact


def acknowledge(scene: Scene, command: Acknowledge, hand: Hand) -> list[Draft]:
    """Sign for what was issued."""
    require(scene, command.action, hand.actor)
    return [Draft("acknowledged", scene.own.unit.code, scene.round, {}, hand.mint())]


def issue(scene: Scene, command: Issue, hand: Hand) -> list[Draft]:
    """Issue to every child in one act; in a round already issued, supersede (N5).

    Writes one event in the issuer's plan and one in each child's whose figures change, citing each
    other.
    """
    _refuse(invalid, _static_faults(scene, command))
    if scene.children:
        _refuse(invalid, _naming_faults(scene, command))
    require(scene, command.action, hand.actor)
    _refuse(invalid, _superseding_faults(scene, command))
    by_code = {child.unit.code: child for child in scene.children}
    _refuse(invalid, _figure_faults(scene, command, by_code))
    found = splits.splittings(scene, command)
    _refuse(invalid, _size_faults(found))
    _refuse(invalid, splits.unexplained(scene, command, found))
    _refuse(guard_failed, _decided_faults(scene, found[0].total))
    _refuse(guard_failed, splits.faults(scene, found))
    changed = [one for one in command.allocations if _changes(scene, by_code[one.unit], one)]
    _refuse(guard_failed, _promise_faults(scene, changed, by_code))
    portions = {one.basis: one.portion(markup=True) for one in found}
    return _events(scene, command, portions, changed, hand)


def _events(
    scene: Scene,
    command: Issue,
    portions: Mapping[str, Portion],
    changed: list[Allocation],
    hand: Hand,
) -> list[Draft]:
    own_id = hand.mint()
    child_ids = {one.unit: hand.mint() for one in changed}
    terms = {"document_no": command.document_no, "cites": list(command.cites)}
    terms["dated"] = command.dated.isoformat() if command.dated else ""
    entries = [
        {"unit": one.unit, "event": child_ids.get(one.unit, ""), **_share(one)}
        for one in command.allocations
    ]
    further = {basis: _portion(one) for basis, one in portions.items() if basis != TASK}
    split = {**_portion(portions[TASK]), **({"also": further} if further else {})}
    parts: dict[str, Any] = {"split": split, "terms": terms, "allocations": Many(entries)}
    texts = {"reason": command.reason}
    marked = {name: one for name, one in command.markup.items() if _marked(portions, name)}
    if marked:
        codes = checks.coded(scene.negotiation.protocol, marked, "issue")
        parts["markup_reasons"] = codes
        texts |= {f"markup.{name}": said for name, said in checks.texts(marked, codes).items()}
    parts |= spoken(texts)
    drafts = [Draft("distributed", scene.own.unit.code, scene.round, parts, own_id)]
    told = [one.model_dump() for one in splits.markups(scene, portions)]
    return drafts + [
        _issued(
            scene, one, child_ids[one.unit], (own_id,), {"terms": terms, "markups": told}, command
        )
        for one in changed
    ]


def _issued(
    scene: Scene,
    one: Allocation,
    event: str,
    cites: tuple[str, ...],
    told: dict[str, Any],
    command: Issue,
) -> Draft:
    codes = checks.coded(scene.negotiation.protocol, one.reasons, "issue")
    texts = checks.texts(one.reasons, codes)
    if command.reason:
        texts["reason"] = command.reason
    parts = {**_share(one), "reasons": codes, "terms": told["terms"], **spoken(texts)}
    if told["markups"]:
        parts["markups"] = told["markups"]
    return Draft("issued", one.unit, scene.round, parts, event, cites)


def _share(one: Allocation) -> dict[str, Any]:
    """What one child gets; further numbers only where there are any."""
    also = _further(one)
    return {"figures": dict(one.figures), **({"also": also} if also else {})}


def _further(one: Allocation) -> dict[str, dict[str, int]]:
    return {basis: dict(figures) for basis, figures in one.also.items() if figures}


def _portion(one: Portion) -> dict[str, Any]:
    return one.model_dump(exclude=set() if one.markup else {"markup"})


def _marked(portions: Mapping[str, Portion], indicator: str) -> bool:
    return any(indicator in one.markup for one in portions.values())


def _size_faults(found: list[splits.Splitting]) -> Iterator[Finding]:
    for one in found:
        where = "total" if one.basis == TASK else f"also.{one.basis}.total"
        yield from checks.too_large(one.total, where)


def _static_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    yield from _terms_faults(scene, command.total, command.reserve, "")
    yield from checks.bases(command.also, "also", but=(TASK,))
    for basis, terms in command.also.items():
        yield from _terms_faults(scene, terms.total, terms.reserve, f"also.{basis}.")
    yield from checks.reasons(protocol, command.markup, "issue", "markup")
    for at, one in enumerate(command.allocations):
        yield from checks.bases(one.also, f"allocations.{at}.also", but=(TASK,))
        yield from checks.reasons(protocol, one.reasons, "issue", f"allocations.{at}.reasons")


def _terms_faults(
    scene: Scene, total: Mapping[str, int] | None, reserve: Mapping[str, int], where: str
) -> Iterator[Finding]:
    protocol, unit = scene.negotiation.protocol, scene.own.unit
    if total is not None and not unit.is_root:
        yield Finding("total_not_root", {"unit": unit.code}, f"{where}total")
    if total is not None:
        yield from checks.figures(protocol, unit, total, f"{where}total")
    yield from checks.amounts(protocol, reserve, f"{where}reserve")


def _naming_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    """Every participating child is named once, and nobody else (N5)."""
    named = Counter(one.unit for one in command.allocations)
    known = {child.unit.code: child.unit.name for child in scene.children}
    for at, one in enumerate(command.allocations):
        if one.unit not in known:
            params = {"unit": one.unit, "parent": scene.own.unit.code}
            yield Finding("unknown_unit", params, f"allocations.{at}.unit")
        elif named[one.unit] > 1:
            yield Finding("duplicate_unit", {"unit": one.unit}, f"allocations.{at}.unit")
    for code, name in known.items():
        if code not in named:
            yield Finding("missing_child", {"unit": code, "name": name}, "allocations")


def _superseding_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    # Also where the unit was issued anew since and signed for it: its own split is replaced.
    superseding = scene.own.plan.record(scene.round).split is not None
    for field, given in (("reason", command.reason), ("document_no", command.document_no)):
        if superseding and not given.strip():
            yield Finding("superseding", {"field": field}, field)


def _figure_faults(scene: Scene, command: Issue, by_code: Mapping[str, Seat]) -> Iterator[Finding]:
    protocol, name = scene.negotiation.protocol, scene.round
    for at, one in enumerate(command.allocations):
        unit, where = by_code[one.unit].unit, f"allocations.{at}"
        yield from checks.figures(protocol, unit, one.figures, f"{where}.figures")
        yield from checks.missing(protocol, unit, name, one.figures, f"{where}.figures")
        for basis, figures in one.also.items():
            yield from checks.figures(protocol, unit, figures, f"{where}.also.{basis}")
        yield from _reason_faults(scene, by_code[one.unit], one, where)


def _reason_faults(scene: Scene, child: Seat, one: Allocation, where: str) -> Iterator[Finding]:
    """What differs from the number accepted last needs a reason, where the protocol says so (N5)."""
    protocol = scene.negotiation.protocol
    against = protocol.rounds_by_name[scene.round].reason_against
    if against is None:
        return
    known = ", ".join(protocol.reason_names("issue"))
    asked = numbers.by_basis(protocol, child.plan, against)
    differing = {
        name: None
        for basis, figures in {TASK: one.figures, **one.also}.items()
        for name, value in figures.items()
        if asked.get(basis, {}).get(name, value) != value
    }
    for name in differing:
        if not checks.said(one.reasons, name):
            params = {"indicator": name, "unit": one.unit, "known": known}
            yield Finding("missing_reason", params, f"{where}.reasons.{name}")


def _decided_faults(scene: Scene, total: Mapping[str, int]) -> Iterator[Finding]:
    """What the root issues in all is what was decided, where the protocol holds it to that (N2)."""
    protocol = scene.negotiation.protocol
    source = protocol.rounds_by_name[scene.round].total_from
    if source is None or not scene.own.unit.is_root:
        return
    for off in exact.differences(numbers.in_force(protocol, scene.own.plan, source), total):
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        yield Finding("total_decided", {"indicator": off.indicator, "round": source, **fields})


def _changes(scene: Scene, child: Seat, one: Allocation) -> bool:
    record = child.plan.record(scene.round)
    before = (record.issued, record.issued_also)
    return not record.issued_by or before != (one.figures, _further(one))


def _promise_faults(
    scene: Scene, changed: list[Allocation], by_code: Mapping[str, Seat]
) -> Iterator[Finding]:
    """A figure that an open promise amends cannot be issued anew: fulfil or waive it first (N10)."""
    for one in changed:
        child = by_code[one.unit].plan
        for promise in child.promises:
            issued = child.record(scene.round).issued
            moved = one.figures.get(promise.indicator) != issued.get(promise.indicator)
            if promise.status == "open" and promise.amends == scene.round and moved:
                yield Finding("promise_open", {"unit": one.unit, "indicator": promise.indicator})


def _refuse(kind: Any, findings: Iterator[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise kind(*found)
