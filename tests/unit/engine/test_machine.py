"""The compiled machine: exactly the moves of the table, and a diagram that can be drawn."""

from __future__ import annotations

import re

import pytest

from planflow.engine.machine import (
    MOVES,
    SETTLED,
    START_OF_KIND,
    WAITING,
    Negotiation,
    compile_protocol,
    enter,
    mermaid,
    stage,
)
from planflow.errors import Refusal
from planflow.protocol import loader
from tests.unit.engine.rowing import ROWING

# Stage and trigger to the next stage, written out: up and adjust rounds, then down rounds.
UP = {
    ("drafting", "submit"): "submitted",
    ("returned", "submit"): "submitted",
    ("submitted", "withdraw"): "drafting",
    ("submitted", "withdraw_returned"): "returned",
    ("submitted", "accept"): "accepted",
    ("submitted", "return"): "returned",
    ("accepted", "return"): "returned",
    ("drafting", "total"): "accepted",
}
DOWN = {
    ("awaiting", "receive"): "issued",
    ("issued", "receive"): "issued",
    ("acknowledged", "receive"): "issued",
    ("distributed", "receive"): "issued",
    ("issued", "acknowledge"): "acknowledged",
    ("acknowledged", "issue"): "distributed",
    ("distributed", "issue"): "distributed",
    ("awaiting", "originate"): "distributed",
    ("distributed", "originate"): "distributed",
}
TRIGGERS = sorted({trigger for _, trigger in (*UP, *DOWN)})


def both() -> list[Negotiation]:
    return [compile_protocol(loader.find("exit-plan")), compile_protocol(ROWING)]


@pytest.mark.parametrize("negotiation", both(), ids=lambda one: one.protocol.name)
def test_a_trigger_moves_a_state_just_where_the_table_says(negotiation: Negotiation) -> None:
    for one in negotiation.protocol.rounds:
        table = DOWN if one.kind == "down" else UP
        for here in {state for state, _ in table} | set(table.values()):
            for trigger in TRIGGERS:
                state, target = f"{one.name}.{here}", table.get((here, trigger))
                assert negotiation.can(state, trigger) == (target is not None)
                if target is not None:
                    assert negotiation.step(state, trigger) == f"{one.name}.{target}"
                    continue
                with pytest.raises(Refusal) as refused:
                    negotiation.step(state, trigger)
                assert refused.value.code == "illegal_transition"
                assert refused.value.params == {"action": trigger, "state": state}


@pytest.mark.parametrize("negotiation", both(), ids=lambda one: one.protocol.name)
def test_a_round_is_entered_from_every_earlier_state_and_from_no_later_one(
    negotiation: Negotiation,
) -> None:
    names = [one.name for one in negotiation.protocol.rounds]
    states = {edge.target for edge in negotiation.edges} | {WAITING}
    for place, one in enumerate(negotiation.protocol.rounds):
        for state in states - {SETTLED}:
            before = state == WAITING or names.index(state.partition(".")[0]) < place
            assert negotiation.can(state, enter(one.name)) == before
            if before:
                start = f"{one.name}.{START_OF_KIND[one.kind]}"
                assert negotiation.step(state, enter(one.name)) == start


@pytest.mark.parametrize("negotiation", both(), ids=lambda one: one.protocol.name)
def test_no_state_is_reached_past_the_graph(negotiation: Negotiation) -> None:
    """`transitions` adds a `to_<state>` trigger for every state unless it is told not to."""
    states = {edge.target for edge in negotiation.edges}
    for state in states:
        with pytest.raises(Refusal):
            negotiation.step(WAITING, f"to_{state}")
    with pytest.raises(Refusal):
        negotiation.step(SETTLED, "settle")
    with pytest.raises(Refusal):
        negotiation.step(WAITING, "no_such_trigger")


def test_every_state_can_be_settled_and_nothing_follows() -> None:
    [negotiation, _] = both()
    for state in {edge.target for edge in negotiation.edges} - {SETTLED}:
        assert negotiation.step(state, "settle") == SETTLED
    assert not any(edge.source == SETTLED for edge in negotiation.edges)


def test_a_machine_keeps_nothing_of_what_it_moves() -> None:
    [negotiation, _] = both()
    for _ in range(3):
        negotiation.step(WAITING, enter("up1"))
    assert negotiation._machine.models == []


def test_the_same_text_is_compiled_once() -> None:
    text = loader.find("exit-plan")
    assert compile_protocol(text) is compile_protocol(text)
    assert compile_protocol(text).digest == loader.digest(text)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_diagram_shows_every_move_once(lang: str) -> None:
    for negotiation in both():
        drawn = mermaid(negotiation, lang)
        assert drawn.startswith("stateDiagram-v2\n")
        assert drawn.count("{\n") == drawn.count("}\n") == len(negotiation.protocol.rounds)
        moves = re.findall(r"^        (\w+) --> (\w+) : (\w+)$", drawn, re.MULTILINE)
        assert len(moves) == len(set(moves))
        inside = [
            (edge.source.replace(".", "_"), edge.target.replace(".", "_"), edge.trigger)
            for edge in negotiation.edges
            if edge.source.partition(".")[0] == edge.target.partition(".")[0]
        ]
        assert sorted(moves) == sorted(inside)
        for one in negotiation.protocol.rounds:
            assert f'"{one.name} {one.title.zh if lang == "zh" else one.title.en}"' in drawn


def test_a_title_cannot_break_the_diagram() -> None:
    titled = compile_protocol(ROWING.replace('"Coach\'s plan"', "'The \"first\"   plan'"))
    assert "The #quot;first#quot; plan" in mermaid(titled, "en")


def test_the_stage_is_the_last_word_of_a_state() -> None:
    assert [stage(state) for state in ("up1.drafting", WAITING)] == ["drafting", "waiting"]
    assert set(MOVES) == set(START_OF_KIND) == {"up", "down", "adjust", "decision"}
