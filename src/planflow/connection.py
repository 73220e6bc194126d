"""A connection to the HTTP service: signing in, renewing, and asking again while it is busy."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

Answer = dict[str, Any]
Body = Mapping[str, Any] | None

_BASE = "/api/v1"
_ATTEMPTS = 4
_LONGEST_PAUSE = 10.0
_TRANSIENT = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
_HERE = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))


class ProblemError(Exception):
    """A refusal of the service: status, stable code, the whole problem; `str` is its sentence."""

    def __init__(self, status: int, code: str, problem: Answer) -> None:
        self.status = status
        self.code = code
        self.problem = problem
        super().__init__(str(problem.get("detail") or code))


class Connection:
    """Requests, sent again with the same key while the service is busy or out of reach."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        username: str | None = None,
        password: str | None = None,
        lang: str = "zh",
        timeout: float = 30.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Accept-Language": lang}
        # A proxy of the environment cannot know this machine's own addresses.
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, mounts=_HERE)
        self._token = token
        self._refresh: str | None = None
        self._account = {"username": username, "password": password} if username else None
        self._pause = pause
        self._versions: dict[tuple[str, str], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def token(self) -> str | None:
        """The bearer token; signs in where there is none yet."""
        if self._token is None and self._account is not None:
            self._take(self._ask("POST", f"{_BASE}/auth/token", {}, data=self._account))
        return self._token

    def _take(self, answer: Answer) -> None:
        self._token, self._refresh = str(answer["access_token"]), answer.get("refresh_token")

    def _renewed(self) -> bool:
        """Whether there is another token in place of one that has run out."""
        old, self._refresh = self._refresh, None
        if old is None:
            return False
        try:
            form = {"grant_type": "refresh_token", "refresh_token": old}
            self._take(self._ask("POST", f"{_BASE}/auth/refresh", {}, data=form))
        except ProblemError:
            self._token = None  # one signs in again, where name and password are known
        return True

    def _get(self, *path: str, **query: str | None) -> Answer:
        asked = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", _url(path), self._signed(), params=asked)

    def _pages(self, *path: str, **query: str | None) -> Iterator[Answer]:
        page: Answer = {"next": query.pop("cursor", None)}
        while True:
            page = self._get(*path, **query, cursor=page["next"])
            yield from page["items"]
            if page["next"] is None:
                return

    def _send(
        self,
        method: str,
        *path: str,
        body: Body,
        version: int | None = None,
        key: str | None = None,
    ) -> Answer:
        headers = self._signed() | {"Idempotency-Key": key or str(uuid.uuid4())}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self._ask(method, _url(path), headers, json=dict(body or {}))

    def _signed(self) -> dict[str, str]:
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _fetch(self, *path: str, **query: str | int | None) -> httpx.Response:
        """An answer of a form of its own."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._sent("GET", _url(path), self._signed(), params=asked)

    def _ask(self, method: str, url: str, headers: dict[str, str], **content: Any) -> Answer:
        read: Answer = self._sent(method, url, headers, **content).json()
        return read

    def _sent(
        self, method: str, url: str, headers: dict[str, str], **content: Any
    ) -> httpx.Response:
        try:
            return self._tried(method, url, headers, **content)
        except ProblemError as problem:
            signed = "Authorization" in headers
            if problem.status != 401 or not signed or not self._renewed():
                raise
        return self._tried(method, url, headers | self._signed(), **content)

    def _tried(
        self, method: str, url: str, headers: dict[str, str], **content: Any
    ) -> httpx.Response:
        for attempt in range(1, _ATTEMPTS):
            try:
                answer = self._http.request(method, url, headers=headers, **content)
                pause = _asked_to_wait(answer)
            except _TRANSIENT:
                pause = 0.1 * 4**attempt
            if pause is None:
                return _read(answer)
            self._pause(pause)
        # The last attempt: what comes of it is the caller's to see.
        return _read(self._http.request(method, url, headers=headers, **content))


def _url(path: tuple[str, ...]) -> str:
    return "/".join((_BASE, *(quote(part, safe="") for part in path)))


def _asked_to_wait(answer: httpx.Response) -> float | None:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE) if asked.isdigit() else None


def _read(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    problem: Answer = {}
    if "json" in answer.headers.get("Content-Type", ""):
        problem = answer.json()
    raise ProblemError(answer.status_code, problem.get("code", "no_problem"), problem)
