"""N13, N14 over HTTP, by the typed client: a correction from proposal to approval, and a paper."""

from __future__ import annotations

import pytest

from planflow.config import Settings
from planflow.services.people import add_user
from planflow.services.site import open_site
from tests.api.conftest import PASSWORD, RONGAN, RONGSHUI, World

LESS = {"round": "up1", "figures": {"persons": RONGAN["persons"] - 5}, "reason": "重复统计"}


@pytest.fixture
def deputy(place: Settings, world: World) -> str:
    site = open_site(place)
    try:
        add_user(site, "deputy", PASSWORD, "admin", "450200")
    finally:
        site.close()
    assert world.signed("deputy")
    return "deputy"


def closed(world: World, cycle: str) -> str:
    world.reported(cycle)
    world.close(cycle, "up1")
    return cycle


def test_a_correction_is_proposed_and_approved(world: World, cycle: str, deputy: str) -> None:
    closed(world, cycle)
    made = world.act("rongan", cycle, "450224", "corrections", LESS)
    assert made.status_code == 201
    [waiting] = made.json()["corrections"]
    assert (waiting["status"], waiting["kind"], waiting["top"]) == (
        "proposed",
        "correction",
        "450200",
    )
    path = f"corrections/{waiting['id']}/approve"
    done = world.act(deputy, cycle, "450224", path).json()
    assert done["figures"]["up1"]["persons"] == RONGAN["persons"] - 5
    city = world.get("city", f"/cycles/{cycle}/plans/450200").json()
    whole = RONGAN["persons"] + RONGSHUI["persons"]
    assert city["figures"]["up1"]["persons"] == whole - 5
    sides = {one["side"]: one for one in done["numbers"] if one["indicator"] == "persons"}
    assert sides["reported"]["value"] == RONGAN["persons"]
    assert len(sides["corrected"]["hands"]) == 2


def test_a_correction_is_refused_naming_the_level(world: World, cycle: str) -> None:
    closed(world, cycle)
    body = {**LESS, "also": [{"unit": "450200", "figures": {"persons": 1}}]}
    path = f"/cycles/{cycle}/plans/450224/corrections"
    answer = world.ask("city", "POST", path, json=body, version=world.version(cycle, "450224"))
    assert answer.status_code == 409
    [guard] = answer.json()["guards"]
    whole = RONGAN["persons"] + RONGSHUI["persons"]
    assert (guard["name"], guard["fields"]["unit"], guard["fields"]["expected"]) == (
        "level_exact",
        "450200",
        whole - 5,
    )
    assert "Change this figure" in guard["text"]


def test_who_proposed_may_not_approve_but_another_turns_it_down(
    world: World, cycle: str, deputy: str
) -> None:
    closed(world, cycle)
    made = world.act("city", cycle, "450224", "corrections", LESS).json()
    path = f"corrections/{made['corrections'][0]['id']}"
    version = world.version(cycle, "450224")
    where = f"/cycles/{cycle}/plans/450224/{path}/approve"
    answer = world.ask("city", "POST", where, version=version)
    assert (answer.status_code, answer.json()["guards"][0]["name"]) == (409, "separate_hands")
    assert world.ask("rongan", "POST", where, version=version).status_code == 403
    told = world.act(deputy, cycle, "450224", f"{path}/reject", {"reason": "与名单不符"}).json()
    assert told["corrections"][0]["status"] == "rejected"


def test_a_paper_of_the_parent_takes_two(world: World, cycle: str, deputy: str) -> None:
    body = {"act": "accepted", "figures": {"persons": 9}, "document_no": "1号"}
    made = world.act("city", cycle, "450200", "paper", {**body, "dated": "2019-01-04"})
    assert made.status_code == 201
    which = made.json()["papers"][0]["id"]
    told = world.act(deputy, cycle, "450200", f"paper/{which}/attest").json()
    assert told["papers"][0]["status"] == "confirmed"
    version = world.version(cycle, "450200")
    path = f"/cycles/{cycle}/plans/450200/issue/confirm"
    assert world.ask(deputy, "POST", path, version=version).status_code == 409
