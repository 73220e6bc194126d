"""State = fold of events (N13). Every move goes through the machine; older event versions are read."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from planflow.domain.events import Event
from planflow.engine import second_fold
from planflow.engine.machine import Negotiation, enter, stage
from planflow.engine.state import (
    NEW_PLAN,
    Chosen,
    CycleState,
    Decision,
    Item,
    Markup,
    PlanState,
    Promise,
    Record,
    RoundTerms,
    SentBack,
    Split,
    Window,
)

# kind of event → trigger of the machine; kinds that leave the stage alone are absent
TRIGGERS = {
    "submitted": "submit",
    "withdrawn": "withdraw",
    "accepted": "accept",
    "returned": "return",
    "issued": "receive",
    "acknowledged": "acknowledge",
    "distributed": "issue",
    "totalled": "total",
    "presented": "present",
    "decided": "decide",
}


def plan(negotiation: Negotiation, state: PlanState, event: Event) -> PlanState:
    """Apply one event of a plan's own stream."""
    changed = HANDLERS[event.kind](state, event)
    returned = state.record(event.round).returned
    # A plan that is taken over is in a state from the start; no other event sets it but by a move.
    moved = _move(negotiation, changed.state, event, returned=returned)
    if event.kind in TRIGGERS:
        changed = changed.having(event.round, stage=stage(moved))
    return changed.but(state=moved, position=event.seq)


def replay(negotiation: Negotiation, events: Iterable[Event]) -> PlanState:
    """Fold a plan's whole stream."""
    state = NEW_PLAN
    for event in events:
        state = plan(negotiation, state, event)
    return state


def cycle(state: CycleState | None, event: Event, last_round: str) -> CycleState:
    """Apply one event of a cycle's own stream; closing its last round settles it."""
    if event.kind == "cycle_opened":
        terms = event.parts["terms"]
        named = ("id", "protocol", "digest", "year", "root", "leaf_level", "zone", "lists")
        practice = terms.get("practice", False)
        found = {name: terms[name] for name in named}
        return CycleState(**found, practice=practice, position=event.seq, tree=event.seq)
    if state is None:
        raise ValueError("a cycle's stream begins with cycle_opened")
    if event.kind == "cycle_dropped":
        return state.but(dropped=True, position=event.seq)
    if event.kind == "part_erased":  # of a text that is in no state
        return state.but(position=event.seq)
    if event.kind == "tree_changed":
        return state.but(position=event.seq, tree=event.seq)
    status = {"round_opened": "open", "round_closed": "closed", "round_reopened": "open"}[
        event.kind
    ]
    rounds, runs = {**state.rounds, event.round: status}, state.runs
    if event.kind == "round_reopened":
        runs = {**runs, event.round: runs.get(event.round, 0) + 1}
        # Those after it run again: rounds stand here in the order in which they were opened.
        order = list(rounds)
        rounds = {name: rounds[name] for name in order[: order.index(event.round) + 1]}
    return CycleState(
        **{
            **state.model_dump(),
            "rounds": rounds,
            "runs": runs,
            "settled": status == "closed" and event.round == last_round,
            "position": event.seq,
            "terms": {
                one: terms
                for one, terms in {**state.terms, **_terms(state, event)}.items()
                if one in rounds
            },
        }
    )


def _terms(state: CycleState, event: Event) -> dict[str, RoundTerms]:
    """A round's terms after it was opened or closed; none where nothing was said (N9).

    A round that runs again begins anew: what was declared for its first run is over.
    """
    parts = event.parts
    if event.kind == "round_reopened":
        return {event.round: RoundTerms()}
    if event.kind == "round_opened" and {"windows", "silence"} & set(parts):
        windows = {level: Window(**one) for level, one in parts.get("windows", {}).items()}
        assumed = tuple(parts.get("calendar", {}).get("assumed", ()))
        terms = RoundTerms(windows=windows, silence=parts.get("silence", {}), assumed=assumed)
        return {event.round: terms}
    if event.kind == "round_closed" and "silence" in parts:
        applied, count = parts["silence"]["rules"], parts["silence"]["count"]
        return {event.round: state.terms_of(event.round).but(applied=applied, silent=count)}
    return {}


def _move(negotiation: Negotiation, state: str, event: Event, *, returned: bool) -> str:
    trigger = TRIGGERS.get(event.kind)
    if trigger is None:
        return state
    if state.rpartition(".")[0] != event.round:
        state = negotiation.step(state, enter(event.round))
    if trigger == "withdraw" and returned:
        trigger = "withdraw_returned"
    if trigger == "issue" and not negotiation.can(state, trigger):
        trigger = "originate"  # the root's: nobody issued to it
    return negotiation.step(state, trigger)


def _submitted(state: PlanState, event: Event) -> PlanState:
    parts = event.parts
    return state.having(
        event.round,
        reported=parts["figures"],
        reported_reasons=parts["reasons"],
        reconciling=tuple(Item(**item) for item in parts["reconciling"]),
        settled={},
        settled_reasons={},
        hands=tuple(parts["hands"]),
        authors=(),
        corrected={},  # a round that was opened once more begins anew
    )


def _returned(state: PlanState, event: Event) -> PlanState:
    lines, before = event.parts["reason"]["lines"], state.record(event.round)
    was = SentBack(figures=before.reported, items=before.reconciling)
    return state.having(event.round, returned=True, unlocked=tuple(lines), sent_back=was)


def _unchanged(state: PlanState, _event: Event) -> PlanState:
    return state


def _withdrawn(state: PlanState, event: Event) -> PlanState:
    empty = Record()
    return state.having(
        event.round,
        reported=empty.reported,
        reported_reasons=empty.reported_reasons,
        reconciling=empty.reconciling,
    )


def _accepted(state: PlanState, event: Event) -> PlanState:
    return state.having(
        event.round,
        settled=event.parts["figures"],
        settled_reasons=event.parts["reasons"],
        returned=False,
        unlocked=(),
        authors=event.people if event.parts["figures"] else (),
    )


def _issued(state: PlanState, event: Event) -> PlanState:
    terms = event.parts["terms"]
    # What was to be split is another now: a split that waits for a second person is none of it.
    return state.but(pending=None).having(
        event.round,
        issued=event.parts["figures"],
        issued_also=event.parts.get("also", {}),
        issued_reasons=event.parts["reasons"],
        issued_by=event.id,
        markups=tuple(Markup(**one) for one in event.parts.get("markups", ())),
        document_no=terms["document_no"],
        authors=tuple(terms.get("hands", event.people)),
        corrected={},
    )


def _distributed(state: PlanState, event: Event) -> PlanState:
    split = Split(
        **event.parts["split"],
        markup_reasons=event.parts.get("markup_reasons", {}),
        document_no=event.parts["terms"]["document_no"],
        of=state.record(event.round).issued_by,
    )
    changes: dict[str, Any] = {"split": split}
    if not split.of:  # the root's own figures begin here
        hands = tuple(event.parts["terms"].get("hands", [event.actor]))
        changes |= {"authors": hands, "corrected": {}}
    return state.but(pending=None).having(event.round, **changes)


def _totalled(state: PlanState, event: Event) -> PlanState:
    raised = event.parts.get("raised", {})
    return state.having(event.round, reported=event.parts["figures"], raised=raised, corrected={})


def _presented(state: PlanState, event: Event) -> PlanState:
    decision = Decision(presented=event.parts["figures"], presented_by=event.id)
    return state.having(event.round, decision=decision, corrected={})


def _decided(state: PlanState, event: Event) -> PlanState:
    presented = state.record(event.round).decision
    if presented is None:
        raise ValueError("nothing is decided that was not presented")
    decision = presented.but(figures=event.parts["figures"], **event.parts["terms"])
    return state.having(event.round, decision=decision, authors=event.people, corrected={})


def _commitment_made(state: PlanState, event: Event) -> PlanState:
    promise = Promise(**_renamed(event.parts["commitment"]))
    return state.but(promises=(*state.promises, promise))


def _renamed(terms: Mapping[str, Any]) -> dict[str, Any]:
    return {("from_" if name == "from" else name): value for name, value in terms.items()}


def _commitment_passed_on(state: PlanState, event: Event) -> PlanState:
    return _promise(state, event, passed_on=True, reserve=event.parts["commitment"]["reserve"])


def _commitment_fulfilled(state: PlanState, event: Event) -> PlanState:
    return _promise(state, event, status="fulfilled")


def _commitment_waived(state: PlanState, event: Event) -> PlanState:
    return _promise(state, event, status="waived")


def _promise(state: PlanState, event: Event, **changes: Any) -> PlanState:
    which = event.parts["commitment"]["id"]
    promises = tuple(one.but(**changes) if one.id == which else one for one in state.promises)
    return state.but(promises=promises)


def _extended(state: PlanState, event: Event) -> PlanState:
    due_at = dt.datetime.fromisoformat(event.parts["extension"]["due_at"])
    return state.but(extensions={**state.extensions, event.round: due_at})


def _handed_over(state: PlanState, event: Event) -> PlanState:
    promises = tuple(
        one.but(status="handed_over") if one.status == "open" else one for one in state.promises
    )
    return state.but(promises=promises, handed_to=tuple(one["unit"] for one in event.parts["to"]))


def _taken_over(_state: PlanState, event: Event) -> PlanState:
    parts = event.parts
    return PlanState(
        state=parts["plan"]["state"],
        rounds={one["round"]: _record_taken(one, event.id) for one in parts.get("rounds", ())},
        promises=tuple(Promise(**_renamed(one)) for one in parts.get("commitments", ())),
        headline={name: Chosen(**one) for name, one in parts["plan"]["headline"].items()},
        extensions={
            name: dt.datetime.fromisoformat(due)
            for name, due in parts["plan"]["extensions"].items()
        },
        taken_from=tuple(one["unit"] for one in parts["from"]),
    )


def _record_taken(given: Mapping[str, Any], event_id: str) -> Record:
    """A round's record as it was taken over: what was issued counts as issued by that event."""
    issued_by = event_id if given["received"] else ""
    own = {
        name: value for name, value in given.items() if name not in ("round", "received", "split")
    }
    split = given["split"]
    if split is not None:
        kept = {name: value for name, value in split.items() if name != "outdated"}
        split = {**kept, "of": "" if split["outdated"] else issued_by}
    return Record.model_validate({**own, "split": split, "issued_by": issued_by})


def _headline_chosen(state: PlanState, event: Event) -> PlanState:
    chosen = {name: Chosen(**choice) for name, choice in event.parts["choices"].items()}
    return state.but(headline={**state.headline, **chosen})


HANDLERS: dict[str, Callable[[PlanState, Event], PlanState]] = {
    "submitted": _submitted,
    "withdrawn": _withdrawn,
    "accepted": _accepted,
    "returned": _returned,
    "issued": _issued,
    "acknowledged": _unchanged,
    "distributed": _distributed,
    "totalled": _totalled,
    "presented": _presented,
    "decided": _decided,
    "commitment_made": _commitment_made,
    "commitment_passed_on": _commitment_passed_on,
    "commitment_fulfilled": _commitment_fulfilled,
    "commitment_waived": _commitment_waived,
    "headline_chosen": _headline_chosen,
    "extended": _extended,
    **second_fold.HANDLERS,
    "handed_over": _handed_over,
    "taken_over": _taken_over,
}
_OF_CYCLE = ("cycle_opened", "round_opened", "round_closed", "round_reopened", "tree_changed")
KINDS = (*_OF_CYCLE, *HANDLERS, "part_erased", "cycle_dropped")
