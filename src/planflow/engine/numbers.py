"""Which number stands: in a round, as a base, as the headline; and the gap between sides (N3, N11)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from planflow.domain.figures import FUNDED, TASK
from planflow.engine import checks
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import CycleState, Decision, Item, PlanState, Promise, Record
from planflow.protocol.models import Protocol, Round
from planflow.quota import exact
from planflow.quota.exact import Amounts, Difference


@dataclass(frozen=True, slots=True)
class Number:
    """One offer: which side put which value for which indicator and basis in which round."""

    round: str
    side: str
    basis: str
    indicator: str
    value: int
    reason_code: str = ""
    document_no: str = ""
    hands: tuple[str, ...] = ()  # of a correction: who proposed and who approved it


@dataclass(frozen=True, slots=True)
class Headline:
    """The number that stands for an indicator, with where it comes from."""

    value: int
    round: str
    basis: str
    commitment: str = ""


# Stages in which a round that runs again waits for an answer: what was corrected is gone with the old.
_ASKED_AGAIN = {"up": ("", "drafting", "returned"), "adjust": ("returned",)}


def in_force(protocol: Protocol, plan: PlanState, round_name: str) -> dict[str, int]:
    """The unit's number per indicator in one round: settled, else reported; down: the task.

    Where silence settled the round (N9), what it was declared to mean stands instead; a correction
    stands over all of these (N13).
    """
    record = plan.record(round_name)
    one = protocol.rounds_by_name[round_name]
    if one.kind == "down":
        return _task(record)
    if one.kind == "decision":
        return (record.decision.in_force if record.decision else {}) | _corrected(record)
    lapse = plan.lapses.get(round_name)
    offered = lapse.figures if lapse else {**record.reported.get(TASK, {}), **record.settled}
    if lapse or record.stage not in _ASKED_AGAIN[one.kind]:
        offered = {**offered, **_corrected(record)}
    return {**base(plan, one), **offered} if one.kind == "adjust" else offered


def further(protocol: Protocol, plan: PlanState, round_name: str) -> dict[str, dict[str, int]]:
    """The unit's further numbers in one round, by basis: reported, or issued (N3)."""
    record = plan.record(round_name)
    if protocol.rounds_by_name[round_name].kind == "down":
        if record.split and not record.issued_by:
            return {basis: dict(one.total) for basis, one in record.split.also.items()}
        return record.issued_also
    if round_name in plan.lapses:
        return {}
    return {basis: found for basis, found in record.reported.items() if basis != TASK}


def by_basis(protocol: Protocol, plan: PlanState, round_name: str) -> dict[str, dict[str, int]]:
    """All numbers in force in one round: the task and the further ones."""
    found = in_force(protocol, plan, round_name)
    return {TASK: found, **further(protocol, plan, round_name)}


def items_by_basis(items: Iterable[Item]) -> dict[str, dict[str, int]]:
    """Signed amounts of reconciling items, added up (N4)."""
    found: dict[str, dict[str, int]] = {}
    for one in items:
        sums = found.setdefault(one.basis, {})
        sums[one.indicator] = sums.get(one.indicator, 0) + one.amount
    return found


def presentable(protocol: Protocol, plan: PlanState, round_name: str) -> dict[str, int]:
    """What the root brings before a decision: its numbers in the last round before it that has any."""
    found: dict[str, int] = {}
    for one in protocol.rounds:
        if one.name == round_name:
            break
        found = in_force(protocol, plan, one.name) or found
    return found


def base(plan: PlanState, adjust: Round) -> dict[str, int]:
    """Last binding figure, with fulfilled commitments written over it (N11)."""
    figures = _task(plan.record(adjust.base or ""))
    for promise in plan.promises:
        if promise.status == "fulfilled" and promise.settle_in == adjust.name:
            figures[promise.indicator] = promise.to
    return figures


def reached(plan: PlanState, round_name: str) -> bool:
    """Whether a down round reached the unit: it was issued figures, if only none, or begins them."""
    record = plan.record(round_name)
    return bool(record.issued_by) or record.split is not None


def _task(record: Record) -> dict[str, int]:
    # nobody issues to the root: its task is what it split
    begins = record.split is not None and not record.issued_by
    found = record.split.total if record.split and begins else record.issued
    return {**found, **_corrected(record)}


def _corrected(record: Record) -> dict[str, int]:
    return {name: one.value for name, one in record.corrected.items()}


def reserve_held(plan: PlanState, adjust: Round) -> dict[str, int]:
    """What the unit still holds back of what it was issued, fulfilled commitments included.

    Its own markup counts against it: what it added on top is the children's and was never its own.
    """
    split = plan.record(adjust.base or "").split
    held: list[Amounts] = []
    if split:
        held = [split.held, {name: -added for name, added in split.markup.items()}]
    held += [
        {promise.indicator: promise.reserve}
        for promise in plan.promises
        if promise.status == "fulfilled" and promise.settle_in == adjust.name and promise.passed_on
    ]
    return exact.total(held)


def base_below(scene: Scene, adjust: Round) -> dict[str, int]:
    """What a unit's children began an adjust round with, reserve still held included (N11).

    What the unit itself promised and fulfilled is in it, and so is what it added on top.
    """
    parts = [base(child.plan, adjust) for child in scene.children]
    return exact.total([*parts, reserve_held(scene.own.plan, adjust)])


def sum_of_children(scene: Scene, round_name: str) -> dict[str, int]:
    """What the children's numbers in force add up to, reserve still held included (N4, N11)."""
    protocol = scene.negotiation.protocol
    return expected_of(protocol, scene.own.plan, scene.children, round_name)


def further_sums(scene: Scene, round_name: str) -> dict[str, dict[str, int]]:
    """What the children's further numbers add up to, by basis; none that no child has (N3, N4)."""
    protocol = scene.negotiation.protocol
    found = [further(protocol, child.plan, round_name) for child in scene.children]
    bases = dict.fromkeys(basis for one in found for basis in one)
    return {basis: exact.total(one.get(basis, {}) for one in found) for basis in bases}


def off_sums(
    scene: Scene, round_name: str, items: Iterable[Amounts], figures: Amounts
) -> list[Difference]:
    """Where figures are not the children's sum with the unit's own items (N4, N11).

    What no child can have, because it is entered at this level, is no sum and is left out.
    """
    expected = exact.total([sum_of_children(scene, round_name), *items])
    below = (one.unit for one in scene.children)
    summed = checks.summed(scene.negotiation.protocol, scene.own.unit, below)
    return [off for off in exact.differences(expected, figures) if off.indicator in summed]


def expected_of(
    protocol: Protocol, plan: PlanState, children: Iterable[Seat], round_name: str
) -> dict[str, int]:
    """Children's numbers in force plus, in an adjust round, the reserve the unit still holds."""
    one = protocol.rounds_by_name[round_name]
    parts = [in_force(protocol, child.plan, round_name) for child in children]
    if one.kind == "adjust":
        parts.append(reserve_held(plan, one))
    return exact.total(parts)


def binding(protocol: Protocol, plan: PlanState) -> Round | None:
    """The last round whose binding figures reached this unit."""
    there = [one for one in protocol.binding_rounds() if reached(plan, one.name)]
    return there[-1] if there else None


def current(protocol: Protocol, cycle: CycleState, plan: PlanState) -> dict[str, int]:
    """The figures that bind the unit now: the base once its commitments moved it."""
    figures: dict[str, int] = {}
    for one in protocol.rounds:
        closed = cycle.rounds.get(one.name) == "closed"
        if one.binding:
            figures.update(in_force(protocol, plan, one.name))
        elif one.kind == "adjust" and figures:
            figures.update(in_force(protocol, plan, one.name) if closed else base(plan, one))
    return figures


def headline(protocol: Protocol, cycle: CycleState, plan: PlanState) -> dict[str, Headline]:
    """Per indicator: the last binding figure, raised by funded open commitments, or as chosen."""
    one = binding(protocol, plan)
    if one is None:
        return {}
    chosen = {
        name: Headline(value, one.name, TASK)
        for name, value in in_force(protocol, plan, one.name).items()
    }
    for adjust in protocol.rounds:
        if adjust.kind == "adjust" and cycle.rounds.get(adjust.name) == "closed":
            figures = in_force(protocol, plan, adjust.name)
            chosen |= {name: Headline(value, adjust.name, TASK) for name, value in figures.items()}
    for promise in plan.promises:
        _raise(chosen, cycle, promise)
    for indicator, choice in plan.headline.items():
        for number in numbers(plan):
            if (number.indicator, number.round, number.basis) == (
                indicator,
                choice.round,
                choice.basis,
            ):
                chosen[indicator] = Headline(number.value, number.round, number.basis)
    return chosen


def _raise(chosen: dict[str, Headline], cycle: CycleState, promise: Promise) -> None:
    if promise.status == "open" and promise.funded:
        chosen[promise.indicator] = Headline(promise.to, promise.amends, FUNDED, promise.id)
    elif promise.status == "fulfilled" and cycle.rounds.get(promise.settle_in) != "closed":
        chosen[promise.indicator] = Headline(promise.to, promise.settle_in, TASK, promise.id)


def numbers(plan: PlanState) -> Iterator[Number]:
    """Every offer that stands, round by round, in the order in which the sides speak."""
    yield from _paper_numbers(plan)
    for name, record in plan.rounds.items():
        yield from _up_numbers(name, record)
        yield from _down_numbers(name, record, _promised(plan, name))
        yield from _decision_numbers(name, record.decision)
    for name, lapse in plan.lapses.items():
        for indicator, value in lapse.figures.items():
            yield Number(name, "silence", TASK, indicator, value)
    for name, record in plan.rounds.items():
        yield from _corrected_numbers(name, record)
    for promise in plan.promises:
        if promise.funded and promise.status != "waived":
            yield Number(
                promise.amends,
                "issued",
                FUNDED,
                promise.indicator,
                promise.to,
                "",
                promise.document_no,
            )


def _promised(plan: PlanState, name: str) -> set[str]:
    """Indicators of a round whose funded number a promise has replaced."""
    funded = (one for one in plan.promises if one.funded and one.status != "waived")
    return {one.indicator for one in funded if one.amends == name}


def _down_numbers(name: str, record: Record, promised: set[str]) -> Iterator[Number]:
    """What a unit was issued or, at the root, began."""
    offers = {TASK: record.issued, **record.issued_also}
    reasons, document = record.issued_reasons, record.document_no
    if record.split and not record.issued_by:
        further_ones = {basis: one.total for basis, one in record.split.also.items()}
        offers = {TASK: record.split.total, **further_ones}
        reasons, document = {}, record.split.document_no
    for basis, figures in offers.items():
        for indicator, value in figures.items():
            if basis != FUNDED or indicator not in promised:
                reason = reasons.get(indicator, "")
                yield Number(name, "issued", basis, indicator, value, reason, document)


def _up_numbers(name: str, record: Record) -> Iterator[Number]:
    for basis, figures in record.reported.items():
        for indicator, value in figures.items():
            reason = record.reported_reasons.get(indicator, "") if basis == TASK else ""
            yield Number(name, "reported", basis, indicator, value, reason)
    for indicator, value in record.settled.items():
        yield Number(
            name, "settled", TASK, indicator, value, record.settled_reasons.get(indicator, "")
        )


def _paper_numbers(plan: PlanState) -> Iterator[Number]:
    for paper in plan.papers:
        if paper.status == "confirmed":
            for indicator, value in paper.figures.items():
                yield Number(paper.round, "paper", TASK, indicator, value, "", paper.document_no)


def _corrected_numbers(name: str, record: Record) -> Iterator[Number]:
    for indicator, one in record.corrected.items():
        side = "amended" if one.amended else "corrected"
        hands = (one.proposed_by, one.approved_by)
        yield Number(
            name, side, TASK, indicator, one.value, one.reason_code, one.document_no, hands
        )


def _decision_numbers(name: str, decision: Decision | None) -> Iterator[Number]:
    if decision is None:
        return
    for indicator, value in decision.presented.items():
        yield Number(name, "presented", TASK, indicator, value)
    for indicator, value in decision.figures.items():
        yield Number(name, "decided", TASK, indicator, value, "", decision.document_no)


def sides(protocol: Protocol, plan: PlanState) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """Per basis, the last number of each side per indicator: what was asked, what was issued (N15)."""
    found: dict[str, tuple[dict[str, int], dict[str, int]]] = {TASK: ({}, {})}
    for one in protocol.rounds:
        if one.kind in ("up", "down"):
            for basis, figures in by_basis(protocol, plan, one.name).items():
                asked, issued = found.setdefault(basis, ({}, {}))
                (asked if one.kind == "up" else issued).update(figures)
    return found
