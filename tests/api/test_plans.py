"""Plans over HTTP: answers, pages, write tokens, receipts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.api.conftest import RONGAN, World


def test_a_plan_carries_its_version_as_its_write_token(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/plans/450224"
    before = world.get("rongan", path)
    assert before.json()["version"] == 0
    assert before.headers["ETag"] == '"0"'
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    after = world.act("rongan", cycle, "450224", "submit")
    assert after.status_code == 200
    assert after.headers["ETag"] == f'"{after.json()["version"]}"'
    assert after.json()["version"] > 0
    assert after.json()["state"] == "up1.submitted"
    assert after.json()["event"]
    assert after.json()["chain"]


def test_a_plan_is_never_answered_as_unchanged(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/plans/450224"
    tag = world.get("rongan", path).headers["ETag"]
    again = world.get("rongan", path, headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.json()["unit"] == "450224"
    assert again.headers["Cache-Control"] == "no-store"


def test_only_its_own_unit_sees_a_draft(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    path = f"/cycles/{cycle}/plans/450224"
    assert world.get("rongan", path).json()["draft"]["figures"] == RONGAN
    assert world.get("city", path).json()["draft"] is None


def test_a_plan_tells_what_may_be_done_next(world: World, cycle: str) -> None:
    plan = world.get("rongan", f"/cycles/{cycle}/plans/450224").json()
    actions = {action["name"]: action for action in plan["actions"]}
    assert actions["draft"]["allowed"]
    assert not actions["submit"]["allowed"]
    assert [guard["name"] for guard in actions["submit"]["guards"]] == ["has_draft"]


def test_what_stands_beside_a_plan_comes_with_reading_it(world: World, cycle: str) -> None:
    saved = world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN}).json()
    assert [saved[name] for name in ("beside", "signals", "stocks")] == [None, None, None]
    world.reported(cycle)
    plan = world.get("city", f"/cycles/{cycle}/plans/450224").json()
    last = {"last_plan": 8000, "last_outcome": 8700, "other_side": None, "gap": None}
    assert plan["beside"] == {"persons": last}
    [balance] = plan["stocks"]["persons"]["balances"]
    assert (balance["expected"], balance["difference"]) == (11400, 0)
    assert plan["signals"] == []
    [signal] = world.get("city", f"/cycles/{cycle}/plans/450200").json()["signals"]
    assert signal["name"] == "ratchet"
    assert signal["cases"] == [
        {
            "units": ["450224"],
            "count": 1,
            "numbers": {"figure": 9000, "last_outcome": 8700},
            "result": "1/29",
        }
    ]


def test_plans_come_in_pages(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/plans"
    whole = world.get("city", path).json()
    units = [plan["unit"] for plan in whole["items"]]
    assert {"450200", "450224", "450225"} <= set(units)
    seen, page = [], world.get("city", f"{path}?limit=1").json()
    while page["next"] is not None:
        seen += [plan["unit"] for plan in page["items"]]
        page = world.get("city", f"{path}?limit=1&cursor={page['next']}").json()
    assert [*seen, page["items"][0]["unit"]] == units


def test_plans_are_found_by_parent_and_state(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    world.act("rongan", cycle, "450224", "submit")
    found = world.get("city", f"/cycles/{cycle}/plans?parent=450200&state=up1.submitted").json()
    assert [plan["unit"] for plan in found["items"]] == ["450224"]


def test_a_plan_can_be_read_as_it_stood(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/plans/450224"
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    world.act("rongan", cycle, "450224", "submit")
    [event] = world.get("rongan", f"{path}/history").json()["items"]
    at = dt.datetime.fromisoformat(event["recorded_at"])
    assert at.tzinfo is not None
    before = (at - dt.timedelta(microseconds=1)).astimezone(dt.timezone(dt.timedelta(hours=8)))
    # A person forgets to quote the plus sign of the zone.
    for text in (before.isoformat(), before.isoformat().replace("+", "%2B")):
        old = world.get("rongan", f"{path}?as_of={text}")
        assert old.status_code == 200, old.text
        assert old.json()["numbers"] == []
    now = world.get("rongan", f"{path}?as_of={event['recorded_at'].replace('+', '%2B')}")
    assert now.json()["state"] == "up1.submitted"


def test_a_history_holds_what_happened(world: World, cycle: str) -> None:
    world.reported(cycle)
    page = world.get("city", f"/cycles/{cycle}/plans/450224/history?limit=1").json()
    assert [event["kind"] for event in page["items"]] == ["submitted"]
    path = f"/cycles/{cycle}/plans/450224/history?limit=1&cursor={page['next']}"
    page = world.get("city", path).json()
    assert [event["kind"] for event in page["items"]] == ["accepted"]
    assert page["next"] is None


def test_a_promise_is_made_passed_on_and_settled_over_http(world: World, cycle: str) -> None:
    world.reported(cycle)
    world.close(cycle, "up1")
    figures = {
        "450224": {"persons": 9000, "villages": 12, "county_exit": 1},
        "450225": {"persons": 20000, "villages": 30},
    }
    world.open(cycle, "down1")
    issued(world, cycle, figures, {})
    world.close(cycle, "down1")
    world.open(cycle, "up2")
    world.reported(cycle)
    world.close(cycle, "up2")
    world.open(cycle, "down2")
    issued(world, cycle, figures, {"persons": {"reason_code": "overall_balance"}})
    promise = {
        "indicator": "villages",
        "from": 12,
        "to": 15,
        "funded": True,
        "settle_in": "adjust",
        "reason": "一微调时调整",
    }
    path = f"/cycles/{cycle}/plans/450224/commitments"
    version = world.version(cycle, "450224")
    made = world.ask("city", "POST", path, version=version, json=promise)
    assert made.status_code == 201, made.text
    [held] = made.json()["commitments"]
    assert (held["from"], held["to"], held["funded"]) == (12, 15, True)
    world.close(cycle, "down2")
    world.open(cycle, "adjust")
    version = world.version(cycle, "450224")
    done = world.ask("city", "POST", f"{path}/{held['id']}/fulfil", version=version)
    assert done.status_code == 200, done.text
    assert done.json()["headline"]["villages"]["value"] == 15
    version, body = done.json()["version"], {"reason": "无此答复"}
    unknown = world.ask("city", "POST", f"{path}/none/waive", version=version, json=body)
    assert unknown.status_code == 404


def issued(world: World, cycle: str, figures: dict[str, dict[str, int]], reasons: Any) -> None:
    total = {"persons": 29000, "villages": 42, "county_exit": 1}
    split = [{"unit": unit, "figures": one, "reasons": reasons} for unit, one in figures.items()]
    world.act("city", cycle, "450200", "issue", {"total": total, "allocations": split})
    world.act("rongan", cycle, "450224", "acknowledge")
    world.act("rongshui", cycle, "450225", "acknowledge")


def test_two_rounds_are_compared(world: World, cycle: str) -> None:
    world.reported(cycle)
    path = f"/cycles/{cycle}/plans/450224/diff"
    found = world.get("rongan", f"{path}?from=up1&to=up2").json()
    assert found["figures"]["villages"]["from"] == 12
    for query, field in (("?from=up1", "to"), ("?from=up1&to=up9", "to"), ("?to=up1", "from")):
        answer = world.get("rongan", path + query)
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert world.get("rongshui", f"{path}?from=up9&to=up1").status_code == 404
    assert world.get(None, path).status_code == 401


def test_a_practice_cycle_is_listed_until_it_is_dropped(world: World, cycle: str) -> None:
    body = {"id": "drill", "protocol": "exit-plan", "year": 2019, "root": "450200"}
    body |= {"leaf_level": "county", "practice": True, "lists": "required"}
    made = world.ask("city", "POST", "/cycles", json=body).json()
    assert (made["practice"], made["lists"]) == (True, "required")
    listed = world.get("rongan", "/cycles?limit=1").json()
    assert len(listed["items"]) == 1
    assert listed["items"][0]["id"] <= listed["next"]
    rest = world.get("rongan", "/cycles?cursor=dril").json()
    assert (rest["items"][0]["id"], rest["items"][0]["practice"]) == ("drill", True)
    assert world.ask("rongan", "DELETE", "/cycles/drill").status_code == 403
    assert world.ask("system", "DELETE", "/cycles/drill").status_code == 404
    dropped = world.ask("city", "DELETE", "/cycles/drill", key="drop-it")
    assert dropped.status_code == 200, dropped.text
    assert world.get("city", "/cycles/drill").status_code == 404
    again = world.ask("city", "DELETE", "/cycles/drill", key="drop-it")
    assert (again.status_code, again.json()["event"]) == (200, dropped.json()["event"])
    assert world.ask("city", "DELETE", "/cycles/drill").status_code == 404
    real = world.ask("city", "DELETE", f"/cycles/{cycle}")
    assert real.status_code == 409
    assert [one["name"] for one in real.json()["guards"]] == ["practice_only"]


def test_units_and_protocols_are_listed(world: World) -> None:
    roots = world.get("rongan", "/units").json()
    assert [unit["code"] for unit in roots["items"]] == ["450200"]
    below = world.get("city", "/units?parent=450200&limit=2").json()
    assert [unit["code"] for unit in below["items"]] == ["450202", "450224"]
    rest = world.get("city", f"/units?parent=450200&cursor={below['next']}").json()
    assert [unit["code"] for unit in rest["items"]] == ["450225"]
    assert world.get("rongan", "/units/450224").json()["attributes"] == ["poor_county"]
    names = [item["name"] for item in world.get("rongan", "/protocols").json()["items"]]
    assert "exit-plan" in names
    protocol = world.get("rongan", "/protocols/exit-plan").json()
    assert protocol["definition"]["name"] == "exit-plan"
    assert protocol["diagram"].startswith("stateDiagram")
    assert world.get("rongan", "/protocols/none").status_code == 404


def test_the_register_is_seen_below_ones_place_and_up_the_line(world: World) -> None:
    below = world.get("rongan", "/units?parent=450200").json()
    assert [unit["code"] for unit in below["items"]] == ["450224"]
    assert world.get("rongan", "/units/450200").json()["code"] == "450200"
    for hidden in ("/units/450225", "/units?parent=450225", "/units/none"):
        assert world.get("rongan", hidden).json()["code"] == "not_found"
    assert world.get("rongan", "/units?parent=450224").json()["items"] == []


def test_units_without_task_are_told_to_those_above_them(world: World, cycle: str) -> None:
    idle = {who: world.get(who, f"/cycles/{cycle}").json()["no_task"] for who in ("city", "rongan")}
    assert [one["unit"] for one in idle["city"]] == ["450202"]
    assert idle["rongan"] == []


def test_a_cycle_shows_its_rounds(world: World, cycle: str) -> None:
    shown = world.get("auditor", f"/cycles/{cycle}").json()
    assert shown["open_round"] == "up1"
    assert shown["rounds"]["down1"] == "waiting"
    assert [one["unit"] for one in shown["no_task"]] == ["450202"]
    assert world.get("system", f"/cycles/{cycle}").status_code == 404
