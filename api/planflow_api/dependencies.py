"""What a route is given: who asks, what was sent, and the one way into the library."""

import asyncio
import datetime as dt
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import Response

from planflow.domain.parsing import has_unseen
from planflow.errors import Finding, Refusal, invalid
from planflow.services.calls import Call
from planflow.services.people import Reader, authenticate
from planflow.services.site import Site
from planflow.services.tokens import ACT, READ
from planflow.services.view import View
from planflow.services.views import PlanView
from planflow_api.bearing import bearer
from planflow_api.errors import language
from planflow_api.watching import SEEN, Seen

T = TypeVar("T")
_SAFE = frozenset({"GET", "HEAD"})
Work = Callable[[Site, Reader], View]


@dataclass(frozen=True, slots=True)
class Door:
    """The way into the synchronous library: one hop to a thread of our own per request (F8)."""

    site: Site
    pool: Executor

    async def through(self, work: Callable[[Site], T]) -> T:
        """Do some work in the library.

        As `run_in_executor`, whose two futures that watch each other take longer than the hop.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        # What is logged there belongs to this request.
        run = copy_context().run

        def carry() -> None:
            try:
                settle = partial(answer.set_result, run(work, self.site))
            except BaseException as error:
                settle = partial(answer.set_exception, error)
            loop.call_soon_threadsafe(_unless_given_up, answer, settle)

        self.pool.submit(carry)
        return await answer


def _unless_given_up(answer: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not answer.done():
        settle()


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that needs a reader, not yet signed in: that happens behind the door."""

    door: Door
    token: str
    lang: str
    readable: bool
    unknown: Finding | None  # what the route does not ask for
    needs: str  # what the token must be meant for
    seen: Seen

    async def answer(
        self, work: Work, status: int = 200, *, tokened: bool = True, needs: str = ""
    ) -> Response:
        """Sign the reader in, do the work and write the answer, all in one hop."""

        def carry(site: Site) -> Response:
            reader = self._reader(site, needs)
            return written(work(site, reader), self.lang, status, tokened=tokened)

        return await self.door.through(carry)

    async def raw(
        self, work: Callable[[Site, Reader], str | bytes], kind: str, file: str = ""
    ) -> Response:
        """The same for an answer that is text or bytes of a form of its own, or a file to keep."""
        # Codes are not ASCII alone, and a header is.
        named = f"attachment; filename*=UTF-8''{quote(file, safe='')}"

        def carry(site: Site) -> Response:
            reader = self._reader(site)
            headers = {"Content-Disposition": named} if file else None
            return Response(work(site, reader), headers=headers, media_type=kind)

        return await self.door.through(carry)

    def _reader(self, site: Site, needs: str = "") -> Reader:
        reader = authenticate(site, self.token, self.lang, needs or self.needs)
        self.seen.actor = reader.user_id
        if not self.readable:
            raise Refusal("not_found")
        if (
            self.unknown is not None
        ):  # said of the route alone, it tells nothing of what stands there
            raise invalid(self.unknown)
        return reader


def written(view: View, lang: str, status: int = 200, *, tokened: bool = True) -> Response:
    """A view as an answer; a plan carries its version as its write token."""
    headers = {"Content-Language": lang, "Vary": "Accept-Language"}
    if isinstance(view, PlanView) and tokened:
        headers["ETag"] = f'"{view.version}"'
    # As `model_dump_json`, which makes a text of these bytes.
    body = view.__pydantic_serializer__.to_json(view, by_alias=True)
    return Response(body, status, headers, "application/json")


async def door(request: Request) -> Door:
    """The door that the service opened at its start."""
    opened: Door = request.state.door
    return opened


# Headers are read here, and told to OpenAPI in `bodies`: having the framework look for each of them
# takes as long as a whole statement of the database.


async def visit(request: Request) -> Visit:
    """The request of somebody who must be signed in."""
    scope, seen = request.scope, request.scope[SEEN]
    # No name of ours holds what nobody sees: one of the databases takes offence at a zero, and a
    # sentence that repeats a mark of direction is read as another one.
    asked, unknown = "", None
    if scope["query_string"]:
        query, known = request.query_params.multi_items(), scope["route"].asks
        asked = "".join(name + value for name, value in query)
        unknown = next((_unknown(name, known) for name, _ in query if name not in known), None)
    readable = not has_unseen(scope["path"] + asked)
    needs = READ if scope["method"] in _SAFE else ACT
    told = (_token(seen), language(request), readable, unknown)
    return Visit(request.state.door, *told, needs, seen)


def _unknown(name: str, known: tuple[str, ...]) -> Finding:
    """A filter that is mistyped would look like one that everything passes."""
    params = {"field": name[:64], "known": ", ".join(known)}
    return Finding("unknown_field", params, name[:64])


def _token(seen: Seen) -> str:
    return bearer(seen.head.get(b"authorization", b"").decode("latin-1"))


def address(request: Request) -> str:
    """Where a request comes from; behind a proxy, what a trusted one says."""
    return request.client.host if request.client else ""


async def call(request: Request) -> Call:
    """An unsafe request, its body not looked at: the library checks other things first.

    Of somebody who bears no token nothing is read at all. Raises `Refusal` `unauthorized`.
    """
    return await _call(request)


async def plan_call(request: Request) -> Call:
    """An unsafe request on a plan, which must name the version it is about."""
    # A header sent twice is a list, and no version.
    matches = ", ".join(request.headers.getlist("if-match"))
    return await _call(request, matches or None)


async def _call(request: Request, if_match: str | None = None) -> Call:
    if not _token(request.scope[SEEN]):
        raise Refusal("unauthorized", {"why": "token"})
    body, key = await request.body(), request.headers.get("idempotency-key")
    return Call(request.method, request.scope["path"], body, if_match, key)


def whole(name: str, text: str | None) -> int | None:
    """A whole number of a query, read behind the door so that 401 comes before 422."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise invalid(Finding("not_whole", {"field": name}, name))
    if len(text) > 9 or int(text) < 1:
        raise invalid(Finding("out_of_range", {"field": name, "ge": 1}, name))
    return int(text)


def moment(name: str, text: str) -> dt.datetime:
    """A time with its zone; the plus sign of a zone arrives as a space where it was not quoted."""
    try:
        read = dt.datetime.fromisoformat(text.replace(" ", "+"))
        if read.tzinfo is not None:
            return read.astimezone(dt.UTC)
    except (ValueError, OverflowError):  # no time, or one that is none in our zone
        pass
    raise invalid(Finding("bad_instant", {"field": name}, name))


async def act(request: Request) -> tuple[Visit, Call]:
    """Who acts on a plan, and what they sent."""
    return await visit(request), await plan_call(request)


Visiting = Annotated[Visit, Depends(visit)]
Calling = Annotated[Call, Depends(call)]
Arrived = Annotated[tuple[Visit, Call], Depends(act)]
Opened = Annotated[Door, Depends(door)]
