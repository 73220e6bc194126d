"""Every refusal that the document declares, brought about at every operation: a way for each status.

Where a status has the same cause everywhere (a head too large, a token not meant for it), so is the way;
what an operation must be asked for to refuse in its own way stands in the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict

from tests.openapi import play, troubled
from tests.openapi.asker import FORMS, Asker

KEEPER, READER, ROOT = "secadmin", "auditor", "region"
QUIET = "quiet"  # a cycle in which no round was opened
HALF = "half"  # signed in to enrol a second factor and nothing else
PROGRAM = "program"
OPEN = {*FORMS, "come_back"}
UNSEEN = {"x": "\u200b"}
MANY = 50
LARGE = {f"x{number}": "x" * 900_000 for number in range(6)}  # no part of it too large for a form

CYCLE = {"protocol": "exit-plan", "year": 2019, "root": "450000", "leaf_level": "county"}
# Who may act, and on which unit's plan.
ACTS = {
    "draft": ("a", "450224"),
    "submit": ("a", "450224"),
    "withdraw": ("a", "450224"),
    "corrections": ("a", "450224"),
    "accept": ("city", "450224"),
    "return": ("city", "450224"),
    "extensions": ("city", "450224"),
    "acknowledge": ("city", "450200"),
    "distribute": ("city", "450200"),
    "confirm": ("region2", "450000"),
    "attest": ("region2", "450000"),
    "issue": (ROOT, "450000"),
    "present": (ROOT, "450000"),
    "decide": (ROOT, "450000"),
    "paper": (ROOT, "450000"),
    "commitments": (ROOT, "450200"),
    "fulfil": (ROOT, "450200"),
    "waive": (ROOT, "450200"),
    "headline": (ROOT, "450200"),
    "approve": (ROOT, "450224"),
    "reject": (ROOT, "450224"),
}
WHO = {
    "delegate": "city",
    "end_delegation": "city",
    "end_service_token": "city",
    "search_access_records": READER,
}
# Well formed, and nobody's.
WHOLE = {
    "token": {"username": "nobody", "password": "wrong"},
    "refresh": {"refresh_token": "none"},
    "revoke": {"token": "none"},
    "password": {"current": "wrong", "new": "wrong as well"},
    "enrol_factor": {"password": "wrong"},
    "confirm_factor": {"code": "000000"},
    "drop_factor": {"password": "wrong", "code": "000000"},
    "add_account": {"name": "x", "password": "long enough a word", "role": "secadmin"},
}
# Sound by themselves, and out of turn where no round is open.
BODIES: dict[str, dict[str, Any]] = {
    "draft": {"figures": play.SHARES["450224"]},
    "return": play.WHY,
    "issue": play.issue({"450200": play.WHOLE}, total=play.WHOLE),
    "decide": {"outcome": "approved", "document_no": "1号", "dated": "2019-01-18"},
    "extensions": {"due_at": "2199-03-05", "reason": "延期"},
    "paper": {
        "act": "accepted",
        "figures": play.WHOLE,
        "document_no": "1号",
        "dated": "2019-01-04",
    },
    "corrections": {"round": "up1", "figures": {"persons": 59}, "reason": "重复统计"},
    "commitments": {
        **{"indicator": "villages", "from": 100, "to": 108, "funded": True},
        **{"settle_in": "adjust", "reason": "请示答复"},
    },
    "headline": {"choices": {"villages": {"round": "up2"}}, "reason": "上级已答复"},
    "distribute": {"allocations": [{"unit": "450224", "amount": 2}]},
    "waive": {"reason": "不再"},
    "reject": {"reason": "不符"},
}
# What cannot be read in a query, where it is not the size of a page; where none is asked for, that is
# refused as well.
UNREADABLE = {
    "get_cycle": {"as_of": "x"},
    "get_tree": {"as_of": "x"},
    "get_plan": {"as_of": "x"},
    "ledger_checkpoint": {"epoch": "x"},
    "ledger_tile": {"epoch": "x"},
}


class Twice(HTTPAdapter):
    """Sends a header twice, of which one program reads the first and the next the last."""

    def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
        headers = HTTPHeaderDict((name, str(value)) for name, value in request.headers.items())
        headers.add("Authorization", "Bearer one")
        headers.add("Authorization", "Bearer another")
        request.headers = headers  # type: ignore[assignment]  # the sender takes any mapping


class Withheld(HTTPAdapter):
    """Promises a longer body than it sends."""

    def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
        request.headers["Content-Length"] = "9"
        request.body = iter((b"{",))  # sent piece by piece


@dataclass
class Refusals:
    """A service, another on a copy of its database that can be put in trouble, and what there is."""

    it: Asker
    beside: Asker
    place: dict[str, str]

    def __post_init__(self) -> None:
        self.twice, self.withheld = _session(Twice()), _session(Withheld())

    def brought_about(self) -> None:
        """Each operation answers with each status that it declares, success aside."""
        self.it.ask(ROOT, "create_cycle", body=CYCLE | {"id": QUIET})
        self._pending()
        for name, operation in self.it.operations.items():
            declared = sorted(map(int, operation.definition.raw["responses"]))
            for status in (one for one in declared if one >= 400):
                way = getattr(self, f"_{status}")
                way(name)
        for fault in troubled.FAULTS:
            with self._trouble(fault):
                self._refused("list_units", 503, it=self.beside)

    # One way for each status

    def _400(self, name: str) -> None:
        self._refused(name, 400, session=self.twice, who=None)

    def _401(self, name: str) -> None:
        self._refused(name, 401, who=None)

    def _403(self, name: str) -> None:
        who = PROGRAM if name in {"enrol_factor", "confirm_factor"} else HALF
        self._refused(name, 403, it=self.beside, who=who)
        if name in ACTS or self._who(name) == KEEPER:
            self._refused(name, 403, who=READER)

    def _404(self, name: str) -> None:
        if name == "come_back":
            with self._trouble(troubled.ALONE):
                self._refused(name, 404, it=self.beside)
        elif name == "metrics":
            self._refused(name, 404, headers={"X-Forwarded-For": "192.0.2.1"})
        else:
            self._refused(name, 404, query=UNSEEN)

    def _408(self, name: str) -> None:
        self._refused(name, 408, it=self.beside, session=self.withheld)

    def _409(self, name: str) -> None:
        """An act out of turn; and where there is a key, an act that is still being worked on."""
        if name in ACTS:
            about = "{" in self._path(name).partition("{unit}")[2]  # what is settled, is settled
            path = {} if about or name == "confirm" else {"cycle": QUIET}
            if not path:
                self._refused(name, 409, body=BODIES.get(name), headers=self._match(name))
            else:
                self._refused(
                    name, 409, path=path, body=BODIES.get(name), headers={"If-Match": '"0"'}
                )
        parameters = self.it.operations[name].definition.raw.get("parameters", ())
        if any(one["name"] == "Idempotency-Key" for one in parameters):
            with self._trouble(troubled.RUNNING):
                self._refused(name, 409, it=self.beside, headers={"Idempotency-Key": "1"})

    def _412(self, name: str) -> None:
        self._refused(name, 412, headers={"If-Match": '"999"'})

    def _413(self, name: str) -> None:
        if self._reads(name):
            asked = self.it.operations[name].definition.raw.get("parameters", ())
            form = {"format": "csv"} if any(one["name"] == "format" for one in asked) else {}
            self._refused(name, 413, it=self.beside, query=form)
        else:
            self._refused(name, 413, body=LARGE)

    def _414(self, name: str) -> None:
        self._refused(name, 414, query={"x": "x" * 9_000})

    def _422(self, name: str) -> None:
        if self._reads(name):
            path = self.place | {"round": "none"} if name == "round_bundle" else self.place
            self._refused(name, 422, path=path, query=UNREADABLE.get(name, {"limit": "x"}))
        else:
            self._refused(name, 422, body={"x": 1}, headers=self._match(name))

    def _428(self, name: str) -> None:
        self._refused(name, 428)

    def _429(self, name: str) -> None:
        with self._trouble(troubled.OFTEN):
            self._refused(name, 429, it=self.beside)

    def _431(self, name: str) -> None:
        self._refused(name, 431, headers={"Cookie": "x" * 20_000})

    def _500(self, name: str) -> None:
        with self._trouble(troubled.DEFECT):
            self._refused(name, 500, it=self.beside)

    def _503(self, name: str) -> None:
        with self._trouble(troubled.FAULTS[0]):
            self._refused(name, 503, it=self.beside)

    # What they are made of

    def _refused(
        self,
        name: str,
        status: int,
        *,
        it: Asker | None = None,
        who: str | None = "",
        path: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        session: requests.Session | None = None,
    ) -> None:
        """Ask as whoever may, about what there is, but for what is said; the answer's status is known."""
        it, operation = it or self.it, self.it.operations[name]
        names = [part.name for part in operation.path_parameters]
        place = self._place(name) | (path or {})
        more: dict[str, Any] = {}
        if not self._reads(name):
            kind = "application/x-www-form-urlencoded" if name in FORMS else "application/json"
            more = {"body": WHOLE.get(name, {}) if body is None else body, "media_type": kind}
        case = operation.Case(
            path_parameters={one: place[one] for one in names},
            query=query or {},
            headers=it.signed(self._who(name) if who == "" else who) | (headers or {}),
            **more,
        )
        answer = it.send(name, case, session=session)
        assert answer.status_code == status, (name, status, answer.status_code, answer.text)

    def _who(self, name: str) -> str | None:
        if name in OPEN or self._path(name).startswith(("/healthz", "/readyz", "/metrics")):
            return None
        if name in ACTS:
            return ACTS[name][0]
        keeper = "/accounts" in self._path(name)
        reads = self._reads(name)
        return WHO.get(name, KEEPER if keeper else READER if reads else ROOT)

    def _place(self, name: str) -> dict[str, str]:
        return self.place | ({"unit": ACTS[name][1]} if name in ACTS else {})

    def _match(self, name: str) -> dict[str, str]:
        if name not in ACTS:
            return {}
        who, unit = ACTS[name]
        return {"If-Match": f'"{self.it.version(who, self.place["cycle"], unit)}"'}

    def _path(self, name: str) -> str:
        return str(self.it.operations[name].path)

    def _reads(self, name: str) -> bool:
        return str(self.it.operations[name].method).upper() == "GET"

    @contextmanager
    def _trouble(self, name: str) -> Iterator[None]:
        address = f"{self.beside.base_url}/trouble"
        assert self.beside.session.post(address, data=name).status_code == 204
        yield
        assert self.beside.session.post(address, data="").status_code == 204

    def _pending(self) -> None:
        """What the ledger has yet to cover is not proven: asked for at once after it happened."""
        asked = ("event_proof", "plan_bundle", "round_bundle")
        for number in range(MANY):
            cycle = f"pending-{number}"
            self.it.ask(ROOT, "create_cycle", body=CYCLE | {"id": cycle})
            event = self.it.round(ROOT, cycle, "up1", "open")["event"]
            place = {"cycle": cycle, "round": "up1", "unit": "450224", "event": event}
            for name in (one for one in asked if not self.it.counts[one, 409]):
                operation = self.it.operations[name]
                path = {part.name: place[part.name] for part in operation.path_parameters}
                case = operation.Case(path_parameters=path, headers=self.it.signed(READER))
                self.it.send(name, case)
            if all(self.it.counts[name, 409] for name in asked):
                return
        raise AssertionError("the ledger was quicker every time")


def _session(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    return session
