"""Plans: what a unit's plan is, and the acts that move it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import WithJsonSchema
from starlette.responses import Response

from planflow.errors import Finding, Refusal, invalid
from planflow.services import acting, boards, plans
from planflow.services.between import End, between
from planflow.services.boards import Part
from planflow.services.people import Reader
from planflow.services.review_views import BetweenView
from planflow.services.site import Site
from planflow.services.views import DiffView, EventView, Page, PlanView
from planflow_api.bodies import body
from planflow_api.dependencies import Arrived, Visiting, moment, whole
from planflow_api.rooms import room
from planflow_api.routes.acts import ACTS, Act
from planflow_api.routes.review import AsOf, seen_first
from planflow_api.routes.units import Cursor, Limit, Parent
from planflow_api.schemas import READ, WRITE_PLAN, refusals

router = room("/cycles/{cycle}/plans", "plans")

State = Annotated[str | None, Query(description="A state, as in `up1.submitted`")]
Below = Annotated[str | None, Query(description="The code of a unit: it and all below it")]
Before = Annotated[str | None, Query(alias="from", description="A round, as in `up1`")]
After = Annotated[str | None, Query(alias="to", description="Another round, as in `down1`")]
Seq = Annotated[
    str | None,
    Query(description="After the plan's event of this number (`seq` of its history)"),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]
_ETAG: dict[str, Any] = {
    "headers": {"ETag": {"description": "The version to act on", "schema": {"type": "string"}}}
}


@router.get("", response_model=Page[PlanView], responses=refusals(READ))
async def list_plans(
    visit: Visiting,
    cycle: str,
    parent: Parent = None,
    state: State = None,
    unit: Below = None,
    as_of: AsOf = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """A page of the plans in the reader's scope, now or as they stood at a time."""

    def look(site: Site, reader: Reader) -> Page[PlanView]:
        size = whole("limit", limit)
        if as_of is None:
            return plans.list_plans(site, reader, cycle, parent, state, cursor, size, unit)
        then, part = moment("as_of", as_of), Part(unit, parent, state)
        return boards.list_then(site, reader, cycle, then, part, cursor, size)

    # A parent of then is told by a code of then: whether it is seen is asked then.
    named = unit if as_of is not None else unit or parent
    return await visit.answer(seen_first(look, cycle, named))


@router.get("/{unit}", response_model=PlanView, responses={200: _ETAG, **refusals(READ)})
async def get_plan(visit: Visiting, cycle: str, unit: str, as_of: AsOf = None) -> Response:
    """A unit's plan, with what its reader may do now and, for the rest, why not."""

    def look(site: Site, reader: Reader) -> PlanView:
        if as_of is None:
            return plans.get_plan(site, reader, cycle, unit)
        try:
            at = moment("as_of", as_of)
        except Refusal:
            plans.get_plan(site, reader, cycle, unit)  # 404 comes before 422
            raise
        return plans.get_plan(site, reader, cycle, unit, at)

    # How a plan once was is nothing to act on.
    return await visit.answer(look, tokened=as_of is None)


@router.get("/{unit}/history", response_model=Page[EventView], responses=refusals(READ))
async def history(
    visit: Visiting, cycle: str, unit: str, cursor: Cursor = None, limit: Limit = None
) -> Response:
    """A page of what happened to a plan, oldest first."""

    def look(site: Site, reader: Reader) -> Page[EventView]:
        after = whole("cursor", cursor)
        start = None if after is None else str(after)
        return plans.history(site, reader, cycle, unit, start, whole("limit", limit))

    return await visit.answer(seen_first(look, cycle, unit))


@router.get("/{unit}/diff", response_model=DiffView | BetweenView, responses=refusals(READ))
async def diff(
    visit: Visiting,
    cycle: str,
    unit: str,
    before: Before = None,
    after: After = None,
    from_at: AsOf = None,
    to_at: AsOf = None,
    from_seq: Seq = None,
    to_seq: Seq = None,
) -> Response:
    """What differs between two rounds of a plan, two instants, or two of its events as submissions."""

    def look(site: Site, reader: Reader) -> DiffView | BetweenView:
        start, end = _end("from", from_at, from_seq), _end("to", to_at, to_seq)
        if start is None and end is None:
            return plans.diff(site, reader, cycle, unit, before, after)
        rounds = [name for name, one in (("from", before), ("to", after)) if one is not None]
        if rounds:
            raise invalid(*(Finding("ends_differ", {"field": name}, name) for name in rounds))
        missing = [name for name, one in (("from_at", start), ("to_at", end)) if one is None]
        if start is None or end is None:
            raise invalid(*(Finding("missing", {"field": name}, name) for name in missing))
        return between(site, reader, cycle, unit, start, end)

    return await visit.answer(seen_first(look, cycle, unit))


def _end(side: str, at: str | None, seq: str | None) -> End | None:
    if seq is not None:
        return End(f"{side}_seq", seq=whole(f"{side}_seq", seq))
    return None if at is None else End(f"{side}_at", moment(f"{side}_at", at))


def _endpoint(act: Act) -> Callable[..., Awaitable[Response]]:
    async def on_plan(arrived: Arrived, cycle: str, unit: str) -> Response:
        visit, call = arrived
        return await visit.answer(
            lambda site, reader: acting.act(site, reader, call, cycle, unit, act.name).view(reader),
            act.status,
        )

    def about(name: str) -> Callable[..., Awaitable[Response]]:
        async def on_subject(
            arrived: Arrived,
            cycle: str,
            unit: str,
            subject: Annotated[str, Path(alias=name)],
        ) -> Response:
            visit, call = arrived
            return await visit.answer(
                lambda site, reader: acting.act(
                    site, reader, call, cycle, unit, act.name, subject
                ).view(reader),
                act.status,
            )

        return on_subject

    return about(act.subject) if act.subject else on_plan


for _act in ACTS:
    router.add_api_route(
        _act.path,
        _endpoint(_act),
        methods=[_act.method],
        name=_act.name,
        status_code=_act.status,
        description=_act.meaning,
        response_model=PlanView,
        responses={_act.status: _ETAG, **refusals(WRITE_PLAN)},
        openapi_extra=body(_act.command, _act.example, _act.summary),
    )
