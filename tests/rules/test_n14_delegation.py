"""N14, F9: who stands in for somebody acts by a dated grant, for a time, and is one hand with them."""

from __future__ import annotations

import datetime as dt
import itertools
from functools import partial
from typing import Any

import pytest

from planflow.errors import Refusal
from planflow.services import delegations, people
from planflow.services.delegations import DelegationView
from tests.contract.audit import audit
from tests.rules.conftest import At
from tests.timed import Timed, timed
from tests.world import PASSWORD, World

A = {"persons": 60, "villages": 60}
BACK = {"reason_code": "other", "text": "x"}


def user_id(world: World, name: str) -> str:
    return world.readers[name].user_id


def listed(world: World, who: str) -> list[DelegationView]:
    return delegations.list_delegations(world.site, world.readers[who], None).items


def sent(world: World, by: str = "a") -> None:
    """County A's figures are typed and sent by one person."""
    world.act(by, "A", "draft", {"figures": A})
    world.act(by, "A", "submit")


def strangers(world: World, *names: str) -> None:
    """People with no grant at a unit."""
    for name in names:
        if name not in world.readers:
            world.user(name, "sysadmin", None)


@pytest.fixture
def here(world: World) -> World:
    """The first up is open; `deputy` has no grant at a unit, on both databases."""
    strangers(world, "deputy")
    world.cycle()
    world.open("up1")
    return world


@pytest.fixture
def up1(at: At) -> World:
    """The same on one database."""
    world = at("up1")
    strangers(world, "deputy")
    return world


# What a delegation is


def test_a_delegate_acts_and_the_event_names_the_grant_and_the_delegator(here: World) -> None:
    sent(here)
    with here.refused("not_found"):
        here.act("deputy", "A", "accept")
    made = here.delegate("city", "deputy", "C", reason="出差")
    assert (made.from_user, made.to_user, made.role, made.unit) == ("city", "deputy", "admin", "C")
    assert (made.status, made.reason, made.onward) == ("in_force", "出差", False)
    here.act("deputy", "A", "accept")
    submitted, accepted = here.history("A")
    assert (accepted.actor, accepted.grant) == (user_id(here, "deputy"), made.id)
    assert accepted.delegators == [user_id(here, "city")]
    assert submitted.delegators == []
    assert audit(here.site).grants == 9


def test_both_see_it_and_nobody_else(here: World) -> None:
    made = here.delegate("city", "deputy", "C")
    assert [one.id for one in listed(here, "city")] == [made.id]
    assert [one.id for one in listed(here, "deputy")] == [made.id]
    assert listed(here, "a") == listed(here, "region") == []


def test_an_admin_may_delegate_no_more_than_the_planner(up1: World) -> None:
    up1.delegate("city", "deputy", "C", role="planner")
    sent(up1)
    with up1.refused("forbidden"):
        up1.act("deputy", "A", "accept")
    assert up1.plan("deputy", "A").figures == {"up1": A}


def test_the_role_is_named_where_several_are_held(up1: World) -> None:
    up1.user("city", "planner", "C")
    refused = up1.refused("invalid", lambda: up1.delegate("city", "deputy", "C"))
    assert refused.codes == ["missing"]
    assert up1.delegate("city", "deputy", "C", role="planner").role == "planner"


def test_an_auditor_may_let_another_read(up1: World) -> None:
    assert up1.delegate("auditor", "b", "C").role == "auditor"
    assert up1.plan("b", "A").state == "up1.drafting"
    with up1.refused("forbidden"):
        up1.act("b", "A", "draft", {"figures": A})


def test_an_auditor_lets_nobody_read_who_runs_the_system(up1: World) -> None:
    """The two are never on one account, by a delegation neither."""
    with up1.refused("invalid"):
        up1.delegate("auditor", "deputy", "C")


@pytest.mark.parametrize(
    ("who", "more"),
    [
        ("clerk", {"unit": "C", "role": "admin"}),  # more than a planner is
        ("city", {"unit": "C", "role": "auditor"}),
        ("city", {"unit": "A"}),  # in sight, and another's
        ("city", {"unit": "R"}),
        ("city", {"unit": "nowhere"}),  # the same answer: codes are not to be tried out
        ("system", {"unit": "C"}),
    ],
)
def test_nobody_delegates_what_they_do_not_have(up1: World, who: str, more: Any) -> None:
    up1.refused("forbidden", lambda: up1.delegate(who, "deputy", **more))


@pytest.mark.parametrize(
    ("to_user", "code"), [("city", "delegates_to_self"), ("nobody", "unknown_user")]
)
def test_it_goes_to_somebody_else_who_is_known(up1: World, to_user: str, code: str) -> None:
    refused = up1.refused("invalid", lambda: up1.delegate("city", to_user, "C"))
    assert refused.codes == [code]


# From, and to


@pytest.fixture
def clocked(world: World) -> Timed:
    made = timed(world)
    made.user("deputy", "sysadmin", None)
    made.cycle()
    made.open("up1")
    return made


def at_time(world: Timed, moment: str) -> None:
    """Set the clock; everybody signs in again."""
    world.clock.set(moment)
    for name in ("city", "deputy", "a", "region"):
        world.tokens[name] = people.sign_in(world.site, name, PASSWORD).access_token
    world.readers = {
        name: people.authenticate(world.site, world.tokens[name], "zh")
        for name in ("city", "deputy", "a", "region")
    }


def test_it_begins_and_ends_by_itself(clocked: Timed) -> None:
    """A date counts to its end."""
    clocked.tokens = {}
    clocked.delegate("city", "deputy", "C", to="2100-03-10", **{"from": "2100-03-08"})
    seen = []
    for moment in ("2100-03-07 23:59", "2100-03-08 00:00", "2100-03-10 23:59", "2100-03-11 00:00"):
        at_time(clocked, moment)
        [told] = listed(clocked, "city")
        seen.append((told.status, bool(clocked.readers["deputy"].delegators(told.id))))
    assert seen == [("waiting", False), ("in_force", True), ("in_force", True), ("over", False)]


def test_nothing_is_backdated(clocked: Timed) -> None:
    clocked.tokens = {}
    made = clocked.delegate("city", "deputy", "C", to="2100-03-10", **{"from": "2100-02-01"})
    assert made.from_ == clocked.clock()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"to": "2100-02-28"}, "ends_before_it_begins"),
        ({"to": "2100-03-05", "from": "2100-03-06"}, "ends_before_it_begins"),
        ({"to": "2101-03-03"}, "delegation_too_long"),
        ({"to": "soon"}, "bad_moment"),
        ({"to": None}, "bad_moment"),
        ({"to": "2100-03-10", "onward": "yes"}, "not_boolean"),
    ],
)
def test_it_is_time_boxed(clocked: Timed, more: Any, code: str) -> None:
    clocked.tokens = {}
    refused = clocked.refused("invalid", lambda: clocked.delegate("city", "deputy", "C", **more))
    assert refused.codes == [code]


def test_it_lasts_no_longer_than_what_it_rests_on(clocked: Timed) -> None:
    clocked.tokens = {}
    clocked.delegate("city", "deputy", "C", to="2100-03-10", onward=True)
    at_time(clocked, "2100-03-02 09:00")
    clocked.tokens = {}
    refused = clocked.refused(
        "invalid", lambda: clocked.delegate("deputy", "a", "C", to="2100-03-11")
    )
    assert refused.codes == ["beyond_own_time"]
    assert clocked.delegate("deputy", "a", "C", to="2100-03-10").role == "admin"


# Chains


def chain(world: World, *names: str) -> list[str]:
    """Each lets the next act as the city's admin; the ids."""
    strangers(world, *names)
    return [
        world.delegate(one, two, "C", role="admin", onward=True).id
        for one, two in itertools.pairwise(names)
    ]


def test_a_chain_names_everybody_in_it(here: World) -> None:
    ids = chain(here, "city", "deputy", "second", "third")
    sent(here)
    here.act("third", "A", "accept")
    accepted = here.history("A")[-1]
    assert accepted.grant == ids[-1]
    assert accepted.delegators == [user_id(here, one) for one in ("city", "deputy", "second")]
    [told] = [one for one in listed(here, "city") if one.id == ids[-1]]  # it rests on the city's
    assert told.in_place_of == ["city", "deputy", "second"]
    assert (told.from_user, told.to_user) == ("second", "third")


def test_it_is_passed_on_only_where_that_was_allowed(up1: World) -> None:
    up1.delegate("city", "deputy", "C")
    refused = up1.refused("guard_failed", lambda: up1.delegate("deputy", "a", "C"))
    assert refused.codes == ["onward_allowed"]


def test_it_is_passed_on_three_times_at_most(up1: World) -> None:
    chain(up1, "city", "deputy", "second", "third")
    refused = up1.refused("guard_failed", lambda: up1.delegate("third", "a", "C"))
    assert refused.codes == ["chain_length"]


def test_it_does_not_come_back_up_its_own_chain(up1: World) -> None:
    chain(up1, "city", "deputy", "second")
    refused = up1.refused("invalid", lambda: up1.delegate("second", "city", "C"))
    assert refused.codes == ["delegates_back"]


@pytest.mark.parametrize("link", [0, 1, 2])
def test_a_chain_ends_when_any_link_ends(here: World, link: int) -> None:
    ids = chain(here, "city", "deputy", "second", "third")
    sent(here)
    here.end("city", ids[link])
    for name in ("deputy", "second", "third")[:link]:
        assert here.plan(name, "A").unit == "A"
    for name in ("deputy", "second", "third")[link:]:
        with here.refused("not_found"):
            here.act(name, "A", "accept")
    ended = {one.id for one in listed(here, "city") if one.status == "ended"}
    assert ended == set(ids[link:])
    audit(here.site)


def test_a_chain_ends_when_the_grant_it_rests_on_is_revoked(here: World) -> None:
    chain(here, "city", "deputy", "second")
    assert people.revoke(here.site, "city", "admin", "C") == 1
    here.again()
    for name in ("city", "deputy", "second"):
        with here.refused("not_found"):
            here.plan(name, "A")
    assert {one.status for one in listed(here, "city")} == {"ended"}
    for role, unit in (("admin", "C"), ("admin", "nowhere"), ("planner", "R")):
        here.refused("not_found", partial(people.revoke, here.site, "city", role, unit))
    here.refused("not_found", lambda: people.revoke(here.site, "nobody", "admin", "C"))
    audit(here.site)


def test_anybody_in_the_chain_may_end_it_and_nobody_else_finds_it(up1: World) -> None:
    ids = chain(up1, "city", "deputy", "second")
    up1.refused("not_found", lambda: up1.end("a", ids[1]))
    up1.refused("not_found", lambda: up1.end("b", "no-such-id"))
    ended = up1.end("second", ids[1])  # given back by whom it was given to
    assert (ended.status, ended.id) == ("ended", ids[1])
    refused = up1.refused("guard_failed", lambda: up1.end("deputy", ids[1]))
    assert refused.codes == ["delegation_runs"]
    assert up1.end("city", ids[0]).status == "ended"


def test_a_call_sent_twice_happens_once(here: World) -> None:
    to = (here.site.clock() + dt.timedelta(days=3)).isoformat()
    first, again = (here.delegate("city", "deputy", "C", key="delegate", to=to) for _ in range(2))
    assert first == again
    ended, once_more = (here.end("city", first.id, key="end") for _ in range(2))
    assert (ended.id, ended.event, ended.chain) == (first.id, once_more.event, once_more.chain)
    assert len(listed(here, "city")) == 1


# One hand (N14)


@pytest.mark.parametrize("review", ["accept", "return"])
def test_whoever_typed_does_not_review_through_a_stand_in(up1: World, review: str) -> None:
    """The city's admin is a planner of A, too; what they sent, nobody reviews in their place."""
    up1.user("city", "planner", "A")
    sent(up1, "city")
    chain(up1, "city", "deputy", "second")
    for name in ("city", "deputy", "second"):
        body = BACK if review == "return" else None
        refused = up1.refused("guard_failed", partial(up1.act, name, "A", review, body))
        assert refused.codes == ["separate_hands"]
        told = {one.name: one for one in up1.plan(name, "A").actions}
        assert [guard.name for guard in told[review].guards] == ["separate_hands"]


def test_what_a_stand_in_typed_the_delegator_does_not_review(up1: World) -> None:
    up1.user("city", "planner", "A")
    strangers(up1, "second")
    up1.delegate("city", "deputy", "A", role="planner", onward=True)
    up1.delegate("deputy", "second", "A")
    up1.act("second", "A", "draft", {"figures": A})
    up1.act("a", "A", "submit")  # by another hand; but theirs were in it
    refused = up1.refused("guard_failed", lambda: up1.act("city", "A", "accept"))
    assert refused.codes == ["separate_hands"]
    hands = {user_id(up1, one) for one in ("a", "city", "deputy", "second")}
    assert set(up1.history("A")[-1].parts["hands"]) == hands


def test_a_second_admin_lends_clean_hands_and_the_grant_in_use_is_theirs(up1: World) -> None:
    """Who stands in for two is told truly, and acts in the place of the one without a part in it."""
    up1.user("city", "planner", "A")
    up1.user("other", "admin", "C")
    sent(up1, "city")
    up1.delegate("city", "deputy", "C", role="admin")
    with up1.refused("guard_failed"):
        up1.act("deputy", "A", "accept")
    made = up1.delegate("other", "deputy", "C")
    assert "accept" in {one.name for one in up1.plan("deputy", "A").actions if one.allowed}
    up1.act("deputy", "A", "accept")
    assert up1.history("A")[-1].grant == made.id


def test_a_role_changed_in_mid_round_gives_nobody_their_own_work_to_review(here: World) -> None:
    sent(here)
    people.revoke(here.site, "a", "planner", "A")
    here.user("a", "admin", "C")
    refused = here.refused("guard_failed", lambda: here.act("a", "A", "accept"))
    assert refused.codes == ["separate_hands"]
    made = here.delegate("a", "deputy", "C")
    refused = here.refused("guard_failed", lambda: here.act("deputy", "A", "return", BACK))
    assert refused.codes == ["separate_hands"]
    here.end("a", made.id)
    here.act("city", "A", "accept")


def test_a_delegation_that_is_over_does_not_wash_hands(up1: World) -> None:
    up1.user("city", "planner", "A")
    made = up1.delegate("city", "deputy", "A", role="planner")
    sent(up1, "deputy")
    up1.end("city", made.id)
    up1.user("deputy", "admin", "C")
    for name in ("city", "deputy"):
        with up1.refused("guard_failed"):
            up1.act(name, "A", "accept")


def test_the_root_too_may_be_stood_in_for(here: World) -> None:
    here.delegate("region", "deputy", "R")
    with pytest.raises(Refusal) as refused:
        here.close("up1", who="deputy")
    assert refused.value.code == "guard_failed"  # the rules speak: the right is there
    here.cycle("c2", who="deputy")
    assert here.get("deputy", "c2").id == "c2"
