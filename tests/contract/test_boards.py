"""N1, F5, N13: whatever instant is asked, the board is what replaying all events up to it gives.

The tree is grown from the cycle's events, every plan folded from its own; both up to each event's time,
and just before it. Histories are walks by chance in which a county is split and merged.
"""

from __future__ import annotations

import datetime as dt
import os
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import settings as tries
from hypothesis import strategies as st
from sqlalchemy import event as listening

from planflow.access.scope import Scope
from planflow.engine import evolve
from planflow.engine.machine import compile_protocol
from planflow.engine.state import NEW_PLAN, CycleState, PlanState
from planflow.ledger.leaf import unseal
from planflow.services import boards as services
from planflow.services import cycles, plans
from planflow.services.boards import Part
from planflow.services.views import PlanView
from planflow.store import boards, surveys
from planflow.store.transaction import Tx
from tests.conftest import peopled
from tests.contract.audit import Woods, replay, rows_of, stream_of
from tests.contract.test_replay import a_site
from tests.contract.walk import Walk
from tests.databases import Databases
from tests.world import World

SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
MICROSECOND = dt.timedelta(microseconds=1)
WHOLE = 10_000


@dataclass
class Told:
    """A cycle as its events tell it: what stood after each, by time."""

    times: list[dt.datetime]
    cycle: list[CycleState]
    trees: list[dict[str, tuple[Any, ...]]]
    plans: dict[str, tuple[list[dt.datetime], list[PlanState]]]
    kinds: Counter[str]

    @classmethod
    def of(cls, tx: Tx, name: str) -> Told:
        """Fold every event."""
        [row] = rows_of(tx.connection, "cycle", id=name)
        [kept] = rows_of(tx.connection, "protocol_text", digest=row.digest)
        negotiation = compile_protocol(kept.text)
        told = cls([], [], [], {}, Counter())
        woods, state = Woods(tx.connection, name), None
        for one in stream_of(tx, f"cycle/{name}"):
            event = unseal(one.leaf, one.entries)
            state = evolve.cycle(state, event, negotiation.protocol.rounds[-1].name)
            woods.grow(event)
            told.times.append(event.recorded_at)
            told.cycle.append(state)
            told.trees.append({unit: woods._told(unit) for unit in woods.places})
            told.kinds[event.kind] += 1
        for unit in woods.places:
            stored = stream_of(tx, f"plan/{name}/{unit}")
            events = [unseal(one.leaf, one.entries) for one in stored]
            states = replay(negotiation, events)
            told.plans[unit] = [one.recorded_at for one in events], states
            told.kinds.update(one.kind for one in events)
        return told

    def every(self) -> list[dt.datetime]:
        """Each time at which something happened, and the moment before it."""
        times = {*self.times, *(at for moments, _ in self.plans.values() for at in moments)}
        return sorted(times | {at - MICROSECOND for at in times})

    def at(self, moment: dt.datetime) -> tuple[CycleState | None, dict[str, Any]]:
        """The cycle, and by unit the place and plan."""
        place = bisect_right(self.times, moment) - 1
        if place < 0:
            return None, {}
        there = {}
        for unit, told in self.trees[place].items():
            moments, states = self.plans[unit]
            own = bisect_right(moments, moment)
            if not told[6]:  # it had not left
                there[unit] = told, states[own - 1] if own else NEW_PLAN
        return self.cycle[place], there


def as_it_was(tx: Tx, told: Told, name: str) -> int:
    """Ask for every instant; how many there were."""
    [row] = rows_of(tx.connection, "cycle", id=name)
    [kept] = rows_of(tx.connection, "protocol_text", digest=row.digest)
    negotiation = compile_protocol(kept.text)
    times = told.every()
    for moment in times:
        cycle, there = told.at(moment)
        found = surveys.cycle_as_of(tx, name, moment)
        assert found == cycle
        if found is None:
            continue
        page = boards.page(tx, negotiation, found, moment, Scope(("R",)), {}, "", WHOLE)
        assert {one.place.id: (_place(one), one.plan) for one in page} == there
        assert [one.place.path for one in page] == sorted(one.place.path for one in page)
        for unit, (_, plan) in there.items():
            assert (surveys.as_of(tx, name, unit, moment) or NEW_PLAN) == plan
    return len(times)


def _place(one: boards.Then) -> tuple[Any, ...]:
    node = one.place
    marks = ";".join(sorted(node.attributes))
    own = (node.code, node.name, node.level, marks, node.no_task, node.since, node.left)
    return (*own, node.parent or None, node.path)


def walked(databases: Databases, examples: int) -> None:
    """Walk as often as told, and ask for every instant of each."""
    kinds: Counter[str] = Counter()
    instants = []

    @seed(SEED)
    @tries(max_examples=examples, deadline=None, database=None)
    @given(st.integers(0, 2**32))
    def walk(number: int) -> None:
        with a_site(databases) as site:
            world = peopled(site, databases)
            Walk(world, Random(number)).whole()
            told = site.records.read(lambda tx: Told.of(tx, world.name))
            instants.append(site.records.read(lambda tx: as_it_was(tx, told, world.name)))
            kinds.update(told.kinds)

    walk()
    print(f"{examples} walks, {sum(instants)} instants: {dict(kinds)}")
    assert {"tree_changed", "handed_over", "taken_over", "corrected", "issued"} <= set(kinds)


def test_a_board_of_any_instant_is_the_fold_of_the_events_up_to_it(databases: Databases) -> None:
    walked(databases, 4)


@pytest.mark.soak
def test_boards_of_many_walks_are_the_fold_of_their_events(databases: Databases) -> None:
    walked(databases, 60)


# What is shown


def split_on_the_way(world: World) -> list[dt.datetime]:
    """Two rounds; A is split in the second. The times of the cycle's events."""
    world.play_until("down1")
    world.units(
        "code,name,level,parent,attributes\nS1,东,county,C,poor_county\nS2,西,county,C,poor_county\n"
    )
    into = [{"unit": "S1", "weight": 2}, {"unit": "S2", "weight": 1}]
    world.change_tree({"split": {"unit": "A", "into": into}})
    world.issue("R", {"C": {"persons": 100, "villages": 100, "county_exit": 1}})
    return world.site.records.read(lambda tx: Told.of(tx, world.name).every())


def board(world: World, who: str, moment: dt.datetime, **part: Any) -> dict[str, PlanView]:
    """All plans of then, page by page."""
    found: list[PlanView] = []
    cursor: str | None = None
    while True:
        asked = (world.site, world.readers[who], world.name, moment, Part(**part))
        page = services.list_then(*asked, cursor, 2)
        found += page.items
        cursor = page.next
        if cursor is None:
            return {one.unit: one for one in found}


def test_a_page_of_then_shows_each_plan_as_asking_for_it_alone(world: World) -> None:
    for moment in split_on_the_way(world)[::9]:
        shown = board(world, "region", moment)
        for code, view in shown.items():
            args = (world.site, world.readers["region"], world.name, code)
            alone = plans.get_plan(*args, moment)
            assert view == alone.model_copy(update={"window": None})
        for state in {one.state for one in shown.values()}:
            meant = {code: one for code, one in shown.items() if one.state == state}
            assert board(world, "region", moment, state=state) == meant
        below = {code: one for code, one in shown.items() if code not in ("R", "C")}
        assert board(world, "region", moment, unit="C") == {
            code: one for code, one in shown.items() if code != "R"
        }
        if shown:
            assert board(world, "region", moment, parent="C") == below
            assert set(board(world, "b", moment)) == {"B"}


def test_a_part_that_is_not_there_or_not_ones_own_is_not_found(world: World) -> None:
    first, *_, last = split_on_the_way(world)
    assert board(world, "region", first) == {}
    for who, part in (("b", {"unit": "A"}), ("b", {"parent": "C"}), ("region", {"parent": "X"})):
        with world.refused("not_found"):
            board(world, who, last, **part)
    with world.refused("not_found"):  # before the cycle there was none
        services.cycle_then(world.site, world.readers["region"], world.name, first)
    with world.refused("invalid"):
        board(world, "region", last, state="up9.drafting")


def test_a_cycle_of_then_is_what_it_said_then(world: World) -> None:
    world.cycle()
    reader, seen = world.readers["region"], []
    for name in ("", "up1"):
        if name:
            world.open(name)
        seen.append((world.site.clock(), cycles.get_cycle(world.site, reader, world.name)))
        assert seen[-1][1].open_round == (name or None)
    world.change_tree({"no_task": {"unit": "B", "reason": "已并入"}})
    now = cycles.get_cycle(world.site, reader, world.name)
    for moment, view in seen:
        assert services.cycle_then(world.site, reader, world.name, moment) == view
    later = world.site.clock() + dt.timedelta(hours=1)
    assert services.cycle_then(world.site, reader, world.name, later) == now


def test_a_page_of_then_takes_a_fixed_number_of_statements(world: World) -> None:
    *_, moment = split_on_the_way(world)
    counts = []
    for limit in (1, 2, 6):
        count = [0]

        def one_more(*_: object, told: list[int] = count) -> None:
            told[0] += 1

        engine = world.site.records.engine
        listening.listen(engine, "before_cursor_execute", one_more)
        reader = world.readers["region"]
        services.list_then(world.site, reader, world.name, moment, Part(), None, limit)
        listening.remove(engine, "before_cursor_execute", one_more)
        counts.append(count[0])
    assert len(set(counts)) == 1, counts
