"""N8: what a plan says may be done, the engine takes; what it says may not, the engine refuses so.

In every state that random play reaches, for every person and action: allowed means that one of the
commands that would naturally be given is taken; not allowed means that all are refused, by the same
condition that the plan named (a missing right is refused as `forbidden`).
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from planflow.access.table import ACTS
from planflow.engine.state import Promise
from planflow.errors import Finding, Refusal
from tests.board import DEEP, SMALL, Board, Line
from tests.properties import moves, playing

TREES = {"small": SMALL, "deep": DEEP}
ROUNDS = ("up1", "down1", "up2", "down2", "adjust")
QUICK = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=10,
    stateful_step_count=36,
    phases=(Phase.generate,),  # a walk is made from a seed: there is little to shrink
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 2**64).map(lambda one: one * 2654435761 % 2**64)

# Where each action must have been allowed, and taken, at least once.
OWN_UP = {"up.drafting", "up.returned", "adjust.drafting", "adjust.returned"}
HOLDING = {"down.issued", "down.acknowledged", "down.distributed", "adjust.drafting"}
EXPECTED: dict[str, set[str]] = {
    "draft": OWN_UP,
    "submit": OWN_UP,
    "withdraw": {"up.submitted", "adjust.submitted"},
    "accept": {"up.submitted", "adjust.submitted"},
    "return": {"up.submitted", "up.accepted", "adjust.submitted", "adjust.accepted"},
    "issue": {"down.awaiting", "down.acknowledged", "down.distributed"},
    "acknowledge": {"down.issued"},
    "commitments": HOLDING | {"adjust.submitted", "adjust.accepted"},
    "distribute": {"down.distributed", "adjust.drafting"},
    "extensions": {"up.drafting", "up.submitted", "down.awaiting", "adjust.drafting"},
    "fulfil": {"adjust.drafting", "adjust.returned"},
    "waive": HOLDING,
    "headline": {"up.submitted", "down.distributed", "adjust.drafting"},
    "corrections": {"down.awaiting", "up.drafting", "adjust.drafting"},
    "approve": {"down.awaiting"},
    "reject": {"down.awaiting"},
    "paper": {"down.awaiting", "adjust.drafting"},
}

NAMES = {"True": "allowed and taken", "False": "refused alike", "-": "not tried"}
Seen = Counter[tuple[str, str, str]]  # action, kind of round and stage, allowed and taken


def taken(board: Board, who: str, code: str, action: str, move: moves.Move) -> Refusal | None:
    """Try a command where it leaves no trace."""
    promise, body = move
    trial = board.copy()
    try:
        trial.act(who, code, action, body, promise)
    except Refusal as refusal:
        assert trial.frozen() == board.frozen()
        return refusal
    return None


def agree(board: Board, who: str, code: str, action: str, rng: Random) -> bool | None:
    """What `actions` says of one person, plan and action, against what the engine does.

    None where no command can be made up: promises to its children leave a unit nothing to split.
    """
    told = board.blocked(who, code, action)
    tries = moves.natural(board, code, action, rng)
    if not tries and action == "issue":
        return None
    answers = [taken(board, who, code, action, move) for move in tries]
    where = f"{who} {action} {code} in {board.state(code)}"
    if told is None:
        refused = [_codes(one) for one in answers if one is not None]
        assert None in answers, f"{where}: said to be allowed, yet {tries} is refused: {refused}"
        return True
    for move, answer in zip(tries, answers, strict=True):
        assert answer is not None, f"{where}: said to be refused by {told.code}, yet taken: {move}"
        promise = board.plan(code).promise(move[0])
        assert _same(told, answer, promise), f"{where}: told {told}, refused by {_codes(answer)}"
    return False


def _same(told: Finding, answer: Refusal, promise: Promise | None) -> bool:
    if told.code == "role":
        return answer.code == "forbidden"
    if told.code == "illegal_transition":
        return (answer.code, answer.params) == ("illegal_transition", told.params)
    # what is missing in a working copy is `invalid`; all else that fails here is a guard
    if answer.code in ("guard_failed", "invalid") and answer.findings[0].code == told.code:
        return True
    # An act on one commitment also tells what this very one is not.
    status = promise is not None and (promise.status != "open" or promise.passed_on)
    part = promise is not None and bool(promise.part_of)
    if answer.code == "illegal_transition":
        return status
    return part and answer.code == "guard_failed" and answer.findings[0].code == "part_of_another"


def _codes(refusal: Refusal) -> list[str]:
    return [refusal.code, *(finding.code for finding in refusal.findings)]


class Agreeing(RuleBasedStateMachine):
    """Plays on; after every step one plan is looked at through everybody's eyes."""

    tree: tuple[Line, ...]
    seen: Seen
    board: Board
    start: str

    @initialize(seed=SEEDS)
    def begin(self, seed: int) -> None:
        self.board, rng = Board.over("exit-plan", self.tree), Random(seed)
        for name in ROUNDS[: ROUNDS.index(self.start)]:
            playing.play(self.board, name, rng)
        if rng.random() < 0.9:
            self.board.open(self.start)
        self._look(rng)

    @rule(seed=SEEDS)
    def go_on(self, seed: int) -> None:
        rng = Random(seed)
        for _ in range(3):
            self._do_something(rng)
            self._look(rng)

    @rule(seed=SEEDS)
    def finish_the_round(self, seed: int) -> None:
        rng = Random(seed)
        names = [name for name in ROUNDS if name not in self.board.cycle.rounds]
        if self.board.round and rng.random() < 0.2:
            playing.finish(self.board, rng)
        elif not self.board.round and names:
            self.board.open(names[0])
        self._look(rng)

    def _do_something(self, rng: Random) -> None:
        """An act that is allowed: what was seen least comes first."""
        pairs = [(action, code) for code in sorted(self.board.nodes) for action in ACTS]
        places = {code: self.board.place(code) for code in self.board.nodes}
        rank = {
            (action, code): self.seen[action, places[code], "True"] + rng.random()
            for action, code in pairs
        }
        for action, code in sorted(pairs, key=lambda pair: rank[pair]):
            for who in (_might(self.board, code, action)[0], "both"):
                if self.board.blocked(who, code, action) is not None:
                    continue
                for move in moves.natural(self.board, code, action, rng):
                    if taken(self.board, who, code, action, move) is None:
                        self.seen[action, self.board.place(code), "True"] += 1
                        self.board.act(who, code, action, move[1], move[0])
                        return

    def _look(self, rng: Random) -> None:
        """At the plan in whose stage least was seen, through everybody's eyes."""
        places = {code: self.board.place(code) for code in self.board.nodes}
        looks = {
            code: sum(self.seen[action, place, "True"] for action in ACTS)
            for code, place in places.items()
        }
        code = min(looks, key=lambda one: (looks[one], rng.random()))
        place = places[code]
        for who in sorted(self.board.grants):
            for action in ACTS:
                if who not in _might(self.board, code, action) and rng.random() < 0.9:
                    continue  # most people have nothing to do with a plan: a sample of them
                allowed = agree(self.board, who, code, action, rng)
                self.seen[action, place, "-" if allowed is None else str(allowed)] += 1


def _might(board: Board, code: str, action: str) -> list[str]:
    parent, waiting = board.parent(code), board.plan(code).proposal
    if ACTS[action].desk and waiting:
        return [waiting.top, "both"]
    place = parent if parent and (ACTS[action].parent or ACTS[action].desk) else code
    return [place, place.lower(), "both"]


@pytest.mark.parametrize("name", TREES)
def test_actions_agree_with_the_engine(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen: Seen = Counter()
    for start in ROUNDS:
        how = {"tree": TREES[name], "seen": seen, "start": start}
        machine = type(Agreeing.__name__, (Agreeing,), how)
        run_state_machine_as_test(machine, settings=QUICK)
    reached = {(action, place) for action, place, allowed in seen if allowed == "True"}
    with capsys.disabled():
        print(f"\n{name} tree: {sum(seen.values()):,} looks")
        for (action, place, allowed), count in sorted(seen.items()):
            print(f"{count:7,}  {action:12} {place:18} {NAMES[allowed]}")
    expected = {(action, place) for action, places in EXPECTED.items() for place in places}
    assert expected <= reached, sorted(expected - reached)
