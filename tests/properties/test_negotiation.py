"""The negotiation against its oracle: what is taken, what is refused, and every number in force.

Property: whatever is done in whatever order, engine and oracle take and refuse the same commands and
know the same numbers; a refused command changes nothing; a state is always one of the protocol's;
replaying a plan's events gives the plan.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from planflow.access.table import ACTS
from planflow.errors import Refusal
from tests.board import DEEP, SMALL, Line
from tests.properties import moves
from tests.properties.oracle import Oracle
from tests.properties.watched import Histogram, Watched, table_of

TREES = {"small": SMALL, "deep": DEEP}
ROUNDS = ("up1", "down1", "up2", "down2", "adjust")
# the high bits of a seed tell more than those that a search tries first
SEEDS = st.integers(0, 2**64).map(lambda one: one * 2654435761 % 2**64)
QUICK = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    stateful_step_count=20,
    phases=(Phase.generate,),  # a walk is made from a seed: there is little to shrink
    suppress_health_check=list(HealthCheck),
)


def watched(tree: tuple[Line, ...], seen: Histogram) -> Watched:
    """A new cycle with its oracle."""
    board = Watched.over("exit-plan", tree)
    assert isinstance(board, Watched)
    board.oracle, board.seen = Oracle(tree), seen
    return board


# Acts of two persons are held to their own tests; the oracle knows nothing of them.
KNOWN = set(ACTS) - {"corrections", "approve", "reject", "confirm", "paper", "attest"}


def hand(board: Watched, code: str, action: str, rng: Random) -> str:
    """Somebody who may: sometimes the person who sits at two desks."""
    parent = board.parent(code)
    place = code if ACTS[action][0] == "own" or parent is None else parent
    if not board.nodes[place].is_root and rng.random() < 0.1:
        return "both"
    return place


def step(board: Watched, code: str, action: str, rng: Random, wrong: bool) -> None:
    """One command, right or wrong."""
    who = hand(board, code, action, rng)
    if wrong:
        promise, body = moves.spoilt(board, code, action, rng)
    else:
        promise, body = moves.one(board, code, action, rng)
    with contextlib.suppress(Refusal):
        board.act(who, code, action, body, promise)


def likely(board: Watched, rng: Random) -> tuple[str, str]:
    """A unit and something it may do now."""
    wanted = sorted(KNOWN)
    rng.shuffle(wanted)
    for action in wanted:
        for code in rng.sample(sorted(board.nodes), len(board.nodes)):
            parent = board.parent(code)
            place = code if ACTS[action][0] == "own" or parent is None else parent
            if action != "headline" and board.blocked(place, code, action) is None:
                return code, action
    return next(iter(board.nodes)), "issue"


def turn(board: Watched, rng: Random) -> None:
    """Open what comes next, or try to close what is open."""
    names = [one.name for one in board.negotiation.protocol.rounds]
    left = [name for name in names if name not in board.cycle.rounds]
    with contextlib.suppress(Refusal):
        if board.round and rng.random() < 0.7:
            board.close(board.round)
        elif left:
            board.open(rng.choice(left[:2]) if board.round else left[0])
        else:
            board.open("adjust")


class Negotiation(RuleBasedStateMachine):
    """Somebody does something, again and again; counted in `seen`."""

    tree: tuple[Line, ...]
    seen: Histogram
    board: Watched

    @initialize(start=st.sampled_from(ROUNDS), seed=SEEDS)
    def begin(self, start: str, seed: int) -> None:
        self.board, rng = watched(self.tree, Counter()), Random(seed)
        for name in ROUNDS[: ROUNDS.index(start)]:
            moves.play(self.board, name, rng)
        self.board.open(start)
        self.board.seen = self.seen  # what was played to get here does not count

    @rule(seed=SEEDS, wrong=st.booleans())
    def do_something_likely(self, seed: int, wrong: bool) -> None:
        rng = Random(seed)
        for _ in range(10):
            code, action = likely(self.board, rng)
            step(self.board, code, action, rng, wrong and rng.random() < 0.5)

    @rule(seed=SEEDS)
    def do_anything(self, seed: int) -> None:
        rng = Random(seed)
        code = rng.choice(sorted(self.board.nodes))
        action = rng.choice([name for name in sorted(KNOWN) if name != "headline"])
        step(self.board, code, action, rng, rng.random() < 0.5)

    @rule(seed=SEEDS)
    def turn_the_round(self, seed: int) -> None:
        turn(self.board, Random(seed))

    @rule(seed=SEEDS)
    def finish_the_round(self, seed: int) -> None:
        rng = Random(seed)
        if self.board.round and rng.random() < 0.3:
            moves.finish(self.board, rng)

    def teardown(self) -> None:
        if hasattr(self, "board"):
            for code in self.board.nodes:
                assert self.board.replayed(code) == self.board.plan(code), code


def shares(seen: Histogram) -> float:
    """How many of the commands were taken."""
    taken = sum(n for (*_, how), n in seen.items() if how == "accepted")
    return taken / sum(seen.values())


@pytest.mark.parametrize("name", TREES)
def test_engine_and_oracle_agree(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen: Histogram = Counter()
    machine = type(Negotiation.__name__, (Negotiation,), {"tree": TREES[name], "seen": seen})
    run_state_machine_as_test(machine, settings=QUICK)
    with capsys.disabled():
        print(f"\n{name} tree: {sum(seen.values()):,} commands, {shares(seen):.0%} taken")
        print(table_of(seen))
    assert shares(seen) >= 0.3
    taken = {action for action, _, how in seen if how == "accepted"}
    assert taken == KNOWN - {"headline", "present", "decide"}


@pytest.mark.soak
def test_engine_and_oracle_agree_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    rng = Random(int(os.environ.get("PLANFLOW_SOAK_SEED", "1")))
    seen: Histogram = Counter()
    for _ in range(150):
        board = watched(rng.choice((SMALL, DEEP)), seen)
        for _ in range(250):
            if rng.random() < 0.05:
                turn(board, rng)
            elif rng.random() < 0.02 and board.round:
                moves.finish(board, rng)
            else:
                code, action = likely(board, rng)
                step(board, code, action, rng, rng.random() < 0.3)
        for code in board.nodes:
            assert board.replayed(code) == board.plan(code), code
    with capsys.disabled():
        print(f"\n{sum(seen.values()):,} commands, {shares(seen):.0%} taken\n{table_of(seen)}")
    assert shares(seen) >= 0.3
