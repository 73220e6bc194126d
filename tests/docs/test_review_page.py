"""The pages on reviewing and on personal data are run as they are written (N7, N15, F2, F9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from planflow.config import Settings
from planflow.services import keys, people
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from tests.docs.conftest import Command
from tests.world import TREE, USERS, World

PAGES = Path(__file__).parents[2] / "docs/how-to"
NUMBER = "桂民复〔2019〕12号"
WORDS = "张三家的材料不全"


@pytest.fixture
def played(command: Command) -> Iterator[Site]:
    """A county reported and had its report back; a document renamed the other one."""
    del command  # which has made the place
    site = open_site(Settings())
    keys.ready(site)
    world = World(site)
    world.units(TREE)
    for name, (role, unit) in USERS.items():
        world.user(name, role, "R" if name == "auditor" else unit)
    world.user("watch", "secadmin", None)
    world.cycle("exit-2019")
    world.open("up1")
    world.report("A", {"persons": 60, "villages": 60, "county_exit": 1})
    world.act("city", "A", "return", {"reason_code": "incomplete", "text": WORDS})
    world.report("A", {"persons": 50, "villages": 60, "county_exit": 1})
    world.accept("A")
    world.change_tree({"rename": {"unit": "B", "name": "新乙县"}}, document_no=NUMBER)
    assert world.history("A", "city")
    Sequencer.of(site).advance()
    yield site
    site.close()


def event_with_words(site: Site) -> str:
    """The return's event, as the plan's history shows it."""
    from planflow.services import plans

    token = people.shell_token(site, "a").access_token
    mine = people.authenticate(site, token, "zh")
    found = plans.history(site, mine, "exit-2019", "A", None).items
    return next(one.id for one in found if one.kind == "returned")


@pytest.mark.parametrize(
    ("name", "commands"), [("review-a-negotiation", 9), ("keep-personal-data", 7)]
)
@pytest.mark.parametrize("lang", ["", ".zh"])
def test_the_page_runs(command: Command, played: Site, name: str, commands: int, lang: str) -> None:
    page = (PAGES / f"{name}{lang}.md").read_text("utf-8")
    lines = re.findall(r"^\$ (planflow .*)$", page, re.MULTILINE)
    assert len(lines) == commands
    words = {
        "EVENT": event_with_words(played),
        "TIME": played.clock().isoformat(),
        "VKEY": str(keys.signer(played).key),
    }
    told = {}
    for line in lines:
        typed = line.partition(" > ")[0]
        for word, value in words.items():
            typed = typed.replace(word, value)
        done, told[line] = command(typed)
        assert done == 0, (typed, told[line])
    whole = "\n".join(told.values())
    if name == "keep-personal-data":
        assert "history" in whole
        assert WORDS not in whole
    else:
        assert "-10" in whole
        assert NUMBER in whole
