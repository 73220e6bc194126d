"""Plans of several units added up to the plan of their one successor (N1)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from planflow.domain.figures import TASK
from planflow.engine import numbers
from planflow.engine.handing import as_it_stands, figure_in, off_sums, sent_back
from planflow.engine.machine import stage
from planflow.engine.scene import Seat
from planflow.engine.state import PlanState, Portion, Promise, Record, SentBack, Split
from planflow.errors import Finding
from planflow.protocol.models import Protocol
from planflow.quota import exact

_UP = ("", "drafting", "returned", "submitted", "accepted")
_STAGES = (*_UP, "awaiting", "issued", "acknowledged", "distributed")


def merge(
    protocol: Protocol, seats: Sequence[Seat], mint: Callable[[], str]
) -> tuple[PlanState, list[Finding]]:
    """The plan of the one successor of several units: every number is their sum."""
    seats = [replace(seat, plan=as_it_stands(protocol, seat.plan)) for seat in seats]
    names = [one.name for one in protocol.rounds]
    rounds = {
        name: _sum_of(protocol, [seat.plan for seat in seats], name)
        for name in names
        if any(name in seat.plan.rounds for seat in seats)
    }
    plans = [seat.stored for seat in seats]
    order = {name: place for place, name in enumerate(names)}
    state = max(
        (one.state for one in plans),
        key=lambda one: (order.get(one.rpartition(".")[0], -1), _STAGES.index(_known(one))),
    )
    headline = {
        name: choice
        for name, choice in plans[0].headline.items()
        if all(one.headline.get(name) == choice for one in plans)
    }
    due = [item for one in plans for item in one.extensions.items()]
    made = PlanState(
        state=state,
        rounds=rounds,
        headline=headline,
        extensions={name: max(at for of, at in due if of == name) for name, _ in due},
    )
    return _promises_of(protocol, seats, made, mint)


def _known(state: str) -> str:
    found = stage(state)
    return found if found in _STAGES else ""


def _sum_of(protocol: Protocol, plans: Sequence[PlanState], name: str) -> Record:
    """One round of several units as one record."""
    records = [plan.record(name) for plan in plans]
    reported = _reported_of(protocol, plans, name)
    settled = [{} if name in plan.lapses else plan.record(name).settled for plan in plans]
    known = sorted({each for one in settled for each in one})
    taken = exact.total({**own, **more} for own, more in zip(reported, settled, strict=True))
    bases = sorted({basis for one in records for basis in one.reported} - {TASK})
    whole = exact.total(reported)
    return Record(
        reported=({TASK: whole} if whole else {})
        | {basis: exact.total(one.reported.get(basis, {}) for one in records) for basis in bases},
        reported_reasons=_agreed([one.reported_reasons for one in records]),
        reconciling=tuple(item for one in records for item in one.reconciling),
        settled={each: taken.get(each, 0) for each in known},
        settled_reasons=_agreed([one.settled_reasons for one in records]),
        issued=exact.total(one.issued for one in records),
        issued_also=_by_basis([one.issued_also for one in records]),
        issued_reasons=_agreed([one.issued_reasons for one in records]),
        issued_by=next((one.issued_by for one in records if one.issued_by), ""),
        document_no=_same([one.document_no for one in records if one.issued_by]),
        markups=tuple(dict.fromkeys(each for one in records for each in one.markups)),
        split=_joined(records),
        returned=any(one.returned for one in records),
        unlocked=_unlocked(records),
        sent_back=_sent_back(records),
        hands=tuple(sorted({hand for one in records for hand in one.hands})),
        authors=tuple(sorted({author for one in records for author in one.authors})),
        stage=max((one.stage for one in records), key=_STAGES.index),
    )


def _reported_of(
    protocol: Protocol, plans: Sequence[PlanState], name: str
) -> list[Mapping[str, int]]:
    """What each unit reported in a round, or what its silence was declared to mean (N9).

    Where all were silent nothing is written: their successor is silent like them.
    """
    if all(name in plan.lapses or name not in plan.rounds for plan in plans):
        return [{} for _ in plans]
    own = [
        plan.lapses[name].figures
        if name in plan.lapses
        else plan.record(name).reported.get(TASK, {})
        for plan in plans
    ]
    one = protocol.rounds_by_name[name]
    if one.kind != "adjust":
        return list(own)
    # Whoever changes nothing keeps its base (N11).
    offered = sorted({each for figures in own for each in figures})
    bases = [numbers.base(plan, one) for plan in plans]
    return [
        {each: figures.get(each, base.get(each, 0)) for each in offered}
        for figures, base in zip(own, bases, strict=True)
    ]


def _joined(records: Sequence[Record]) -> Split | None:
    splits = [one.split for one in records if one.split is not None]
    if not splits:
        return None
    current = all(one.split.of == one.issued_by for one in records if one.split is not None)
    portions = [one.split.portions() if one.split is not None else _unsplit(one) for one in records]
    bases = sorted({basis for one in portions for basis in one})
    joined = {basis: _portion([one[basis] for one in portions if basis in one]) for basis in bases}
    task = joined.pop(TASK)
    return Split(
        **dict(task),
        also=joined,
        markup_reasons=_agreed([one.markup_reasons for one in splits]),
        document_no=_same([one.document_no for one in splits]),
        of=next((one.issued_by for one in records if one.issued_by), "") if current else "",
    )


def _unsplit(record: Record) -> dict[str, Portion]:
    """What a unit without anybody below was issued, as if it had split it."""
    offers = {TASK: record.issued, **record.issued_also}
    return {basis: Portion(total=figures, reserve={}) for basis, figures in offers.items()}


def _portion(portions: Sequence[Portion]) -> Portion:
    return Portion(
        total=exact.total(one.total for one in portions),
        reserve=exact.total(one.reserve for one in portions),
        markup=exact.total(one.markup for one in portions),
    )


def _by_basis(given: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    bases = sorted({basis for one in given for basis in one})
    return {basis: exact.total(one.get(basis, {}) for one in given) for basis in bases}


def _unlocked(records: Sequence[Record]) -> tuple[str, ...]:
    """Lines that some return is about; a return that names none is about all (N7)."""
    back = [one for one in records if one.returned]
    if not all(one.unlocked for one in back):
        return ()
    return tuple(dict.fromkeys(line for one in back for line in one.unlocked))


def _sent_back(records: Sequence[Record]) -> SentBack | None:
    """What was returned of all, where each report still is the one that was returned."""
    found = [sent_back(one, one.reported, one.reconciling) for one in records]
    known = [one for one in found if one is not None]
    if len(known) < len(records):
        return None
    items = tuple(item for one in known for item in one.items)
    return SentBack(figures=_by_basis([one.figures for one in known]), items=items)


def _promises_of(
    protocol: Protocol, seats: Sequence[Seat], made: PlanState, mint: Callable[[], str]
) -> tuple[PlanState, list[Finding]]:
    """Commitments of one kind become one; it starts from the figures they amend, added up."""
    findings: list[Finding] = []
    groups: dict[tuple[object, ...], list[Promise]] = {}
    moved: dict[str, int] = {}  # promise → how far its start lies from the figure it amends
    for seat in seats:
        for one in seat.plan.promises:
            if one.status in ("open", "fulfilled"):
                kind = (one.status, one.indicator, one.settle_in, one.amends, one.funded)
                groups.setdefault((*kind, one.part_of, one.passed_on), []).append(one)
                stood = figure_in(protocol, seat.plan, one.amends, one.indicator)
                moved[one.id] = one.from_ - stood
    for found in groups.values():
        first, change = found[0], sum(one.change for one in found)
        start = figure_in(protocol, made, first.amends, first.indicator)
        start += sum(moved[one.id] for one in found)
        held = sum(one.reserve for one in found)
        one = first.but(
            id=mint(),
            from_=start,
            to=start + change,
            reserve=held,
            document_no=_same([each.document_no for each in found]),
        )
        made = made.but(promises=(*made.promises, one))
    taken = [one.indicator for one in made.promises if one.status == "open"]
    for name in sorted({one for one in taken if taken.count(one) > 1}):
        params = {"indicator": name, "unit": seats[0].unit.code}
        findings.append(Finding("one_open_promise", params))
    return made, findings


def merged_sums(
    protocol: Protocol,
    seats: Sequence[Seat],
    made: PlanState,
    below: Mapping[str, Sequence[Sequence[Seat]]],
    code: str,
) -> Iterator[Finding]:
    """Sums that were exact in every one of several units are exact in the one they become."""
    for name, each in below.items():
        if name not in made.rounds or not any(each):
            continue
        pairs = list(zip(seats, each, strict=True))
        if any(under and off_sums(protocol, one.plan, under, name) for one, under in pairs):
            continue
        for off in off_sums(protocol, made, [seat for under in each for seat in under], name):
            fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
            yield Finding("sums_exact", {"unit": code, "indicator": off.indicator, **fields})


def _agreed(reasons: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Reason codes on which all who gave one for an indicator agree."""
    names = sorted({name for one in reasons for name in one})
    found = {name: _same([one[name] for one in reasons if name in one]) for name in names}
    return {name: code for name, code in found.items() if code}


def _same(values: Sequence[str]) -> str:
    return values[0] if values and len(set(values)) == 1 else ""
