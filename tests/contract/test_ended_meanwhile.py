"""F9: nobody acts by what ended while their act waited for its turn.

Everybody here came in before it ended, as an act does that waits for a lock: it was looked at once
before the wait, and is looked at again behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from planflow.errors import Refusal
from planflow.services import accounts, people, tokens
from planflow.services.site import open_site
from tests.conftest import Park, peopled
from tests.contract.audit import audit
from tests.contract.test_races import waiting
from tests.databases import settings
from tests.timed import timed
from tests.world import World

A = {"figures": {"persons": 60, "villages": 60, "county_exit": 1}}
ROOM = {"name": "newcomer", "password": "a password of one's own", "role": "sysadmin"}
End = Callable[[World, str], None]


def taken(world: World, who: str) -> None:
    """Their grant is taken back."""
    role, unit = world.roles[who]
    people.revoke(world.site, who, role, unit)


def signed_out(world: World, who: str) -> None:
    """They sign out."""
    tokens.sign_out(world.site, world.tokens[who])


def shut(world: World, who: str) -> None:
    """Their account is shut."""
    chief, site = world.readers["chief"], world.site
    account = world.readers[who].user_id
    call = world.call(f"/users/{account}/disable", {"reason": "调离"})
    accounts.disable(site, chief, call, account, disabled=True)


ENDS: dict[End, tuple[str, str]] = {
    # what ends, and what an act on a plan and an act on the whole are answered
    taken: ("not_found", "forbidden"),
    signed_out: ("unauthorized", "unauthorized"),
    shut: ("unauthorized", "unauthorized"),
}
each_end = pytest.mark.parametrize("end", ENDS, ids=[end.__name__ for end in ENDS])
ACTS: dict[str, Callable[[World], Any]] = {
    "a working copy": lambda w: w.act("a", "A", "draft", A),
    "a submission": lambda w: w.act("a", "A", "submit"),
    "a return": lambda w: w.act("city", "B", "return", {"reason_code": "other"}),
    "an acceptance": lambda w: w.act("city", "B", "accept"),
    "more time": lambda w: w.act("city", "A", "extensions", {"due_at": "2100-01-01"}),
    "an issue": lambda w: w.issue("R", {"C": {"persons": 1}}),
}
WHOLE: dict[str, Callable[[World], Any]] = {
    "the next cycle": lambda w: w.cycle("c2", year=2020),
    "the round's close": lambda w: w.close("up1"),
    "a change of the tree": lambda w: w.change_tree({"kind": "rename"}),
    "a delegation": lambda w: w.delegate("city", "b", "C"),
    "an account": lambda w: account(w, "first"),
}


def account(world: World, who: str) -> None:
    accounts.add(world.site, world.readers[who], world.call("/users", ROOM))


@pytest.fixture
def here(world: World) -> World:
    """Figures of both counties wait to be sent on; two people manage accounts."""
    world.user("chief", "secadmin", None)
    world.user("first", "secadmin", None)
    world.cycle()
    world.open("up1")
    world.act("a", "A", "draft", A)
    world.report("B", {"persons": 40, "villages": 40})
    return world


@each_end
def test_nobody_acts_by_what_ended(here: World, end: End) -> None:
    for who in ("a", "city", "region", "first"):
        end(here, who)
    for acts, code in zip((ACTS, WHOLE), ENDS[end], strict=True):
        for what, act in acts.items():
            refused = here.refused(code, partial(act, here))
            assert refused.refusal.code == code, what
    assert audit(here.site).events


def test_it_ends_with_the_grant_that_it_rests_on(here: World) -> None:
    """Who stands in for somebody is out as soon as the other is, whose act or whose account it was."""
    for end in (taken, shut):
        here.user(f"deputy-{end.__name__}", "sysadmin", None)
        here.delegate("city", f"deputy-{end.__name__}", "C")
    shut(here, "city")
    here.refused("not_found", lambda: here.act("deputy-shut", "B", "accept"))
    taken(here, "city")
    here.refused("not_found", lambda: here.act("deputy-taken", "B", "accept"))


def test_another_grant_of_the_same_person_carries_the_act(here: World) -> None:
    here.user("a", "admin", "A")
    planner = here.readers["a"].grants
    assert len(planner) == 2
    people.revoke(here.site, "a", "planner", "A")
    here.act("a", "A", "submit")
    assert here.history("A")[-1].grant in {one.id for one in planner if one.role == "admin"}


def test_time_runs_on_while_an_act_waits(world: World) -> None:
    """A delegation is over when its act is recorded, though it was not when it was asked for."""
    clocked = timed(world)
    clocked.user("deputy", "sysadmin", None)
    clocked.cycle()
    clocked.open("up1")
    clocked.tokens = {}
    clocked.report("B", {"persons": 40, "villages": 40})
    clocked.tokens = {"deputy": people.sign_in(clocked.site, "deputy", "password-1").access_token}
    clocked.until = "2100-03-01"
    clocked.delegate("city", "deputy", "C")
    clocked.clock.set("2100-03-02 00:00")
    clocked.refused("not_found", lambda: clocked.act("deputy", "B", "accept"))


@each_end
def test_an_act_looks_again_behind_its_lock(park: Park, end: End) -> None:
    """On PostgreSQL a statement that waits has taken its view of the rows before it waited."""
    databases = park["postgresql"]
    site = open_site(settings(databases.peopled()))
    world = peopled(site, databases)
    world.user("chief", "secadmin", None)
    world.cycle()
    world.open("up1")
    world.act("a", "A", "draft", A)
    version = world.version("A")
    with ThreadPoolExecutor(1) as pool, site.records.engine.connect() as other:
        other.execute(text("SELECT 1 FROM plan WHERE path = 'R/C/A' FOR UPDATE"))
        act = pool.submit(world.act, "a", "A", "submit", None, "", version)
        while not waiting(site):
            assert not act.done()
        end(world, "a")
        other.rollback()
        with pytest.raises(Refusal) as refused:
            act.result()
    assert refused.value.code == ENDS[end][0]
    assert world.state("A") == "up1.drafting"
    site.close()
