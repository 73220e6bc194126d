"""F5 over HTTP: events searched in the reader's scope, page by page, and taken along as a file."""

from __future__ import annotations

import csv
import io
import json

from tests.api.conftest import World


def events(world: World, who: str, cycle: str, query: str = "") -> list[dict[str, str]]:
    """All that is found, page by page."""
    found: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = world.get(who, f"/cycles/{cycle}/events?limit=3{query}{cursor}").json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def test_events_are_searched_page_by_page(world: World, cycle: str) -> None:
    world.reported(cycle)
    found = events(world, "city", cycle)
    kinds = ["cycle_opened", "round_opened", *["submitted", "accepted"] * 2]
    assert [one["kind"] for one in found] == kinds
    assert {one["unit"] for one in found} == {None, "450224", "450225"}
    mine = events(world, "rongan", cycle, "&kind=submitted")
    assert [(one["unit"], one["round"]) for one in mine] == [("450224", "up1")]
    assert events(world, "city", cycle, f"&actor={mine[0]['actor']}") == mine
    assert len(events(world, "city", cycle, "&unit=450225&round=up1")) == 2
    at = found[3]["recorded_at"]
    between = events(world, "city", cycle, f"&from={at}&to={at}")
    assert [one["id"] for one in between] == [found[3]["id"]]


def test_events_are_taken_along_as_a_file(world: World, cycle: str) -> None:
    world.reported(cycle)
    path = f"/cycles/{cycle}/events"
    told = world.get("city", f"{path}?format=csv")
    assert told.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in told.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(told.content.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [one["id"] for one in events(world, "city", cycle)]
    asked = world.get("city", path, headers={"Accept": "text/csv"})
    assert asked.content == told.content
    lines = world.get("rongan", f"{path}?format=jsonl&unit=450224").text.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["submitted", "accepted"]


def test_refusals_of_a_search_stand_in_the_contracts_order(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/events"
    assert world.get(None, path).status_code == 401
    assert world.get("system", f"{path}?from=monday").status_code == 404
    assert world.get("rongan", f"{path}?unit=450225&from=monday").status_code == 404
    odd = ("from=monday", "to=1", "round=up9", "kind=submited", "cursor=x", "limit=0", "format=xls")
    for wrong in odd:
        answer = world.get("rongan", f"{path}?{wrong}")
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["field"] == wrong.partition("=")[0]


def test_plans_and_the_cycle_are_read_as_of_a_time(world: World, cycle: str) -> None:
    world.reported(cycle)
    submitted = events(world, "city", cycle, "&kind=submitted")[0]["recorded_at"]
    then = world.get("city", f"/cycles/{cycle}/plans?as_of={submitted}&unit=450224").json()
    assert [(one["unit"], one["state"]) for one in then["items"]] == [("450224", "up1.submitted")]
    now = world.get("city", f"/cycles/{cycle}/plans?unit=450224").json()
    assert [(one["unit"], one["state"]) for one in now["items"]] == [("450224", "up1.accepted")]
    opened = events(world, "city", cycle, "&kind=cycle_opened")[0]["recorded_at"]
    assert world.get("city", f"/cycles/{cycle}?as_of={opened}").json()["open_round"] is None
    assert world.get("city", f"/cycles/{cycle}").json()["open_round"] == "up1"
    assert world.get("city", f"/cycles/{cycle}?as_of=2001-01-01T00:00:00Z").status_code == 404
    alone = world.get("city", f"/cycles/{cycle}/plans/450224?as_of=2001-01-01T00:00:00Z")
    assert (alone.status_code, alone.json()["kind"]) == (404, "cycle")
    for path in (f"/cycles/{cycle}", f"/cycles/{cycle}/plans"):
        assert world.get("city", f"{path}?as_of=monday").status_code == 422
        assert world.get("system", f"{path}?as_of=monday").status_code == 404


def test_two_times_and_two_submissions_are_compared(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/plans/450224/diff"
    world.reported(cycle)
    found = world.get("rongan", f"{path}?from_seq=1&to_seq=2").json()
    assert (found["from"]["state"], found["to"]["state"]) == ("up1.submitted", "up1.accepted")
    assert found["figures"] == {}
    long = world.get("rongan", f"{path}?from_at=2001-01-01T00:00:00Z&to_seq=2").json()
    assert long["figures"]["up1"]["persons"] | {"percent": 0} == {
        "from": None,
        "to": 9000,
        "difference": None,
        "percent": 0,
    }
    assert world.get("rongshui", f"{path}?from_seq=x").status_code == 404
    for wrong, field in (
        ("from_seq=1", "to_at"),
        ("to_seq=1", "from_at"),
        ("from_seq=x&to_seq=1", "from_seq"),
        ("from_seq=1&to_seq=99", "to_seq"),
        ("from_at=x&to_seq=1", "from_at"),
        ("from=up1&to_seq=1", "from"),
        ("from_at=2001-01-01T00:00:00Z&to=up1", "to"),
    ):
        answer = world.get("rongan", f"{path}?{wrong}")
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["field"] == field
    [beyond] = world.get("rongan", f"{path}?from_seq=1&to_seq=99999").json()["errors"]
    assert (beyond["code"], beyond["ge"], beyond["le"]) == ("out_of_range", 1, 2)
    [mixed] = world.get("rongan", f"{path}?from=up1&to_seq=1").json()["errors"]
    assert mixed["code"] == "ends_differ"


def test_siblings_are_shown_side_by_side(world: World, cycle: str) -> None:
    world.reported(cycle)
    path = f"/cycles/{cycle}/plans/450200/treatment"
    found = world.get("auditor", f"{path}?round=up1").json()
    persons = found["indicators"]["persons"]
    assert [(one["unit"], one["asked"], one["cut"]) for one in persons["siblings"]] == [
        ("450224", 9000, 0),
        ("450225", 21000, 0),
    ]
    assert (persons["median"], persons["threshold"]) == (None, "10")
    assert world.get("rongan", f"{path}?round=x").status_code == 404
    for query in ("", "?round=adjust"):
        answer = world.get("city", f"{path}{query}")
        assert answer.json()["errors"][0]["field"] == "round"


def test_a_chain_of_documents_is_followed(world: World) -> None:
    cycle = world.new_cycle()
    number = "桂民复〔2019〕12号"
    rename = {"rename": {"unit": "450225", "name": "融水县"}}
    body = {"document_no": number, "changes": [rename]}
    assert world.ask("city", "POST", f"/cycles/{cycle}/tree", json=body).status_code == 200
    path = f"/cycles/{cycle}/documents"
    found = world.get("city", path, params={"document_no": number}).json()
    assert [(one["document_no"], one["carried"]) for one in found["documents"]] == [(number, 1)]
    missing = world.get("city", path, params={"document_no": "无"})
    assert (missing.status_code, "document" in missing.json()["detail"]) == (404, True)
    assert world.get("city", path).status_code == 422
    assert world.get("system", path).status_code == 404


def test_odd_questions_are_answered_or_refused_but_never_break(world: World, cycle: str) -> None:
    world.reported(cycle)
    path, early = f"/cycles/{cycle}", "0001-01-01T00:00:00Z"
    late, odd = "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"
    long, plan = "文" * 500, f"{path}/plans/450224"
    asked = [
        *((f"{path}/events", {name: at}) for name in ("from", "to") for at in (early, late, odd)),
        *(
            (f"{path}/events", {"cursor": f"{at}~{end}"})
            for at in (early, odd)
            for end in ("", "%")
        ),
        *((f"{path}/events", {n: long}) for n in ("unit", "actor", "kind", "round", "document_no")),
        *((each, {"as_of": at}) for each in (path, f"{path}/plans") for at in (early, late, odd)),
        (f"{path}/plans", {"as_of": late, "cursor": "%_", "state": "up1.accepted"}),
        (f"{path}/plans", {"as_of": late, "parent": "%"}),
        (f"{plan}/diff", {"from_at": early, "to_at": late}),
        (f"{plan}/diff", {"from_seq": "1", "to_at": odd}),
        (f"{plan}/diff", {"from_seq": "999999999", "to_seq": "1"}),
        (f"{plan}/treatment", {"round": long}),
        (f"{path}/documents", {"document_no": long}),
    ]
    statuses = [world.get("city", each, params=query).status_code for each, query in asked]
    assert set(statuses) == {200, 404, 422}, list(zip(asked, statuses, strict=True))
