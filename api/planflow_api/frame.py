"""What holds for every request whatever its route: its size and pace, its headers, defects."""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from planflow.config import Settings
from planflow.errors import PlanflowError, Refusal
from planflow_api.errors import language, problem, unexpected
from planflow_api.heads import dressed, unfit
from planflow_api.rates import Caller, Rates
from planflow_api.watching import BASE, Seen, Watch

# Whoever watches the process asks often, and what it is told costs nothing.
_UNCOUNTED = "/healthz"
_HERE = ("", 0)


class NotStarted(Exception):
    """The site could not be opened; the message is the whole sentence."""


class Frame:
    """ASGI middleware between the server's own handling of errors and the routes."""

    def __init__(self, app: ASGIApp, settings: Settings, rates: Rates, watch: Watch) -> None:
        self.app, self.settings, self.rates, self.watch = app, settings, rates, watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request, or the life of the service."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, _in_one_line(send))
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = self.watch.arrived(scope)
        answer = _Answer(scope, send, self.settings, seen)
        try:
            await self._carry(scope, receive, answer, seen)
        except ClientDisconnect:
            return
        finally:
            self.watch.left(scope, seen)

    async def _carry(self, scope: Scope, receive: Receive, answer: "_Answer", seen: Seen) -> None:
        caller = self._caller(scope, seen)
        refusal = unfit(scope, self.settings) or self._too_often(scope, caller)
        if refusal is not None:
            await self._refuse(refusal, scope, receive, answer, seen)
            return
        body = _Body(receive, self.settings)
        try:
            await self.app(scope, body, answer)
        except ClientDisconnect:
            raise
        except Exception as error:
            # The server would print the traceback, whose message may hold personal data.
            response = unexpected(error, language(Request(scope)))
            if answer.started:
                raise RuntimeError("an answer broke off") from None
            seen.code = "internal"
            await response(scope, receive, answer)
        self.rates.learn(caller, seen.actor, seen.status)

    def _caller(self, scope: Scope, seen: Seen) -> Caller:
        address, _ = scope.get("client") or _HERE
        return self.rates.caller(address, seen.head.get(b"authorization", b""))

    def _too_often(self, scope: Scope, caller: Caller) -> Refusal | None:
        wait = 0 if scope["path"] == _UNCOUNTED else self.rates.admit(caller)
        return Refusal("too_many_requests", {"seconds": wait}) if wait else None

    async def _refuse(
        self, error: PlanflowError, scope: Scope, receive: Receive, answer: "_Answer", seen: Seen
    ) -> None:
        """Refuse before anything is read; the rest of such a request is not waited for."""
        seen.code = error.code
        response = problem(error, language(Request(scope)))
        if error.code != "too_many_requests":
            response.headers["Connection"] = "close"
        await response(scope, receive, answer)


class _Answer:
    """Sends on, adding what every answer carries."""

    def __init__(self, scope: Scope, send: Send, settings: Settings, seen: Seen) -> None:
        self.of_api = scope["path"].startswith(f"{scope.get('root_path', '')}{BASE}/")
        self.secure = scope.get("scheme") == "https"
        self.send, self.settings, self.seen = send, settings, seen
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.seen.status = message["status"]
            headers = dressed(
                message["headers"],
                of_api=self.of_api,
                secure=self.secure,
                settings=self.settings,
            )
            headers.append((b"x-request-id", self.seen.id.encode()))
            message["headers"] = headers
        await self.send(message)


class _Body:
    """Counts a body as it arrives: one too large is refused before it is held, one too slow too."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self.receive, self.settings = receive, settings
        self.total, self.ends_at, self.whole = 0, 0.0, False

    async def __call__(self) -> Message:
        if self.whole:
            return await self.receive()
        message = await self._in_time()
        self.total += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.total > self.settings.body_limit << 10:
            raise Refusal("too_large", {"limit": size(self.settings.body_limit)})
        return message

    async def _in_time(self) -> Message:
        now = asyncio.get_running_loop().time
        self.ends_at = self.ends_at or now() + self.settings.body_seconds
        try:
            async with asyncio.timeout_at(self.ends_at):
                return await self.receive()
        except TimeoutError:
            raise Refusal("too_slow", {"seconds": round(self.settings.body_seconds)}) from None


def size(kib: int) -> str:
    """A limit as people write it."""
    return f"{kib >> 10} MiB" if kib % 1024 == 0 else f"{kib} KiB"


def _in_one_line(send: Send) -> Send:
    """Tell why the service did not start by its sentence, without the way it took through us."""

    async def told(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            last = message.get("message", "").strip().rpartition("\n")[2]
            name, _, text = last.partition(": ")
            if name.endswith(NotStarted.__name__):
                message = {**message, "message": text}
        await send(message)

    return told
