"""Where a walk goes next: to what was seen least, so that every corner is seen often enough."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field
from random import Random
from typing import Any

from planflow.access.table import ACTS as RIGHTS
from planflow.errors import Refusal
from tests.properties import faults, generators, moves, playing
from tests.properties.corners import GENERATED, Aim, possible, protocols, reachable
from tests.properties.oracle import ACTS
from tests.properties.watched import Cell, Watched

DAY = dt.timedelta(days=1)
FEWEST_STEPS = 6
MOST_STEPS = {"up": 60, "down": 60, "adjust": 90, "decision": 80}
# Acts that lead to a stage, the last step first; and what has to be there before an act.
LEADS = {
    "submitted": ("submit", "draft"),
    "accepted": ("accept", "submit", "draft"),
    "returned": ("return", "submit", "draft"),
    "issued": ("confirm", "issue", "acknowledge"),
    "acknowledged": ("acknowledge", "confirm", "issue"),
    "distributed": ("confirm", "issue", "acknowledge"),
    "presented": ("present",),
    "decided": ("decide",),
}
FIRST = {
    "approve": "corrections",
    "reject": "corrections",
    "submit": "draft",
    "confirm": "issue",
    "attest": "paper",
}


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
        pairs = [(code, a, at) for code, at in places for a in ACTS if possible(a, at)]
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
        above = self.board.parent(code)
        if action in ("draft", "submit") and above and self.rng.random() < 0.15:
            who = self.rng.choice((above, above.lower(), who))
            body = {**body, "on_behalf_of": {"reason": "断网"}}
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
        """Somebody who may; now and then somebody who stands in for an admin."""
        who = self._own_hand(code, action)
        return f"{who}3" if f"{who}3" in self.board.grants and self.rng.random() < 0.1 else who

    def _own_hand(self, code: str, action: str) -> str:
        """Somebody who may: a planner, an admin, a deputy, or the person who sits at two desks."""
        board, rng = self.board, self.rng
        parent, waiting = board.parent(code), board.plan(code).proposal
        place = parent if parent and RIGHTS[action].parent else code
        if RIGHTS[action].desk:
            place = waiting.top if waiting else code
            return f"{place}2" if rng.random() < 0.7 else place
        if action in ("confirm", "attest") and rng.random() < 0.7:
            return f"{code}2"
        if RIGHTS[action].own and RIGHTS[action].parent:
            return rng.choice((code, code.lower(), place))
        if not board.nodes[place].is_root and rng.random() < 0.2:
            return "both"
        planners = ("draft", "submit", "withdraw", "acknowledge")
        return place.lower() if action in planners and rng.random() < 0.5 else place
