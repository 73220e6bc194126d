"""A cycle as its readers see it: rounds, their windows, what silence means, what to look out for (N9)."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from planflow.access.scope import Scope
from planflow.domain.moments import shown
from planflow.engine import windows
from planflow.engine.machine import Negotiation
from planflow.engine.state import CycleState, RoundTerms, Window
from planflow.errors import Finding
from planflow.protocol import silence
from planflow.services.people import Reader
from planflow.services.showing import guard_view
from planflow.services.views import CycleItem, CycleView, NoTaskView, SilenceView, WindowView
from planflow.store import surveys
from planflow.store.seats import CycleHead
from planflow.store.transaction import Tx


def cycle_view(
    tx: Tx,
    head: CycleHead,
    reader: Reader,
    scope: Scope,
    event: str | None = None,
    chain: str | None = None,
) -> CycleView:
    """A cycle's terms and the standing of its rounds; with an event's receipt where it follows one."""
    state, protocol = head.state, head.negotiation.protocol
    idle = surveys.no_task(tx, state.id, scope)
    return CycleView(
        id=state.id,
        protocol=state.protocol,
        protocol_version=protocol.version,
        digest=state.digest,
        year=state.year,
        root=state.root,
        leaf_level=state.leaf_level,
        zone=state.zone,
        lists=state.lists,
        practice=state.practice,
        rounds={one.name: state.rounds.get(one.name, "waiting") for one in protocol.rounds},
        open_round=state.open_round or None,
        settled=state.settled,
        no_task=[NoTaskView(unit=one.code, name=one.name) for one in idle],
        windows={name: _windows(state, terms) for name, terms in state.terms.items()},
        silence={name: _silence(terms) for name, terms in state.terms.items() if terms.silence},
        warnings=[
            guard_view(one, reader.lang, head.negotiation.terms)
            for one in _warnings(head.negotiation, state)
        ],
        tree=state.tree,
        version=state.position,
        event=event,
        chain=chain,
    )


def cycle_item(state: CycleState) -> CycleItem:
    """A cycle as a list has it."""
    return CycleItem(
        id=state.id,
        protocol=state.protocol,
        year=state.year,
        root=state.root,
        leaf_level=state.leaf_level,
        lists=state.lists,
        practice=state.practice,
        open_round=state.open_round or None,
        settled=state.settled,
    )


def _windows(state: CycleState, terms: RoundTerms) -> dict[str, WindowView]:
    zone = ZoneInfo(state.zone)
    return {
        level: WindowView(
            opens_at=one.opens_at.astimezone(zone) if one.opens_at else None,
            due_at=one.due_at.astimezone(zone) if one.due_at else None,
        )
        for level, one in terms.windows.items()
    }


def _silence(terms: RoundTerms) -> SilenceView:
    return SilenceView(rules=terms.silence, applied=terms.applied, units=terms.silent)


def _warnings(negotiation: Negotiation, state: CycleState) -> Iterator[Finding]:
    """What is allowed and yet worth a look, about the round that is open."""
    name = state.open_round
    terms = state.terms_of(name)
    if terms.assumed:
        years = ", ".join(str(year) for year in terms.assumed)
        yield Finding("calendar_assumed", {"round": name, "years": years})
    for one in windows.misfits(negotiation, state, name) if terms.windows else ():
        times = {
            "due_at": shown(one.due_at, state.zone),
            "above_due_at": shown(one.above_due_at, state.zone),
        }
        yield Finding(
            "windows_out_of_order", {"round": name, "level": one.level, "above": one.above, **times}
        )
    for level, rule in terms.silence.items():
        due = terms.windows.get(level, Window()).due_at
        if silence.settles(rule) and silence.received_after(rule) is None and due is None:
            yield Finding("silence_without_due", {"round": name, "level": level, "rule": rule})
