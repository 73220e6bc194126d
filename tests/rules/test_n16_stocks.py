"""N16: stock + inflow − exits ± recorded adjustment = stock; a series that does not balance is shown
with the difference, not repaired; a total that a tree cannot know is titled by what was issued here."""

from __future__ import annotations

from pathlib import Path

import pytest

from planflow.domain.past import AMOUNTS
from planflow.ledger.leaf import unseal
from planflow.services.beside_views import StockView
from planflow.services.site import Site
from planflow.store import past as kept
from planflow.store import sites, surveys
from tests.world import World

LIUZHOU = Path(__file__).parents[1] / "data" / "liuzhou-past-years.csv"
HEAD = "unit,year,indicator,plan,outcome,stock_start,inflow,exits,adjustment,stock_end\n"


def stocks(world: World, who: str = "city", unit: str = "C") -> dict[str, StockView]:
    found = world.plan(who, unit).stocks
    assert found is not None
    return found


# Balances


def test_a_balance_is_shown_with_its_parts(world: World) -> None:
    rows = "A,2018,persons,,,100,7,30,-2,75\nB,2018,persons,,,100,7,30,-2,80\n"
    world.past(HEAD + rows)
    world.cycle()
    [balance] = stocks(world, "a", "A")["persons"].balances
    assert (balance.expected, balance.stock_end, balance.difference) == (75, 75, 0)
    [balance] = stocks(world, "b", "B")["persons"].balances
    assert (balance.expected, balance.stock_end, balance.difference) == (75, 80, 5)
    assert (balance.stock_start, balance.inflow, balance.exits, balance.adjustment) == (
        100,
        7,
        30,
        -2,
    )


def test_what_was_stated_stays_as_it_was_stated(world: World) -> None:
    row = "A,2018,persons,,,100,7,30,-2,80\n"
    world.past(HEAD + row)
    world.cycle()
    assert stocks(world, "a", "A")["persons"].balances[0].difference == 5

    def stands(world: World) -> dict[str, int | None]:
        found = world.site.records.read(
            lambda tx: kept.stated(tx, [sites.registered(tx, ["A"])["A"].id], 2018, 2018)
        )
        [years] = [several["persons"] for several in found.values()]
        return years[0].amounts

    assert stands(world) == dict(zip(AMOUNTS, (None, None, 100, 7, 30, -2, 80), strict=True))


def test_years_after_the_cycle_are_not_shown(world: World) -> None:
    rows = "A,2019,persons,,,75,,,,\nA,2020,persons,,,70,,,,\nA,2018,persons,,,100,0,25,,\n"
    world.past(HEAD + rows)
    world.cycle(year=2019)
    [balance] = stocks(world, "a", "A")["persons"].balances
    assert (balance.last, balance.stock_end, balance.difference) == (2018, 75, 0)


def test_liuzhous_published_series_show_what_balances_and_what_does_not(world: World) -> None:
    """Stocks at the turns of 2014, 2016 and 2019, exits of each year, as published; inflow is not."""
    done = world.past(LIUZHOU.read_text("utf-8"))
    assert done.added == 13
    world.cycle(year=2019)
    found = {
        name: [
            (one.first, one.last, one.exits, one.expected, one.stock_end, one.difference)
            for one in seen.balances
        ]
        for name, seen in stocks(world).items()
    }
    assert found == {
        "households": [
            (2014, 2015, 24394, 85306, 85000, -306),
            (2016, 2018, 55249, 29751, 32000, 2249),
        ],
        "persons": [
            (2014, 2015, 101452, 331448, 332000, 552),
            (2016, 2018, 222818, 109182, 118000, 8818),
        ],
        "villages": [(2016, 2018, 177, 171, 171, 0)],
    }
    [_, balance] = stocks(world)["persons"].balances
    assert [(one.year, one.flow) for one in balance.unrecorded] == [
        (2016, "inflow"),
        (2017, "inflow"),
        (2018, "inflow"),
    ]
    beside = world.plan("city", "C").beside
    assert beside is not None
    assert {name: one.last_outcome for name, one in beside.items()} == {
        "households": 24247,
        "persons": 99645,
        "villages": 63,
    }


# Totals that a tree cannot know


def test_where_a_region_has_one_city_its_total_is_what_it_issued_here(world: World) -> None:
    world.play_all()
    assert world.plan("region", "R").issued_here
    for code in ("C", "A"):
        assert not world.plan("region", code).issued_here


def test_an_act_on_the_root_says_so_too(world: World) -> None:
    world.play_until("down2")
    world.issue(
        "R", {"C": {"persons": 100, "villages": 100}}, total={"persons": 100, "villages": 100}
    )
    answer = world.issue(
        "R",
        {"C": {"persons": 100, "villages": 100}},
        total={"persons": 100, "villages": 100},
        reason="更正",
        document_no="1",
    )
    assert answer.issued_here


@pytest.fixture
def city(world: World) -> World:
    """A cycle of the city alone, whose counties are all in the tree."""
    world.cycle(root="C", who="city")
    return world


def test_a_tree_with_all_registered_children_knows_its_total(city: World) -> None:
    city.play_until("down2")
    city.down("down2")
    assert not city.plan("city", "C").issued_here


def test_a_child_registered_and_not_in_the_tree_makes_the_total_partial(city: World) -> None:
    city.play_until("down2")
    city.down("down2")
    city.units("code,name,level,parent\nN,新县,county,C\n")
    assert city.plan("city", "C").issued_here


# Replay


def test_the_rows_are_what_the_sites_events_say(site: Site) -> None:
    world = World(site)
    world.units("code,name,level,parent\nC,市,city,\n")
    world.past(LIUZHOU.read_text("utf-8"))
    world.past(HEAD + "C,2018,persons,,99645,,,,,118001\n")
    world.past(HEAD + "C,2018,persons,,,,,,,\nC,2014,persons,,1,,,,,\n")
    replayed: dict[tuple[str, str, int], dict[str, int | None]] = {}
    for stored in site.records.read(lambda tx: list(surveys.events(tx, "site"))):
        found = unseal(stored.leaf, stored.entries)
        if found.kind == "history_imported":
            for row in (row for chunk in found.parts["years"] for row in chunk):
                key = row["unit"], row["indicator"], row["year"]
                replayed[key] = {name: row.get(name) for name in AMOUNTS}
    replayed = {
        key: row for key, row in replayed.items() if any(v is not None for v in row.values())
    }
    ids = {unit for unit, _, _ in replayed}
    stated = site.records.read(lambda tx: kept.stated(tx, [*ids], 1900, 2200))
    assert replayed == {
        (unit, name, one.year): one.amounts
        for unit, years in stated.items()
        for name, several in years.items()
        for one in several
    }
    assert len(replayed) == 12
