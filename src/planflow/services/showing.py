"""A scene as its reader may see it: numbers, headline, gaps, and what may be done next (N3, N8, N15)."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from planflow.access import table
from planflow.access.scope import Standing
from planflow.access.table import ACTS
from planflow.domain.figures import TASK
from planflow.engine import guards, numbers, windows
from planflow.engine.scene import Scene, Seat
from planflow.engine.state import Promise, Window
from planflow.errors import NO_TERMS, Finding, Terms
from planflow.messages import sentence
from planflow.protocol.silence import STAY_OPEN
from planflow.services import apart, subjects, two_persons
from planflow.services.beside_views import GapView
from planflow.services.people import Reader
from planflow.services.views import (
    ActionView,
    CommitmentView,
    DecisionView,
    DiffView,
    GuardView,
    HeadlineView,
    NumberView,
    PlanView,
    PlanWindowView,
    PortionView,
    ReasonsApartView,
    SplitView,
)

_WORTH_KEEPING = (str, int)  # equal ones read the same, which is not so of others


def plan_view(
    scene: Scene,
    version: int,
    reader: Reader,
    standings: Sequence[Standing],
    *,
    beyond: frozenset[str],
    partial: bool = False,
) -> PlanView:
    """A plan with the actions its reader may take now and, for the others, why not.

    `partial`: some of the unit's children are not in the tree, so its total is no plan of its own.
    `beyond`: units that its corrections name and its reader does not see.
    """
    own, protocol = scene.own, scene.negotiation.protocol
    state = scene.state(own)
    gaps, changed = _gaps(scene), apart.changed(own)
    return PlanView(
        cycle=scene.cycle.id,
        practice=scene.cycle.practice,
        unit=own.unit.code,
        name=own.unit.name,
        level=own.unit.level,
        state=state,
        round=scene.round or None,
        version=version,
        figures=figures_of(scene),
        numbers=[_number(one) for one in numbers.numbers(own.plan)],
        draft=_draft(scene, standings),
        headline={
            name: HeadlineView(
                value=one.value,
                round=one.round,
                basis=one.basis,
                commitment=one.commitment or None,
            )
            for name, one in numbers.headline(protocol, scene.cycle, own.plan).items()
        },
        issued_here=partial,
        gaps=gaps.pop(TASK),
        also_gaps=gaps,
        markups=apart.markups(own),
        changed=changed.pop(TASK, {}),
        changed_also=changed,
        commitments=[commitment(promise) for promise in own.plan.promises],
        splits=_splits(own),
        decisions=_decisions(own),
        window=_window(scene),
        **two_persons.shown(own.plan, beyond),
        silence={name: lapse.rule for name, lapse in own.plan.lapses.items()},
        handed_to=list(own.plan.handed_to),
        taken_from=list(own.plan.taken_from),
        actions=_actions(scene, reader, standings),
    )


def diff_view(scene: Scene, before: str, after: str) -> DiffView:
    """Two rounds of a plan side by side, as far as they differ."""
    protocol, plan = scene.negotiation.protocol, scene.own.plan
    figures = figures_of(scene)
    further = [numbers.further(protocol, plan, name) for name in (before, after)]
    also = {
        basis: apart.apart(*(one.get(basis, {}) for one in further))
        for basis in dict.fromkeys([*further[0], *further[1]])
    }
    # The last number of a round is the one in force: settled after reported.
    codes = {
        (one.round, one.indicator): one.reason_code or None
        for one in numbers.numbers(plan)
        if one.basis == TASK
    }
    pairs = {
        name: (codes.get((before, name)), codes.get((after, name)))
        for name in protocol.indicators_by_name
    }
    return DiffView(
        cycle=scene.cycle.id,
        unit=scene.own.unit.code,
        **{"from": before},
        to=after,
        figures=apart.apart(figures.get(before, {}), figures.get(after, {})),
        also={basis: one for basis, one in also.items() if one},
        reasons={
            name: ReasonsApartView(**{"from": old}, to=new)
            for name, (old, new) in pairs.items()
            if old != new
        },
        commitments=[
            commitment(one)
            for one in plan.promises
            if {one.amends, one.settle_in} & {before, after}
        ],
    )


def figures_of(scene: Scene) -> dict[str, dict[str, int]]:
    protocol, plan = scene.negotiation.protocol, scene.own.plan
    found = {}
    for one in protocol.rounds:
        # In an adjust round a unit that does nothing keeps its base: it has figures without an act.
        entered = one.name in {*plan.rounds, *plan.lapses} or (
            one.kind == "adjust" and one.name in scene.cycle.rounds
        )
        figures = numbers.in_force(protocol, plan, one.name) if entered else {}
        if figures:
            found[one.name] = figures
    return found


def _window(scene: Scene) -> PlanWindowView | None:
    """The unit's time in the open round; none where it takes no part or nobody set a time."""
    own, name, cycle = scene.own, scene.round, scene.cycle
    if not name or not windows.acts_in(scene):
        return None
    window, zone = scene.window(own), ZoneInfo(cycle.zone)
    rule = cycle.terms_of(name).silence.get(own.unit.level)
    if window == Window() and rule is None:
        return None
    return PlanWindowView(
        round=name,
        opens_at=window.opens_at.astimezone(zone) if window.opens_at else None,
        due_at=window.due_at.astimezone(zone) if window.due_at else None,
        extended=window.due_at is not None and window.due_at == own.plan.extensions.get(name),
        late=windows.late(scene),
        silence=rule or STAY_OPEN,
        out_of_order=windows.shortened(scene),
    )


def _gaps(scene: Scene) -> dict[str, dict[str, GapView]]:
    """By basis, the task's always."""
    sides = numbers.sides(scene.negotiation.protocol, scene.own.plan)
    found = {
        basis: {name: _gap(asked[name], issued[name]) for name in asked if name in issued}
        for basis, (asked, issued) in sides.items()
    }
    return {basis: gaps for basis, gaps in found.items() if gaps or basis == TASK}


def _gap(start: int, end: int) -> GapView:
    difference = end - start
    return GapView(
        **{"from": start}, to=end, difference=difference, percent=apart.percent(difference, start)
    )


def _number(one: numbers.Number) -> NumberView:
    return NumberView(
        round=one.round,
        side=one.side,
        basis=one.basis,
        indicator=one.indicator,
        value=one.value,
        reason_code=one.reason_code or None,
        document_no=one.document_no or None,
        hands=list(one.hands),
    )


def commitment(promise: Promise) -> CommitmentView:
    """A promise as its readers see it."""
    return CommitmentView(
        id=promise.id,
        indicator=promise.indicator,
        **{"from": promise.from_},
        to=promise.to,
        funded=promise.funded,
        settle_in=promise.settle_in,
        status=promise.status,
        amends=promise.amends,
        document_no=promise.document_no or None,
        part_of=promise.part_of or None,
        passed_on=promise.passed_on,
        reserve=promise.reserve,
    )


def _splits(own: Seat) -> dict[str, SplitView]:
    return {
        name: SplitView(
            total={
                name: record.corrected[name].value if name in record.corrected else value
                for name, value in record.split.total.items()
            },
            reserve=record.split.held,
            also={
                basis: PortionView(total=one.total, reserve=one.reserve)
                for basis, one in record.split.also.items()
            },
            outdated=record.split.of != record.issued_by,
        )
        for name, record in own.plan.rounds.items()
        if record.split is not None
    }


def _decisions(own: Seat) -> dict[str, DecisionView]:
    return {
        name: DecisionView(
            presented=one.presented,
            outcome=one.outcome or None,
            figures=one.figures,
            document_no=one.document_no or None,
            dated=one.dated or None,
        )
        for name, record in own.plan.rounds.items()
        if (one := record.decision) is not None
    }


def _actions(scene: Scene, reader: Reader, standings: Sequence[Standing]) -> list[ActionView]:
    own, parent = scene.own, scene.parent.unit.path if scene.parent else None
    avoid, desk = subjects.hands(scene), subjects.desk(own.unit, own.plan)

    def way(action: str) -> tuple[bool, str | None]:
        """As the unit itself or, where the reader is none of its, on its behalf."""
        for behalf in (False, True):
            grant = table.grant_for(
                standings, action, own.unit.path, parent, desk, on_behalf=behalf, avoid=avoid
            )
            if grant is not None:
                return behalf, grant
        return False, None

    found = []
    terms, hands = scene.negotiation.terms, dict[str, frozenset[str]]()
    for name in ACTS:
        behalf, grant = way(name)
        if grant is None:
            found.append(_not_theirs(name, reader.lang))
            continue
        if grant not in hands:
            hands[grant] = frozenset({reader.user_id, *reader.delegators(grant)})
        findings = guards.blocked(scene, name, hands[grant], on_behalf=behalf)
        shown = [guard_view(finding, reader.lang, terms) for finding in findings]
        told = ActionView(name=name, allowed=not findings, on_behalf_of=behalf, guards=shown)
        found.append(told)
    return found


def _draft(scene: Scene, standings: Sequence[Standing]) -> dict[str, Any] | None:
    """The working copy, as far as the reader sees it (F3)."""
    own, parent = scene.own, scene.parent.unit.path if scene.parent else None
    sees = table.sees_draft(standings, own.unit.path, parent, on_behalf=own.on_behalf)
    return own.draft if sees else None


@cache
def _not_theirs(action: str, lang: str) -> ActionView:
    """An action the reader has no right to: said of most actions in every answer, so kept."""
    shown = guard_view(Finding("role", {"action": action}), lang, NO_TERMS)
    return ActionView(name=action, allowed=False, guards=[shown])


def guard_view(finding: Finding, lang: str, terms: Terms) -> GuardView:
    """A failed guard by its name and sentence."""
    params = finding.params
    if all(type(value) in _WORTH_KEEPING for value in params.values()):
        return _kept_guard(finding.code, tuple(params.items()), lang, terms)
    return _guard(finding.code, params, lang, terms)


@lru_cache(maxsize=2_048)
def _kept_guard(
    code: str, params: tuple[tuple[str, Any], ...], lang: str, terms: Terms
) -> GuardView:
    """The same few things are said of most plans, and filling in a sentence is slow."""
    return _guard(code, dict(params), lang, terms)


def _guard(code: str, params: Mapping[str, Any], lang: str, terms: Terms) -> GuardView:
    return GuardView(name=code, text=sentence(code, params, lang, terms), fields=dict(params))
