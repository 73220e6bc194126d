"""A small department budget for tests: a treasury, two departments, three agencies.

Every unit has an admin of its own name in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from planflow.services.site import open_site
from planflow.services.views import PlanView
from tests.board import Line
from tests.databases import Databases, settings
from tests.world import World

TREE: tuple[Line, ...] = (
    ("T", "treasury", "", "", False),
    ("D", "department", "T", "", False),
    ("E", "department", "T", "", False),
    ("D1", "agency", "D", "", False),
    ("D2", "agency", "D", "", False),
    ("E1", "agency", "E", "", False),
)
Figures = Mapping[str, Mapping[str, int]]
ASKED: Figures = {
    "D1": {"basic": 70, "project": 50},
    "D2": {"basic": 30, "project": 20},
    "E1": {"basic": 50, "project": 40},
}
SUM = {"basic": 150, "project": 110}
REJECTED = {"outcome": "rejected", "document_no": "会字1号", "dated": "2020-01-15"}
APPROVED = {"outcome": "approved", "document_no": "会字2号", "dated": "2020-01-20"}


def budget(databases: Databases, until: str) -> World:
    """A cycle of `department-budget` over the tree, in which everybody got what they asked for.

    `until` names the round that is open. Each of these worlds is made once and copied.
    """
    url = databases.prepared(f"budget-{until}", partial(_played, until))
    world = World(open_site(settings(url)), name="b1")
    for code, *_ in TREE:
        world.enter(code.lower(), "admin", code, databases.tokens[f"{until} {code.lower()}"])
    return world


def _played(until: str, url: str) -> dict[str, str]:
    site = open_site(settings(url), migrate=True)
    world = World(site)
    rows = [f"{code},{code},{level},{parent}," for code, level, parent, *_ in TREE]
    world.units("\n".join(["code,name,level,parent,attributes", *rows]))
    for code, *_ in TREE:
        world.user(code.lower(), "admin", code)
    terms: dict[str, Any] = {"who": "t", "protocol": "department-budget", "year": 2020}
    world.cycle("b1", root="T", leaf_level="agency", no_task=(), **terms)
    for name in world.get().rounds:
        if name == until:
            world.open(name)
            break
        world.play(name, ASKED)
    site.close()
    return {f"{until} {name}": token for name, token in world.tokens.items()}


def decide(world: World, **body: Any) -> PlanView:
    """Record a decision."""
    return world.act("t", "T", "decide", body)
