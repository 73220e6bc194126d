"""Commands somebody would really give, made from what a plan shows; under any protocol.

Acts of a round are made in `round_moves`, those of two persons in `second_moves`; here are promises,
more time and the headline.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from random import Random

from planflow.domain.moments import local_date
from planflow.engine import checks, numbers
from planflow.engine.state import Promise
from tests.board import Board
from tests.properties import round_moves, second_moves
from tests.properties.round_moves import SUPERSEDING, Body, Figures, Move, code_for, keeping

__all__ = ["SUPERSEDING", "Body", "Figures", "Move", "code_for", "keeping", "natural", "one"]

EMPTY: dict[str, Body] = {
    "distribute": {"allocations": []},
    "issue": {"allocations": []},
    "waive": {"reason": "到期"},
    "reject": {"reason": "不符"},
    "attest": {},
}


def natural(board: Board, code: str, action: str, rng: Random) -> list[Move]:
    """Bodies of which one must be taken where the action is allowed."""
    make = _MAKERS.get(action)
    return make(board, code, rng) if make else [("", {})]


def one(board: Board, code: str, action: str, rng: Random) -> Move:
    """One of these, or a command about a commitment that is none."""
    if action == "corrections":
        return second_moves.correction(board, code, rng)
    moves = natural(board, code, action, rng)
    return rng.choice(moves) if moves else ("none", dict(EMPTY.get(action, {})))


def _commitments(board: Board, code: str, rng: Random) -> list[Move]:
    scene, protocol = board.scene(code), board.negotiation.protocol
    now = numbers.current(protocol, board.cycle, scene.own.plan)
    unit = scene.own.unit
    able = [one for one in protocol.indicators if checks.applies(protocol, one, unit)]
    free = [one for one in able if not _open(scene.own.plan.promises, one.name)]
    settling = [one.name for one in protocol.rounds if one.kind == "adjust"]
    moves = []
    for one in free or able[:1]:
        start = now.get(one.name, 0)
        to = start + rng.choice((1, 3, 8, -1 if start > one.minimum else 2))
        if any(checks.figures(protocol, unit, {one.name: to}, "")):
            to = start - 1 if start > one.minimum else start + 1
        body = {"indicator": one.name, "from": start, "to": to, "funded": rng.random() < 0.5}
        settle_in = settling[0] if settling else protocol.rounds[-1].name
        moves.append(("", {**body, "settle_in": settle_in, "reason": "按请示答复"}))
    return moves


def _distribute(board: Board, code: str, rng: Random) -> list[Move]:
    scene = board.scene(code)
    protocol = board.negotiation.protocol
    moves: list[Move] = []
    for promise in scene.own.plan.promises:
        settling = protocol.rounds_by_name[promise.settle_in]
        still = numbers.reserve_held(scene.own.plan, settling).get(promise.indicator, 0)
        lowest = min(0, max(promise.change, -still))
        held: Body = {"allocations": [], "reserve": promise.change}
        able = [
            c
            for c in scene.children
            if numbers.binding(protocol, c.plan) and not _open(c.plan.promises, promise.indicator)
        ]
        rng.shuffle(able)
        for child in able if rng.random() < 0.8 or lowest > promise.change else ():
            now = numbers.current(protocol, board.cycle, child.plan).get(promise.indicator, 0)
            kept = rng.randint(lowest, max(0, promise.change))
            to = {promise.indicator: now + promise.change - kept}
            if not any(checks.figures(protocol, child.unit, to, "")):
                share = {"unit": child.unit.code, "amount": promise.change - kept}
                held = {"allocations": [share], "reserve": kept}
                break
        moves.append((promise.id, held))
    return moves


def _fulfil(board: Board, code: str, rng: Random) -> list[Move]:
    return [(promise.id, {}) for promise in board.plan(code).promises]


def _waive(board: Board, code: str, rng: Random) -> list[Move]:
    return [(promise.id, {"reason": "条件变化"}) for promise in board.plan(code).promises]


def _extensions(board: Board, code: str, rng: Random) -> list[Move]:
    """A day later than any due date there is, and than today."""
    scene = board.scene(code)
    due = scene.window(scene.own).due_at or board.now
    day = local_date(max(due, board.now), board.cycle.zone) + dt.timedelta(days=rng.randint(1, 9))
    return [("", {"due_at": day.isoformat(), "reason": "入户核查未完"})]


def _headline(board: Board, code: str, rng: Random) -> list[Move]:
    offered = list(numbers.numbers(board.scene(code).own.plan))
    if not offered:
        protocol = board.negotiation.protocol
        choice = {protocol.indicators[0].name: {"round": protocol.rounds[0].name}}
        return [("", {"choices": choice, "reason": "会议纪要"})]
    one = rng.choice(offered)
    choice = {one.indicator: {"round": one.round, "basis": one.basis}}
    return [("", {"choices": choice, "reason": "会议纪要"})]


def _open(promises: Iterable[Promise], indicator: str) -> bool:
    return any(p.status == "open" and p.indicator == indicator for p in promises)


_MAKERS = {
    **round_moves.MAKERS,
    **second_moves.MAKERS,
    "commitments": _commitments,
    "distribute": _distribute,
    "extensions": _extensions,
    "fulfil": _fulfil,
    "waive": _waive,
    "headline": _headline,
}
