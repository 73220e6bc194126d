"""Each kind of refusal has its own code, its fields, and a sentence."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from planflow.errors import Fault, PlanflowError, Refusal
from planflow.messages.catalogue import catalogue
from planflow_api.errors import STATUS, problem
from tests.api.conftest import World
from tests.api.test_order import code, send
from tests.architecture import house


def draft(world: World, cycle: str, body: Any) -> Any:
    version = world.version(cycle, "450224")
    return send(world, "rongan", cycle, "450224", "draft", version=version, json=body)


@pytest.mark.parametrize(
    ("body", "found", "field"),
    [
        ({}, "missing", "figures"),
        ({"figures": {"persons": 1.5}}, "not_whole", "figures.persons"),
        ({"figures": {"persons": "1"}}, "not_whole", "figures.persons"),
        ({"figures": {"persons": True}}, "not_whole", "figures.persons"),
        ({"figures": {"persons": 2**53}}, "out_of_range", "figures.persons"),
        ({"figures": {"persons": -1}}, "below_minimum", "figures.persons"),
        ({"figures": {"sheep": 1}}, "unknown_indicator", "figures.sheep"),
        ({"figures": {}, "shape": 1}, "unknown_field", "shape"),
        ({"figures": []}, "wrong_shape", "figures"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    world: World, cycle: str, body: Any, found: str, field: str
) -> None:
    answer = draft(world, cycle, body)
    assert code(answer, 422) == "invalid"
    [error] = answer.json()["errors"]
    assert (error["code"], error["field"]) == (found, field)
    assert error["text"]


def test_a_missing_figure_is_named(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": {"persons": 1}})
    version = world.version(cycle, "450224")
    answer = send(world, "rongan", cycle, "450224", "submit", version=version)
    assert code(answer, 422) == "invalid"
    assert [error["field"] for error in answer.json()["errors"]] == ["figures.villages"]


def test_a_failed_guard_is_named_with_its_fields(world: World, cycle: str) -> None:
    answer = send(world, "rongan", cycle, "450224", "submit", version=0)
    assert code(answer, 409) == "guard_failed"
    [guard] = answer.json()["guards"]
    assert guard["name"] == "has_draft"
    assert guard["text"]
    assert guard["fields"] == {}


def test_a_split_that_does_not_add_up_says_by_how_much(world: World, cycle: str) -> None:
    world.reported(cycle)
    world.close(cycle, "up1")
    world.open(cycle, "down1")
    body = {
        "total": {"persons": 30000, "villages": 42},
        "allocations": [
            {"unit": "450224", "figures": {"persons": 9000, "villages": 12}},
            {"unit": "450225", "figures": {"persons": 20000, "villages": 30}},
        ],
    }
    version = world.version(cycle, "450200")
    answer = send(world, "city", cycle, "450200", "issue", version=version, json=body)
    assert code(answer, 409) == "guard_failed"
    [guard] = answer.json()["guards"]
    fields = guard["fields"]
    assert (fields["indicator"], fields["difference"]) == ("persons", -1000)
    assert (fields["expected"], fields["got"]) == (30000, 29000)
    assert world.version(cycle, "450200") == version


def test_a_cycle_that_exists_is_refused(world: World, cycle: str) -> None:
    body = {"id": cycle, "protocol": "exit-plan", "year": 2019, "root": "450200"}
    answer = world.ask("city", "POST", "/cycles", json=body | {"leaf_level": "county"})
    assert code(answer, 409) == "already_exists"


def test_a_protocol_that_is_unknown_is_named(world: World) -> None:
    body = {"id": "other", "protocol": "none", "year": 2019, "root": "450200"}
    answer = world.ask("city", "POST", "/cycles", json=body | {"leaf_level": "county"})
    assert code(answer, 422) == "invalid"
    assert [error["field"] for error in answer.json()["errors"]] == ["protocol"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("plans?limit=x", "limit"),
        ("plans?limit=-1", "limit"),
        ("plans?limit=0", "limit"),
        ("plans/450224/history?limit=99999999999999999999", "limit"),
        ("plans/450224/history?cursor=²", "cursor"),
        ("plans/450224?as_of=yesterday", "as_of"),
        ("plans/450224?as_of=2019-04-10T00:00:00", "as_of"),
        ("plans/450224?as_of=0001-01-01T00:00:00%2B14:00", "as_of"),
    ],
)
def test_a_query_that_is_wrong_is_named(world: World, cycle: str, query: str, field: str) -> None:
    answer = world.get("city", f"/cycles/{cycle}/{query}")
    assert code(answer, 422) == "invalid"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_time_and_a_form_of_file_say_what_they_must_look_like(world: World, cycle: str) -> None:
    for query in ("as_of=2026-11-27", "as_of=yesterday"):
        [error] = world.get("city", f"/cycles/{cycle}/plans/450224?{query}").json()["errors"]
        assert (error["code"], "+08:00" in error["text"]) == ("bad_instant", True)
    [error] = world.get("city", f"/cycles/{cycle}/events?format=xlsx").json()["errors"]
    assert (error["code"], error["known"]) == ("unknown_option", "csv, jsonl")


@pytest.mark.parametrize(
    ("path", "name", "known"),
    [
        ("/cycles/{cycle}/events?acter=x", "acter", "actor"),
        ("/cycles/{cycle}/plans?limit=1&Unit=450224", "Unit", "unit"),
        ("/cycles/{cycle}/plans/450224?asof=2019-01-01T00:00:00Z", "asof", "as_of"),
        ("/units/450224?x", "x", ""),
        ("/protocols?=1", "", ""),
    ],
)
def test_a_parameter_that_nobody_asks_for_is_refused(
    world: World, cycle: str, path: str, name: str, known: str
) -> None:
    """A filter that is mistyped would look like one that everything passes."""
    path = path.format(cycle=cycle)
    answer = world.get("city", path)
    assert code(answer, 422) == "invalid"
    [found] = answer.json()["errors"]
    assert (found["code"], found["field"]) == ("unknown_field", name)
    assert known in found["known"].split(", ")
    assert code(world.get(None, path), 401) == "unauthorized"


def test_an_act_with_a_parameter_is_refused_before_it_is_done(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/plans/450224/draft"
    version = world.version(cycle, "450224")
    answer = world.ask("rongan", "PUT", f"{path}?dry_run=1", version=version, json={"figures": {}})
    assert code(answer, 422) == "invalid"
    assert world.version(cycle, "450224") == version


def test_a_name_that_nobody_sees_is_not_repeated(world: World) -> None:
    answer = world.get("city", "/units?%E2%80%AEx=1")
    assert code(answer, 404) == "not_found"


def test_a_time_is_looked_at_only_where_the_plan_is_in_sight(world: World, cycle: str) -> None:
    answer = world.get("rongan", f"/cycles/{cycle}/plans/450225?as_of=yesterday")
    assert code(answer, 404) == "not_found"


@pytest.mark.parametrize(
    ("form", "status", "found"),
    [
        ({"username": "city", "password": "wrong"}, 401, "unauthorized"),
        ({"username": "nobody", "password": "wrong"}, 401, "unauthorized"),
        ({"username": "city"}, 422, "invalid"),
        ({}, 422, "invalid"),
    ],
)
def test_signing_in_is_refused(world: World, form: dict[str, str], status: int, found: str) -> None:
    answer = world.http.post("/api/v1/auth/token", data=form)
    assert code(answer, status) == found
    if status == 422:
        fields = {error["field"] for error in answer.json()["errors"]}
        assert fields == {"username", "password"} - set(form)


def test_a_broken_form_is_a_problem(world: World) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = world.http.post("/api/v1/auth/token", content=b"--y", headers=kind)
    assert code(answer, 422) == "invalid"


@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (Fault("database_busy"), 503, "5"),
        (Fault("database_unavailable"), 503, "5"),
        (Fault("disk_full"), 503, None),
        (Fault("database_readonly"), 503, None),
        (Refusal("key_running"), 409, "1"),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_may_pass_says_when_to_ask_again(
    error: PlanflowError, status: int, wait: str | None, lang: str
) -> None:
    answer = problem(error, lang)
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == wait
    told = json.loads(bytes(answer.body))
    assert told["code"] == error.code
    assert told["detail"]


# Who checks a log or a bundle, begins a new epoch, or restores does so at the command line.
UNSERVED = (
    "src/planflow/ledger/",
    "src/planflow/exchange/bundle.py",
    "src/planflow/services/backup.py",
    "src/planflow/services/epochs.py",
)


def raised(kind: str, *besides: str) -> set[str]:
    """Every code that is raised as a refusal or a fault where the service may meet it."""
    found = set()
    for name, path in house.modules(house.ROOT):
        if name.startswith(("src/planflow/cli/", "src/planflow/demo/", *besides)):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Name(id=called), [ast.Constant(value=code), *_]):
                    found |= {str(code)} if called == kind else set()
    return found


def test_every_refusal_has_a_status_and_a_sentence() -> None:
    about_what_was_sent = {"invalid", "key_reused", "protocol_invalid", "units_invalid"}
    # of the command line and the sequencer
    unserved = {"shell_tokens_off", "other_log", "erased_already", "part_stays"}
    assert raised("Refusal", *UNSERVED) - unserved - set(STATUS) <= about_what_was_sent
    for lang in ("zh", "en"):
        assert raised("Refusal") | raised("Fault") <= set(catalogue(lang))
