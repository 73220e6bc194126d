"""What somebody would send once a return has left some lines locked."""

from __future__ import annotations

from random import Random
from typing import Any

from planflow.engine import checks, numbers
from planflow.engine.lines import of_parent
from tests.board import Board

Body = dict[str, Any]


def some(board: Board, code: str, rng: Random) -> list[str]:
    """Lines that a return may be about: some that the parent itself may change."""
    above = of_parent(board.scene(code))
    able = sorted(board.negotiation.protocol.indicators_by_name if above is None else above)
    return rng.sample(able, rng.randint(1, len(able)))


def keep(board: Board, code: str, body: Body) -> Body:
    """The same with every locked line as it was; where units below made it, as these make it now."""
    record = board.plan(code).record(board.round)
    if not (record.returned and record.unlocked and record.sent_back):
        return body
    scene, protocol = board.scene(code), board.negotiation.protocol
    locked = set(protocol.indicators_by_name) - set(record.unlocked)
    was, items = record.sent_back.figures, record.sent_back.items
    below = [child.unit for child in scene.children]
    summed = checks.summed(protocol, scene.own.unit, below)
    sums = numbers.sum_of_children(scene, board.round) if below else {}
    typed = locked - summed
    figures = _kept(body["figures"], was.get("task", {}), typed)
    given = body.get("also", {})
    bases = {*given, *(one for one in was if one != "task")}
    also = {one: _kept(given.get(one, {}), was.get(one, {}), typed) for one in bases}
    found = [one for one in body.get("reconciling", []) if one["indicator"] not in locked]
    for one in items:
        if one.indicator in locked:
            told = {"indicator": one.indicator, "amount": one.amount, "basis": one.basis}
            found.append({**told, "reason_code": one.reason_code, "text": "同前"})
    for name in locked & summed & {*figures, *sums}:
        own = sum(i.amount for i in items if (i.indicator, i.basis) == (name, "task"))
        figures[name] = sums.get(name, 0) + own
    return {**body, "figures": figures, "also": also, "reconciling": found}


def _kept(now: dict[str, int], was: dict[str, int], locked: set[str]) -> dict[str, int]:
    free = {name: value for name, value in now.items() if name not in locked}
    return free | {name: value for name, value in was.items() if name in locked}
