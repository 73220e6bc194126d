"""Worlds that stand at the beginning of a round, each a copy of one that was played there once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from planflow.services.site import Site, open_site
from tests.conftest import Park
from tests.databases import Databases, settings
from tests.rules.budget import budget
from tests.world import USERS, World

At = Callable[..., World]

# Under R a city with townships below one of its counties, and a county with none.
TOWNSHIPS = """\
code,name,level,parent,attributes
R,自治区,region,,
C,市,city,R,
A,甲县,county,C,poor_county
A1,东乡,township,A,
A2,西乡,township,A,
B,乙县,county,C,
Z,城中区,county,C,
"""
MORE = {"county": ("admin", "A"), "a1": ("planner", "A1"), "a2": ("planner", "A2")}
DEEP_FIGURES = {
    "A1": {"persons": 20, "villages": 20},
    "A2": {"persons": 40, "villages": 40},
    "B": {"persons": 40, "villages": 40},
}


@pytest.fixture(scope="session")
def templates(
    park: Park, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, dict[str, str]]]:
    """Where the database of each place lies, once somebody asked for it; with everybody's tokens."""
    assert "sqlite" in park.kinds
    return {"": (tmp_path_factory.mktemp("stages"), {})}


@pytest.fixture
def at(park: Park, templates: dict[str, tuple[Path, dict[str, str]]]) -> Iterator[At]:
    """`at("down2")`: everything before that round was played, and it is open. `""`: no round yet."""
    opened: list[Site] = []

    def make(round_name: str, *, deep: bool = False) -> World:
        name = f"{'deep' if deep else 'small'}-{round_name or 'start'}"
        if name not in templates:
            path = templates[""][0] / f"{name}.db"
            templates[name] = path, _played(park, path, round_name, deep)
        path, tokens = templates[name]
        url = park["sqlite"].empty()
        shutil.copy(path, str(make_url(url).database))
        site = open_site(settings(url))
        opened.append(site)
        world = World(site, name="c1")
        for who, (role, unit) in {**USERS, **(MORE if deep else {})}.items():
            world.enter(who, role, unit, tokens[who])
        return world

    yield make
    for site in opened:
        site.close()


def _played(park: Park, path: Path, round_name: str, deep: bool) -> dict[str, str]:
    databases = park["sqlite"]
    shutil.copy(str(make_url(databases.peopled()).database), path)
    site = open_site(settings(f"sqlite:///{path}"))
    world = World(site)
    for who, (role, unit) in USERS.items():
        world.enter(who, role, unit, databases.tokens[who])
    if deep:
        world.units(TOWNSHIPS)
        for who, (role, unit) in MORE.items():
            world.user(who, role, unit)
    world.cycle(leaf_level="township" if deep else "county")
    if round_name:
        _play(world, round_name, deep)
    site.close()
    return world.tokens


def _play(world: World, round_name: str, deep: bool) -> None:
    for name in world.get().rounds:
        if name == round_name:
            world.open(name)
            return
        if not deep:
            world.play(name)
        elif name.startswith("up"):
            _deep_up(world, name)
        else:
            _deep_down(world, name)


def _deep_up(world: World, name: str) -> None:
    """As `World.up`, but the county exit is entered by the county, not added up there."""
    world.open(name)
    for unit in ("A1", "A2", "B"):
        world.report(unit, DEEP_FIGURES[unit])
        world.accept(unit)
    world.report("A", {"persons": 60, "villages": 60, "county_exit": 1})
    world.accept("A")
    world.report("C", {"persons": 100, "villages": 100, "county_exit": 1})
    world.accept("C")
    world.close(name)


def _deep_down(world: World, name: str) -> None:
    world.open(name)
    whole = {"persons": 100, "villages": 100, "county_exit": 1}
    world.issue("R", {"C": whole})
    world.act("city", "C", "acknowledge")
    county = {"persons": 60, "villages": 60, "county_exit": 1}
    world.issue("C", {"A": county, "B": DEEP_FIGURES["B"]})
    world.act("county", "A", "acknowledge")
    world.issue("A", {unit: DEEP_FIGURES[unit] for unit in ("A1", "A2")})
    for who, unit in (("a1", "A1"), ("a2", "A2"), ("b", "B")):
        world.act(who, unit, "acknowledge")
    world.close(name)


@pytest.fixture
def undecided(databases: Databases) -> Iterator[World]:
    """A department budget with its decision round open."""
    world = budget(databases, "legislature")
    yield world
    world.site.close()


@pytest.fixture
def second_up(databases: Databases) -> Iterator[World]:
    """A department budget with the round open that has a ceiling."""
    world = budget(databases, "up2")
    yield world
    world.site.close()
