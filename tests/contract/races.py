"""Races: what happens when two or three people act at the same moment, over and over.

Each race is a generator: it sets its scene, lets its runners go at once, checks what came of it, puts
the scene back, and yields how it ended. A race in which one side never wins has proved nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Barrier
from typing import Any

from sqlalchemy import text

from planflow.errors import Refusal
from tests.world import World, total

Runner = Callable[[World], Any]
Race = Callable[["Arena"], Iterator[str]]
Ends = dict[tuple[str, ...], str]

# Instructions one runner waits after the others started: from none to a few milliseconds.
HEAD_STARTS = (0, 0, 0, 1_000, 10_000, 100_000)
ONE_CHILD = ({"unit": "Z", "reason": "无任务"}, {"unit": "B", "reason": "无任务"})
A = {"persons": 60, "villages": 60, "county_exit": 1}
B = {"persons": 40, "villages": 40}
SUM = total([A, B])


@dataclass
class Arena:
    """Where races are run: one world per Site on the same database, and chance from a seed."""

    worlds: list[World]
    chance: Random
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))
    answers: list[Any] = field(default_factory=list)
    cycles: int = 0

    @property
    def world(self) -> World:
        """Any of the worlds."""
        return self.worlds[0]

    def new_cycle(self, **how: Any) -> None:
        """A new cycle for all worlds to act in."""
        self.cycles += 1
        name = f"race-{self.cycles}"
        self.world.cycle(name, **how)
        self.enter(name)

    def enter(self, name: str) -> None:
        """Let all worlds act in a cycle."""
        for world in self.worlds:
            world.name = name

    def race(self, *runners: Runner) -> list[str]:
        """Let all of them go at once; how each one ended, in their order."""
        barrier = Barrier(len(runners))
        order = list(range(len(runners)))
        self.chance.shuffle(order)
        self.answers = [None] * len(runners)
        futures = {}
        for at in order:
            world = self.chance.choice(self.worlds)
            head_start = self.chance.choice(HEAD_STARTS)
            futures[at] = self.pool.submit(self._run, at, runners[at], world, barrier, head_start)
        return [futures[at].result() for at in range(len(runners))]

    def _run(self, at: int, runner: Runner, world: World, barrier: Barrier, idle: int) -> str:
        barrier.wait(30)
        for _ in range(idle):  # some instructions' delay, so that no side always comes first
            pass
        try:
            self.answers[at] = runner(world)
        except Refusal as refusal:
            # Anything else, a Fault above all, is an error of the race.
            return refusal.findings[0].code if refusal.findings else refusal.code
        return "ok"

    def close(self) -> None:
        """Let the threads go."""
        self.pool.shutdown()

    # What must be so after every race

    def plans(self) -> dict[str, dict[str, Any]]:
        """States by unit, read with SQL and JSON alone."""
        query = text(
            "SELECT u.code, u.parent_code, p.body FROM cycle_unit u JOIN plan p "
            "ON p.cycle_id = u.cycle_id AND p.unit_id = u.unit_id WHERE u.cycle_id = :cycle"
        )
        where = {"cycle": self.world.name}
        rows = self.world.site.records.read(lambda tx: tx.connection.execute(query, where).all())
        empty = {"state": "waiting", "rounds": {}}
        return {
            row.code: empty | json.loads(row.body) | {"parent": row.parent_code} for row in rows
        }

    def events(self, unit: str) -> int:
        """How many events a plan has."""
        query = text(
            "SELECT count(*) FROM event e JOIN cycle_unit u "
            "ON e.stream = 'plan/' || u.cycle_id || '/' || u.unit_id "
            "WHERE u.cycle_id = :cycle AND u.code = :unit"
        )
        where = {"cycle": self.world.name, "unit": unit}
        return self.world.site.records.read(
            lambda tx: int(tx.connection.execute(query, where).scalar_one())
        )

    def check_sums(self) -> None:
        """N4, N5: whoever is on the way up adds up to children that stand; every split is whole."""
        plans = self.plans()
        children: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for plan in plans.values():
            children[str(plan["parent"])].append(plan)
        for code, plan in plans.items():
            name, _, stage = plan["state"].rpartition(".")
            below = children[code]
            if stage in ("submitted", "accepted") and below:
                done = {"accepted", "drafting"} if name == "adjust" else {"accepted"}
                for child in below:
                    here = child["state"].startswith(name + ".")
                    assert here or name == "adjust", f"{code} is {stage} over {child['state']}"
                    reached = child["state"].rpartition(".")[2] if here else "drafting"
                    assert reached in done, f"{code} is {stage} over {child['state']}"
                if name.startswith("up"):
                    assert reported(plan, name) == total(in_force(one, name) for one in below)
            for name, record in plan["rounds"].items():
                split = record["split"]
                if split and split["of"] == record["issued_by"]:
                    issued = [one["rounds"][name]["issued"] for one in below]
                    assert split["total"] == total([*issued, split["reserve"]]), code


def reported(plan: Mapping[str, Any], name: str) -> dict[str, int]:
    """What a unit reported, without its own reconciling items."""
    found: dict[str, int] = dict(plan["rounds"][name]["reported"]["task"])
    for item in plan["rounds"][name]["reconciling"]:
        found[item["indicator"]] -= item["amount"]
    return found


def in_force(plan: Mapping[str, Any], name: str) -> dict[str, int]:
    """Settled, else reported."""
    record = plan["rounds"][name]
    return {**record["reported"]["task"], **record["settled"]}


def ended(outcome: list[str], allowed: Ends) -> str:
    """The name of an outcome; any that is not allowed fails."""
    assert tuple(outcome) in allowed, f"ended {outcome}, allowed {sorted(allowed)}"
    return allowed[tuple(outcome)]


def acting(who: str, unit: str, action: str, body: Any = None, **how: Any) -> Runner:
    """A runner that acts on a plan."""
    return lambda world: world.act(who, unit, action, body, **how)


# (a) Two clients on one plan


def same_plan(arena: Arena) -> Iterator[str]:
    """Both read the same version and write: one wins, the other is told that it is stale."""
    world = arena.world
    arena.new_cycle()
    world.open("up1")
    world.act("a", "A", "draft", {"figures": A})
    allowed: Ends = {("ok", "stale_version"): "first won", ("stale_version", "ok"): "second won"}
    while True:
        for action, body in (("submit", {}), ("withdraw", {}), ("draft", {"figures": A})):
            version = world.version("A")
            before = arena.events("A")
            runner = acting("a", "A", action, body, version=version)
            yield f"{action}: " + ended(arena.race(runner, runner), allowed)
            assert world.version("A") == version + 1
            assert arena.events("A") == before + (action != "draft")


# (b) A parent's submit against its child's return or withdraw


def submit_or_return(arena: Arena) -> Iterator[str]:
    """The city submits while it returns a county's figures: never both."""
    world = arena.world
    both_accepted(arena)
    allowed: Ends = {("ok", "parent_open"): "submit won", ("children_done", "ok"): "return won"}
    back = {"reason_code": "incomplete", "text": "材料不全"}
    while True:
        submit = acting("clerk", "C", "submit", version=world.version("C"))
        return_ = acting("city", "A", "return", back, version=world.version("A"))
        how = ended(arena.race(submit, return_), allowed)
        yield how
        if how == "submit won":
            world.act("clerk", "C", "withdraw")
        else:
            world.act("a", "A", "submit")
            world.act("city", "A", "accept")


def both_accepted(arena: Arena) -> None:
    world = arena.world
    arena.new_cycle()
    world.open("up1")
    for unit, figures in (("A", A), ("B", B)):
        world.report(unit, figures)
        world.accept(unit)
    world.act("clerk", "C", "draft", {"figures": SUM})


def submit_or_withdraw(arena: Arena) -> Iterator[str]:
    """The city accepts the last county and submits, while the county takes its figures back."""
    world = arena.world
    both_accepted(arena)
    world.act("city", "A", "return", {"reason_code": "incomplete", "text": "材料不全"})
    world.act("a", "A", "submit")
    allowed: Ends = {
        ("ok", "ok", "stale_version"): "accept won, then submit",
        ("ok", "children_done", "stale_version"): "accept won, submit came too early",
        ("stale_version", "children_done", "ok"): "withdraw won",
    }
    while True:
        version = world.version("A")
        accept = acting("city", "A", "accept", version=version)
        submit = acting("clerk", "C", "submit", version=world.version("C"))
        withdraw = acting("a", "A", "withdraw", version=version)
        outcome = arena.race(accept, submit, withdraw)
        yield ended(outcome, allowed)
        if outcome[1] == "ok":
            world.act("clerk", "C", "withdraw")
        if outcome[0] == "ok":
            world.act("city", "A", "return", {"reason_code": "incomplete", "text": "材料不全"})
        world.act("a", "A", "submit")


# (c) Issue against what rests on it


def supersede_or_acknowledge(arena: Arena) -> Iterator[str]:
    """The region issues anew while the city signs: it never has signed what it has not seen."""
    world = arena.world
    arena.new_cycle()
    world.play_until("down1")
    world.issue("R", {"C": SUM})
    allowed: Ends = {
        ("ok", "ok"): "signed, then superseded",
        ("ok", "stale_version"): "superseded first",
    }
    while True:
        issue = anew(arena)
        sign = acting("city", "C", "acknowledge", version=world.version("C"))
        yield ended(arena.race(issue, sign), allowed)
        assert world.plan("city", "C").state == "down1.issued"


def supersede_or_distribute(arena: Arena) -> Iterator[str]:
    """The region issues anew while the city splits the old figures on."""
    world = arena.world
    arena.new_cycle()
    world.play_until("down1")
    world.issue("R", {"C": SUM})
    allowed: Ends = {
        ("ok", "ok"): "split, then superseded",
        ("ok", "stale_version"): "superseded first",
    }
    more = {"reason": "更正", "document_no": "2号"}
    while True:
        world.act("city", "C", "acknowledge")
        own = world.plan("city", "C").figures["down1"]
        rest = {name: value - B.get(name, 0) for name, value in own.items()}
        version = world.version("C")
        split = splitting({"A": rest, "B": B}, version, more)
        outcome = ended(arena.race(anew(arena), split), allowed)
        yield outcome
        plan = world.plan("city", "C")
        assert plan.state == "down1.issued"
        if outcome == "split, then superseded":
            assert plan.splits["down1"].outdated


def anew(arena: Arena) -> Runner:
    """The region issues other figures than before, with reason and document number."""
    world = arena.world
    persons = world.plan("region", "C").figures["down1"]["persons"]
    figures = SUM | {"persons": 100 + (persons + 1) % 50}
    more = {"reason": "更正", "document_no": "1号"}
    version = world.version("R")
    return lambda world: issue(world, "region", "R", {"C": figures}, version, **more)


def splitting(figures: dict[str, dict[str, int]], version: int, more: dict[str, Any]) -> Runner:
    """The city issues on."""
    return lambda world: issue(world, "city", "C", figures, version, **more)


def issue(world: World, who: str, unit: str, figures: Any, version: int, **more: Any) -> Any:
    allocations = [{"unit": code, "figures": own} for code, own in figures.items()]
    body = {"allocations": allocations, **more}
    return world.act(who, unit, "issue", body, version=version)


# (d) Close against submit, accept and return


def close_or_return(arena: Arena) -> Iterator[str]:
    """The city, here the root, closes the round while it returns a county's figures: never both."""
    allowed: Ends = {("ok", "round_open"): "close won", ("units_done", "ok"): "return won"}
    back = {"reason_code": "incomplete", "text": "材料不全"}
    while True:
        city_alone(arena)
        arena.world.accept("A")
        while True:
            version = arena.world.version("A")
            return_ = acting("city", "A", "return", back, version=version)
            outcome = ended(arena.race(closing("up1"), return_), allowed)
            yield outcome
            if outcome == "close won":
                check_closed(arena, "up1")
                break
            arena.world.act("a", "A", "submit")
            arena.world.accept("A")


def close_or_accept(arena: Arena) -> Iterator[str]:
    """The last figures are accepted while the round is closed: it closes over all or not at all."""
    allowed: Ends = {
        ("ok", "ok"): "accepted, then closed",
        ("units_done", "ok"): "close came too early",
    }
    while True:
        city_alone(arena)
        while True:
            accept = acting("city", "A", "accept", version=arena.world.version("A"))
            outcome = ended(arena.race(closing("up1"), accept), allowed)
            yield outcome
            if outcome == "accepted, then closed":
                check_closed(arena, "up1")
                break
            back = {"reason_code": "incomplete", "text": "材料不全"}
            arena.world.act("city", "A", "return", back)
            arena.world.act("a", "A", "submit")


def close_or_submit(arena: Arena) -> Iterator[str]:
    """In an adjust round who does nothing is done: a change is in time or it is refused."""
    allowed: Ends = {("ok", "round_open"): "close won", ("units_done", "ok"): "submit won"}
    allowed["ok", "illegal_transition"] = "close won"  # the cycle is settled with its last round
    world = arena.world
    while True:
        arena.new_cycle(who="city", root="C", no_task=ONE_CHILD)
        world.play_until("adjust", {"A": A})
        changed = {"figures": {"persons": 59}, "reasons": {"persons": "criteria_not_met"}}
        world.act("a", "A", "draft", changed)
        while True:
            submit = acting("a", "A", "submit", version=world.version("A"))
            outcome = ended(arena.race(closing("adjust"), submit), allowed)
            yield outcome
            if outcome == "close won":
                assert world.get("city").settled
                assert world.plan("city", "C").headline["persons"].value == A["persons"]
                break
            world.act("a", "A", "withdraw")


def closing(name: str) -> Runner:
    """The root's admin closes a round."""
    return lambda world: world.close(name, who="city")


def city_alone(arena: Arena) -> None:
    """A cycle of the city and one county, which has submitted."""
    arena.new_cycle(who="city", root="C", no_task=ONE_CHILD)
    arena.world.open("up1")
    arena.world.report("A", A)


def check_closed(arena: Arena, name: str) -> None:
    """The root's figure is the sum, written once."""
    root = arena.plans()["C"]
    assert root["rounds"][name]["reported"] == {"task": A}
    assert [event.kind for event in arena.world.history("C", "city")] == ["totalled"]


# (e) One key, used twice at once


def one_key(arena: Arena) -> Iterator[str]:
    """A key takes effect once; both callers get one answer, or the second is told to wait."""
    world = arena.world
    arena.new_cycle()
    world.open("up1")
    world.act("a", "A", "draft", {"figures": A})
    allowed: Ends = {("ok", "ok"): "one answer", ("key_running", "ok"): "told to wait"}
    allowed["ok", "key_running"] = "told to wait"
    while True:
        for action, body in (("submit", {}), ("withdraw", {}), ("draft", {"figures": A})):
            version, before = world.version("A"), arena.events("A")
            runner = acting("a", "A", action, body, version=version, key=world.key())
            outcome = ended(arena.race(runner, runner), allowed)
            yield f"{action}: {outcome}"
            assert world.version("A") == version + 1
            assert arena.events("A") == before + (action != "draft")
            if outcome == "one answer":
                first, second = arena.answers
                assert first == second


def one_key_for_a_cycle(arena: Arena) -> Iterator[str]:
    """The same for acts on the cycle itself: opened once, both told the same."""
    world = arena.world
    while True:
        arena.cycles += 1
        name, key = f"race-{arena.cycles}", world.key()
        make = [lambda world: world.cycle(name, key=key)] * 2  # noqa: B023 - run before the next
        assert arena.race(*make) == ["ok", "ok"]
        assert arena.answers[0] == arena.answers[1]
        arena.enter(name)
        again = world.key()
        open_ = [lambda world: world.open("up1", key=again)] * 2  # noqa: B023
        assert arena.race(*open_) == ["ok", "ok"]
        assert arena.answers[0] == arena.answers[1]
        assert world.get().version == 2
        yield "one answer"


# First acts: nobody has a row yet that could be locked


def first_acts(arena: Arena) -> Iterator[str]:
    """Everybody's first act of a cycle at once: all of them succeed."""
    world = arena.world
    while True:
        arena.new_cycle()
        world.open("up1")
        runners = [
            acting("a", "A", "draft", {"figures": A}, version=0),
            acting("b", "B", "draft", {"figures": B}, version=0),
            acting("clerk", "C", "draft", {"figures": SUM}, version=0),
        ]
        assert arena.race(*runners) == ["ok", "ok", "ok"]
        yield "all"
