"""Requests made by Schemathesis from the service's own OpenAPI; each answer is held against it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PASSWORD = "correct horse battery"
PATIENCE = 120.0  # seconds: a machine that does much else beside is slow, not wrong
FORMS = {"token", "refresh", "revoke"}


@dataclass
class Asker:
    """One client of a running service, in everybody's name, and a count of what it was answered."""

    base_url: str
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    tokens: dict[str, str] = field(default_factory=dict)
    operations: dict[str, Any] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    checks: Sequence[Any] = field(default_factory=lambda: CHECKS)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        if self.operations:
            return
        schema: Any = schemathesis.openapi.from_url(
            f"{self.base_url}/openapi.json", timeout=PATIENCE
        )
        found: Any
        for found in schema.get_all_operations():
            operation = found.ok()
            self.operations[operation.definition.raw["operationId"]] = operation

    def beside(self, base_url: str) -> Asker:
        """The same client of another service, whose own fault (5xx) is what is asked for there."""
        checks = [one for one in self.checks if one is not not_a_server_error]
        return replace(
            self,
            base_url=base_url,
            counts=Counter(),
            codes=Counter(),
            tokens=dict(self.tokens),
            checks=checks,
        )

    def sign_in(self, name: str, **more: str) -> dict[str, Any]:
        """Get tokens, by the operation that gives them."""
        form = {"username": name, "password": PASSWORD, **more}
        made: dict[str, Any] = self.ask(None, "token", body=form).json()
        self.tokens[name] = made["access_token"]
        return made

    def ask(
        self,
        who: str | None,
        name: str,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        status: int | tuple[int, ...] = (200, 201),
    ) -> Any:
        """A request that is known to be good, or to be answered with a status."""
        meant = (status,) if isinstance(status, int) else status
        form = "application/x-www-form-urlencoded" if name in FORMS else "application/json"
        more: dict[str, Any] = {} if body is None else {"body": body, "media_type": form}
        case = self.operations[name].Case(
            path_parameters=dict(path or {}),
            query=dict(query or {}),
            headers=self.signed(who) | dict(headers or {}),
            **more,
        )
        # What the ledger has not covered yet it covers in a moment.
        for _ in range(5_000):
            answer = self.send(name, case)
            if answer.status_code != 409 or answer.json()["code"] != "receipt_pending":
                break
        assert answer.status_code in meant, (name, path, answer.status_code, answer.text)
        return answer

    def send(self, name: str, case: Any, session: requests.Session | None = None) -> Any:
        """Send a case as it is; its answer must be one that the document tells of."""
        answer = case.call(
            base_url=self.base_url, session=session or self.session, timeout=PATIENCE
        )
        self.counts[name, answer.status_code] += 1
        if answer.status_code >= 400:
            self.codes[answer.json()["code"]] += 1
        case.validate_response(answer, checks=self.checks)
        return answer

    def signed(self, who: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}

    # Acts on plans, at the version they have now

    def version(self, who: str, cycle: str, unit: str) -> int:
        return int(self.ask(who, "get_plan", {"cycle": cycle, "unit": unit}).json()["version"])

    def act(
        self, who: str, cycle: str, unit: str, name: str, body: Any = None, /, **subject: str
    ) -> Any:
        """An act that must succeed, at the version that the last answer told, or tells when asked."""
        known = self.versions.pop((cycle, unit), None)
        version = self.version(who, cycle, unit) if known is None else known
        answer = self.ask(
            who,
            name,
            {"cycle": cycle, "unit": unit, **subject},
            headers={"If-Match": f'"{version}"'},
            body=body or {},
            status=(200, 201, 412),
        )
        if answer.status_code == 412:  # an act on another plan moved this one
            return self.act(who, cycle, unit, name, body, **subject)
        made = answer.json()
        self.versions[cycle, unit] = made["version"]
        return made

    def round(self, who: str, cycle: str, name: str, what: str, body: Any = None) -> Any:
        """Open or close a round."""
        return self.ask(
            who, f"{what}_round", {"cycle": cycle, "round": name}, body=body or {}
        ).json()

    # Cases that Schemathesis makes up, put where something stands

    def nudge(self, case: Any, known: Mapping[str, list[str]], chance: random.Random) -> None:
        """Name what there is, and sign, more often than not."""
        path, query, headers = (
            case.path_parameters or {},
            case.query or {},
            dict(case.headers or {}),
        )
        for name in path:
            if name in known and chance.random() < 0.9:
                path[name] = chance.choice(known[name])
        if "unit" in path and chance.random() < 0.9:
            budget = path.get("cycle", "").startswith("budget")
            path["unit"] = chance.choice([one for one in known["unit"] if (len(one) < 2) is budget])
        for name in ("unit", "parent", "round", "log", "from", "to"):
            if name in query and name in known and chance.random() < 0.8:
                query[name] = chance.choice(known[name])
        if chance.random() < 0.95:
            accounts = "/accounts" in case.path
            above = ("secadmin",) * 12 if accounts else ("region", "treasury") * 3
            headers |= self.signed(chance.choice([*sorted(self.tokens), *above]))
        if {"cycle", "unit"} <= set(path) and case.method != "GET" and chance.random() < 0.8:
            headers["If-Match"] = f'"{chance.choice(known["version"])}"'
        case.headers = headers
