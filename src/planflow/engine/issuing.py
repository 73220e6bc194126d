"""What an issue must keep to: every child named once, nothing created or lost (N5, N10, N14)."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping

from planflow.domain.commands import Allocation, Issue, Reasons
from planflow.domain.figures import TASK, Reason
from planflow.engine import checks, numbers, splits
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import PendingIssue, PlanState
from planflow.errors import Finding
from planflow.quota import exact

_WORDS = "…"  # stands for a text that is not at hand: erased, or not asked for


def all_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    """All that is wrong with an issue now, asked in the order in which each rests on the others."""
    by_code = {child.unit.code: child for child in scene.children}
    for asked in (static_faults, naming_faults, superseding_faults):
        found = list(asked(scene, command))
        if found:
            yield from found
            return
    parts = splits.splittings(scene, command)
    found = [*figure_faults(scene, command, by_code), *size_faults(parts)]
    found = found or list(splits.unexplained(scene, command, parts))
    yield from found or rule_faults(scene, command, parts, by_code)


def rule_faults(
    scene: Scene, command: Issue, parts: list[splits.Splitting], by_code: Mapping[str, Seat]
) -> Iterator[Finding]:
    """Rules of the negotiation that an issue breaks."""
    whole = parts[0].total
    found = [*decided_faults(scene, whole), *paper_faults(scene, command, whole)]
    found = found or list(splits.faults(scene, parts))
    yield from found or promise_faults(scene, changed(scene, command, by_code), by_code)


def changed(scene: Scene, command: Issue, by_code: Mapping[str, Seat]) -> list[Allocation]:
    """What is issued to children whose figures it changes."""
    return [one for one in command.allocations if changes(scene, by_code[one.unit], one)]


def further(one: Allocation) -> dict[str, dict[str, int]]:
    """Further numbers of a child, where there are any."""
    return {basis: dict(figures) for basis, figures in one.also.items() if figures}


def restored(scene: Scene, pending: PendingIssue) -> Issue:
    """The command that waits for a second person, with its texts as far as they are at hand."""
    said, root = scene.said, scene.own.unit.is_root
    return Issue.model_validate(
        {
            "allocations": [
                {**one, "reasons": _reasons(one["reasons"], f"{at}.", said)}
                for at, one in enumerate(pending.allocations)
            ],
            "total": pending.total if root else None,
            "reserve": pending.reserve,
            "also": {
                basis: {"total": one.total if root else None, "reserve": one.reserve}
                for basis, one in pending.also.items()
            },
            "markup": _reasons(pending.markup_reasons, "markup.", said),
            "reason": said.get("reason", _WORDS) if pending.reasoned else "",
            "document_no": pending.document_no,
            "cites": pending.cites,
            "dated": dt.date.fromisoformat(pending.dated) if pending.dated else None,
        }
    )


def codes_and_texts(scene: Scene, given: Reasons, at: str) -> tuple[dict[str, str], dict[str, str]]:
    """Reasons as they wait: codes by indicator, empty for words alone; and the words by place."""
    codes = checks.coded(scene.negotiation.protocol, given, "issue")
    words = checks.texts(given, codes)
    told = {name: codes.get(name, "") for name in given if name in {**codes, **words}}
    return told, {at + name: text for name, text in words.items()}


def paper_faults(scene: Scene, command: Issue, total: Mapping[str, int]) -> Iterator[Finding]:
    """What the root issues is what its parent issued to it on paper, unless it says why (N14)."""
    paper = scene.own.plan.paper(scene.round, "issued")
    if paper is None or command.reason.strip():
        return
    for off in exact.differences(paper.figures, total):
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        params = {"indicator": off.indicator, "document_no": paper.document_no, **fields}
        yield Finding("total_on_paper", params)


def _reasons(codes: Mapping[str, str], at: str, said: Mapping[str, str]) -> Reasons:
    return {
        name: Reason(reason_code=code or None, text=said.get(at + name, "" if code else _WORDS))
        for name, code in codes.items()
    }


def size_faults(found: list[splits.Splitting]) -> Iterator[Finding]:
    """Sums beyond what a figure may be (F2)."""
    for one in found:
        where = "total" if one.basis == TASK else f"also.{one.basis}.total"
        yield from checks.too_large(one.total, where)


def static_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    """What is wrong whatever the scene: a total that is not the root's, names, amounts."""
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


def naming_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    """Every participating child is named once, and nobody else (N5)."""
    if not scene.children:
        return
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


def superseding_faults(scene: Scene, command: Issue) -> Iterator[Finding]:
    """To supersede needs a reason and a document number (N5)."""
    # Also where the unit was issued anew since and signed for it: its own split is replaced.
    superseding = scene.own.plan.record(scene.round).split is not None
    for field, given in (("reason", command.reason), ("document_no", command.document_no)):
        if superseding and not given.strip():
            yield Finding("superseding", {"field": field}, field)


def figure_faults(scene: Scene, command: Issue, by_code: Mapping[str, Seat]) -> Iterator[Finding]:
    """Figures that children may not have or lack, and differences without a reason."""
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


def decided_faults(scene: Scene, total: Mapping[str, int]) -> Iterator[Finding]:
    """What the root issues in all is what was decided, where the protocol holds it to that (N2)."""
    protocol = scene.negotiation.protocol
    source = protocol.rounds_by_name[scene.round].total_from
    if source is None or not scene.own.unit.is_root:
        return
    for off in exact.differences(numbers.in_force(protocol, scene.own.plan, source), total):
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        yield Finding("total_decided", {"indicator": off.indicator, "round": source, **fields})


def changes(scene: Scene, child: Seat, one: Allocation) -> bool:
    """Whether a child is issued what it was not issued yet."""
    record = child.plan.record(scene.round)
    before = (_task(scene, child.plan), record.issued_also)
    return not record.issued_by or before != (one.figures, further(one))


def _task(scene: Scene, plan: PlanState) -> dict[str, int]:
    """What a unit was issued in the open round, as it was corrected since (N13)."""
    return numbers.in_force(scene.negotiation.protocol, plan, scene.round)


def promise_faults(
    scene: Scene, changed: list[Allocation], by_code: Mapping[str, Seat]
) -> Iterator[Finding]:
    """A figure that an open promise amends cannot be issued anew: fulfil or waive it first (N10)."""
    for one in changed:
        child = by_code[one.unit].plan
        for promise in child.promises:
            issued = _task(scene, child)
            moved = one.figures.get(promise.indicator) != issued.get(promise.indicator)
            if promise.status == "open" and promise.amends == scene.round and moved:
                yield Finding("promise_open", {"unit": one.unit, "indicator": promise.indicator})
