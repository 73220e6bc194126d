"""N7, F5: what differs between two instants of a plan, and between two of its submissions."""

from __future__ import annotations

import datetime as dt

import pytest

from planflow.services.between import End, between
from planflow.services.review_views import BetweenView
from tests.world import World

FIRST = {"persons": 60, "villages": 60, "county_exit": 1}
SECOND = {"persons": 55, "villages": 60, "county_exit": 1}


def apart(world: World, who: str, unit: str, start: End, end: End) -> BetweenView:
    return between(world.site, world.readers[who], world.name, unit, start, end)


def at(moment: dt.datetime) -> End:
    return End("x_at", moment)


def after(seq: int) -> End:
    return End("x_seq", seq=seq)


@pytest.fixture
def returned(world: World) -> World:
    """A submits, is returned, and submits fewer persons with a reason."""
    world.play_until("up1")
    world.report("A", FIRST)
    world.act("city", "A", "return", {"reason_code": "inconsistent", "text": "请核对"})
    world.report("A", SECOND, {"persons": "field_check"})
    return world


def test_two_submissions_are_compared_by_figure_and_reason(returned: World) -> None:
    sent = [one.seq for one in returned.history("A") if one.kind == "submitted"]
    found = apart(returned, "a", "A", after(sent[0]), after(sent[1]))
    assert (found.from_.seq, found.to.seq) == tuple(sent)
    told = {
        r: {n: (v.from_, v.to, v.difference) for n, v in o.items()}
        for r, o in found.figures.items()
    }
    assert told == {"up1": {"persons": (60, 55, -5)}}
    reasons = {n: (v.from_, v.to) for n, v in found.reasons["up1"].items()}
    assert reasons == {"persons": (None, "field_check")}
    back = apart(returned, "a", "A", after(sent[1]), after(sent[0]))
    assert back.figures["up1"]["persons"].difference == 5


def test_two_instants_show_all_rounds_and_promises_between_them(world: World) -> None:
    world.play_until("up2")
    start = world.site.clock()
    body = {
        "indicator": "villages",
        "from": 100,
        "to": 103,
        "funded": True,
        "settle_in": "adjust",
        "reason": "全部安排",
    }
    world.play_until("down2")
    issued = {"C": {"persons": 90, "villages": 100, "county_exit": 1}}
    world.issue("R", issued)
    world.act("city", "C", "acknowledge")
    made = world.act("region", "C", "commitments", body).commitments[0]
    end = world.site.clock()
    found = apart(world, "city", "C", at(start), at(end))
    assert set(found.figures) == {"up2", "down2"}
    assert found.figures["down2"]["persons"].to == 90
    [promise] = found.commitments
    assert (promise.id, promise.from_, promise.to and promise.to.to) == (made.id, None, 103)
    assert found.from_.at == start
    same = apart(world, "city", "C", at(end), at(end))
    assert (same.figures, same.reasons, same.commitments, same.also) == ({}, {}, [], {})
    none = apart(world, "city", "C", at(start - dt.timedelta(days=9)), at(end))
    assert none.from_.seq == 0
    assert "up1" in none.figures


def test_what_is_not_there_or_not_ones_own_is_refused(returned: World) -> None:
    with returned.refused("not_found"):
        apart(returned, "b", "A", after(1), after(2))
    with returned.refused("invalid"):
        apart(returned, "a", "A", after(1), after(99))
