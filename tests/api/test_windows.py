"""N9 over HTTP: a round opened with windows and silence, more time for one unit, a close that says so."""

from __future__ import annotations

from tests.api.conftest import RONGAN, World

TERMS = {
    "windows": {"county": {"due_at": "2199-03-01"}},
    "silence": {"county": "zero"},
}


def test_windows_and_extensions_over_http(world: World) -> None:
    cycle = world.new_cycle()
    opened = world.ask("city", "POST", f"/cycles/{cycle}/rounds/up1/open", json=TERMS)
    assert opened.status_code == 200, opened.text
    due = "2199-03-01T23:59:59.999999+08:00"
    assert opened.json()["windows"]["up1"]["county"] == {"opens_at": None, "due_at": due}
    assert opened.json()["silence"]["up1"] == {
        "rules": {"county": "zero"},
        "applied": {},
        "units": 0,
    }
    given = world.act(
        "city", cycle, "450224", "extensions", {"due_at": "2199-03-05", "reason": "入户核查未完"}
    )
    assert given.status_code == 201
    window = world.get("rongan", f"/cycles/{cycle}/plans/450224").json()["window"]
    assert window == {
        "opens_at": None,
        "due_at": "2199-03-05T23:59:59.999999+08:00",
        "round": "up1",
        "extended": True,
        "late": False,
        "silence": "zero",
        "out_of_order": False,
    }


def test_an_extension_is_an_act_of_the_parent(world: World, cycle: str) -> None:
    body = {"due_at": "2199-03-05", "reason": "x"}
    path = f"/cycles/{cycle}/plans/450224/extensions"
    assert world.ask("rongan", "POST", path, version=0, json=body).status_code == 403
    assert world.ask("city", "POST", path, json=body).status_code == 428
    actions = world.get("city", f"/cycles/{cycle}/plans/450224").json()["actions"]
    assert {one["name"]: one["allowed"] for one in actions}["extensions"]


def test_faults_of_a_window_name_their_field(world: World) -> None:
    cycle = world.new_cycle()
    body = {"windows": {"county": {"due_at": "1 March"}}, "silence": {"county": 7}}
    answer = world.ask("city", "POST", f"/cycles/{cycle}/rounds/up1/open", json=body)
    assert answer.status_code == 422
    faults = {(one["code"], one["field"]) for one in answer.json()["errors"]}
    assert faults == {
        ("bad_moment", "windows.county.due_at"),
        ("wrong_shape", "silence.county"),
    }


def test_nobody_is_silent_before_the_time_is_over(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    path = f"/cycles/{cycle}/rounds/up1/close"
    body = {"apply_silence": True, "reason": "x"}
    answer = world.ask("city", "POST", path, json=body)
    assert answer.status_code == 409
    assert {guard["name"] for guard in answer.json()["guards"]} == {"units_done"}
