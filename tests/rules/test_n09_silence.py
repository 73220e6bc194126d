"""N9: silence means what was declared before the round opened; applying it is one event for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import event, func, select

from planflow.engine import silence
from planflow.errors import Refusal
from planflow.ledger.leaf import unseal
from planflow.services.site import Site, open_site
from planflow.store import reading, surveys, trees
from planflow.store.closing import standing_at_close
from planflow.store.seats import cycle_head
from planflow.store.tables import METADATA
from planflow.store.transaction import Tx
from tests.contract.audit import audit
from tests.databases import Databases, settings
from tests.timed import Timed, timed
from tests.world import World

WINDOW = {"windows": {"county": {"due_at": "2100-03-10"}, "city": {"due_at": "2100-03-20"}}}
A = {"persons": 60, "villages": 60, "county_exit": 1}
B = {"persons": 40, "villages": 40}
LATER = "2100-03-11 09:00"


def declared(**rules: str) -> dict[str, Any]:
    return {**WINDOW, "silence": rules}


@pytest.fixture
def here(world: World) -> Timed:
    made = timed(world)
    made.cycle()
    return made


@pytest.fixture
def answering(here: Timed) -> Timed:
    """Played to the second up, which answers the first down: 50 persons to A, 40 to B, 5 held back."""
    here.up("up1")
    here.open("down1")
    here.issue("R", {"C": {"persons": 95, "villages": 100, "county_exit": 1}})
    here.act("city", "C", "acknowledge")
    parts = {"A": A | {"persons": 50}, "B": B}
    here.issue("C", parts, reserve={"persons": 5})
    here.act("a", "A", "acknowledge")
    here.act("b", "B", "acknowledge")
    here.close("down1")
    return here


def codes(world: World) -> list[tuple[str, object]]:
    """Names of what keeps a round open, with the units they name."""
    seen = world.refused("guard_failed", lambda: world.close(str(world.get().open_round)))
    return [(one.code, one.params.get("unit")) for one in seen.refusal.findings]


# Declaring


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"county": "last_issued"}, "nothing_issued_before"),
        ({"county": "received_after_5"}, "unknown_silence"),
        ({"county": "nothing"}, "unknown_silence"),
        ({"county": "received_after_0"}, "unknown_silence"),
        ({"shire": "zero"}, "unknown_level"),
    ],
)
def test_a_meaning_that_makes_no_sense_is_refused(
    here: Timed, rules: dict[str, str], code: str
) -> None:
    seen = here.refused("invalid", lambda: here.open("up1", body={"silence": rules}))
    [level] = rules
    assert [(one.code, one.where) for one in seen.refusal.findings] == [(code, f"silence.{level}")]


@pytest.mark.parametrize("rule", ["zero", "last_issued"])
def test_what_comes_down_can_only_count_as_received(here: Timed, rule: str) -> None:
    here.up("up1")
    body = {"silence": {"county": rule}}
    seen = here.refused("invalid", lambda: here.open("down1", body=body))
    assert seen.codes == ["unknown_silence"]


def test_an_adjust_does_not_end_at_zero(here: Timed) -> None:
    for name in ("up1", "down1", "up2", "down2"):
        here.play(name)
    body = {"silence": {"county": "zero"}}
    seen = here.refused("invalid", lambda: here.open("adjust", body=body))
    assert seen.codes == ["unknown_silence"]


def test_a_meaning_that_never_applies_is_flagged(here: Timed) -> None:
    here.cycle("c2", root="C", who="city")
    seen = here.open("up1", body={"silence": {"region": "zero"}})
    [warning] = seen.warnings
    assert warning.name == "silence_without_due"
    assert seen.silence["up1"].rules == {"region": "zero"}


# Zero


def test_silence_as_zero(here: Timed) -> None:
    """B does not answer. The city goes on without it; closing says so once, for all."""
    here.open("up1", body=declared(county="zero"))
    here.report("A", A)
    here.accept("A")
    sums = {"persons": 60, "villages": 60, "county_exit": 1}
    here.act("clerk", "C", "draft", {"figures": sums})
    seen = here.refused("guard_failed", lambda: here.act("clerk", "C", "submit"))
    assert seen.codes == ["children_done"]
    here.clock.set(LATER)
    assert (
        here.plan("b", "B").state == "up1.drafting"
    )  # until the round is closed it may be extended
    assert here.plan("b", "B").silence == {"up1": "zero"}
    here.report("C", sums)
    here.accept("C")
    assert codes(here) == [("silence_applied", "B")]
    unexplained = here.refused("invalid", lambda: here.close("up1", body={"apply_silence": True}))
    assert [one.where for one in unexplained.refusal.findings] == ["reason"]
    here.silenced("up1")
    plan = here.plan("b", "B")
    assert (plan.state, plan.version) == ("up1.accepted", 0)
    assert plan.figures == {"up1": {"persons": 0, "villages": 0}}
    assert {one.side for one in plan.numbers} == {"silence"}
    assert here.history("B") == []
    assert here.plan("region", "R").figures["up1"] == sums
    cycle = here.get().silence["up1"]
    assert (cycle.rules, cycle.applied, cycle.units) == ({"county": "zero"}, {"county": "zero"}, 1)
    assert here.plans("up1.accepted") == {"R", "C", "A", "B"}
    audit(here.site)


def test_the_one_event_names_rule_units_and_reason(here: Timed) -> None:
    here.open("up1", body=declared(county="zero", city="zero"))
    here.clock.set("2100-03-21 09:00")
    before = here.snapshot()
    here.silenced("up1")
    after = here.snapshot()
    new = {name: len(after[name]) - len(before[name]) for name in after}
    assert {name: count for name, count in new.items() if count} == {
        "event": 2,  # the closing, and the root's sum
        "event_part": 3,
        "ledger_queue": 2,
        "cycle_state": 1,
        "plan": 1,  # the root's
        "plan_state": 1,
        "figure": 2,
    }
    parts = closing_of(here.site, "c1")
    assert parts == {
        "silence": {
            "rules": {"county": "zero", "city": "zero"},
            "units": ["C", "A", "B"],
            "count": 3,
        },
        "texts": [{"of": "reason", "text": "逾期未报，按声明处理"}],
    }
    assert here.plan("region", "R").figures["up1"] == {"persons": 0, "villages": 0}
    audit(here.site)


def test_a_round_goes_on_after_silence(here: Timed) -> None:
    here.open("up1", body=declared(county="zero", city="zero"))
    here.clock.set("2100-03-21 09:00")
    here.silenced("up1")
    here.down("down1")
    here.up("up2")
    assert here.plan("a", "A").figures["up1"] == {"persons": 0, "villages": 0}
    assert here.plan("a", "A").silence == {"up1": "zero"}
    assert {one.kind for one in here.history("A")} == {
        "issued",
        "acknowledged",
        "submitted",
        "accepted",
    }
    audit(here.site)


def test_a_second_silence_follows_the_first(here: Timed) -> None:
    here.open("up1", body=declared(county="zero", city="zero"))
    here.clock.set("2100-03-21 09:00")
    here.silenced("up1")
    here.down("down1")
    terms = {level: {"due_at": "2100-04-10"} for level in ("county", "city")}
    here.open("up2", body={"windows": terms, "silence": {"county": "zero", "city": "zero"}})
    here.clock.set("2100-04-12 09:00")
    here.silenced("up2")
    assert here.plan("a", "A").silence == {"up1": "zero", "up2": "zero"}
    assert here.plans("up2.accepted") == {"R", "C", "A", "B"}


# Last issued


def test_silence_as_the_last_figure_issued(answering: Timed) -> None:
    here = answering
    here.open("up2", body=declared(county="last_issued"))
    here.report("B", B | {"persons": 41})
    here.accept("B")
    here.clock.set(LATER)
    assert here.plan("a", "A").figures["up2"] == A | {"persons": 50}
    here.report("C", {"persons": 91, "villages": 100, "county_exit": 1})
    here.accept("C")
    here.silenced("up2")
    assert here.plan("a", "A").figures["up2"] == A | {"persons": 50}
    assert here.plan("a", "A").gaps["persons"].from_ == 50
    audit(here.site)


# Who is silent, and who is not


def test_who_was_returned_and_did_not_come_back_is_silent(here: Timed) -> None:
    here.open("up1", body=declared(county="zero"))
    here.report("A", A)
    here.report("B", B)
    here.act("city", "B", "return", {"reason_code": "incomplete", "text": "请补材料"})
    here.accept("A")
    here.clock.set(LATER)
    here.report("C", A)
    here.accept("C")
    here.silenced("up1")
    plan = here.plan("b", "B")
    assert (plan.state, plan.figures["up1"]) == ("up1.accepted", {"persons": 0, "villages": 0})
    assert {(one.side, one.value) for one in plan.numbers if one.indicator == "persons"} == {
        ("reported", 40),
        ("silence", 0),
    }
    audit(here.site)


def test_who_has_answered_is_not_silent(here: Timed) -> None:
    """B reported in time and waits for the city: that is not B's silence."""
    here.open("up1", body=declared(county="zero", city="zero"))
    here.report("B", B)
    here.clock.set("2100-03-21 09:00")
    assert codes(here) == [
        ("units_done", "B"),
        ("silence_applied", "C"),
        ("silence_applied", "A"),
    ]
    with here.refused("guard_failed") as seen:
        here.silenced("up1")
    assert seen.codes == ["units_done"]


def test_who_has_more_time_is_not_silent(here: Timed) -> None:
    here.open("up1", body=declared(county="zero", city="zero"))
    here.extend("city", "B", "2100-03-25")
    here.clock.set("2100-03-21 09:00")
    with here.refused("guard_failed") as seen:
        here.silenced("up1")
    assert [(one.code, one.params["unit"]) for one in seen.refusal.findings] == [
        ("units_done", "B")
    ]
    here.clock.set("2100-03-26 00:00")
    here.silenced("up1")


def test_more_time_takes_silence_back_until_the_round_is_closed(here: Timed) -> None:
    here.open("up1", body=declared(county="zero"))
    here.clock.set(LATER)
    assert here.plan("b", "B").figures == {"up1": {"persons": 0, "villages": 0}}
    here.extend("city", "B", "2100-03-12")
    assert here.plan("b", "B").figures == {}
    here.report("B", B)
    assert here.plan("b", "B").figures == {"up1": B}


def test_without_a_declaration_a_round_waits(here: Timed) -> None:
    here.open("up1", body=declared(county="stay_open"))
    here.clock.set("2100-12-01 09:00")
    with here.refused("guard_failed") as seen:
        here.silenced("up1")
    assert seen.codes == ["units_done"] * 3


def test_before_the_time_is_over_nobody_is_silent(here: Timed) -> None:
    here.open("up1", body=declared(county="zero", city="zero"))
    assert codes(here) == [("units_done", unit) for unit in ("C", "A", "B")]


def test_applying_a_silence_that_settles_nobody_leaves_no_mark(here: Timed) -> None:
    here.open("up1", body=declared(county="zero"))
    for unit, figures in (("A", A), ("B", B)):
        here.report(unit, figures)
        here.accept(unit)
    here.report("C", {"persons": 100, "villages": 100, "county_exit": 1})
    here.accept("C")
    here.silenced("up1")
    assert here.get().silence["up1"].applied == {}
    assert "silence" not in closing_of(here.site, "c1")


# Adjust and down rounds


def test_who_stays_away_from_an_adjust_keeps_the_base(answering: Timed) -> None:
    here = answering
    here.up("up2")
    here.down("down2")
    here.open("adjust", body=declared(county="last_issued"))
    here.report("A", {"persons": 57}, {"persons": "criteria_not_met"})
    here.act("city", "A", "return", {"reason_code": "incomplete", "text": "请补材料"})
    here.clock.set(LATER)
    assert codes(here) == [("silence_applied", "A")]
    here.silenced("adjust")
    assert here.plan("a", "A").figures["adjust"]["persons"] == 60
    assert here.plan("a", "A").headline["persons"].value == 60
    assert here.get().settled
    assert here.get().silence["adjust"].units == 1  # not those above it, who moved nothing
    audit(here.site)


def test_silence_above_somebody_who_answered_breaks_no_sum(answering: Timed) -> None:
    """The city's last issued figures are not what its counties reported: it is named (N4)."""
    here = answering
    here.open("up2", body=declared(city="last_issued"))
    for unit in "AB":
        here.report(unit, {"persons": 10, "villages": 60})
        here.accept(unit)
    here.clock.set("2100-03-21 09:00")
    with here.refused("guard_failed") as seen:
        here.silenced("up2")
    [off] = [one for one in seen.refusal.findings if one.params["indicator"] == "persons"]
    fields = ("unit", "expected", "got", "difference")
    assert (off.code, *(off.params[name] for name in fields)) == ("sums_exact", "C", 20, 95, 75)
    here.extend("region", "C", "2100-04-30")
    here.report("C", {"persons": 20, "villages": 120})
    here.accept("C")
    here.close("up2")
    audit(here.site)


def test_what_was_issued_counts_as_received(here: Timed) -> None:
    """Issued to A and B on the 2nd; three working days later they count as having signed."""
    here.up("up1")
    here.open("down1", body={"silence": {"county": "received_after_3", "city": "received_after_3"}})
    here.issue("R", {"C": {"persons": 100, "villages": 100, "county_exit": 1}})
    here.clock.set("2100-03-02 09:00")
    here.act("city", "C", "acknowledge")
    here.issue("C", {"A": A, "B": B})
    here.act("b", "B", "acknowledge")
    here.clock.set("2100-03-06 23:00")  # the 3rd, the 5th and Saturday the 6th: not over yet
    assert codes(here) == [("units_done", "A")]
    here.clock.set("2100-03-07 00:00")
    assert codes(here) == [("silence_applied", "A")]
    here.silenced("down1")
    assert here.plan("a", "A").state == "down1.acknowledged"
    assert here.plans("down1.acknowledged") == {"A", "B"}
    assert here.plans("down1.distributed") == {"R", "C"}
    audit(here.site)


def test_nobody_counts_as_having_issued_on(here: Timed) -> None:
    here.up("up1")
    here.open("down1", body={"silence": {"city": "received_after_3", "county": "received_after_3"}})
    here.issue("R", {"C": {"persons": 100, "villages": 100, "county_exit": 1}})
    here.clock.set("2100-03-21 09:00")
    with here.refused("guard_failed") as seen:
        here.silenced("down1")
    assert [one.params["unit"] for one in seen.refusal.findings] == ["C", "A", "B"]
    assert set(seen.codes) == {"units_done"}


def test_more_time_holds_receipt_off(here: Timed) -> None:
    here.up("up1")
    here.open("down1", body={"silence": {"county": "received_after_3"}})
    here.issue("R", {"C": {"persons": 100, "villages": 100, "county_exit": 1}})
    here.act("city", "C", "acknowledge")
    here.issue("C", {"A": A, "B": B})
    here.extend("city", "A", "2100-03-31")
    here.clock.set("2100-03-20 09:00")
    assert codes(here) == [("units_done", "A"), ("silence_applied", "B")]


# The same everywhere


def test_lists_of_plans_and_single_plans_agree(answering: Timed) -> None:
    here = answering
    here.open("up2", body=declared(county="zero", city="zero"))
    here.report("B", {"persons": 0, "villages": 0})  # any other figure would break the city's sum
    here.accept("B")
    here.clock.set("2100-03-21 09:00")
    for _ in range(2):
        states = {code: plan.state for code, plan in here.all().items()}
        for state in set(states.values()):
            assert here.plans(state) == {code for code, one in states.items() if one == state}
        if here.get().open_round:
            here.silenced("up2")


@pytest.mark.parametrize("seed", range(3))
def test_the_survey_and_the_rules_name_the_same_units(here: Timed, seed: int) -> None:
    """What SQL finds silent is what the fold finds silent, whatever happened before."""
    chance = Random(seed)
    for turn in range(3):
        here.cycle(f"r{turn}")
        rules = {level: chance.choice(("zero", "stay_open")) for level in ("county", "city")}
        due = {level: {"due_at": f"21{turn:02}-04-{chance.randint(1, 9):02}"} for level in rules}
        here.clock.set(f"21{turn:02}-03-01 09:00")
        here.open("up1", body={"windows": due, "silence": rules})
        for unit, figures in (("A", A), ("B", B)):
            for act in ("report", "return", "extend", "accept"):
                if chance.random() < 0.5:
                    continue
                attempt(here, unit, act, figures, turn)
        for day in (1, 5, 10):
            here.clock.set(f"21{turn:02}-04-{day:02} 12:00")
            assert surveyed(here) == folded(here)


def attempt(here: Timed, unit: str, act: str, figures: dict[str, int], turn: int) -> None:
    try:
        if act == "report":
            here.report(unit, figures)
        elif act == "extend":
            here.extend("city", unit, f"21{turn:02}-04-09T20:00:00+08:00")
        elif act == "accept":
            here.accept(unit)
        else:
            here.act("city", unit, act, {"reason_code": "incomplete", "text": "请补材料"})
    except Refusal:
        pass  # chance asked for what could not be


def surveyed(here: Timed) -> tuple[set[str], set[str]]:
    """Codes of the silent and of the otherwise unfinished, as SQL finds them."""

    def work(tx: Tx) -> tuple[set[str], set[str]]:
        head = cycle_head(here.site.records, tx, here.name)
        assert head is not None
        due = silence.due_now(head.state, "up1", here.clock(), here.site.calendar)
        found = standing_at_close(head.negotiation, here.name, "up1", due)
        return set(found.codes(tx, found.silent)), set(found.codes(tx, found.unfinished))

    return here.site.records.read(work)


def folded(here: Timed) -> tuple[set[str], set[str]]:
    """The same, plan by plan."""

    def work(tx: Tx) -> tuple[set[str], set[str]]:
        database = here.site.database
        head = cycle_head(database, tx, here.name)
        assert head is not None
        places = list(trees.nodes(database, tx, head.tree, ["C", "A", "B"]).values())
        scenes = [one.scene for one in reading.stages(database, tx, head, places, clock=here.clock)]
        silent = {one.own.unit.code for one in scenes if "up1" in one.own.plan.lapses}
        done = {one.own.unit.code for one in scenes if one.state(one.own) == "up1.accepted"}
        return silent, {one.code for one in places} - silent - done

    return here.site.database.read(work, here.readers["region"].within(here.name))


# However many


def test_nothing_is_written_for_units_that_wrote_nothing(databases: Databases) -> None:
    """20,000 silent villages cost the statements and the rows of 20: one more page to name them."""
    small, large = (close_over(databases.migrated(), villages) for villages in (1, 1000))
    assert small.rows == large.rows
    assert large.statements - small.statements <= 1
    assert (small.units, large.units) == (44, 20_024)


class Cost:
    """What a closing took."""

    def __init__(self, units: int) -> None:
        self.units = units
        self.statements = 0
        self.rows: dict[str, int] = {}


def close_over(url: str, villages: int) -> Cost:
    """Close a round over four cities of five counties, each with some villages; all are silent."""
    site = open_site(settings(url))
    try:
        world = timed(World(site))
        world.units("".join(tree(villages)))
        world.user("region", "admin", "R")
        world.cycle(leaf_level="village", no_task=())
        levels = ("village", "county", "city")
        due = {level: {"due_at": "2100-03-10"} for level in levels}
        world.open("up1", body={"windows": due, "silence": dict.fromkeys(levels, "zero")})
        world.clock.set(LATER)
        before = counted(site)
        with statements(site) as told:
            world.silenced("up1")
        cost = Cost(world.get().silence["up1"].units)
        cost.statements = len(told)
        cost.rows = {name: count - before[name] for name, count in counted(site).items()}
        return cost
    finally:
        site.close()


def tree(villages: int) -> Iterator[str]:
    yield "code,name,level,parent\nR,R,region,\n"
    for city in range(4):
        yield f"C{city},C,city,R\n"
        for county in range(5):
            yield f"X{city}{county},X,county,C{city}\n"
            for one in range(villages):
                yield f"V{city}{county}{one:04},V,village,X{city}{county}\n"


def counted(site: Site) -> dict[str, int]:
    return site.records.read(
        lambda tx: {
            name: int(tx.connection.execute(select(func.count()).select_from(one)).scalar_one())
            for name, one in METADATA.tables.items()
        }
    )


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """Statements sent to the database meanwhile."""
    told: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        told.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", listen)
    yield told
    event.remove(site.database.engine, "before_cursor_execute", listen)


def closing_of(site: Site, cycle: str) -> dict[str, Any]:
    """The parts of a cycle's last event."""
    [*_, last] = site.records.read(lambda tx: list(surveys.events(tx, f"cycle/{cycle}")))
    return dict(unseal(last.leaf, last.entries).parts)
