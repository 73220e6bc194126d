"""Where a walk goes next: to what was seen least, so that every corner is seen often enough."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any

from planflow.access.table import ACTS as RIGHTS
from planflow.errors import Refusal
from planflow.protocol import loader
from tests.properties import faults, generators, moves, playing
from tests.properties.oracle import ACTS
from tests.properties.oracle_rules import Rules
from tests.properties.watched import Cell, Seen, Watched

FOREIGN = Path(__file__).parents[1] / "data" / "protocols"
GENERATED = "generated"
DAY = dt.timedelta(days=1)
FEWEST_STEPS = 6
MOST_STEPS = {"up": 60, "down": 60, "adjust": 90, "decision": 80}
PLACES = {
    "up": ("drafting", "submitted", "accepted", "returned"),
    "down": ("awaiting", "issued", "acknowledged", "distributed"),
    "decision": ("awaiting", "presented", "decided"),
}
PLACES["adjust"] = PLACES["up"]
# Acts that lead to a stage, the last step first; and what has to be there before an act.
LEADS = {
    "submitted": ("submit", "draft"),
    "accepted": ("accept", "submit", "draft"),
    "returned": ("return", "submit", "draft"),
    "issued": ("issue", "acknowledge"),
    "acknowledged": ("acknowledge", "issue"),
    "distributed": ("issue", "acknowledge"),
    "presented": ("present",),
    "decided": ("decide",),
}
FIRST = {"approve": "corrections", "reject": "corrections", "submit": "draft"}
# Where each act of a round is taken at all, by kind of round (N2, N4 to N7, N9).
ROUND_ACTS = {
    "up": {
        "draft": ("drafting", "returned"),
        "submit": ("drafting", "returned"),
        "withdraw": ("submitted",),
        "accept": ("submitted",),
        "return": ("submitted", "accepted"),
        "extensions": PLACES["up"],
    },
    "down": {
        "issue": ("awaiting", "acknowledged", "distributed"),
        "acknowledge": ("issued",),
        "extensions": PLACES["down"],
    },
    "decision": {
        "present": ("awaiting",),
        "decide": ("awaiting", "presented"),
        "extensions": PLACES["decision"],
    },
}
ROUND_ACTS["adjust"] = {**ROUND_ACTS["up"], "fulfil": ("drafting", "returned")}


@cache
def protocols() -> dict[str, str]:
    """Protocols that are not generated: those that come with planflow, and those of others."""
    found = {name: loader.find(name) for name in loader.bundled()}
    return found | {path.stem: path.read_text("utf-8") for path in sorted(FOREIGN.glob("*.yaml"))}


# What figures, sums, splits, bounds, ceilings, reasons, promises, hands and times are refused by: a run
# that never meets these has only seen who may do what.
TELLING = (
    "above_maximum", "below_minimum", "bounded", "children_done", "due_passed",
    "duplicate_unit", "figures_not_amended", "from_in_force", "has_draft",
    "markup_over_reserve", "missing_child", "missing_figure", "missing_markup_reason",
    "missing_reason", "never_issued", "no_change", "no_extension", "no_sum_to_reconcile",
    "not_applicable", "nothing_amended", "one_open_promise", "parent_open", "part_of_another",
    "previous_round_closed", "promise_open", "promises_settled", "separate_hands",
    "silence_applied", "split_exact", "sum_stands", "sums_exact", "superseding", "total_decided",
    "total_not_root", "units_done", "unknown_indicator", "unknown_number", "unknown_reason_code",
    "unknown_silence", "unknown_unit", "untouched", "window_open", "within_ceiling",
)  # fmt: skip
Corners = frozenset[tuple[str, str]]  # action and place


@lru_cache(maxsize=512)
def corners(text: str) -> Corners:
    """Every action in every stage that a protocol's plans can be in."""
    rules = Rules(text)
    places = {f"{kind}.{at}" for kind in map(rules.kind, rules.names) for at in PLACES[kind]}
    return frozenset((act, place) for act in ACTS for place in {*places, "waiting", "settled"})


@lru_cache(maxsize=512)
def reachable(text: str) -> Corners:
    """Actions in stages where the rules let them be taken."""
    rules = Rules(text)
    found: set[tuple[str, str]] = set()
    for name in rules.names:
        kind, inner = rules.kind(name), len(rules.levels_in(name)) > 2
        found |= {
            (action, f"{kind}.{at}")
            for action, stages in ROUND_ACTS[kind].items()
            for at in stages
            if inner or (action, at) != ("issue", "acknowledged")
        }
        # before the round's own first number there may be none to choose
        told = [at for at in PLACES[kind] if at not in ("drafting", "awaiting")]
        found |= {("headline", f"{kind}.{at}") for at in told}
    return frozenset(found | set(_of_promises(rules)) | set(_of_corrections(rules)))


def _of_corrections(rules: Rules) -> Iterator[tuple[str, str]]:
    """Once a round is closed its figures are corrected, in whatever stage a plan is then."""
    later = {f"{kind}.{at}" for kind in map(rules.kind, rules.names[1:]) for at in PLACES[kind]}
    for place in {*later, "settled"}:
        yield from ((action, place) for action in ("corrections", "approve", "reject"))


def _of_promises(rules: Rules) -> Iterator[tuple[str, str]]:
    """From the issue that binds until the settling round closes, promises are made and passed on."""
    if not rules.adjust or rules.adjust not in rules.names[1:]:
        return
    base = rules.said(rules.adjust, "base")
    inner = len(rules.levels_in(base)) > 2
    holding = ["down.issued", "down.acknowledged", *["down.distributed"] * inner]
    for place in [*holding, *(f"adjust.{at}" for at in PLACES["adjust"])]:
        yield "commitments", place
        yield "waive", place
    if inner:
        yield "distribute", "down.distributed"
    if len(rules.levels_in(rules.adjust)) > 2:
        yield "distribute", "adjust.drafting"


@dataclass
class Aim:
    """How often each corner is to be tried and, where it can be, taken; by protocol."""

    goal: int
    seen: Seen = field(default_factory=Seen)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def meet(self, label: str, text: str) -> None:
        """A protocol is in the run."""
        self.texts.setdefault(label, []).append(text)

    def short(self, label: str, corner: tuple[str, str], *, possible: bool) -> int:
        """How many more times a corner must be seen."""
        cell = (label, *corner)
        lack = self.goal - self.seen.tried[cell]
        return max(0, lack, self.goal - self.seen.taken[cell] if possible else 0)

    def missing(self, label: str, texts: Iterable[str], kind: str = "") -> dict[Cell, int]:
        """Corners seen too seldom, of one kind of round or of all, and by how much."""
        texts = list(texts)
        every = frozenset().union(*map(corners, texts))
        able = frozenset().union(*map(reachable, texts))
        short = {
            (label, *one): self.short(label, one, possible=one in able)
            for one in every
            if one[1].startswith(kind)
        }
        return {cell: lack for cell, lack in short.items() if lack}

    def rare(self, least: int) -> set[str]:
        """Rules of figures by which too few commands were refused."""
        return {code for code in TELLING if self.seen.refused[code] < least}

    def all_missing(self) -> dict[Cell, int]:
        """The same of all protocols in the run."""
        found: dict[Cell, int] = {}
        for label, texts in self.texts.items():
            found |= self.missing(label, dict.fromkeys(texts))
        return found

    def neediest(self) -> str:
        """The protocol of which most is missing; one that was not met yet comes first."""
        labels = [*protocols(), GENERATED]
        if new := [label for label in labels if label not in self.texts]:
            return new[0]
        lacks = {one: sum(self.missing(one, set(self.texts[one])).values()) for one in labels}
        return max(labels, key=lambda one: (lacks[one], -len(self.texts[one])))


@dataclass
class Walk:
    """One cycle from the first round to the last, as many steps in each as it still has to tell."""

    board: Watched
    text: str
    aim: Aim
    rng: Random
    steps: int = 0  # in this round
    lacks: dict[Cell, int] = field(default_factory=dict)  # corners of this kind met too seldom
    over: bool = False
    stuck: bool = False

    @classmethod
    def begin(cls, label: str, seed: int, aim: Aim, board: type[Watched] = Watched) -> Walk:
        """A walk over a protocol by name, or over a new one; over a new tree in any case."""
        rng = Random(seed)
        text = generators.protocol(seed) if label == GENERATED else protocols()[label]
        tree = generators.tree(text, rng.getrandbits(32))
        aim.meet(label, text)
        return cls(board.begin(text, tree, label, aim.seen), text, aim, rng)

    def go_on(self, count: int) -> None:
        """A few steps; then on to the next round where this one has nothing new to tell."""
        for _ in range(count):
            self.step()
        self.steps += count
        kind, most = self._kind()
        self.lacks = self.aim.missing(self.board.label, [self.text], kind)
        if (self.told and self.steps >= FEWEST_STEPS) or self.steps >= most:
            self.turn_over()

    @property
    def told(self) -> bool:
        """Whether each corner of this kind of round was met often enough."""
        return not self.lacks

    def _kind(self) -> tuple[str, int]:
        """The kind of stages that plans are in, and how many steps to stay there at most."""
        board = self.board
        if board.kind:
            return board.kind, MOST_STEPS[board.kind]
        if board.cycle.settled or not board.cycle.rounds:
            return "settled" if board.cycle.settled else "waiting", 24
        last = next(reversed(board.cycle.rounds))
        return board.negotiation.protocol.rounds_by_name[last].kind, 12

    def step(self) -> None:
        """Something: mostly what may be done and was done least, else anything, right or wrong."""
        board, rng = self.board, self.rng
        chance, likely = rng.random(), 0.4 if self.aim.seen.share > 0.34 else 0.75
        if not board.cycle.rounds:
            likely = 0.0  # nothing may be done, or nearly
        elif board.cycle.settled:
            likely = 0.5
        elif self.told:
            likely = 0.9  # what is left to learn lies in figures, not in who may do what
        with contextlib.suppress(Refusal):
            if chance < 0.02:
                board.tick(DAY * rng.choice((1, 1, 2, 5, 12)))
            elif chance < 0.05:
                self._turn()
            elif chance < likely:
                self._likely()
            else:
                self._anything()

    def turn_over(self) -> None:
        """Finish what is open or, between rounds, open what comes next; uncounted."""
        board, names = self.board, list(self.board.negotiation.protocol.rounds_by_name)
        self.over, self.steps = board.cycle.settled, 0
        board.counting = False
        try:
            if board.round:
                self._finish()
            elif not self.over:
                name = next(name for name in names if name not in board.cycle.rounds)
                board.open(name, self.terms(name))
        except (Refusal, playing.Stuck):
            self.over = self.stuck = True
        finally:
            board.counting = True

    def _finish(self) -> None:
        """Finish the open round; now and then somebody tries something wrong first, and that counts."""
        board, name = self.board, self.board.round
        playing.get_ready(board, self.rng, self._tempt)
        if self.rng.random() < (0.9 if board.cycle.terms_of(name).silence else 0.4):
            board.counting = True
            with contextlib.suppress(Refusal):
                board.close(name, self.rng.choice(({}, {"apply_silence": True})))
            board.counting = False
        if board.round == name:
            playing.close(board)

    def _tempt(self, code: str, action: str) -> None:
        for _ in range(2):
            if self.rng.random() < 0.4 and self.board.seen.share > 0.33:
                self.board.counting = True
                with contextlib.suppress(Refusal):
                    self._do(self._hand(code, action), code, action, wrong=True)
                self.board.counting = False

    def terms(self, name: str) -> dict[str, Any]:
        """Times for some levels, and silences, sometimes wrong ones."""
        board, rng = self.board, self.rng
        kind = board.negotiation.protocol.rounds_by_name[name].kind
        levels = sorted(board.negotiation.protocol.levels_of(name))
        if kind == "decision":  # the root's alone
            levels = [board.nodes[board.cycle.root].level]
        today = board.now.astimezone(dt.timezone(dt.timedelta(hours=8))).date()
        body: dict[str, Any] = {"windows": {}, "silence": {}}
        for level in levels:
            if rng.random() < 0.6:
                due = today + DAY * rng.choice((3, 20, 60, 200))
                body["windows"][level] = {"due_at": due.isoformat()}
                if rng.random() < 0.1:
                    body["windows"][level]["opens_at"] = (today + DAY).isoformat()
        rule = {"up": "zero", "down": f"received_after_{rng.randint(1, 4)}"}.get(kind, "stay_open")
        body["silence"] = {level: rule for level in body["windows"] if rng.random() < 0.4}
        return body

    def _turn(self) -> None:
        """Open what comes next, or try to close what is open."""
        board, rng = self.board, self.rng
        names = [one.name for one in board.negotiation.protocol.rounds]
        left = [name for name in names if name not in board.cycle.rounds]
        if board.round and rng.random() < 0.7:
            board.close(board.round, rng.choice(({}, playing.APPLYING, {"apply_silence": True})))
        elif not board.round and left:
            name = left[0] if rng.random() < 0.7 else rng.choice(names)
            body = self.terms(name)
            if rng.random() < 0.2:
                level = rng.choice([one.name for one in board.negotiation.protocol.levels])
                rule = rng.choice(("zero", "last_issued", "received_after_0", "received_after_2"))
                body["silence"][level] = rule
            if rng.random() < 0.1:
                body["windows"][rng.choice([*body["silence"], "none"])] = {"due_at": "2019-07-01"}
            board.open(name, body)
        else:
            board.open(rng.choice(names))

    def _ranked(self, counts: Any, pairs: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        label, rng = self.board.label, self.rng
        rank = {pair: counts[label, pair[1], pair[2]] + rng.random() for pair in pairs}
        return sorted(pairs, key=rank.__getitem__)

    def _likely(self) -> None:
        """What may be done now and was taken least."""
        board = self.board
        places = [(code, board.place(code)) for code in board.nodes]
        pairs = [(code, a, at) for code, at in places for a in MAYBE if _maybe(a, at)]
        wrong = self.rng.random() < 0.4
        counts = board.seen.spoilt if wrong else board.seen.taken
        if self.rng.random() < 0.5 and self._towards(pairs):
            return
        for code, action, _ in self._ranked(counts, pairs):
            who = self._hand(code, action)
            if board.blocked(who, code, action) is None:
                self._do(who, code, action, wrong=wrong)
                return
        self._turn()

    def _towards(self, pairs: list[tuple[str, str, str]]) -> bool:
        """A step towards something that was taken too seldom, if there is one."""
        able = [one for one in self.lacks if one[1:] in reachable(self.text)]
        if not able:
            return False
        _, wanted, place = self.rng.choice(able)
        before = FIRST.get(wanted, wanted)
        steps = [(wanted, place), (before, place)]
        steps += [(lead, "") for lead in LEADS.get(place.partition(".")[2], ())]
        for action, at in steps:
            fitting = [one for one in pairs if one[1] == action and one[2].startswith(at)]
            self.rng.shuffle(fitting)
            for code, _, _ in fitting[:4]:
                who = self._hand(code, action)
                if self.board.blocked(who, code, action) is None:
                    self._do(who, code, action, wrong=False)
                    return True
        return False

    def _anything(self) -> None:
        """What was tried least, by whoever, right or wrong."""
        board, rng = self.board, self.rng
        places = [(code, board.place(code)) for code in board.nodes]
        pairs = [(code, action, at) for code, at in places for action in ACTS]
        code, action, _ = self._ranked(board.seen.tried, pairs)[0]
        if rng.random() < 0.2:
            code, action = rng.choice(list(board.nodes)), rng.choice(list(ACTS))
        who = self._hand(code, action)
        if rng.random() < 0.1:
            who = rng.choice(sorted(board.grants))
        self._do(who, code, action, wrong=rng.random() < 0.6)

    def _do(self, who: str, code: str, action: str, *, wrong: bool) -> None:
        make = faults.spoilt if wrong else moves.one
        if wrong:
            self.board.seen.spoilt[self.board.label, action, self.board.place(code)] += 1
        promise, body = make(self.board, code, action, self.rng)
        self.board.act(who, code, action, body, promise)
        if action == "draft" and self.rng.random() < (0.8 if wrong else 0.2):
            self.board.act(who, code, "submit")  # only then is it asked what the figures are worth
        if action == "distribute" and self.rng.random() < 0.3:
            self._part_alone(code)

    def _part_alone(self, code: str) -> None:
        """Somebody settles a part of a promise without the rest."""
        for child in self.board.children(code):
            for one in self.board.plan(child).promises:
                if one.part_of and one.status == "open":
                    self.board.act(code, child, "waive", {"reason": "条件变化"}, one.id)

    def _hand(self, code: str, action: str) -> str:
        """Somebody who may: a planner, an admin, or the person who sits at two desks."""
        board, rng = self.board, self.rng
        parent, waiting = board.parent(code), board.plan(code).proposal
        place = code if RIGHTS[action][0] == "own" or parent is None else parent
        if RIGHTS[action][0] == "desk":
            place = waiting.top if waiting else code
            return f"{place}2" if rng.random() < 0.7 else place
        if RIGHTS[action][0] == "near":
            return rng.choice((code, code.lower(), place))
        if not board.nodes[place].is_root and rng.random() < 0.2:
            return "both"
        planners = ("draft", "submit", "withdraw", "acknowledge")
        return place.lower() if action in planners and rng.random() < 0.5 else place


def _maybe(action: str, place: str) -> bool:
    return (action, place) in POSSIBLE or action in ANYWHERE


ANYWHERE = {"headline", "commitments", "distribute", "waive", "corrections", "approve", "reject"}
POSSIBLE = {
    (action, f"{kind}.{at}")
    for kind, acts in ROUND_ACTS.items()
    for action, stages in acts.items()
    for at in stages
}
MAYBE = tuple(ACTS)
