"""Down rounds: issue, confirm and acknowledge; nothing is created or lost (N5, N14, N18)."""

from collections.abc import Iterator, Mapping
from typing import Any

from planflow.domain.commands import Acknowledge, Allocation, ConfirmIssue, Issue
from planflow.domain.events import Draft, Many, spoken
from planflow.domain.figures import TASK
from planflow.engine import checks, issuing, splits
from planflow.engine.guards import require
from planflow.engine.hand import Hand
from planflow.engine.scene import Scene
from planflow.engine.state import PendingIssue, Portion
from planflow.errors import Finding, guard_failed, invalid


def acknowledge(scene: Scene, command: Acknowledge, hand: Hand) -> list[Draft]:
    """Sign for what was issued."""
    require(scene, command.action, hand.people)
    return [Draft("acknowledged", scene.own.unit.code, scene.round, {}, hand.mint())]


def issue(scene: Scene, command: Issue, hand: Hand) -> list[Draft]:
    """Issue to every child in one act; in a round already issued, supersede (N5).

    Writes one event in the issuer's plan and one in each child's whose figures change, citing each
    other. Where the protocol asks for a second person, it waits in the issuer's plan (N14).
    """
    _refuse(invalid, issuing.static_faults(scene, command))
    _refuse(invalid, issuing.naming_faults(scene, command))
    require(scene, command.action, hand.people)
    _refuse(invalid, issuing.superseding_faults(scene, command))
    by_code = {child.unit.code: child for child in scene.children}
    _refuse(invalid, issuing.figure_faults(scene, command, by_code))
    found = splits.splittings(scene, command)
    _refuse(invalid, issuing.size_faults(found))
    _refuse(invalid, splits.unexplained(scene, command, found))
    _refuse(guard_failed, issuing.rule_faults(scene, command, found, by_code))
    if scene.negotiation.protocol.rounds_by_name[scene.round].second_person:
        return [_proposed(scene, command, found, hand)]
    return _events(scene, command, found, hand)


def confirm(scene: Scene, command: ConfirmIssue, hand: Hand) -> list[Draft]:
    """Let an issue that a colleague proposed take effect, exactly as an issue does (N14)."""
    require(scene, command.action, hand.people)
    pending = scene.own.plan.pending
    if pending is None:
        raise AssertionError("the guards found what waits")
    issued = issuing.restored(scene, pending)
    return _events(scene, issued, splits.splittings(scene, issued), hand, pending)


def _proposed(scene: Scene, command: Issue, found: list[splits.Splitting], hand: Hand) -> Draft:
    entries, texts = [], {"reason": command.reason}
    for at, one in enumerate(command.allocations):
        reasons, words = issuing.codes_and_texts(scene, one.reasons, f"{at}.")
        texts |= words
        entries.append({"unit": one.unit, **_share(one), "reasons": reasons})
    marked, words = issuing.codes_and_texts(scene, command.markup, "markup.")
    portions = {one.basis: one.portion(markup=False) for one in found}
    run = scene.cycle.runs.get(scene.round, 0)
    parts: dict[str, Any] = {
        "split": _split(portions),
        "terms": {**_terms(command), "reasoned": bool(command.reason), "run": run},
        "markup_reasons": marked,
        "allocations": Many(entries),
        **spoken(texts | words),
    }
    return Draft("issue_proposed", scene.own.unit.code, scene.round, parts, hand.mint())


def _terms(command: Issue) -> dict[str, Any]:
    return {
        "document_no": command.document_no,
        "cites": list(command.cites),
        "dated": command.dated.isoformat() if command.dated else "",
    }


def _split(portions: Mapping[str, Portion]) -> dict[str, Any]:
    further = {basis: _portion(one) for basis, one in portions.items() if basis != TASK}
    return {**_portion(portions[TASK]), **({"also": further} if further else {})}


def _events(
    scene: Scene,
    command: Issue,
    found: list[splits.Splitting],
    hand: Hand,
    pending: PendingIssue | None = None,
) -> list[Draft]:
    by_code = {child.unit.code: child for child in scene.children}
    changed = issuing.changed(scene, command, by_code)
    portions = {one.basis: one.portion(markup=True) for one in found}
    own_id = hand.mint()
    child_ids = {one.unit: hand.mint() for one in changed}
    terms = _terms(command)
    if pending:
        terms["hands"] = sorted({*pending.hands, *hand.people})
    entries = [
        {"unit": one.unit, "event": child_ids.get(one.unit, ""), **_share(one)}
        for one in command.allocations
    ]
    parts: dict[str, Any] = {
        "split": _split(portions),
        "terms": terms,
        "allocations": Many(entries),
    }
    texts = {"reason": command.reason}
    marked = {name: one for name, one in command.markup.items() if _marked(portions, name)}
    if marked:
        codes = checks.coded(scene.negotiation.protocol, marked, "issue")
        parts["markup_reasons"] = codes
        texts |= {f"markup.{name}": said for name, said in checks.texts(marked, codes).items()}
    parts |= spoken(texts)
    cites = (pending.event,) if pending else ()
    drafts = [Draft("distributed", scene.own.unit.code, scene.round, parts, own_id, cites)]
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
    also = issuing.further(one)
    return {"figures": dict(one.figures), **({"also": also} if also else {})}


def _portion(one: Portion) -> dict[str, Any]:
    return one.model_dump(exclude=set() if one.markup else {"markup"})


def _marked(portions: Mapping[str, Portion], indicator: str) -> bool:
    return any(indicator in one.markup for one in portions.values())


def _refuse(kind: Any, findings: Iterator[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise kind(*found)
