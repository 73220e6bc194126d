"""A plan split among successors, number by number, so that every sum stays exact (N1).

Each number goes by a given share, or by weight; where children go to the successors, what they add up
to comes first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from planflow.domain.figures import TASK
from planflow.domain.tree_commands import GivenShare
from planflow.domain.units import UnitNode
from planflow.engine import checks, numbers
from planflow.engine.handing import as_it_stands, figure_in, off_sums, sent_back, sums_below
from planflow.engine.scene import Seat
from planflow.engine.state import PlanState, Portion, Promise, Record, Split
from planflow.errors import Finding
from planflow.protocol.models import Protocol
from planflow.quota import exact

Key = tuple[str, str, str, str]  # round, side, basis, indicator


@dataclass
class Sharing:
    """How one unit's numbers go to its successors; `findings` gathers what does not add up.

    `below` are, by round, the nearest units below of each successor.
    """

    protocol: Protocol
    heirs: Sequence[UnitNode]
    weights: Sequence[int] | None
    given: Mapping[Key, GivenShare]
    below: Mapping[str, Sequence[Sequence[Seat]]]
    where: str
    findings: list[Finding] = field(default_factory=list)
    used: set[Key] = field(default_factory=set)

    def parts(self, key: Key, value: int, sums: Sequence[int] | None = None) -> list[int]:
        """One number's parts, which add up to it. `sums` are what the parts rest on, if on anything."""
        round_name, side, basis, indicator = key
        share = self.given.get(key)
        if share is not None:
            self.used.add(key)
            found = [share.amounts.get(heir.code, 0) for heir in self.heirs]
            if sum(found) != value:
                got = sum(found)
                fields = {"expected": value, "got": got, "difference": got - value}
                named = {"indicator": indicator, "round": round_name, "side": side, "basis": basis}
                self.findings.append(Finding("shares_exact", {**named, **fields}))
            return found
        found = list(sums or [0] * len(self.heirs))
        rest = value - sum(found)
        if rest and self.weights is None:
            named = {"indicator": indicator, "round": round_name, "side": side, "basis": basis}
            self.findings.append(Finding("share_missing", {**named, "got": rest}, self.where))
        elif rest:
            extra = exact.apportion(rest, self._weights(indicator))
            found = [one + more for one, more in zip(found, extra, strict=True)]
        return found

    def figures(
        self,
        place: tuple[str, str, str],
        figures: Mapping[str, int],
        sums: Sequence[Mapping[str, int]] | None = None,
    ) -> list[dict[str, int]]:
        """Figures of one round, side and basis, one for each successor."""
        found: list[dict[str, int]] = [{} for _ in self.heirs]
        for name, value in figures.items():
            rests = [one.get(name, 0) for one in sums] if sums else None
            for own, part in zip(found, self.parts((*place, name), value, rests), strict=True):
                own[name] = part
        return found

    def _weights(self, indicator: str) -> list[int]:
        """Weights among those that may have the indicator at all."""
        known = self.protocol.indicators_by_name[indicator]
        able = [checks.applies(self.protocol, known, heir) for heir in self.heirs]
        weights = self.weights or [1] * len(self.heirs)
        if not any(able):
            return list(weights)
        masked = [one if may else 0 for one, may in zip(weights, able, strict=True)]
        return masked if any(masked) else [int(may) for may in able]


def split(plan: PlanState, sharing: Sharing, mint: Callable[[], str]) -> list[PlanState]:
    """The plans of the successors of one unit."""
    protocol = sharing.protocol
    plan = as_it_stands(protocol, plan)
    heirs = [
        plan.but(rounds={}, promises=(), handed_to=(), lapses={}, position=0) for _ in sharing.heirs
    ]
    ordered = [one for one in protocol.rounds if one.name in plan.rounds]
    for one in (each for each in ordered if each.kind != "adjust"):
        _add(heirs, one.name, _records(plan.record(one.name), one.name, sharing, None))
    for promise in plan.promises:
        if promise.status in ("open", "fulfilled"):
            heirs = _promised(heirs, promise, sharing, mint)
    for one in (each for each in ordered if each.kind == "adjust"):
        held = [numbers.reserve_held(heir, one) for heir in heirs]
        _add(heirs, one.name, _records(plan.record(one.name), one.name, sharing, held))
    _check_sums(plan, heirs, sharing)
    return heirs


def _add(heirs: list[PlanState], name: str, records: Iterable[Record]) -> None:
    for at, record in enumerate(records):
        heirs[at] = heirs[at].but(rounds={**heirs[at].rounds, name: record})


def _records(
    record: Record, name: str, sharing: Sharing, held: Sequence[Mapping[str, int]] | None
) -> list[Record]:
    """One round's record for each successor; what children add up to comes first."""
    one, count = sharing.protocol.rounds_by_name[name], len(sharing.heirs)
    items = [
        sharing.parts((name, "reconciling", each.reason_code, each.indicator), each.amount)
        for each in record.reconciling
    ]
    owns = [
        tuple(
            each.but(amount=parts[at])
            for each, parts in zip(record.reconciling, items, strict=True)
        )
        for at in range(count)
    ]
    added = [numbers.items_by_basis(own) for own in owns]
    reported = {}
    for basis, figures in record.reported.items():
        extra: list[tuple[Mapping[str, int], ...]] = [(own.get(basis, {}),) for own in added]
        if held and basis == TASK:
            extra = [(*more, rest) for more, rest in zip(extra, held, strict=True)]
        rests = _resting(sharing, name, basis, extra) if one.kind != "down" else None
        reported[basis] = sharing.figures((name, "reported", basis), figures, rests)
    asked = reported.get(TASK, [{} for _ in range(count)])
    settled = sharing.figures((name, "settled", TASK), record.settled, asked)
    portions = {
        basis: _portions(sharing, name, basis, portion)
        for basis, portion in (record.split.portions() if record.split else {}).items()
    }
    issued = {
        basis: sharing.figures((name, "issued", basis), figures, _totals(portions.get(basis)))
        for basis, figures in {TASK: record.issued, **record.issued_also}.items()
    }
    return [
        record.but(
            reported={basis: each[at] for basis, each in reported.items()},
            reconciling=owns[at],
            settled=settled[at],
            issued=issued[TASK][at],
            issued_also={basis: issued[basis][at] for basis in record.issued_also},
            split=_split_of(record, {b: each[at] for b, each in issued.items()}, portions, at),
            sent_back=sent_back(record, {b: each[at] for b, each in reported.items()}, owns[at]),
        )
        for at in range(count)
    ]


def _resting(
    sharing: Sharing, name: str, basis: str, extra: Sequence[Sequence[Mapping[str, int]]]
) -> list[dict[str, int]] | None:
    """What each successor's children add up to, with what is added to it; None without children."""
    below = sharing.below.get(name) or ()
    if not any(below):
        return None
    return [
        exact.total([sums_below(sharing.protocol, seats, name, basis), *more])
        for seats, more in zip(below, extra, strict=True)
    ]


def _portions(sharing: Sharing, name: str, basis: str, portion: Portion) -> list[Portion]:
    """What was split on one basis, as each successor has split it: its children's sums stand."""
    reserve = sharing.figures((name, "reserve", basis), portion.reserve)
    below = sharing.below.get(name) or [()] * len(sharing.heirs)
    sums = [sums_below(sharing.protocol, seats, name, basis) for seats in below]
    # What was added on top lies with those who were issued it.
    weighed = {
        each: exact.apportion(value, [abs(own.get(each, 0)) for own in sums])
        for each, value in portion.markup.items()
    }
    given = [{each: parts[at] for each, parts in weighed.items()} for at in range(len(sums))]
    markup = sharing.figures((name, "markup", basis), portion.markup, given)
    return [
        Portion(
            total={
                each: own.get(each, 0) + rest.get(each, 0) - more.get(each, 0)
                for each in portion.total
            },
            reserve=rest,
            markup=more,
        )
        for own, rest, more in zip(sums, reserve, markup, strict=True)
    ]


def _totals(portions: Sequence[Portion] | None) -> list[dict[str, int]] | None:
    return [dict(one.total) for one in portions] if portions else None


def _split_of(
    record: Record,
    issued: Mapping[str, dict[str, int]],
    portions: Mapping[str, Sequence[Portion]],
    at: int,
) -> Split | None:
    """A successor's own split; one that was outdated splits what its children have of it."""
    if record.split is None:
        return None
    current = record.split.of == record.issued_by
    own = {
        basis: each[at].but(total=issued[basis]) if current and basis in issued else each[at]
        for basis, each in portions.items()
    }
    task = own.pop(TASK)
    shape = {"total": task.total, "reserve": task.reserve, "markup": task.markup}
    return record.split.but(**shape, also=own)


def _promised(
    heirs: list[PlanState],
    promise: Promise,
    sharing: Sharing,
    mint: Callable[[], str],
) -> list[PlanState]:
    """A commitment in parts: each from the successor's own figure, their changes adding up."""
    name, protocol = promise.indicator, sharing.protocol
    place = (promise.settle_in, "commitment", TASK, name)
    reserve = [0] * len(heirs)
    sums = None
    if promise.passed_on:
        reserve = exact.apportion(promise.reserve, sharing.weights or [1] * len(heirs))
        whole = promise.part_of or promise.id
        sums = [
            held + sum(_changes(seats, whole, name))
            for held, seats in zip(reserve, sharing.below[""], strict=True)
        ]
    changes = sharing.parts(place, promise.change, sums)
    stood = [figure_in(protocol, heir, promise.amends, name) for heir in heirs]
    rest = promise.from_ - sum(stood)
    extra = exact.apportion(rest, sharing.weights or [1] * len(heirs))
    made = []
    for at, heir in enumerate(heirs):
        start = stood[at] + extra[at]
        one = promise.but(id=mint(), from_=start, to=start + changes[at], reserve=reserve[at])
        kept = (one,) if changes[at] or reserve[at] else ()
        made.append(heir.but(promises=(*heir.promises, *kept)))
    return made


def _changes(seats: Sequence[Seat], whole: str, indicator: str) -> Iterable[int]:
    for seat in seats:
        for one in seat.plan.promises:
            if one.part_of == whole and one.indicator == indicator and one.status != "waived":
                yield one.change


def _check_sums(plan: PlanState, heirs: Sequence[PlanState], sharing: Sharing) -> None:
    """Sums that were exact before a split are exact in every successor (N4, N5)."""
    protocol = sharing.protocol
    for name, below in sharing.below.items():
        if name not in plan.rounds or not any(below):
            continue
        together = [seat for seats in below for seat in seats]
        if off_sums(protocol, plan, together, name):
            continue  # it was not exact itself: its children have moved on since
        for heir, state, seats in zip(sharing.heirs, heirs, below, strict=True):
            for off in off_sums(protocol, state, seats, name):
                fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
                params = {"unit": heir.code, "indicator": off.indicator, **fields}
                sharing.findings.append(Finding("sums_exact", params))
