"""How far a correction reaches: which numbers of which levels it moves, and what forbids it (N13).

Every level above a unit moves by what the unit moves by: differences that stood between two levels,
such as a settled number or an item, stand as before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from planflow.engine import checks, numbers, silence
from planflow.engine.hand import Hands
from planflow.engine.limits import above_ceiling, beyond_bound
from planflow.engine.scene import Ground, Scene, Seat
from planflow.engine.state import Corrected, PlanState
from planflow.errors import Finding
from planflow.protocol.models import Protocol, Round
from planflow.quota import exact


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: figures and reserves by unit. `amends`: a resolution stands behind it."""

    figures: Mapping[str, Mapping[str, int]]
    reserve: Mapping[str, Mapping[str, int]]
    amends: bool


@dataclass(frozen=True, slots=True)
class Cover:
    """One unit that moves: its numbers before, and what changes among them.

    `carried` are the same figures in a decision that the round's total comes from.
    """

    seat: Seat
    before: Mapping[str, int]
    figures: Mapping[str, int]
    reserve: Mapping[str, int]
    carried: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def after(self) -> dict[str, int]:
        """The unit's numbers once it is done."""
        return {**self.before, **self.figures}

    @property
    def moved(self) -> dict[str, int]:
        """What is added to each number."""
        return {off.indicator: off.difference for off in self.differences}

    @property
    def differences(self) -> list[exact.Difference]:
        """The numbers that change."""
        return exact.differences(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Coverage:
    """All that moves, lowest first; and sums that cannot be kept, by level."""

    round: str
    covers: tuple[Cover, ...]
    faults: tuple[Finding, ...]

    @property
    def top(self) -> str:
        """The unit that all of it lies at or below: its admin decides."""
        paths = [(*reversed(c.seat.unit.ancestors), c.seat.unit.code) for c in self.covers]
        shared: list[str] = []
        for steps in zip(*paths, strict=False):  # down to where they part
            if len(set(steps)) == 1:
                shared += steps[:1]
        return shared[-1]

    @property
    def hands(self) -> Hands:
        """Everybody who put a number that moves: none of them approves it (N14)."""
        records = [cover.seat.plan.record(self.round) for cover in self.covers]
        return frozenset(name for one in records for name in (*one.hands, *one.authors))


def coverage(scene: Scene, ground: Ground, wanted: Wanted) -> Coverage:
    """Carry what is asked for up to the root, level by level."""
    protocol = scene.negotiation.protocol
    covers: list[Cover] = []
    faults: list[Finding] = []
    moved: dict[str, list[dict[str, int]]] = {}
    deepest_first = sorted(
        ground.seats.values(), key=lambda seat: (-len(seat.unit.ancestors), seat.unit.code)
    )
    for seat in deepest_first:
        code = seat.unit.code
        cover, found = _level(protocol, ground, seat, moved.get(code, []), wanted)
        faults += found
        if cover.differences or cover.reserve:
            cover = replace(cover, carried=_carried(protocol, ground, cover, wanted))
            covers.append(cover)
            moved.setdefault(ground.above.get(code, ""), []).append(cover.moved)
    return Coverage(ground.round, tuple(covers), tuple(faults))


def forbidden(scene: Scene, ground: Ground, covered: Coverage, wanted: Wanted) -> Iterator[Finding]:
    """Limits the numbers would break, and later rounds that rest on what they were."""
    for cover in covered.covers:
        yield from _limits(scene, ground, cover, wanted)
        yield from _promises(ground, cover)
        yield from _resting(scene, ground, cover)


def _level(
    protocol: Protocol,
    ground: Ground,
    seat: Seat,
    below: list[dict[str, int]],
    wanted: Wanted,
) -> tuple[Cover, list[Finding]]:
    """One unit: what it asks for must be what the units below and its reserve make it."""
    code, faults = seat.unit.code, []
    before = numbers.in_force(protocol, seat.plan, ground.round)
    given = dict(wanted.figures.get(code, {}))
    split = seat.plan.record(ground.round).split
    held = split.held if split else {}
    reserve = {
        name: value
        for name, value in wanted.reserve.get(code, {}).items()
        if value != held.get(name, 0)
    }
    more = {name: value - held.get(name, 0) for name, value in reserve.items()}
    expected = exact.total([before, *below, more])
    figures = {name: value for name, value in given.items() if value != before.get(name)}
    summed = _following(protocol, ground, seat)
    for name in dict.fromkeys([*expected, *given]):
        want = expected.get(name, 0)
        if name not in summed:
            continue
        if name in given and given[name] != want:
            fields = {"expected": want, "got": given[name], "difference": given[name] - want}
            where = {"unit": code, "name": seat.unit.name, "level": seat.unit.level}
            faults.append(Finding("level_exact", {**where, "indicator": name, **fields}))
        elif name not in given and want != before.get(name, 0):
            figures[name] = want
    return Cover(seat, before, figures, reserve), faults


def _following(protocol: Protocol, ground: Ground, seat: Seat) -> frozenset[str]:
    """Indicators of which the unit's number is made below; what nobody there has is issued whole."""
    below = ground.below.get(seat.unit.code, ())
    if protocol.rounds_by_name[ground.round].kind != "down":
        return checks.summed(protocol, seat.unit, below)
    return checks.carried(protocol, below) if below else frozenset()


def _carried(
    protocol: Protocol, ground: Ground, cover: Cover, wanted: Wanted
) -> dict[str, dict[str, int]]:
    """A resolution that moves a total moves the decision the total comes from as well (N2)."""
    source = protocol.rounds_by_name[ground.round].total_from
    if source is None or not wanted.amends or not cover.seat.unit.is_root:
        return {}
    decided = numbers.in_force(protocol, cover.seat.plan, source)
    off = exact.differences(decided, cover.after)
    return {source: {one.indicator: one.got for one in off}} if off else {}


def _limits(scene: Scene, ground: Ground, cover: Cover, wanted: Wanted) -> Iterator[Finding]:
    protocol = scene.negotiation.protocol
    unit, one = cover.seat.unit, protocol.rounds_by_name[ground.round]
    yield from checks.figures(protocol, unit, cover.figures, "figures")
    yield from checks.too_large(cover.figures, "figures")
    plan = cover.seat.plan
    yield from above_ceiling(protocol, one, plan, cover.after)
    yield from _held_over_markup(ground, cover)
    if (
        not wanted.amends
    ):  # a resolution stands above the bound of an adjust and makes its own total
        above = ground.above.get(unit.code)
        level = ground.seats[above].unit.level if above else None
        # the root's change is its children's: what these began with was told when it was closed
        base = exact.total([numbers.base(plan, one), plan.record(ground.round).raised])
        yield from beyond_bound(protocol, one, cover.seat, level, cover.after, base)
        yield from _decided(protocol, one, cover)


def _held_over_markup(ground: Ground, cover: Cover) -> Iterator[Finding]:
    """Nothing is held back where something was added on top (N5)."""
    split = cover.seat.plan.record(ground.round).split
    for name, added in (split.markup if split else {}).items():
        if held := cover.reserve.get(name, 0):
            expected = cover.after.get(name, 0)
            fields = {"expected": expected, "got": expected + added, "difference": added}
            yield Finding("markup_over_reserve", {"indicator": name, **fields, "reserve": held})


def _decided(protocol: Protocol, one: Round, cover: Cover) -> Iterator[Finding]:
    if one.total_from is None or not cover.seat.unit.is_root:
        return
    decided = numbers.in_force(protocol, cover.seat.plan, one.total_from)
    for off in exact.differences(decided, cover.after):
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        yield Finding(
            "total_decided", {"indicator": off.indicator, "round": one.total_from, **fields}
        )


def _promises(ground: Ground, cover: Cover) -> Iterator[Finding]:
    """A figure that an open promise amends: fulfil or waive it first (N10)."""
    for promise in cover.seat.plan.promises:
        here = promise.status == "open" and promise.amends == ground.round
        if here and promise.indicator in cover.moved:
            params = {"unit": cover.seat.unit.code, "indicator": promise.indicator}
            yield Finding("promise_open", params)


def _resting(scene: Scene, ground: Ground, cover: Cover) -> Iterator[Finding]:
    """Numbers of other rounds that rest on these: an adjust that moves along wholly, or nothing."""
    protocol = scene.negotiation.protocol
    old, new = cover.seat.plan, _moved_plan(scene, ground, cover)
    unit = cover.seat.unit
    for name in scene.cycle.rounds:
        one = protocol.rounds_by_name[name]
        if name == ground.round or name in cover.carried:
            continue
        before, after = (numbers.in_force(protocol, plan, name) for plan in (old, new))
        moved = {off.indicator: off.difference for off in exact.differences(before, after)}
        follows = cover.moved if one.base == ground.round else {}
        off = {each.indicator for each in exact.differences(follows, moved)}
        off |= {f.params["indicator"] for f in above_ceiling(protocol, one, new, after)} - {
            f.params["indicator"] for f in above_ceiling(protocol, one, old, before)
        }
        if one.total_from == ground.round and unit.is_root and after:
            off |= set(cover.moved)
        for indicator in sorted(off):
            where = {"unit": unit.code, "name": unit.name, "level": unit.level}
            yield Finding("rests_on_it", {**where, "indicator": indicator, "round": name})


def _moved_plan(scene: Scene, ground: Ground, cover: Cover) -> PlanState:
    """The plan once it is corrected, with what silence then makes of it."""
    stored = cover.seat.stored
    record = stored.record(ground.round)
    numbers_now = {name: Corrected(value=value) for name, value in cover.figures.items()}
    after = stored.having(ground.round, corrected={**record.corrected, **numbers_now})
    return silence.catch_up(scene.negotiation, scene.cycle, cover.seat.unit, after, scene.now)
