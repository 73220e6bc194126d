"""What holds for every request whatever its route: the size of its body, its headers, defects."""

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from planflow.errors import Refusal
from planflow_api.errors import language, unexpected

BODY_LIMIT = 4 * 1024 * 1024
BASE = "/api/v1"


class NotStarted(Exception):
    """The site could not be opened; the message is the whole sentence."""


class Frame:
    """ASGI middleware between the server's own handling of errors and the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request, or the life of the service."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, _in_one_line(send))
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            await self.app(scope, _limited(receive), answer)
        except ClientDisconnect:
            return
        except Exception as error:
            # The server would print the traceback, whose message may hold personal data.
            response = unexpected(error, language(Request(scope)))
            if answer.started:
                raise RuntimeError("an answer broke off") from None
            await response(scope, receive, answer)


class _Answer:
    """Sends on, adding what every answer carries."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.of_api = scope["path"].startswith(f"{scope.get('root_path', '')}{BASE}/")
        self.send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            if self.of_api:
                # The version is a write token: an answer from a cache would be a stale one.
                headers["Cache-Control"] = "no-store"
        await self.send(message)


def _limited(receive: Receive) -> Receive:
    """Count the body as it arrives, and refuse it before it is held."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > BODY_LIMIT:
            raise Refusal("too_large", {"limit": f"{BODY_LIMIT >> 20} MiB"})
        return message

    return counted


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
