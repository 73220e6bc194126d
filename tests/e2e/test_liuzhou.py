"""Liuzhou's plan of 2019 over real HTTP, on both databases (N2 to N8, N10, N11; the case's figures)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planflow.services.people import add_user
from planflow.services.site import open_site
from planflow.services.units import import_units
from tests.databases import Databases, settings
from tests.e2e.served import PASSWORD, Person, service

CASE = Path(__file__).parents[2] / "src/planflow/demo/liuzhou-2019.json"
REGION, CITY, IDLE, POOR = "450000", "450200", "450202", "450224"
PERSONS, VILLAGES = "persons", "villages"


def published(name: str) -> dict[str, int]:
    case = json.loads(CASE.read_text("utf-8"))
    [found] = [one for one in case["published"]["rounds"] if one["round"] == name]
    figures: dict[str, int] = {key: found["figures"][key] for key in (PERSONS, VILLAGES)}
    return figures


def counties() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(CASE.read_text("utf-8"))["counties_with_tasks"]
    return found


@pytest.fixture
def base_url(databases: Databases) -> Iterator[str]:
    url = databases.migrated()
    rows = [f"{REGION},广西壮族自治区,region,,", f"{CITY},柳州市,city,{REGION},"]
    rows += [f"{IDLE},城中区,county,{CITY},"]
    for one in counties():
        rows.append(
            f"{one['code']},{one['name']},county,{CITY},{'poor_county' * ('poor_county' in one)}"
        )
    site = open_site(settings(url))
    import_units(site, "\n".join(["code,name,level,parent,attributes", *rows]).encode("gb18030"))
    add_user(site, "region", PASSWORD, "admin", REGION)
    add_user(site, "city", PASSWORD, "admin", CITY)
    add_user(site, "auditor", PASSWORD, "auditor", CITY)
    for one in counties():
        add_user(site, one["code"], PASSWORD, "planner", one["code"])
    site.close()
    with service(url) as address:
        yield address


def shares(figures: dict[str, int]) -> dict[str, dict[str, int]]:
    """Made up: equal parts, the rest to the last; only the sums are published."""
    codes = [one["code"] for one in counties()]
    parts = {code: {name: value // len(codes) for name, value in figures.items()} for code in codes}
    for name, value in figures.items():
        parts[codes[-1]][name] += value % len(codes)
    return parts


class Negotiation:
    """The users of the tree, and the acts of a round between them."""

    def __init__(self, base_url: str) -> None:
        def person(name: str) -> Person:
            return Person.signed_in(base_url, name, "liuzhou-2019")

        self.region, self.city, self.auditor = person("region"), person("city"), person("auditor")
        self.counties = {one["code"]: person(one["code"]) for one in counties()}

    def leave(self) -> None:
        for person in (self.region, self.city, self.auditor, *self.counties.values()):
            person.http.close()

    def up(self, name: str, figures: dict[str, int]) -> None:
        self.region.round(name, "open")
        for code, part in shares(figures).items():
            self.counties[code].act(code, "draft", {"figures": part})
            self.counties[code].act(code, "submit")
            self.city.act(code, "accept")
        self.city.act(CITY, "draft", {"figures": figures})
        self.city.act(CITY, "submit", {"note": name})
        self.region.act(CITY, "accept")
        self.region.round(name, "close")

    def down(self, name: str, figures: dict[str, int], **exits: int) -> None:
        self.region.round(name, "open")
        whole = {**figures, **exits}
        because = {one: {"reason_code": "overall_balance"} for one in figures}
        one = {"unit": CITY, "figures": whole, "reasons": because}
        self.region.act(REGION, "issue", {"allocations": [one], "total": whole})
        self.city.act(CITY, "acknowledge")
        split = [
            {"unit": code, "figures": part, "reasons": because}
            for code, part in shares(figures).items()
        ]
        for part in split:
            if exits and part["unit"] == POOR:
                part["figures"] = {**shares(figures)[POOR], **exits}
        self.city.act(CITY, "issue", {"allocations": split, "dated": "2019-04-10"})
        for code, person in self.counties.items():
            person.act(code, "acknowledge")


@pytest.fixture
def people(base_url: str) -> Iterator[Negotiation]:
    there = Negotiation(base_url)
    yield there
    there.leave()


def test_the_plan_of_2019(people: Negotiation) -> None:
    region, city = people.region, people.city
    idle = [{"unit": IDLE, "reason": "无脱贫任务"}]
    terms: dict[str, Any] = {
        "protocol": "exit-plan",
        "year": 2019,
        "root": REGION,
        "leaf_level": "county",
        "no_task": idle,
    }
    assert region.open_cycle(**terms)["no_task"][0]["unit"] == IDLE

    people.up("up1", {PERSONS: 80000, VILLAGES: 100})
    people.down("down1", published("down1"))
    region.round("down1", "close")
    people.up("up2", published("up2"))
    people.down("down2", published("down2"), county_exit=1)
    plan = city.plan(CITY)
    assert plan["gaps"][PERSONS] == {"from": 82052, "to": 85253, "difference": 3201, "percent": 3.9}

    promise = {"indicator": VILLAGES, "from": 95, "to": 103, "funded": True, "settle_in": "adjust"}
    made = region.act(CITY, "commitments", {**promise, "reason": "按二上103个村安排资金"}, 201)
    [held] = made["commitments"]
    assert made["headline"][VILLAGES] == {
        "value": 103, "round": "down2", "basis": "funded", "commitment": held["id"],
    }  # fmt: skip
    region.round("down2", "close")
    parts = [{"unit": POOR, "amount": 3}, {"unit": "450225", "amount": 5}]
    city.act(CITY, f"commitments/{held['id']}/distribute", {"allocations": parts})

    region.round("adjust", "open")
    assert guards(region.round("adjust", "close", 409)) == {"promises_settled"}
    region.act(CITY, f"commitments/{held['id']}/fulfil")
    over = {"figures": {PERSONS: 1}, "reasons": {PERSONS: "criteria_not_met"}}
    city.act(CITY, "draft", over)
    assert "sums_exact" in guards(city.act(CITY, "submit", status=409))
    closed = region.round("adjust", "close")
    assert closed["settled"]
    region.round("adjust", "open", 409)  # it happens once

    settled = people.auditor.plan(CITY)
    assert settled["state"] == "settled"
    assert {name: one["value"] for name, one in settled["headline"].items()} == {
        PERSONS: 85253, VILLAGES: 103, "county_exit": 1,
    }  # fmt: skip
    assert settled["figures"]["down1"] == {PERSONS: 84997, VILLAGES: 95}
    assert settled["figures"]["up2"] == {PERSONS: 82052, VILLAGES: 103}
    assert settled["figures"]["down2"] == {PERSONS: 85253, VILLAGES: 95, "county_exit": 1}
    assert people.counties[POOR].plan(POOR)["headline"]["county_exit"]["value"] == 1
    below = [people.auditor.plan(code) for code in people.counties]
    for name, value in settled["figures"]["adjust"].items():
        assert sum(one["figures"]["adjust"].get(name, 0) for one in below) == value
    assert people.counties[POOR].http.get(f"/cycles/liuzhou-2019/plans/{CITY}").status_code == 404
    assert people.auditor.http.post(
        f"/cycles/liuzhou-2019/plans/{CITY}/submit", headers={"If-Match": '"1"'}
    ).status_code == 403  # fmt: skip


def guards(problem: dict[str, Any]) -> set[str]:
    assert problem["code"] == "guard_failed"
    assert all(one["text"] for one in problem["guards"])
    return {one["name"] for one in problem["guards"]}
