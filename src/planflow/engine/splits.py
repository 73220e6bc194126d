"""A split, basis by basis: what is issued on is what was issued, and nothing else (N3, N5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planflow.domain.commands import Issue
from planflow.domain.figures import TASK
from planflow.engine import checks, numbers
from planflow.engine.scene import Scene
from planflow.engine.state import Markup, Portion
from planflow.errors import Finding
from planflow.quota import exact
from planflow.quota.exact import Difference


@dataclass(frozen=True, slots=True)
class Splitting:
    """One basis of a split: what there is to split, and where the parts differ from it."""

    basis: str
    total: dict[str, int]
    reserve: dict[str, int]
    off: tuple[Difference, ...]

    def portion(self, *, markup: bool) -> Portion:
        """What is kept of it once it is found to be in order."""
        added = {off.indicator: off.difference for off in self.off} if markup else {}
        return Portion(total=self.total, reserve=self.reserve, markup=added)


def splittings(scene: Scene, command: Issue) -> list[Splitting]:
    """All bases that were issued to the unit or that it issues; the task first."""
    own = numbers.further(scene.negotiation.protocol, scene.own.plan, scene.round)
    above = {} if scene.own.unit.is_root else own
    given = (basis for one in command.allocations for basis in one.also)
    return [
        _splitting(scene, command, one)
        for one in dict.fromkeys([TASK, *above, *command.also, *given])
    ]


def _splitting(scene: Scene, command: Issue, basis: str) -> Splitting:
    terms = command.also.get(basis)
    reserve = command.reserve if basis == TASK else (terms.reserve if terms else {})
    shares = (
        one.figures if basis == TASK else one.also.get(basis, {}) for one in command.allocations
    )
    parts = exact.total([*shares, reserve])
    named = command.total if basis == TASK else (terms.total if terms else None)
    total = _total(scene, basis, named, parts)
    # What no child can have, because it is entered at this level, stays here whole.
    passed = checks.carried(scene.negotiation.protocol, (one.unit for one in scene.children))
    expected = {name: value for name, value in total.items() if name in passed}
    return Splitting(basis, total, dict(reserve), tuple(exact.differences(expected, parts)))


def _total(
    scene: Scene, basis: str, named: Mapping[str, int] | None, parts: Mapping[str, int]
) -> dict[str, int]:
    """What is split: at the root the total it names (or the sum), below what the unit was issued."""
    if not scene.own.unit.is_root:
        plan, protocol = scene.own.plan, scene.negotiation.protocol
        return dict(numbers.by_basis(protocol, plan, scene.round).get(basis, {}))
    return dict(parts if named is None else named)


def faults(scene: Scene, found: list[Splitting]) -> Iterator[Finding]:
    """Issued = children + reserve. More than that is markup, where the protocol allows any (N5)."""
    for one, off in _every(found):
        fields = {"expected": off.expected, "got": off.got, "difference": off.difference}
        params = {"indicator": off.indicator, **fields}
        if not _marks_up(scene, one, off):
            if one.basis == TASK:
                yield Finding("split_exact", params)
            else:
                yield Finding("split_exact_also", {**params, "basis": one.basis})
        elif one.reserve.get(off.indicator):
            yield Finding("markup_over_reserve", {**params, "reserve": one.reserve[off.indicator]})


def unexplained(scene: Scene, command: Issue, found: list[Splitting]) -> Iterator[Finding]:
    """Markup that no reason is given for; each indicator needs its own."""
    known = ", ".join(scene.negotiation.protocol.reason_names("issue"))
    marked = [off for one, off in _every(found) if _marks_up(scene, one, off)]
    for off in {off.indicator: off for off in marked}.values():
        if not checks.said(command.markup, off.indicator):
            params = {"indicator": off.indicator, "got": off.difference, "known": known}
            yield Finding("missing_markup_reason", params, f"markup.{off.indicator}")


def markups(scene: Scene, portions: Mapping[str, Portion]) -> list[Markup]:
    """What the unit adds, after what the levels above it added: those below are told all (N5)."""
    own = scene.own.unit
    added = [
        Markup(
            unit=own.code,
            level=own.level,
            basis=basis,
            indicator=name,
            issued=one.total.get(name, 0),
            added=amount,
        )
        for basis, one in portions.items()
        for name, amount in one.markup.items()
    ]
    return [*scene.own.plan.record(scene.round).markups, *added]


def _marks_up(scene: Scene, one: Splitting, off: Difference) -> bool:
    """Whether a difference is markup: more than a figure that was issued, where that is allowed."""
    allowed = scene.negotiation.protocol.markup == "allow"
    return allowed and off.difference > 0 and off.indicator in one.total


def _every(found: list[Splitting]) -> Iterator[tuple[Splitting, Difference]]:
    return ((one, off) for one in found for off in one.off)
