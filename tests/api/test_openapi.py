"""The OpenAPI document is whole: references, bodies with examples, errors, who must sign in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from planflow.domain.parsing import parse
from planflow_api import bodies
from planflow_api.app import create_app
from planflow_api.routes.acts import ACTS
from planflow_api.schemas import Problem
from tests.api.conftest import settings

Operation = dict[str, Any]
UNSAFE = {"post", "put", "patch", "delete"}
# What C2SP gives a form of its own.
RAW = {
    "/api/v1/ledger/checkpoint": "text/plain",
    "/api/v1/ledger/key": "text/plain",
    "/metrics": "text/plain",
    "/api/v1/ledger/tile/{path}": "application/octet-stream",
    "/api/v1/cycles/{cycle}/plans/{unit}/bundle": "application/zip",
    "/api/v1/cycles/{cycle}/rounds/{round}/bundle": "application/zip",
}
PLAN = "/api/v1/cycles/{cycle}/plans/{unit}"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(settings(tmp_path_factory.mktemp("none"))).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for below in part.values():
            yield from references(below)
    elif isinstance(part, list):
        for below in part:
            yield from references(below)


def resolve(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    found: Any = document
    for step in reference[2:].split("/"):
        found = found[step]
    return found


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert "#/components/schemas/Problem" in found
    for reference in found:
        assert resolve(document, reference)


def test_every_model_is_used(document: dict[str, Any]) -> None:
    named = {reference.rpartition("/")[2] for reference in references(document)}
    assert named == set(document["components"]["schemas"])


def test_the_calls_of_the_contract_are_there(document: dict[str, Any]) -> None:
    found = {(method.upper(), path) for path, method, _ in operations(document)}
    acts = {(act.method, f"{PLAN}{act.path.removeprefix('/{unit}')}") for act in ACTS}
    assert len(acts) == len(ACTS)
    assert found == acts | {
        ("POST", "/api/v1/auth/token"),
        ("POST", "/api/v1/auth/refresh"),
        ("POST", "/api/v1/auth/revoke"),
        ("POST", "/api/v1/auth/password"),
        ("GET", "/api/v1/accounts"),
        ("POST", "/api/v1/accounts/{account}/identity"),
        ("DELETE", "/api/v1/accounts/{account}/identity"),
        ("GET", "/api/v1/auth/oidc/callback"),
        ("POST", "/api/v1/accounts"),
        ("POST", "/api/v1/accounts/{account}/grants"),
        ("DELETE", "/api/v1/accounts/{account}/grants/{grant}"),
        ("POST", "/api/v1/accounts/{account}/unlock"),
        ("POST", "/api/v1/accounts/{account}/disable"),
        ("POST", "/api/v1/accounts/{account}/enable"),
        ("POST", "/api/v1/accounts/{account}/drop-factor"),
        ("POST", "/api/v1/auth/second-factor"),
        ("POST", "/api/v1/auth/second-factor/confirm"),
        ("DELETE", "/api/v1/auth/second-factor"),
        ("POST", "/api/v1/auth/service-tokens"),
        ("GET", "/api/v1/auth/service-tokens"),
        ("DELETE", "/api/v1/auth/service-tokens/{token}"),
        ("GET", "/api/v1/units"),
        ("GET", "/api/v1/units/{code}"),
        ("GET", "/api/v1/protocols"),
        ("GET", "/api/v1/protocols/{name}"),
        ("POST", "/api/v1/delegations"),
        ("GET", "/api/v1/delegations"),
        ("POST", "/api/v1/delegations/{delegation}/end"),
        ("POST", "/api/v1/cycles"),
        ("GET", "/api/v1/cycles"),
        ("DELETE", "/api/v1/cycles/{cycle}"),
        ("GET", "/api/v1/cycles/{cycle}"),
        ("GET", "/api/v1/cycles/{cycle}/tree"),
        ("POST", "/api/v1/cycles/{cycle}/tree"),
        ("POST", "/api/v1/cycles/{cycle}/rounds/{round}/open"),
        ("POST", "/api/v1/cycles/{cycle}/rounds/{round}/close"),
        ("GET", "/api/v1/cycles/{cycle}/events"),
        ("GET", "/api/v1/cycles/{cycle}/documents"),
        ("GET", "/api/v1/access-records"),
        ("GET", "/api/v1/cycles/{cycle}/plans"),
        ("GET", PLAN),
        ("GET", f"{PLAN}/history"),
        ("GET", f"{PLAN}/diff"),
        ("GET", f"{PLAN}/bundle"),
        ("GET", f"{PLAN}/treatment"),
        ("GET", "/api/v1/cycles/{cycle}/rounds/{round}/bundle"),
        ("GET", "/api/v1/ledger/checkpoint"),
        ("GET", "/api/v1/ledger/key"),
        ("GET", "/api/v1/ledger/tile/{path}"),
        ("GET", "/api/v1/ledger/events/{event}/proof"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    }


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


# Without a key, and yet at the wrong moment: a name that is taken, a proof that is not there yet.
NOT_NOW = {
    ("post", "/api/v1/accounts"),
    ("get", "/api/v1/ledger/events/{event}/proof"),
    ("get", f"{PLAN}/bundle"),
    ("get", "/api/v1/cycles/{cycle}/rounds/{round}/bundle"),
}


def test_every_operation_declares_its_errors(document: dict[str, Any]) -> None:
    """What it may be refused with, and no more: `tests/openapi` brings each of them about."""
    for path, method, operation in operations(document):
        places = [(one["in"], one["name"]) for one in operation.get("parameters", ())]
        keyed = ("header", "Idempotency-Key") in places
        signed = path.startswith("/api/v1") and path not in bodies.FREE
        declared = set(operation["responses"])
        expected = {"400", "414", "431"}
        if path != "/healthz":  # nothing of it can fail, and it is not counted
            expected |= {"429", "500"}
        if path.startswith("/api/v1"):
            expected |= {"503"} if path.endswith("/revoke") else {"401", "503"}
        if method in UNSAFE:
            expected |= {"408", "413", "422"}
        if signed:
            expected |= {"403", "404"}
        if keyed and path.startswith(PLAN):
            expected |= {"412", "428"}
        assert expected <= declared, (method, path)
        assert ("422" in declared) == (method in UNSAFE or signed), (method, path)
        assert ("409" in declared) == (keyed or (method, path) in NOT_NOW), (method, path)


def test_every_error_is_a_problem_with_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                [(kind, content)] = response["content"].items()
                assert kind == "application/problem+json", (method, path)
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                example = Problem.model_validate(content["example"])
                assert example.status == int(status)
                assert f"`{example.code}`" in response["description"]


def test_every_success_has_a_model(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        [success] = [status for status in operation["responses"] if status.startswith("2")]
        content = operation["responses"][success]["content"]
        if path in RAW:
            assert list(content) == [RAW[path]]
        else:
            shape = content["application/json"]["schema"]
            assert all("$ref" in one for one in shape.get("anyOf", [shape])), path


def test_every_unsafe_operation_has_a_body_with_a_true_example(document: dict[str, Any]) -> None:
    models = {model.__name__: model for model in bodies.MODELS}
    for path, method, operation in operations(document):
        if method not in UNSAFE or path in bodies.FREE:
            assert ("requestBody" in operation) == (method in UNSAFE)
            continue
        content = operation["requestBody"]["content"]["application/json"]
        model = models[content["schema"]["$ref"].rpartition("/")[2]]
        for example in content["examples"].values():
            value = parse(model, json.dumps(example["value"]).encode())
            assert (
                value.model_dump(exclude_unset=True, by_alias=True, mode="json") == example["value"]
            )


def test_everything_but_signing_in_and_health_needs_a_token(document: dict[str, Any]) -> None:
    free = {
        path for path, _, operation in operations(document) if not operation.get("security", [])
    }
    assert free == {*bodies.FREE, "/healthz", "/readyz", "/metrics"}


def test_acts_on_a_plan_declare_their_headers(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        named = {part["name"] for part in operation.get("parameters", []) if part["in"] == "header"}
        if method in UNSAFE and path.startswith(PLAN):
            assert named == {"If-Match", "Idempotency-Key"}
        elif method in UNSAFE and path not in bodies.FREE | bodies.KEYLESS:
            assert named == {"Idempotency-Key"}
        else:
            assert named == set()


def test_limits_and_times_are_typed_though_they_are_read_late(document: dict[str, Any]) -> None:
    plan = {part["name"]: part["schema"] for part in document["paths"][PLAN]["get"]["parameters"]}
    assert "date-time" in str(plan["as_of"])
    page = document["paths"]["/api/v1/cycles/{cycle}/plans"]["get"]["parameters"]
    limit = next(part["schema"] for part in page if part["name"] == "limit")
    assert "integer" in str(limit)
