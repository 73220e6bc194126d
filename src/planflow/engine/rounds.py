"""Acts of the root's admin on a whole cycle: open it, open a round, close a round (N2, N6, N9, N11)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planflow.domain.commands import CloseRound, DropCycle, OpenCycle
from planflow.domain.events import Draft, Many, spoken
from planflow.domain.figures import TASK
from planflow.engine import checks, numbers
from planflow.engine.hand import Hand
from planflow.engine.limits import bound_findings
from planflow.engine.machine import Negotiation
from planflow.engine.scene import Scene
from planflow.engine.state import CycleState, Figures
from planflow.errors import Finding, Refusal, guard_failed, invalid

NAMED_AT_MOST = 20
_ROWS_PER_ENTRY = 500


@dataclass(frozen=True, slots=True)
class Tree:
    """A cycle's tree as it is fixed: rows of unit id, code, parent's code, level and no task.

    `site_position` and `site_chain` name the last event of the register it was taken from.
    """

    rows: Sequence[tuple[str, str, str, str, bool]]
    site_position: int
    site_chain: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A unit that keeps a round from closing, with its state."""

    code: str
    name: str
    state: str
    level: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the whole tree looks like when a round is to be closed.

    `unfinished` units of `unfinished_count`; open commitments due in the round as (unit, indicator);
    `mismatched` are scenes of units whose children changed figures in an adjust round. `silent` are
    the first of `silent_count` units that declared silence settles, by `rules` of their levels; the
    codes of all of them where it is to be applied.
    """

    unfinished: Sequence[Unfinished] = ()
    unfinished_count: int = 0
    open_promises: Sequence[tuple[str, str]] = ()
    changed_parents: Sequence[Scene] = ()
    silent: Sequence[Unfinished] = ()
    silent_count: int = 0
    silent_codes: Sequence[str] = ()
    rules: Mapping[str, str] = field(default_factory=dict)


def open_cycle(negotiation: Negotiation, command: OpenCycle, tree: Tree, hand: Hand) -> list[Draft]:
    """Record a cycle's terms: its protocol by digest, its tree unit by unit."""
    protocol = negotiation.protocol
    if command.leaf_level not in protocol.level_order:
        known = ", ".join(protocol.level_order)
        raise invalid(
            Finding("unknown_level", {"level": command.leaf_level, "known": known}, "leaf_level")
        )
    terms = {
        "id": command.id,
        "protocol": protocol.name,
        "version": protocol.version,
        "digest": negotiation.digest,
        "year": command.year,
        "root": command.root,
        "leaf_level": command.leaf_level,
        "zone": "Asia/Shanghai",
        "lists": command.lists,
        "practice": command.practice,
        "units": len(tree.rows),
        "site_position": tree.site_position,
        "site_chain": tree.site_chain,
    }
    entries = [{"unit": one.unit, "reason": one.reason} for one in command.no_task]
    rows = [
        tree.rows[at : at + _ROWS_PER_ENTRY] for at in range(0, len(tree.rows), _ROWS_PER_ENTRY)
    ]
    parts: dict[str, Any] = {"terms": terms, "tree": Many(rows)}
    if entries:
        parts["no_task"] = Many(entries)
    if command.cuts:
        parts["cuts"] = Many([one.model_dump() for one in command.cuts])
    return [Draft("cycle_opened", "", "", parts, hand.mint())]


def open_round(
    negotiation: Negotiation,
    cycle: CycleState,
    name: str,
    hand: Hand,
    terms: Mapping[str, Any] | None = None,
) -> list[Draft]:
    """Open a round for every unit that takes part: one event, however many units (N2, N6).

    `terms` are its windows and what silence means, as `engine.windows` makes them (N9).
    """
    _known(negotiation, name)
    status = cycle.rounds.get(name)
    if status is not None:
        raise Refusal("illegal_transition", {"action": "open", "state": f"{name}.{status}"})
    before = negotiation.protocol.previous(name)
    if before is not None and cycle.rounds.get(before.name) != "closed":
        raise guard_failed(
            Finding("previous_round_closed", {"round": name, "previous": before.name})
        )
    return [Draft("round_opened", "", name, terms or {}, hand.mint())]


def close_round(
    root: Scene, name: str, command: CloseRound, survey: Survey, hand: Hand
) -> list[Draft]:
    """Close a round when all are done; an up or adjust round writes the root's sum (N2, N10, N11)."""
    negotiation, cycle = root.negotiation, root.cycle
    _known(negotiation, name)
    if not cycle.is_open(name):
        state = f"{name}.{cycle.rounds.get(name, 'waiting')}"
        raise Refusal("illegal_transition", {"action": "close", "state": state})
    if command.apply_silence and not command.reason.strip():
        raise invalid(Finding("missing", {"field": "reason"}, "reason"))
    silent = () if command.apply_silence else _silent(survey)
    findings = [*_unfinished(survey), *silent]
    findings += _open_promises(survey)
    if not survey.unfinished:  # whoever has still to act may yet mend the sum
        findings += _mismatches(survey, name)
    if findings:
        raise guard_failed(*findings)
    closing_id, total_id = hand.mint(), hand.mint()
    summed = negotiation.protocol.rounds_by_name[name].kind in ("up", "adjust")
    cites = (total_id,) if summed else ()
    parts: dict[str, Any] = {**spoken({"reason": command.reason}), **_settled(survey)}
    closing = Draft("round_closed", "", name, parts, closing_id, cites)
    if not summed:
        return [closing]
    sums = numbers.sum_of_children(root, name)
    further = numbers.further_sums(root, name)
    over = [*checks.too_large(sums, "total"), *_beyond_bound(root, name, sums)]
    for basis, amounts in further.items():
        over += checks.too_large(amounts, f"also.{basis}")
    if over:
        raise guard_failed(*over)
    total: dict[str, Any] = {"figures": {TASK: sums, **further}}
    if negotiation.protocol.rounds_by_name[name].kind == "adjust":
        total["raised"] = _raised(root, name)  # a later correction is measured from this too
    return [closing, Draft("totalled", root.own.unit.code, name, total, total_id, (closing_id,))]


def drop_cycle(cycle: CycleState, command: DropCycle, hand: Hand) -> list[Draft]:
    """Drop a practice cycle; a real one stays for ever (N13)."""
    if not cycle.practice:
        raise guard_failed(Finding("practice_only", {"cycle": cycle.id}))
    return [Draft("cycle_dropped", "", "", spoken({"reason": command.reason}), hand.mint())]


def _known(negotiation: Negotiation, name: str) -> None:
    if name not in negotiation.protocol.rounds_by_name:
        raise Refusal("not_found", {"kind": "round", "name": name})


def _unfinished(survey: Survey) -> Iterator[Finding]:
    for one in survey.unfinished[:NAMED_AT_MOST]:
        yield Finding("units_done", {"unit": one.code, "name": one.name, "state": one.state})
    rest = survey.unfinished_count - len(survey.unfinished[:NAMED_AT_MOST])
    if rest > 0:
        yield Finding("more_units_unfinished", {"count": rest})


def _silent(survey: Survey) -> Iterator[Finding]:
    """Units that silence would settle: somebody has to say that it shall (N9)."""
    for one in survey.silent[:NAMED_AT_MOST]:
        params = {"unit": one.code, "name": one.name, "state": one.state}
        yield Finding("silence_applied", {**params, "rule": survey.rules[one.level]})
    rest = survey.silent_count - len(survey.silent[:NAMED_AT_MOST])
    if rest > 0:
        yield Finding("more_units_silent", {"count": rest})


def _settled(survey: Survey) -> dict[str, Any]:
    """What silence settles, as a part of the closing; none where it settles nobody."""
    if not survey.silent_count:
        return {}
    codes = list(survey.silent_codes)
    return {"silence": {"rules": dict(survey.rules), "units": codes, "count": len(codes)}}


def _open_promises(survey: Survey) -> Iterator[Finding]:
    for unit, indicator in survey.open_promises[:NAMED_AT_MOST]:
        yield Finding("promises_settled", {"unit": unit, "indicator": indicator})


def _mismatches(survey: Survey, name: str) -> Iterator[Finding]:
    """Units whose own figure is not what their children's changes make it."""
    for scene in survey.changed_parents:
        if scene.own.unit.is_root:
            continue
        own = numbers.in_force(scene.negotiation.protocol, scene.own.plan, name)
        items = numbers.items_by_basis(scene.own.plan.record(name).reconciling)
        for off in numbers.off_sums(scene, name, [items.get(TASK, {})], own):
            fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
            params = {"unit": scene.own.unit.code, "indicator": off.indicator, **fields}
            yield Finding("sums_exact", params)


def _raised(root: Scene, name: str) -> dict[str, int]:
    """What its children's bases and the reserve still held are more than the root's own base (N11)."""
    protocol = root.negotiation.protocol
    one = protocol.rounds_by_name[name]
    passed = checks.carried(protocol, (child.unit for child in root.children))
    own, below = numbers.base(root.own.plan, one), numbers.base_below(root, one)
    return {
        name: value - own.get(name, 0)
        for name, value in below.items()
        if name in passed and own.get(name) != value
    }


def _beyond_bound(root: Scene, name: str, sums: Figures) -> Iterator[Finding]:
    """The root's own bound, where the cycle starts at or below the level that is bounded.

    Its net change is its children's: a promise it made and fulfilled, what it marked up, and what is
    entered at its own level are no adjustments.
    """
    one = root.negotiation.protocol.rounds_by_name[name]
    order = root.negotiation.protocol.level_order
    if one.bounds is not None and order[root.own.unit.level] >= order[one.bounds.level]:
        yield from bound_findings(root, root.own, sums, numbers.base_below(root, one))
