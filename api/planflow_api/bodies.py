"""What OpenAPI says of bodies and headers that are read behind the door, unknown to the framework."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from planflow.domain import commands, delegating, identity, tree_commands
from planflow_api.schemas import Problem
from planflow_api.watching import BASE

_ORDER = (
    "auth",
    "accounts",
    "delegations",
    "units",
    "protocols",
    "cycles",
    "plans",
    "review",
    "ledger",
    "health",
)
_BEARER = "OAuth2PasswordBearer"
_SCHEME = {
    "type": "oauth2",
    "flows": {"password": {"scopes": {}, "tokenUrl": f"{BASE[1:]}/auth/token"}},
}
# Where one is not signed in yet, or the token itself is what is sent.
FREE = frozenset(f"{BASE}/auth/{name}" for name in ("token", "refresh", "revoke", "oidc/callback"))
# A body that holds a password or a code leaves nothing behind, not even the digest that a key would keep.
_FACTOR = f"{BASE}/auth/second-factor"
KEYLESS = frozenset(
    {
        f"{BASE}/auth/password",
        _FACTOR,
        f"{_FACTOR}/confirm",
        f"{BASE}/auth/service-tokens",
        f"{BASE}/accounts",
    }
)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Any text, new for each act: sent again with the same key, an act happens once",
}
_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": 'The version of the plan in the URL, as in `"7"`',
}
_REF = "#/components/schemas/{model}"
MODELS: tuple[type[BaseModel], ...] = (
    Problem,
    commands.OpenCycle,
    commands.OpenRound,
    commands.CloseRound,
    commands.DropCycle,
    commands.SaveDraft,
    commands.Submit,
    commands.Withdraw,
    commands.Accept,
    commands.Return,
    commands.Issue,
    commands.Acknowledge,
    commands.Present,
    commands.Decide,
    commands.Commit,
    commands.DistributeCommitment,
    commands.FulfilCommitment,
    commands.WaiveCommitment,
    commands.ChooseHeadline,
    commands.Extend,
    commands.Correct,
    commands.ApproveCorrection,
    commands.RejectCorrection,
    commands.ConfirmIssue,
    commands.RecordPaper,
    commands.AttestPaper,
    tree_commands.ChangeTree,
    delegating.Delegate,
    delegating.EndDelegation,
    identity.ChangePassword,
    identity.AddAccount,
    identity.GiveGrant,
    identity.EndGrant,
    identity.ChangeAccount,
    identity.LinkIdentity,
    identity.EnrolFactor,
    identity.ConfirmFactor,
    identity.DropFactor,
    identity.NewServiceToken,
    identity.EndServiceToken,
)


def body(model: type[BaseModel], example: dict[str, Any], summary: str) -> dict[str, Any]:
    """The `openapi_extra` of an operation that takes this model as its body."""
    content = {
        "schema": {"$ref": _REF.format(model=model.__name__)},
        "examples": {"liuzhou": {"summary": summary, "value": example}},
    }
    required = any(field.is_required() for field in model.model_fields.values())
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """Add the models of bodies and problems; drop the framework's error, which we never send."""
    _, ours = models_json_schema([(model, "validation") for model in MODELS], ref_template=_REF)
    known = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)
    for name, definition in ours["$defs"].items():
        if known.setdefault(name, definition) != definition:
            raise ValueError(f"two models are called {name}")
    # As a newcomer needs them, whatever the order in which the router asks.
    schema["paths"] = dict(sorted(schema["paths"].items(), key=lambda item: _place(item[1])))
    schema["components"]["securitySchemes"] = {_BEARER: _SCHEME}
    for path, method, operation in _operations(schema):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
        if not path.startswith(f"{BASE}/") or path in FREE:
            continue
        operation["security"] = [{_BEARER: []}]
        headers = [_MATCH] if "428" in operation["responses"] else []
        if method != "get" and path not in KEYLESS:
            headers.append(_KEY)
        if headers:
            operation["parameters"] = [*operation.get("parameters", ()), *headers]
    return schema


def _place(methods: dict[str, dict[str, Any]]) -> int:
    tags = next(iter(methods.values()))["tags"]
    return _ORDER.index(tags[0])


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation
