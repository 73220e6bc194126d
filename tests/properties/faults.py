"""Commands that may be wrong: natural ones with one thing changed. Whether they are, the rules say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random

from planflow.engine import numbers
from tests.board import Board
from tests.properties import moves, second_moves
from tests.properties.moves import Body, Figures, Move

Spoil = Callable[[Board, Body, Random], None]


def spoilt(board: Board, code: str, action: str, rng: Random) -> Move:
    """A natural command with one thing about it changed."""
    promise, body = copy.deepcopy(moves.one(board, code, action, rng))
    faults = _FAULTS.get(action)
    if faults:
        rng.choice(faults)(board, body, rng)
    elif promise and rng.random() < 0.3:
        promise = "none"
    return promise, body


def _indicator(board: Board, rng: Random) -> str:
    return rng.choice([*board.negotiation.protocol.indicators_by_name, "nothing"])


def _known(board: Board, rng: Random) -> str:
    return rng.choice(list(board.negotiation.protocol.indicators_by_name))


def _code(board: Board, rng: Random) -> str:
    return rng.choice([*(one.name for one in board.negotiation.protocol.reason_codes), "none_such"])


def _unit(board: Board, rng: Random) -> str:
    return rng.choice([*board.nodes, "nowhere"])


def _move(figures: Figures, name: str, rng: Random) -> None:
    figures[name] = figures.get(name, 0) + rng.choice((-40, -1, 1, 2, 5, 60, 2000))


def _figure_off(board: Board, body: Body, rng: Random) -> None:
    figures = body["figures"]
    name = rng.choice(sorted(figures) or [_known(board, rng)])
    _move(figures, name, rng)
    if board.kind == "adjust":
        body.setdefault("reasons", {}).setdefault(name, moves.code_for(board, "adjust", rng))


def _locked_off(board: Board, body: Body, rng: Random) -> None:
    """Something changes in a line that a return left locked, if any was."""
    returned = [board.plan(code).record(board.round).unlocked for code in board.nodes]
    open_ones = next((lines for lines in returned if lines), ())
    locked = [one for one in board.negotiation.protocol.indicators_by_name if one not in open_ones]
    if open_ones and locked:
        _move(body["figures"], rng.choice(locked), rng)


def _figure_gone(board: Board, body: Body, rng: Random) -> None:
    if body["figures"]:
        del body["figures"][rng.choice(sorted(body["figures"]))]


def _figure_more(board: Board, body: Body, rng: Random) -> None:
    name = _indicator(board, rng)
    body["figures"][name] = rng.choice((0, 1, 3, -1))
    if board.kind == "adjust":
        body.setdefault("reasons", {})[name] = moves.code_for(board, "adjust", rng)


def _also(board: Board, body: Body, rng: Random) -> None:
    basis = rng.choice(("stretch", "standby", "task", "funded", "no name"))
    body["also"] = {basis: {_indicator(board, rng): rng.choice((0, 1, -1))}}


def _reasons(board: Board, body: Body, rng: Random) -> None:
    code = _code(board, rng)
    reason = rng.choice((code, {"reason_code": code}, {"text": "说明"}))
    body["reasons"] = rng.choice(({}, {_indicator(board, rng): reason}))


def _item(board: Board, body: Body, rng: Random) -> None:
    amount = rng.choice((-2, 1, 3))
    item = {"indicator": _indicator(board, rng), "amount": amount, "reason_code": _code(board, rng)}
    body["reconciling"] = [{**item, "text": "调整"}]


def _item_fits(board: Board, body: Body, rng: Random) -> None:
    """An item and the figure that it makes: right, unless it goes too far."""
    name, amount = _known(board, rng), rng.choice((-30, -1, 1, 4, 60))
    code = moves.code_for(board, "reconcile", rng)
    item = {"indicator": name, "amount": amount, "reason_code": code, "text": "调整"}
    body["reconciling"] = [*body.get("reconciling", []), item]
    body["figures"][name] = body["figures"].get(name, 0) + amount


def _settle(board: Board, body: Body, rng: Random) -> None:
    name = _indicator(board, rng)
    body["figures"] = {name: rng.choice((0, 1, 3, 12, -1, 50))}
    code = _code(board, rng)
    body["reasons"] = rng.choice(({}, {name: code}, {name: {"reason_code": code}}))


def _no_later(board: Board, body: Body, rng: Random) -> None:
    body["due_at"] = rng.choice(("2019-07-01", "2019-07-20", "2019-08-30", "2100-01-01"))


def _bad_reason(board: Board, body: Body, rng: Random) -> None:
    body["reason_code"] = _code(board, rng)


def _lines_off(board: Board, body: Body, rng: Random) -> None:
    body["lines"] = [_indicator(board, rng)]


def _some_allocation(board: Board, body: Body, rng: Random) -> Body:
    if not body["allocations"]:
        body["allocations"] = [{"unit": _unit(board, rng), "figures": {}}]
    found: Body = rng.choice(body["allocations"])
    return found


def _share_off(board: Board, body: Body, rng: Random) -> None:
    _figure_off(board, _some_allocation(board, body, rng), rng)
    if rng.random() < 0.5:
        body["markup"] = {_indicator(board, rng): rng.choice(("上浮", " "))}


def _share_more(board: Board, body: Body, rng: Random) -> None:
    _figure_more(board, _some_allocation(board, body, rng), rng)


def _share_figure_gone(board: Board, body: Body, rng: Random) -> None:
    _figure_gone(board, _some_allocation(board, body, rng), rng)


def _share_reasons(board: Board, body: Body, rng: Random) -> None:
    _reasons(board, _some_allocation(board, body, rng), rng)


def _child_gone(board: Board, body: Body, rng: Random) -> None:
    if body["allocations"]:
        body["allocations"].pop(rng.randrange(len(body["allocations"])))


def _child_twice(board: Board, body: Body, rng: Random) -> None:
    body["allocations"].append(copy.deepcopy(_some_allocation(board, body, rng)))


def _child_unknown(board: Board, body: Body, rng: Random) -> None:
    _some_allocation(board, body, rng)["unit"] = _unit(board, rng)


def _moved_between(board: Board, body: Body, rng: Random) -> None:
    """The same sum, split otherwise: right, unless it goes too low or moves what is promised."""
    body |= moves.SUPERSEDING
    if len(body["allocations"]) > 1:
        one, two = rng.sample(body["allocations"], 2)
        promised = [p.indicator for p in board.plan(one["unit"]).promises if p.status == "open"]
        name = rng.choice(promised or [_known(board, rng)])
        for share, by in ((one, -1), (two, 1)):
            share["figures"][name] = share["figures"].get(name, 0) + by


def _reserve_off(board: Board, body: Body, rng: Random) -> None:
    name = rng.choice([*body.get("markup", {})] or [_indicator(board, rng)])
    body["reserve"] = {name: rng.choice((-1, 1, 2))}


def _total_off(board: Board, body: Body, rng: Random) -> None:
    body["total"] = rng.choice(({_indicator(board, rng): 50}, None))


def _no_document(board: Board, body: Body, rng: Random) -> None:
    body.pop(rng.choice(("document_no", "reason")), None)


def _no_reason(board: Board, body: Body, rng: Random) -> None:
    body.pop("reason", None)


def _outcome(board: Board, body: Body, rng: Random) -> None:
    body["outcome"] = rng.choice(("approved", "amended", "rejected"))
    if rng.random() < 0.6:
        body["figures"] = {_indicator(board, rng): rng.choice((0, 1, -1, 40))}
    elif board.kind == "decision":
        root, protocol = board.scene(board.cycle.root).own.plan, board.negotiation.protocol
        body["figures"] = numbers.presentable(protocol, root, board.round)


def _from_off(board: Board, body: Body, rng: Random) -> None:
    body["from"] += rng.choice((-1, 1))


def _to_off(board: Board, body: Body, rng: Random) -> None:
    body["to"] = rng.choice((body["from"], -1, body["from"] + 500))


def _other_promise(board: Board, body: Body, rng: Random) -> None:
    rounds = list(board.negotiation.protocol.rounds_by_name)
    changes: list[Body] = [
        {"indicator": _indicator(board, rng), "from": 0, "to": 1},
        {"indicator": _known(board, rng), "to": body["to"] + 1},
        {"settle_in": rng.choice([*rounds, "never"])},
    ]
    body.update(rng.choice(changes))


def _part_off(board: Board, body: Body, rng: Random) -> None:
    if body["allocations"]:
        body["allocations"][0]["amount"] += rng.choice((-1, 1))
    else:
        body["reserve"] = body.get("reserve", 0) + rng.choice((-1, 1))


def _part_swapped(board: Board, body: Body, rng: Random) -> None:
    if body["allocations"]:
        by = rng.choice((-3, 3, 60))
        body["allocations"][0]["amount"] += by
        body["reserve"] -= by


def _part_elsewhere(board: Board, body: Body, rng: Random) -> None:
    if body["allocations"]:
        body["allocations"][0]["unit"] = _unit(board, rng)


def _choice(board: Board, body: Body, rng: Random) -> None:
    name, rounds = _indicator(board, rng), [*board.negotiation.protocol.rounds_by_name, "never"]
    basis = rng.choice(("task", "funded", "stretch"))
    body["choices"] = rng.choice(({}, {name: {"round": rng.choice(rounds), "basis": basis}}))


_FAULTS: dict[str, list[Spoil]] = {
    "extensions": [_no_later],
    "draft": [
        _figure_off,
        _figure_off,
        _locked_off,
        _locked_off,
        _figure_gone,
        _figure_more,
        _reasons,
        _item,
        _item_fits,
        _also,
    ],
    "accept": [_settle],
    "return": [_bad_reason, _lines_off],
    "decide": [_outcome],
    "issue": [
        _share_off,
        _share_more,
        _share_figure_gone,
        _share_reasons,
        _child_gone,
        _child_twice,
        _child_unknown,
        _moved_between,
        _moved_between,
        _reserve_off,
        _total_off,
        _total_off,
        _no_reason,
        _no_document,
    ],
    "commitments": [_from_off, _to_off, _other_promise],
    "distribute": [_part_off, _part_swapped, _part_elsewhere],
    "headline": [_choice],
    **second_moves.FAULTS,
}
