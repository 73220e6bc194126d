"""The named conditions of each action, as far as they hold without its body (N6, N7, N14).

The same table answers "what may be done next" (N8) and refuses what may not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from planflow.domain.commands import SaveDraft
from planflow.domain.moments import shown
from planflow.engine import checks, lines, numbers
from planflow.engine import second_guards as second
from planflow.engine.hand import Hands
from planflow.engine.limits import bound_findings, ceiling_findings, drafted, sum_findings
from planflow.engine.machine import stage
from planflow.engine.scene import Scene
from planflow.engine.state import Promise
from planflow.errors import Finding, Refusal, guard_failed, invalid
from planflow.protocol.models import Purpose
from planflow.quota import exact

INCOMPLETE = ("missing_figure", "missing_number", "missing_reason")
Guard = Callable[[Scene, Hands], Iterator[Finding]]  # who acts, and in whose place


@dataclass(frozen=True, slots=True)
class Action:
    """An action: the machine's trigger it fires, if any, and its guards in the order they speak."""

    name: str
    trigger: str | None
    guards: tuple[Guard, ...]


def blocked(scene: Scene, action: str, hands: Hands, *, on_behalf: bool = False) -> list[Finding]:
    """Why an action is not possible now; empty when it is. `on_behalf`: for the unit, by its parent."""
    rule = ACTIONS[action]
    state = scene.state(scene.own)
    trigger = _first_move(scene, rule, state)
    if trigger and not scene.negotiation.can(state, trigger):
        return [Finding("illegal_transition", {"action": action, "state": state})]
    if scene.own.unit.no_task:
        return [Finding("has_task", {"unit": scene.own.unit.code})]
    for guard in (*(_ON_BEHALF.get(action, ()) if on_behalf else ()), *rule.guards):
        findings = list(guard(scene, hands))
        if findings:
            return findings  # later guards rest on earlier ones
    return []


def require(scene: Scene, action: str, hands: Hands, *, on_behalf: bool = False) -> None:
    """Refuse an action that is blocked.

    Raises `Refusal` `illegal_transition`, `invalid` or `guard_failed`.
    """
    findings = blocked(scene, action, hands, on_behalf=on_behalf)
    if findings and findings[0].code == "illegal_transition":
        raise Refusal("illegal_transition", findings[0].params)
    if findings and findings[0].code in INCOMPLETE:
        raise invalid(*findings)  # something is missing: no rule was asked yet
    if findings:
        raise guard_failed(*findings)


def _first_move(scene: Scene, rule: Action, state: str) -> str | None:
    """The trigger an action begins with."""
    if rule.trigger == "issue" and scene.own.unit.is_root:
        return "originate"  # nobody issues to the root: its figures begin with it
    if rule.trigger == "decide" and scene.negotiation.can(state, "present"):
        return "present"  # a decision recorded straight away presents what it is about
    return rule.trigger


def round_open(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The plan's round is the one that is open (N6)."""
    name = scene.state(scene.own).rpartition(".")[0]
    if not scene.cycle.is_open(name):
        yield Finding("round_open", {"round": name})


def window_open(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The unit's time in the round has begun and is not over; late work needs an extension (N9)."""
    window, now, zone = scene.window(scene.own), scene.now, scene.cycle.zone
    if now is None:
        return
    early = shown(window.opens_at, zone) if window.opens_at and not window.begun(now) else ""
    late = shown(window.due_at, zone) if window.due_at and window.over(now) else ""
    if early or late:
        yield Finding("window_open", {"round": scene.round, "opens_at": early, "due_at": late})


def has_due_date(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The unit has a due date in the round: only that can be put off (N9)."""
    if scene.window(scene.own).due_at is None:
        yield Finding("has_due_date", {"unit": scene.own.unit.code, "round": scene.round})


def parent_takes_more(scene: Scene, hands: Hands) -> Iterator[Finding]:
    """What the unit would send up with more time can still move its parent's sums (N7, N9)."""
    if scene.negotiation.protocol.rounds_by_name[scene.round].kind != "down":
        yield from parent_open(scene, hands)


def answered_issue(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """What the round answers to has been issued to the unit or its nearest parent (N6)."""
    answers = scene.negotiation.protocol.rounds_by_name[scene.round].answers
    if answers is None:
        return
    if scene.issued is None or not numbers.reached(scene.issued.plan, answers):
        yield Finding("answered_issue", {"round": scene.round, "answers": answers})


def not_root(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The root has no up act: its figure is the sum, written when the round closes (N2)."""
    if scene.own.unit.is_root:
        yield Finding("not_root", {"round": scene.round})


def children_done(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """Every child that takes part is done, or settled by declared silence (N6, N9).

    In an adjust round one that does nothing is done (N11).
    """
    done = done_stages(scene)
    for child in scene.children:
        state = scene.state(child)
        if stage(state) not in done and scene.round not in child.plan.lapses:
            yield Finding(
                "children_done", {"unit": child.unit.code, "name": child.unit.name, "state": state}
            )


def done_stages(scene: Scene) -> tuple[str, ...]:
    """Stages in which a child no longer holds its parent up."""
    kind = scene.negotiation.protocol.rounds_by_name[scene.round].kind
    return ("accepted", "drafting") if kind == "adjust" else ("accepted",)


def parent_open(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The parent has not sent its own figures up: what it rests on may still move (N7)."""
    parent = scene.parent
    if parent is None or parent.unit.is_root:
        return
    state = scene.state(parent)
    if stage(state) not in ("drafting", "returned"):
        yield Finding(
            "parent_open", {"unit": parent.unit.code, "name": parent.unit.name, "state": state}
        )


def has_draft(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """There is a working copy to submit (F3)."""
    if scene.own.draft is None:
        yield Finding("has_draft", {})


def typed_on_behalf(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """What is sent on behalf of a unit was typed so: its own working copy is its own to send (F3)."""
    if scene.own.draft is not None and not scene.own.on_behalf:
        yield Finding("typed_on_behalf", {"unit": scene.own.unit.code})


def complete(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The working copy has every figure the round requires; a change has its reason (N3, N11)."""
    protocol, unit = scene.negotiation.protocol, scene.own.unit
    figures = drafted(scene)
    yield from checks.missing(protocol, unit, scene.round, figures, "figures")
    one = protocol.rounds_by_name[scene.round]
    if one.kind != "adjust":
        return
    given = SaveDraft.model_validate(scene.own.draft).reasons
    changed = exact.differences(numbers.base(scene.own.plan, one), figures)
    # A level above only adds up what its children explained.
    summed = checks.summed(protocol, unit, (child.unit for child in scene.children))
    entered = (
        off.indicator for off in changed if not scene.children or off.indicator not in summed
    )
    known = ", ".join(protocol.reason_names("adjust"))
    codes = checks.coded(protocol, given, "adjust")
    yield from checks.unexplained(entered, codes, known, "reasons")


def purpose(scene: Scene) -> Purpose | None:
    """What reasons in the working copy are for; in an up round any will do."""
    one = scene.negotiation.protocol.rounds_by_name.get(scene.round)
    return "adjust" if one and one.kind == "adjust" else None


def has_presentable(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """There are figures to decide about (N2)."""
    if not numbers.presentable(scene.negotiation.protocol, scene.own.plan, scene.round):
        yield Finding("has_presentable", {"round": scene.round})


def within_ceiling(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The working copy keeps within what was issued in the round that the protocol names (N3)."""
    if scene.own.draft is not None:
        yield from ceiling_findings(scene, scene.own, drafted(scene))


def has_children(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """There is a unit below to issue to."""
    if not scene.children:
        yield Finding("has_children", {"unit": scene.own.unit.code})


def separate_hands(scene: Scene, hands: Hands) -> Iterator[Finding]:
    """Nobody reviews what they, or somebody in whose place they act, had a part in (N14)."""
    if not hands.isdisjoint(scene.own.plan.record(scene.round).hands):
        yield Finding("separate_hands", {})


def own_sums(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The working copy is the sum of the children plus its reconciling items (N4)."""
    if scene.children and scene.own.draft is not None:
        yield from sum_findings(scene, drafted(scene))


def lines_unlocked(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """What was returned changes in no line that the return is not about (N7)."""
    if scene.own.draft is not None:
        yield from lines.locked_findings(scene)


def bounded(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """An adjusted figure stays within its bound, at the level the protocol names (N11)."""
    if scene.own.draft is not None:
        yield from bound_findings(scene, scene.own, drafted(scene))


def has_binding_issue(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A promise amends a binding figure: there must be one (N10)."""
    if numbers.binding(scene.negotiation.protocol, scene.own.plan) is None:
        yield Finding("has_binding_issue", {"unit": scene.own.unit.code})


def some_indicator_free(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """An indicator is left for which no promise to the unit is open (N10)."""
    protocol, unit = scene.negotiation.protocol, scene.own.unit
    taken = {one.indicator for one in scene.own.plan.promises if one.status == "open"}
    able = [one.name for one in protocol.indicators if checks.applies(protocol, one, unit)]
    if taken.issuperset(able):
        yield from (
            Finding("one_open_promise", {"indicator": name, "unit": unit.code}) for name in able
        )


def settling_round_ahead(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A round that settles promises is still open or to come (N10)."""
    protocol, rounds = scene.negotiation.protocol, scene.cycle.rounds
    if not any(
        one.kind == "adjust" and rounds.get(one.name) != "closed" for one in protocol.rounds
    ):
        yield Finding("settling_round_ahead", {})


def holds_unpassed(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The unit holds an open promise it has not passed on (N10)."""
    if not any(
        promise.status == "open" and not promise.passed_on for promise in scene.own.plan.promises
    ):
        yield Finding("holds_unpassed", {})


def holds_open(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The unit holds an open promise its parent made, not a part of one made further up (N10)."""
    if not any(whole(promise) for promise in scene.own.plan.promises):
        yield Finding("holds_open", {})


def holds_due(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A promise the unit holds is due: the round that settles it is open (N10)."""
    due = [
        one for one in scene.own.plan.promises if whole(one) and scene.cycle.is_open(one.settle_in)
    ]
    if not due:
        yield Finding("holds_due", {})


def untouched(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A base moves only while the unit has not sent figures that rest on it (N11)."""
    due = [one for one in scene.own.plan.promises if whole(one)]
    found = [list(resting(scene, one.id)) for one in due if scene.cycle.is_open(one.settle_in)]
    yield from min(found, key=len, default=[])


def resting(scene: Scene, promise_id: str) -> Iterator[Finding]:
    """Holders of a promise or its parts whose figures in the open round are sent or taken in."""
    for seat in (scene.own, *scene.descendants):
        state = scene.state(seat)
        sent = state.startswith(f"{scene.round}.") and stage(state) in ("submitted", "accepted")
        held = [
            one
            for one in seat.plan.promises
            if promise_id in (one.id, one.part_of) and one.status == "open"
        ]
        if held and (sent or lines.locks(seat, scene.round, held[0].indicator)):
            yield Finding(
                "untouched", {"unit": seat.unit.code, "name": seat.unit.name, "state": state}
            )


def has_numbers(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """There is a number to choose from."""
    if not any(True for _ in numbers.numbers(scene.own.plan)):
        yield Finding("has_numbers", {})


def not_settled(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """The cycle is not settled yet."""
    if scene.cycle.settled:
        yield Finding("not_settled", {})


def whole(promise: Promise) -> bool:
    """Whether a promise is open and not a part of one made further up."""
    return promise.status == "open" and not promise.part_of


_WRITING = (not_root, round_open, window_open, answered_issue, parent_open)
_ON_BEHALF: dict[str, tuple[Guard, ...]] = {"submit": (typed_on_behalf,)}
_FIGURES = (own_sums, lines_unlocked, bounded, within_ceiling)
ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("draft", "submit", _WRITING),
        Action("submit", "submit", (*_WRITING, has_draft, complete, children_done, *_FIGURES)),
        Action("withdraw", "withdraw", (round_open, window_open)),
        Action("accept", "accept", (round_open, parent_open, separate_hands)),
        Action("return", "return", (not_root, round_open, parent_open, separate_hands)),
        Action("issue", "issue", (round_open, window_open, has_children)),
        Action("acknowledge", "acknowledge", (round_open, window_open)),
        Action("present", "present", (round_open, window_open, has_presentable)),
        Action("decide", "decide", (round_open, window_open, has_presentable)),
        Action("extensions", None, (round_open, has_due_date, parent_takes_more)),
        Action(
            "commitments",
            None,
            (not_root, not_settled, has_binding_issue, settling_round_ahead, some_indicator_free),
        ),
        Action("distribute", None, (holds_unpassed, has_children, not_settled)),
        Action("fulfil", None, (holds_due, parent_open, untouched)),
        Action("waive", None, (holds_open, not_settled)),
        Action("headline", None, (has_numbers, not_settled)),
        Action("corrections", None, (second.correctable, second.nothing_proposed)),
        Action(
            "approve", None, (second.holds_proposal, second.other_hands, second.still_correctable)
        ),
        Action("reject", None, (second.holds_proposal,)),
        Action(
            "confirm",
            "issue",
            (
                round_open,
                window_open,
                has_children,
                second.holds_pending,
                second.not_who_issued,
                second.still_splits,
            ),
        ),
        Action("paper", None, (second.only_root, second.paper_round)),
        Action("attest", None, (second.only_root, second.holds_paper, second.not_who_recorded)),
    )
}
