"""A protocol compiled into one state machine (N2). The only module that imports `transitions`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from transitions import Machine, MachineError

from planflow.errors import Refusal, Terms
from planflow.protocol import loader
from planflow.protocol.models import Protocol, Round

WAITING = "waiting"
SETTLED = "settled"
START_OF_KIND = {"up": "drafting", "adjust": "drafting", "down": "awaiting", "decision": "awaiting"}

# trigger, stages it leaves, stage it reaches
_UP = (
    ("submit", ("drafting", "returned"), "submitted"),
    ("withdraw", ("submitted",), "drafting"),
    ("withdraw_returned", ("submitted",), "returned"),  # a return stays open until it is answered
    ("accept", ("submitted",), "accepted"),
    ("return", ("submitted", "accepted"), "returned"),
    ("total", ("drafting",), "accepted"),
)
# What silence settles (N9). In an adjust round whoever does nothing is done: only one that was
# returned figures can be silent.
_SILENT_UP = ("lapse", ("drafting", "returned"), "accepted")
_SILENT_ADJUST = ("lapse", ("returned",), "accepted")
_DOWN = (
    ("receive", ("awaiting", "issued", "acknowledged", "distributed"), "issued"),
    ("acknowledge", ("issued",), "acknowledged"),
    ("issue", ("acknowledged", "distributed"), "distributed"),
    ("originate", ("awaiting", "distributed"), "distributed"),
    ("lapse", ("issued",), "acknowledged"),
)
_DECISION = (
    ("present", ("awaiting",), "presented"),
    ("decide", ("presented",), "decided"),
)
MOVES = {
    "up": (*_UP, _SILENT_UP),
    "adjust": (*_UP, _SILENT_ADJUST),
    "down": _DOWN,
    "decision": _DECISION,
}


@dataclass(slots=True)
class _Token:
    """What the machine moves; one per step, so that no model is ever kept."""

    state: str


@dataclass(frozen=True, slots=True)
class Edge:
    """One move the protocol allows."""

    source: str
    trigger: str
    target: str


def enter(round_name: str) -> str:
    """Name the trigger by which a plan enters a round."""
    return f"enter:{round_name}"


class Negotiation:
    """A protocol with its text's digest and its compiled machine."""

    def __init__(self, protocol: Protocol, digest: str) -> None:
        self.protocol = protocol
        self.digest = digest
        self.terms = _terms(protocol)
        self.edges = tuple(_edges(protocol))
        self._machine = Machine(
            model=None,
            states=list(dict.fromkeys([WAITING, *(edge.target for edge in self.edges), SETTLED])),
            initial=WAITING,
            auto_transitions=False,
            send_event=False,
        )
        self._steps: dict[tuple[str, str], str] = {}  # moves the machine has made once
        self._moves = frozenset((edge.source, edge.trigger) for edge in self.edges)
        for edge in self.edges:
            self._machine.add_transition(edge.trigger, edge.source, edge.target)

    def step(self, state: str, trigger: str) -> str:
        """Fire a trigger; return the state it leads to.

        Raises `Refusal` `illegal_transition` where the protocol has no such move.
        """
        known = self._steps.get((state, trigger))
        if known is not None:
            return known
        token = _Token(state)
        event = self._machine.events.get(trigger)
        if event is None:
            raise Refusal("illegal_transition", {"action": trigger, "state": state})
        try:
            event.trigger(token)
        except MachineError:
            raise Refusal("illegal_transition", {"action": trigger, "state": state}) from None
        self._steps[state, trigger] = token.state
        return token.state

    def knows(self, state: str) -> bool:
        """Whether the protocol has such a state."""
        return state in self._machine.states

    def can(self, state: str, trigger: str) -> bool:
        """Whether the protocol has such a move."""
        return (state, trigger) in self._moves


def _terms(protocol: Protocol) -> Terms:
    titles = {
        "round": {one.name: one.title.model_dump() for one in protocol.rounds},
        "level": {one.name: one.title.model_dump() for one in protocol.levels},
        "indicator": {one.name: one.title.model_dump() for one in protocol.indicators},
    }
    return Terms(titles, {one.name: one.scale for one in protocol.indicators})


@lru_cache(maxsize=64)
def compile_protocol(text: str) -> Negotiation:
    """Load and compile a protocol's text; the same text is compiled once per process.

    Raises `Refusal` `protocol_invalid`.
    """
    return Negotiation(loader.load(text), loader.digest(text))


def lapses(kind: str) -> dict[str, str]:
    """Stages of a kind of round in which a unit can be silent → what silence makes of them (N9)."""
    return {
        source: target
        for trigger, sources, target in MOVES[kind]
        for source in sources
        if trigger == "lapse"
    }


def stage(state: str) -> str:
    """Stage of a state: `up1.submitted` is in stage `submitted`."""
    return state.rpartition(".")[2]


def mermaid(negotiation: Negotiation, lang: str) -> str:
    """Draw the machine as a Mermaid state diagram, one box per round."""
    lines = ["stateDiagram-v2", "    direction LR", f"    [*] --> {WAITING}"]
    for one in negotiation.protocol.rounds:
        title = " ".join((one.title.zh if lang == "zh" else one.title.en).split())
        title = title.replace('"', "#quot;")
        lines += [f'    state "{one.name} {title}" as {one.name} {{']
        lines += [f"        {_node(one.name + '.' + name)} : {name}" for name in _stages(one)]
        lines += [
            f"        {_node(edge.source)} --> {_node(edge.target)} : {edge.trigger}"
            for edge in negotiation.edges
            if edge.source.startswith(one.name + ".") and edge.target.startswith(one.name + ".")
        ]
        lines += ["    }"]
    order = [WAITING, *(one.name for one in negotiation.protocol.rounds), SETTLED]
    lines += [f"    {here} --> {there}" for here, there in pairwise(order)]
    lines += [
        f"    {one.name} --> {one.reopens} : rejected"
        for one in negotiation.protocol.rounds
        if one.reopens
    ]
    return "\n".join([*lines, f"    {SETTLED} --> [*]"]) + "\n"


def _node(state: str) -> str:
    return state.replace(".", "_")


def _stages(one: Round) -> list[str]:
    moves = MOVES[one.kind]
    stages = [
        START_OF_KIND[one.kind],
        *(s for _, sources, target in moves for s in (*sources, target)),
    ]
    return list(dict.fromkeys(stages))


def _edges(protocol: Protocol) -> Iterator[Edge]:
    earlier = [WAITING]
    for one in protocol.rounds:
        start = f"{one.name}.{START_OF_KIND[one.kind]}"
        yield from (Edge(state, enter(one.name), start) for state in earlier)
        for trigger, sources, target in MOVES[one.kind]:
            yield from (
                Edge(f"{one.name}.{source}", trigger, f"{one.name}.{target}") for source in sources
            )
        if one.reopens:  # what was rejected leads back
            back = protocol.rounds_by_name[one.reopens]
            start = f"{back.name}.{START_OF_KIND[back.kind]}"
            yield Edge(f"{one.name}.decided", enter(back.name), start)
        earlier += [f"{one.name}.{name}" for name in _stages(one)]
    yield from (Edge(state, "settle", SETTLED) for state in earlier)
