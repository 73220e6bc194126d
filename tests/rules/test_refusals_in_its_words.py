"""F11, N8: a refusal is told in the words of the cycle's own protocol; its fields keep the names."""

from __future__ import annotations

import json

import pytest

from planflow.errors import Terms
from planflow.messages import sentence
from planflow_api.errors import problem
from tests.rules.conftest import At

MONEY = Terms({"indicator": {"basic": {"zh": "基本支出", "en": "Basic"}}}, {"basic": 2})
OFF = {"indicator": "basic", "expected": 1234550, "got": 1234500, "difference": -50}


@pytest.mark.parametrize(
    ("lang", "told"),
    [("zh", "计划脱贫人口：下级合计"), ("en", "Persons to exit: ")],
)
def test_a_sum_that_is_off_is_told_by_title(at: At, lang: str, told: str) -> None:
    world = at("up1")
    for unit in "AB":
        world.report(unit, {"persons": 60, "villages": 60})
        world.accept(unit)
    world.act("city", "C", "draft", {"figures": {"persons": 121, "villages": 120}})
    refused = world.refused("guard_failed", lambda: world.act("city", "C", "submit"))
    [guard] = json.loads(bytes(problem(refused.refusal, lang).body))["guards"]
    assert guard["text"].startswith(told)
    assert guard["fields"] == {
        "indicator": "persons",
        "expected": 120,
        "got": 121,
        "difference": 1,
    }


def test_what_may_not_be_done_now_is_told_by_title(at: At) -> None:
    world = at("up1")
    world.act("city", "C", "draft", {"figures": {"persons": 1, "villages": 1}})
    actions = {one.name: one for one in world.plan("city", "C").actions}
    [first, _] = actions["submit"].guards
    assert "一上 编制中" in first.text
    assert first.fields["state"] == "up1.drafting"


def test_money_is_told_with_its_decimals() -> None:
    assert sentence("split_exact", OFF, "zh", MONEY).startswith(
        "基本支出：应分 12,345.50，各下级加预留共 12,345.00，相差 -0.50。"
    )
    assert "12,345.50" in sentence("split_exact", OFF, "en", MONEY)


def test_a_name_without_a_title_stands_for_itself() -> None:
    assert sentence("split_exact", OFF, "zh").startswith("basic：应分 1,234,550，")
