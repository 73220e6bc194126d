"""N9: windows by round and level, in working days; late work needs an extension; no due, no lateness."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from planflow.domain.calendar import Calendar
from planflow.engine import guards, silence, windows
from planflow.protocol import loader
from planflow.services import plans
from tests.board import SMALL, Board
from tests.contract.audit import audit
from tests.timed import SHANGHAI, Timed, local, timed
from tests.world import World

COUNTY = {"windows": {"county": {"opens_at": "2100-03-02", "due_at": "2100-03-10"}}}
DRAFT = {"figures": {"persons": 60, "villages": 60, "county_exit": 1}}


@pytest.fixture
def here(world: World) -> Timed:
    made = timed(world)
    made.cycle()
    return made


def last_instant(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.max, SHANGHAI)


# Due dates


def test_due_dates_follow_from_durations_in_working_days(here: Timed) -> None:
    """Opened on Monday the 1st; the 4th is a holiday, Saturday the 6th is worked."""
    seen = here.open("up1")
    days = {"village": 8, "township": 11, "county": 17, "city": 22}
    assert {level: one.due_at for level, one in seen.windows["up1"].items()} == {
        level: last_instant(dt.date(2100, 3, day)) for level, day in days.items()
    }
    assert seen.warnings == []


def test_a_calendar_that_learns_later_moves_no_deadline(here: Timed) -> None:
    before = here.open("up1").windows
    here.site = replace(here.site, calendar=Calendar({dt.date(2100, 3, 9): False}))
    assert here.get().windows == before


def test_a_day_beyond_the_calendar_is_a_guess_and_says_so(here: Timed) -> None:
    here.site = replace(here.site, calendar=Calendar())
    seen = here.open("up1")
    assert seen.windows["up1"]["village"].due_at == last_instant(dt.date(2100, 3, 8))
    [warning] = seen.warnings
    assert (warning.name, warning.fields) == (
        "calendar_assumed",
        {"round": "up1", "years": "2100"},
    )
    assert "2100" in warning.text


def test_windows_given_at_opening_stand_in_place_of_durations(here: Timed) -> None:
    at_six = {"city": {"due_at": "2100-03-12T18:00:00+08:00"}}
    seen = here.open("up1", body={"windows": COUNTY["windows"] | at_six}).windows["up1"]
    assert seen["county"].opens_at == local("2100-03-02")
    assert seen["county"].due_at == last_instant(dt.date(2100, 3, 10))
    assert seen["city"].due_at == local("2100-03-12 18:00")
    assert seen["township"].due_at == last_instant(dt.date(2100, 3, 11))


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"shire": {"due_at": "2100-03-10"}}, "unknown_level", "windows.shire"),
        ({"county": {"due_at": "2100-02-28"}}, "due_passed", "windows.county.due_at"),
        (
            {"county": {"due_at": "2100-03-10", "opens_at": "2100-03-11"}},
            "window_empty",
            "windows.county.due_at",
        ),
        ({"county": {"due_at": "10 March"}}, "bad_moment", "windows.county.due_at"),
        ({"county": {"due_at": "2100-03-10T18:00:00"}}, "bad_moment", "windows.county.due_at"),
        ({"county": {"due_at": "9999-12-31"}}, "bad_moment", "windows.county.due_at"),
        ({"county": {"due_at": 4}}, "bad_moment", "windows.county.due_at"),
        ({"county": {"opens_at": "2100-03-11"}}, "missing", "windows.county.due_at"),
    ],
)
def test_a_window_that_is_none_is_refused(here: Timed, given: Any, code: str, field: str) -> None:
    seen = here.refused("invalid", lambda: here.open("up1", body={"windows": given}))
    assert [(one.code, one.where) for one in seen.refusal.findings] == [(code, field)]


def test_a_window_that_leaves_another_level_no_time_is_flagged(here: Timed) -> None:
    """Figures that go up must come before the level above is due, those that come down after."""
    late = {"windows": {"county": {"due_at": "2100-03-31"}, "city": {"due_at": "2100-03-30"}}}
    [warning] = here.open("up1", body=late).warnings
    assert warning.name == "windows_out_of_order"
    assert {name: warning.fields[name] for name in ("level", "above")} == {
        "level": "county",
        "above": "city",
    }
    assert here.plan("a", "A").window.out_of_order  # type: ignore[union-attr]
    here.up("up1")
    early = {"windows": {"county": {"due_at": "2100-03-03"}}}
    [warning] = here.open("down1", body=early).warnings
    assert (warning.name, warning.fields["level"]) == ("windows_out_of_order", "county")
    assert here.plan("a", "A").window.out_of_order  # type: ignore[union-attr]


# Early and late


def test_nobody_acts_before_their_window_opens(here: Timed) -> None:
    here.open("up1", body=COUNTY)
    with here.refused("guard_failed") as seen:
        here.act("a", "A", "draft", DRAFT)
    assert seen.refusal.findings[0].code == "window_open"
    assert seen.refusal.findings[0].params == {
        "round": "up1",
        "opens_at": "2100-03-02T00:00:00+08:00",
        "due_at": "",
    }
    here.clock.set("2100-03-02 00:00")
    here.act("a", "A", "draft", DRAFT)


def test_the_last_day_counts_to_its_end_and_not_longer(here: Timed) -> None:
    here.open("up1", body=COUNTY)
    here.clock.set("2100-03-10 23:59:59.999999")
    here.report("A", DRAFT["figures"])
    here.act("b", "B", "draft", {"figures": {"persons": 40, "villages": 40}})
    here.clock.set("2100-03-11 00:00")
    late = {"round": "up1", "opens_at": "", "due_at": "2100-03-10T23:59:59+08:00"}
    for who, unit, action in (("b", "B", "submit"), ("a", "A", "withdraw")):
        seen = here.refused("guard_failed", lambda: here.act(who, unit, action))  # noqa: B023
        assert [(one.code, one.params) for one in seen.refusal.findings] == [("window_open", late)]
    assert not here.plan("a", "A").window.late  # type: ignore[union-attr]
    assert here.plan("b", "B").window.late  # type: ignore[union-attr]
    here.accept("A")  # the city's own time is not over


def test_down_rounds_have_windows_too(here: Timed) -> None:
    here.up("up1")
    here.open("down1")
    here.clock.set("2100-03-09 09:00")  # the region's five working days are over
    figures = {"persons": 90, "villages": 90, "county_exit": 1}
    with here.refused("guard_failed") as seen:
        here.issue("R", {"C": figures})
    assert seen.codes == ["window_open"]
    assert here.plan("region", "R").window.late  # type: ignore[union-attr]
    assert not here.plan("city", "C").window.late  # type: ignore[union-attr]
    here.extend("region", "R", "2100-03-10", "请示待批")  # nobody stands above it: on the record
    here.issue("R", {"C": figures})
    here.clock.set("2100-03-30 09:00")
    seen = here.refused("guard_failed", lambda: here.act("city", "C", "acknowledge"))
    assert seen.codes == ["window_open"]
    assert here.plan("city", "C").window.late  # type: ignore[union-attr]


def test_no_due_date_no_lateness() -> None:
    text = "".join(
        line
        for line in loader.find("exit-plan").splitlines(keepends=True)
        if "durations:" not in line
    )
    board = Board.over(text, SMALL)
    board.open("up1")
    scene = replace(board.scene("A"), now=local("2100-03-01"))
    assert guards.blocked(scene, "draft", frozenset({"a"})) == []
    assert not windows.late(scene)
    assert silence.seen(scene) is scene
    assert guards.blocked(scene, "extensions", frozenset({"C"}))[0].code == "has_due_date"


# Extensions


def test_the_parent_gives_more_time_with_a_reason(here: Timed) -> None:
    here.open("up1", body=COUNTY)
    here.clock.set("2100-03-11 08:00")
    given = here.extend("city", "A", "2100-03-12")
    assert given.window is not None
    assert (given.window.due_at, given.window.extended) == (
        last_instant(dt.date(2100, 3, 12)),
        True,
    )
    here.report("A", DRAFT["figures"])
    with here.refused("guard_failed") as seen:
        here.report("B", {"persons": 40, "villages": 40})  # the other has no more time for it
    assert seen.codes == ["window_open"]
    [event] = [one for one in here.history("A") if one.kind == "extended"]
    assert event.parts == {
        "extension": {"due_at": "2100-03-12T15:59:59.999999Z"},
        "texts": [{"of": "reason", "text": "入户核查未完"}],
    }
    here.clock.set("2100-03-13 00:00")
    here.refused("guard_failed", lambda: here.act("a", "A", "withdraw"))
    audit(here.site)


def test_an_extension_is_of_one_round(here: Timed) -> None:
    here.open("up1")
    here.extend("city", "A", "2100-05-01")
    here.up("up1")
    here.open("down1")
    assert here.plan("a", "A").window.extended is False  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"due_at": "2100-03-12"}, "missing", "reason"),
        ({"due_at": "2100-03-12", "reason": ""}, "empty", "reason"),
        ({"reason": "x"}, "missing", "due_at"),
        ({"due_at": "2100-03-01T08:00:00+08:00", "reason": "x"}, "due_passed", "due_at"),
        ({"due_at": "2100-03-10", "reason": "x"}, "no_extension", "due_at"),
        ({"due_at": "soon", "reason": "x"}, "bad_moment", "due_at"),
    ],
)
def test_an_extension_that_is_none_is_refused(
    here: Timed, body: Any, code: str, field: str
) -> None:
    here.open("up1", body=COUNTY)
    seen = here.refused("invalid", lambda: here.act("city", "A", "extensions", body))
    assert [(one.code, one.where) for one in seen.refusal.findings] == [(code, field)]


def test_nobody_gives_themselves_more_time(here: Timed) -> None:
    here.open("up1", body=COUNTY)
    here.refused("forbidden", lambda: here.extend("a", "A", "2100-03-12"))
    here.refused("forbidden", lambda: here.extend("clerk", "A", "2100-03-12"))
    here.refused("forbidden", lambda: here.extend("city", "C", "2100-04-12"))
    assert here.extend("region", "C", "2100-04-12").window.extended  # type: ignore[union-attr]


def test_no_more_time_once_the_parent_has_sent_its_sums_up(here: Timed) -> None:
    here.open("up1", body=COUNTY)
    here.clock.set("2100-03-02 09:00")
    for unit, figures in (("A", DRAFT["figures"]), ("B", {"persons": 40, "villages": 40})):
        here.report(unit, figures)
        here.accept(unit)
    here.report("C", {"persons": 100, "villages": 100, "county_exit": 1})
    seen = here.refused("guard_failed", lambda: here.extend("city", "A", "2100-04-12"))
    assert seen.codes == ["parent_open"]


def test_no_more_time_between_rounds(here: Timed) -> None:
    seen = here.refused("guard_failed", lambda: here.extend("city", "A", "2100-04-12"))
    assert seen.codes == ["round_open"]


def test_what_was_seen_then_is_judged_by_the_time_then(here: Timed) -> None:
    here.open("up1", body=COUNTY)
    here.clock.set("2100-03-11 00:00")
    then = local("2100-03-10 12:00")
    reader = here.readers["a"]
    seen = plans.get_plan(here.site, reader, here.name, "A", as_of=then)
    assert seen.window is not None
    assert not seen.window.late
    assert here.plan("a", "A").window.late  # type: ignore[union-attr]
