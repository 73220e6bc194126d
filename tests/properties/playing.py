"""Whole rounds, as everybody would play them: what is left of one is done, and it is closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random

from planflow.engine import numbers
from planflow.engine.machine import stage
from tests.board import Board
from tests.properties import moves


class Stuck(Exception):
    """Nobody knows a way on: what was decided or promised leaves a unit nothing it could issue."""


Tempt = Callable[[str, str], None]  # somebody else tries an act on a plan first


def _nobody(_code: str, _action: str) -> None:
    """Nobody tries anything."""


APPLYING = {"apply_silence": True, "reason": "逾期未报，按声明处理"}


def play(board: Board, name: str, rng: Random) -> None:
    """A round from open to closed."""
    if name not in board.cycle.rounds:
        board.open(name)
    finish(board, rng)


def finish(board: Board, rng: Random) -> None:
    """Whatever is left of the open round, then close it."""
    get_ready(board, rng)
    close(board)


def close(board: Board) -> None:
    """Close the open round; who was silent is settled as declared."""
    name = board.round
    board.close(name, APPLYING if board.cycle.terms_of(name).silence else {})


def get_ready(board: Board, rng: Random, tempt: Tempt = _nobody) -> None:
    """Whatever is left of the open round."""
    name = board.round
    _until_begun(board)
    if board.kind == "decision":
        _finish_decision(board, rng)
    elif board.kind == "down":
        for code in board.taking_part(name):
            _finish_down(board, code, rng, tempt)
    else:
        if board.kind == "adjust":
            _settle_promises(board)
            _reopen(board)
        for code in reversed(board.taking_part(name)):
            _finish_up(board, code, rng, tempt)


def _until_begun(board: Board) -> None:
    """Let time pass until everybody may act."""
    windows = board.cycle.terms_of(board.round).windows.values()
    begins = max((one.opens_at for one in windows if one.opens_at), default=board.now)
    if begins > board.now:
        board.tick(begins - board.now)


def _with_time(board: Board, code: str) -> None:
    """Give a unit more time where its own is over."""
    scene = board.scene(code)
    if scene.window(scene.own).over(board.now):
        until = (board.now + dt.timedelta(days=40)).date().isoformat()
        body = {"due_at": until, "reason": "入户核查未完"}
        board.act(board.parent(code) or code, code, "extensions", body)


def _finish_decision(board: Board, rng: Random) -> None:
    root = next(iter(board.nodes))
    if stage(board.state(root)) == "decided":
        return
    _with_time(board, root)
    body = moves.natural(board, root, "decide", rng)[0][1]
    if body["outcome"] == "rejected":
        body["outcome"] = "approved"
    board.act(root, root, "decide", body)


def _finish_down(board: Board, code: str, rng: Random, tempt: Tempt) -> None:
    root = board.nodes[code].is_root
    if stage(board.state(code)) == "issued":
        _with_time(board, code)
        board.act(code, code, "acknowledge")
    to_issue = "awaiting" if root else "acknowledged"
    if board.children(code) and stage(board.state(code)) == to_issue:
        _with_time(board, code)
        tempt(code, "issue")
    if board.children(code) and stage(board.state(code)) == to_issue:
        if not moves.natural(board, code, "issue", rng):
            _settle_promises(board)
        ways = moves.natural(board, code, "issue", rng)
        if not ways:
            raise Stuck
        board.act(code, code, "issue", ways[0][1])
    if board.plan(code).pending is not None and stage(board.state(code)) == to_issue:
        board.act(f"{code}2", code, "confirm")


def _reopen(board: Board) -> None:
    """Take back what the levels between have sent: what lies below them may have moved since."""
    for code in board.taking_part(board.round):
        elsewhere = board.nodes[code].is_root or not board.children(code)
        if not elsewhere and stage(board.state(code)) in ("submitted", "accepted"):
            _return(board, code)


def _return(board: Board, code: str) -> None:
    body = moves.natural(board, code, "return", Random(1))[0][1]
    body.pop("lines", None)
    board.act(_reviewer(board, code), code, "return", body)


def _reviewer(board: Board, code: str) -> str:
    """An admin of the unit above; its deputy where that one had typed for the unit."""
    parent = str(board.parent(code))
    hands = {*board.plan(code).record(board.round).hands, *board.seat(code).typists}
    return f"{parent}2" if parent in hands else parent


def _settle_promises(board: Board) -> None:
    """What is open is waived, whatever its holder was doing."""
    for code in board.nodes:
        for promise in board.plan(code).promises:
            if promise.status == "open" and not promise.part_of:
                board.act(str(board.parent(code)), code, "waive", {"reason": "到期"}, promise.id)


def _finish_up(board: Board, code: str, rng: Random, tempt: Tempt) -> None:
    if board.nodes[code].is_root:
        return
    at = stage(board.state(code))
    if at == "accepted" and not _stale(board, code):
        return
    if at in ("submitted", "accepted"):
        if at == "submitted" and not _stale(board, code):
            board.act(_reviewer(board, code), code, "accept")
            return
        _return(board, code)
    lapsed = board.round in board.scene(code).own.plan.lapses
    resting = board.kind == "adjust" and stage(board.state(code)) == "drafting"
    if (lapsed or resting) and not _stale(board, code):
        return
    _with_time(board, code)
    tempt(code, "draft")
    if stage(board.state(code)) == "submitted":
        _return(board, code)
    board.act(code.lower(), code, "draft", moves.keeping(board, code, rng))
    board.act(code.lower(), code, "submit")
    tempt(code, "accept")
    if stage(board.state(code)) == "submitted":
        board.act(_reviewer(board, code), code, "accept")


def _stale(board: Board, code: str) -> bool:
    """Whether a unit's figures in an adjust round are no longer what lies below it makes them."""
    scene = board.scene(code)
    if board.kind != "adjust" or not scene.children:
        return False
    own = numbers.in_force(board.negotiation.protocol, scene.own.plan, board.round)
    items = [{i.indicator: i.amount} for i in scene.own.plan.record(board.round).reconciling]
    return bool(numbers.off_sums(scene, board.round, items, own))
