"""N2, N9: a round that runs again begins without the time and the silence of its first run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.audit import audit
from tests.databases import Databases
from tests.rules.budget import ASKED, REJECTED, SUM, budget, decide
from tests.timed import Timed, timed

UP2: dict[str, Any] = {
    "windows": {"agency": {"due_at": "2100-03-10"}, "department": {"due_at": "2100-03-12"}},
    "silence": {"agency": "zero", "department": "last_issued"},
}
DECISION = {"windows": {"treasury": {"due_at": "2100-03-20"}}}
APPROVED = {"outcome": "approved", "document_no": "2号", "dated": "2100-03-25"}
BACK = {"reason_code": "other", "text": "大会要求核减"}


@pytest.fixture
def here(databases: Databases) -> Iterator[Timed]:
    """A second up with terms of its own, played in time; the clock stands on 1 March 2100."""
    made = timed(budget(databases, "down1"))
    made.play("down1", ASKED)
    made.open("up2", body=UP2)
    made.play("up2", ASKED)
    yield made
    made.site.close()


def test_a_reopened_round_has_no_due_date_and_nobody_is_silent(here: Timed) -> None:
    here.open("legislature")
    here.clock.set("2100-03-16 09:00")
    decide(here, **REJECTED)
    assert here.get().open_round == "up2"
    assert "up2" not in here.get().silence
    for who, unit in (("t", "D"), ("d", "D1")):
        here.act(who, unit, "return", BACK)
    plan = here.act("d1", "D1", "draft", {"figures": {"basic": 60, "project": 50}})
    assert (plan.window, plan.silence) == (None, {})
    with here.refused("guard_failed") as seen:
        here.silenced("up2")
    assert set(seen.codes) == {"units_done"}
    here.act("d1", "D1", "submit")
    here.act("d", "D1", "accept")
    here.report("D", {"basic": 90, "project": 70})
    here.accept("D")
    here.close("up2")
    assert here.plan("t", "T").figures["up2"] == {"basic": 140, "project": 110}
    audit(here.site)


def test_a_second_decision_is_not_held_to_the_time_of_the_first(here: Timed) -> None:
    here.open("legislature", body=DECISION)
    here.extend("t", "T", "2100-03-22")
    decide(here, **REJECTED)
    here.close("up2")
    here.clock.set("2100-03-25 09:00")
    here.open("legislature")
    assert decide(here, **APPROVED).figures["legislature"] == SUM
    audit(here.site)


def test_more_time_of_a_first_run_shortens_no_second_one(here: Timed) -> None:
    here.open("legislature", body=DECISION)
    here.extend("t", "T", "2100-03-22")
    decide(here, **REJECTED)
    here.close("up2")
    here.clock.set("2100-03-25 09:00")
    here.open("legislature", body={"windows": {"treasury": {"due_at": "2100-04-05"}}})
    assert decide(here, **APPROVED).figures["legislature"] == SUM


def test_a_decision_has_its_time_and_shows_it(here: Timed) -> None:
    here.open("legislature", body=DECISION)
    plan = here.plan("t", "T")
    assert plan.window is not None
    assert plan.window.due_at is not None
    assert not plan.window.late
    here.clock.set("2100-03-21 09:00")
    late = here.plan("t", "T").window
    assert late is not None
    assert late.late
    for action, body in (("present", {}), ("decide", APPROVED)):
        with here.refused("guard_failed") as seen:
            here.act("t", "T", action, body)
        assert seen.codes == ["window_open"]
    here.extend("t", "T", "2100-04-01")
    assert decide(here, **APPROVED).state == "legislature.decided"


def test_only_who_decides_has_a_time_in_a_decision(here: Timed) -> None:
    body = {"windows": {"treasury": {"due_at": "2100-03-20"}, "agency": {"due_at": "2100-03-20"}}}
    with here.refused("invalid") as seen:
        here.open("legislature", body=body)
    assert [(one.code, one.where) for one in seen.refusal.findings] == [
        ("unknown_level", "windows.agency")
    ]
