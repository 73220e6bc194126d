"""Cycles: one run of a protocol for one year, and its rounds."""

from starlette.responses import Response

from planflow.domain.commands import CloseRound, DropCycle, OpenCycle, OpenRound
from planflow.domain.tree_commands import ChangeTree
from planflow.services import boards, cycles, tree
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.services.views import CycleItem, CycleView, Page, PlaceView
from planflow_api.bodies import body
from planflow_api.dependencies import Calling, Visiting, moment, whole
from planflow_api.rooms import room
from planflow_api.routes.review import AsOf, seen_first
from planflow_api.routes.units import Cursor, Limit
from planflow_api.schemas import READ, WRITE, refusals

router = room("/cycles", "cycles")

_CYCLE = {
    "id": "exit-2019",
    "protocol": "exit-plan",
    "year": 2019,
    "root": "450000",
    "leaf_level": "county",
    "no_task": [{"unit": "450202", "reason": "无脱贫任务"}],
    "lists": "optional",
    "practice": False,
}
_TREE = {
    "document_no": "桂民复〔2019〕12号",
    "reason": "行政区划调整",
    "changes": [
        {
            "split": {
                "unit": "450224",
                "into": [{"unit": "450227", "weight": 2}, {"unit": "450228", "weight": 1}],
            }
        }
    ],
}
_OPENING = {
    "windows": {"county": {"opens_at": "2199-02-25", "due_at": "2199-03-01"}},
    "silence": {"county": "zero"},
}


@router.post(
    "",
    status_code=201,
    response_model=CycleView,
    responses=refusals(WRITE),
    openapi_extra=body(OpenCycle, _CYCLE, "2019年计划，自治区到县，城中区无任务"),
)
async def create_cycle(visit: Visiting, call: Calling) -> Response:
    """Open a cycle over the tree below a root."""
    return await visit.answer(
        lambda site, reader: cycles.create_cycle(site, reader, call), status=201
    )


@router.get("", response_model=Page[CycleItem], responses=refusals(READ))
async def list_cycles(visit: Visiting, cursor: Cursor = None, limit: Limit = None) -> Response:
    """A page of the cycles in the reader's scope."""
    return await visit.answer(
        lambda site, reader: cycles.list_cycles(site, reader, cursor, whole("limit", limit))
    )


@router.delete(
    "/{cycle}",
    response_model=CycleView,
    responses=refusals(WRITE),
    openapi_extra=body(DropCycle, {"reason": "演练结束"}, "演练结束 / The practice is over"),
)
async def drop_cycle(visit: Visiting, call: Calling, cycle: str) -> Response:
    """Drop a practice cycle: nobody finds it any more. A real one is never dropped."""
    return await visit.answer(lambda site, reader: cycles.drop_cycle(site, reader, call, cycle))


@router.get("/{cycle}", response_model=CycleView, responses=refusals(READ))
async def get_cycle(visit: Visiting, cycle: str, as_of: AsOf = None) -> Response:
    """A cycle and the standing of its rounds, now or at a time."""

    def look(site: Site, reader: Reader) -> CycleView:
        if as_of is None:
            return cycles.get_cycle(site, reader, cycle)
        return boards.cycle_then(site, reader, cycle, moment("as_of", as_of))

    return await visit.answer(seen_first(look, cycle))


@router.post(
    "/{cycle}/tree",
    response_model=CycleView,
    responses=refusals(WRITE),
    openapi_extra=body(ChangeTree, _TREE, "一县分为两县 / one county becomes two"),
)
async def change_tree(visit: Visiting, call: Calling, cycle: str) -> Response:
    """Change the tree of an open cycle: units join, split, merge, are renamed, lose their task."""
    return await visit.answer(lambda site, reader: tree.change_tree(site, reader, call, cycle))


@router.get("/{cycle}/tree", response_model=Page[PlaceView], responses=refusals(READ))
async def get_tree(
    visit: Visiting,
    cycle: str,
    as_of: str | None = None,
    cursor: str | None = None,
    limit: str | None = None,
) -> Response:
    """The tree of a cycle in the reader's scope, now or as it stood at a time."""

    def look(site: Site, reader: Reader) -> Page[PlaceView]:
        then = moment("as_of", as_of) if as_of is not None else None
        return tree.get_tree(site, reader, cycle, then, cursor, whole("limit", limit))

    return await visit.answer(seen_first(look, cycle))


@router.post(
    "/{cycle}/rounds/{round}/open",
    response_model=CycleView,
    responses=refusals(WRITE),
    openapi_extra=body(OpenRound, _OPENING, "一上开始 / up1 opens"),
)
async def open_round(visit: Visiting, call: Calling, cycle: str, round: str) -> Response:  # noqa: A002
    """Open a round for all units that take part in it."""
    return await visit.answer(
        lambda site, reader: cycles.open_round(site, reader, call, cycle, round)
    )


@router.post(
    "/{cycle}/rounds/{round}/close",
    response_model=CycleView,
    responses=refusals(WRITE),
    openapi_extra=body(CloseRound, {"reason": "各市均已受理"}, "一上结束 / up1 closes"),
)
async def close_round(visit: Visiting, call: Calling, cycle: str, round: str) -> Response:  # noqa: A002
    """Close a round when everybody is done."""
    return await visit.answer(
        lambda site, reader: cycles.close_round(site, reader, call, cycle, round)
    )
