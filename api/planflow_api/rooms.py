"""A room of the service: the routes below one prefix, and what each of them is given."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from planflow_api.watching import BASE

_TEXTS = (str, str | None)


class Plain(APIRoute):
    """A route that is given texts as they came, and what `dependencies` makes of the request.

    Texts are read behind the door, so that 401 comes before 422, and nothing is left for the framework
    to check. To find that out anew for each request takes it longer than signing in takes.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **how: Any) -> None:
        super().__init__(path, endpoint, **how)
        self.asks = tuple(one.alias for one in self.dependant.query_params)
        self.tail = path.rpartition("}")[2]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it is meant. The router asks one route after another, and most of them are not."""
        if not scope["path"].endswith(self.tail):
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request: the parameters are known now, not for each request."""
        wanted, endpoint = self.dependant, self.endpoint
        if not _plain(wanted) or not all(_of_request(one) for one in wanted.dependencies):
            raise TypeError(f"{self.name} wants more than a route is given")
        makers: list[Any] = [(one.name, one.call) for one in wanted.dependencies]
        parts = [(one.name, one.alias) for one in wanted.path_params]
        asked = [(one.name, one.alias, one.default) for one in wanted.query_params]
        whole = wanted.request_param_name

        async def answer(request: Request) -> Response:
            given: dict[str, Any] = {name: await make(request) for name, make in makers}
            for name, part in parts:
                given[name] = request.path_params[part]
            for name, field, default in asked:
                given[name] = request.query_params.get(field, default)
            if whole:
                given[whole] = request
            response: Response = await endpoint(**given)
            return response

        return answer


def _plain(wanted: Dependant) -> bool:
    others = (wanted.header_params, wanted.cookie_params, wanted.body_params)
    texts = (one.field_info.annotation for one in (*wanted.path_params, *wanted.query_params))
    optional = not any(one.field_info.is_required() for one in wanted.query_params)
    return optional and not any(others) and all(one in _TEXTS for one in texts)


def _of_request(maker: Dependant) -> bool:
    inner = (maker.dependencies, maker.path_params, maker.query_params)
    return _plain(maker) and not any(inner) and maker.request_param_name == "request"


def room(prefix: str, tag: str, base: str = BASE) -> APIRouter:
    """A room whose routes know their whole path.

    A router that is included is asked twice for every request, each time all its routes, and each
    with its prefix put on anew: the routes themselves are what the service takes over.
    """
    return APIRouter(
        prefix=f"{base}{prefix}",
        tags=[tag],
        route_class=Plain,
        generate_unique_id_function=lambda route: route.name,
    )
