"""A real service for end-to-end tests: uvicorn in a process of its own, and people who call it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

APP = "planflow_api.app:create_app"
SERVE = ("-m", "uvicorn", "--factory", "--no-access-log", "--port", "0")
PASSWORD = "password-1"


@contextmanager
def service(url: str, app: str = APP, **environment: str) -> Iterator[str]:
    """Serve a database; its address."""
    process = subprocess.Popen(
        [sys.executable, *SERVE, app],
        env={**os.environ, "PLANFLOW_DATABASE_URL": url, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told: list[str] = []
        for line in process.stdout or ():
            told.append(line)
            if found := re.search(r"running on (http://[\w.:]+)", line):
                yield found[1]
                return
        pytest.fail(f"the service did not start: {''.join(told)}")
    finally:
        process.terminate()
        process.communicate(timeout=30)


@dataclass
class Person:
    """Somebody with a token. Nothing but the contract's names is used here."""

    http: httpx.Client
    cycle: str
    answers: dict[int, int] = field(default_factory=dict)

    @classmethod
    def signed_in(cls, base_url: str, name: str, cycle: str) -> Person:
        """Sign in as a contract's client would."""
        http = httpx.Client(base_url=f"{base_url}/api/v1", trust_env=False, timeout=30)
        form = {"username": name, "password": PASSWORD}
        token = http.post("/auth/token", data=form).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        return cls(http, cycle)

    def plan(self, unit: str) -> dict[str, Any]:
        """A plan as this person sees it."""
        answer = self.http.get(f"/cycles/{self.cycle}/plans/{unit}")
        assert answer.status_code == 200, answer.text
        plan: dict[str, Any] = answer.json()
        assert answer.headers["ETag"] == f'"{plan["version"]}"'
        return plan

    def act(self, unit: str, action: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        """Act on a plan's newest version; the answer, which must have this status."""
        method = "PUT" if action in ("draft", "headline") else "POST"
        headers = {
            "If-Match": f'"{self.plan(unit)["version"]}"',
            "Idempotency-Key": str(uuid.uuid4()),
        }
        where = f"/cycles/{self.cycle}/plans/{unit}/{action}"
        return self._read(
            self.http.request(method, where, json=body or {}, headers=headers), status
        )

    def round(self, name: str, what: str, status: int = 200) -> dict[str, Any]:
        """Open or close a round."""
        where = f"/cycles/{self.cycle}/rounds/{name}/{what}"
        return self._read(self.http.post(where, json={}), status)

    def open_cycle(self, status: int = 201, **body: Any) -> dict[str, Any]:
        """Open the cycle this person speaks of."""
        return self._read(self.http.post("/cycles", json={"id": self.cycle, **body}), status)

    def _read(self, answer: httpx.Response, status: int) -> dict[str, Any]:
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
        assert answer.status_code == status, answer.text
        read: dict[str, Any] = answer.json()
        return read
