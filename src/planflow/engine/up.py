"""Up and adjust rounds: draft, submit, withdraw, accept, return (N4, N6, N7, N11)."""

from collections.abc import Iterator, Mapping
from typing import Any

from planflow.domain.commands import Accept, Return, SaveDraft, Submit, Withdraw
from planflow.domain.events import Draft, spoken
from planflow.domain.figures import TASK, ReconcilingItem
from planflow.engine import checks, guards, lines, numbers
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.limits import bound_findings, ceiling_findings, drafted
from planflow.engine.scene import Scene
from planflow.errors import Finding, guard_failed, invalid
from planflow.quota import exact


def save_draft(scene: Scene, command: SaveDraft, hand: Hand) -> dict[str, Any]:
    """Check a working copy and return it as data; it is no event (F3)."""
    findings = list(_draft_faults(scene, command))
    if findings:
        raise invalid(*findings)
    require(scene, command.action, hand.people, on_behalf=command.on_behalf_of is not None)
    copy = command.model_dump(mode="json")
    if command.on_behalf_of is None:
        del copy["on_behalf_of"]  # the unit's own copy again, whoever typed before
    return copy


def submit(scene: Scene, command: Submit, hand: Hand) -> list[Draft]:
    """Send the working copy up, complete and exact; its parent may, where it says so (代报)."""
    behalf = command.on_behalf_of
    require(scene, command.action, hand.people, on_behalf=behalf is not None)
    draft = SaveDraft.model_validate(scene.own.draft)
    figures = drafted(scene)
    codes = checks.coded(scene.negotiation.protocol, draft.reasons, guards.purpose(scene))
    texts = checks.texts(draft.reasons, codes)
    parts: dict[str, Any] = {
        "figures": {TASK: figures, **draft.also},
        "reasons": codes,
        "reconciling": [_item(one) for one in draft.reconciling],
        "lists": [],  # none is attached (F12)
        # all who had a part in it this round: a submission taken back was theirs too (N14)
        "hands": sorted(
            {*hand.people, *scene.own.typists, *scene.own.plan.record(scene.round).hands}
        ),
    }
    record = scene.own.plan.record(scene.round)
    if record.returned and record.sent_back:  # a resubmission shows what changed (N7)
        changed = lines.changes(record.sent_back.figures, parts["figures"])
        parts["changed"] = changed.pop(TASK, {})
        if changed:
            parts["changed_also"] = changed
    if behalf is not None and scene.parent is not None:
        parts["on_behalf_of"] = {"by": scene.parent.unit.code}
        texts["on_behalf_of"] = behalf.reason
    texts |= {f"reconciling.{at}": one.text for at, one in enumerate(draft.reconciling) if one.text}
    return [_event(scene, hand, "submitted", parts, {"note": command.note, **texts})]


def withdraw(scene: Scene, command: Withdraw, hand: Hand) -> list[Draft]:
    """Take a submission back."""
    require(scene, command.action, hand.people)
    return [_event(scene, hand, "withdrawn", {}, {"reason": command.reason})]


def accept(scene: Scene, command: Accept, hand: Hand) -> list[Draft]:
    """Take a child's figures as reported, or with the parent's own number and its reason code."""
    protocol = scene.negotiation.protocol
    findings = [
        *checks.figures(protocol, scene.own.unit, command.figures, "figures"),
        *checks.reasons(protocol, command.reasons, "settle", "reasons"),
    ]
    if findings:
        raise invalid(*findings)
    require(scene, command.action, hand.people)
    reported = numbers.in_force(protocol, scene.own.plan, scene.round)
    # Only what differs from the report is a number of the parent's own; the rest is "as reported".
    settled = {
        name: value for name, value in command.figures.items() if reported.get(name) != value
    }
    codes = checks.coded(protocol, command.reasons, "settle")
    known = ", ".join(protocol.reason_names("settle"))
    findings = list(checks.unexplained(settled, codes, known, "reasons"))
    if findings:
        raise invalid(*findings)
    taken = {**reported, **settled}
    over = [
        *_sums_below(scene, settled, reported),
        *bound_findings(scene, scene.own, taken),
        *ceiling_findings(scene, scene.own, taken),
    ]
    if over:
        raise guard_failed(*over)
    parts = {"figures": settled, "reasons": {name: codes[name] for name in settled}}
    texts = {"note": command.note, **checks.texts(command.reasons, codes)}
    return [_event(scene, hand, "accepted", parts, texts)]


def return_(scene: Scene, command: Return, hand: Hand) -> list[Draft]:
    """Send a child's submission back with a reason, and the lines it is about (N7).

    Without lines it is about all that the parent itself may change. Nothing is deleted.
    """
    protocol = scene.negotiation.protocol
    findings = list(checks.reason_code(protocol, command.reason_code, "return", "reason_code"))
    findings += checks.indicators(protocol, command.lines, "lines")
    if findings:
        raise invalid(*findings)
    require(scene, command.action, hand.people)
    above = lines.of_parent(scene)
    locked = [one for one in command.lines if above is not None and one not in above]
    if locked and scene.parent:
        unit, known = scene.parent.unit.code, ", ".join(sorted(above or ()))
        raise guard_failed(
            *(
                Finding("line_locked_above", {"indicator": one, "unit": unit, "known": known})
                for one in locked
            )
        )
    named = [one for one in protocol.indicators_by_name if one in (command.lines or above or ())]
    parts = {"reason": {"reason_code": command.reason_code, "lines": named}}
    return [_event(scene, hand, "returned", parts, {"text": command.text})]


def _sums_below(
    scene: Scene, settled: Mapping[str, int], reported: Mapping[str, int]
) -> Iterator[Finding]:
    """In an adjust a sum of units below cannot be settled here: it is the task as it stands (N11)."""
    protocol = scene.negotiation.protocol
    if protocol.rounds_by_name[scene.round].kind != "adjust":
        return
    summed = checks.summed(protocol, scene.own.unit, (child.unit for child in scene.children))
    before = {name: value for name, value in reported.items() if name in settled}
    for off in exact.differences(before, settled):
        if scene.children and off.indicator in summed:
            fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
            yield Finding("sum_stands", {"indicator": off.indicator, **fields})


def _draft_faults(scene: Scene, command: SaveDraft) -> Iterator[Finding]:
    protocol, unit = scene.negotiation.protocol, scene.own.unit
    yield from checks.figures(protocol, unit, command.figures, "figures")
    yield from checks.bases(command.also, "also")
    for basis, figures in command.also.items():
        yield from checks.figures(protocol, unit, figures, f"also.{basis}")
    yield from checks.reasons(protocol, command.reasons, guards.purpose(scene), "reasons")
    summed = checks.summed(protocol, scene.own.unit, (child.unit for child in scene.children))
    for at, item in enumerate(command.reconciling):
        yield from _item_faults(scene, item, f"reconciling.{at}")
        known = item.indicator in protocol.indicators_by_name
        params = {"indicator": item.indicator, "unit": unit.code}
        if known and not (scene.children and item.indicator in summed):
            yield Finding("no_sum_to_reconcile", params, f"reconciling.{at}")
        elif known and _listed(scene, item.indicator):
            yield Finding("list_to_reconcile", params, f"reconciling.{at}")


def _listed(scene: Scene, indicator: str) -> bool:
    """Whether a list stands behind every figure of an indicator: it is then the list that changes."""
    one = scene.negotiation.protocol.indicators_by_name[indicator]
    return scene.cycle.lists == "required" and one.roster is not None


def _item_faults(scene: Scene, item: ReconcilingItem, where: str) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    if item.basis != TASK:
        yield from checks.bases((item.basis,), where)
    if item.indicator not in protocol.indicators_by_name:
        known = ", ".join(protocol.indicators_by_name)
        yield Finding("unknown_indicator", {"indicator": item.indicator, "known": known}, where)
    yield from checks.reason_code(protocol, item.reason_code, "reconcile", f"{where}.reason_code")


def _item(item: ReconcilingItem) -> dict[str, Any]:
    return item.model_dump(exclude={"text"} if item.basis != TASK else {"text", "basis"})


def _event(
    scene: Scene, hand: Hand, kind: str, parts: dict[str, Any], texts: dict[str, str]
) -> Draft:
    parts = {**parts, **spoken(texts)}
    return Draft(kind, scene.own.unit.code, scene.round, parts, hand.mint())
