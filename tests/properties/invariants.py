"""What must hold of the engine's own state whatever the oracle says: moves, sums, numbers kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from planflow.domain.events import Event
from planflow.engine import numbers
from planflow.quota import exact
from tests.board import Board

# Stages one act may lead to, by kind of round, as N2, N5 and N7 say it. An act of a parent moves
# children too; a round that opens or closes moves everybody.
MOVES = {
    "up": {
        "drafting": {"submitted", "accepted"},  # accepted: the root's sum, or silence, at close
        "submitted": {"drafting", "returned", "accepted"},
        "accepted": {"returned"},
        "returned": {"submitted", "accepted"},
    },
    "down": {
        "awaiting": {"issued", "distributed"},
        "issued": {"acknowledged"},
        "acknowledged": {"distributed", "issued"},
        "distributed": {"issued"},
    },
    "decision": {"awaiting": {"presented", "decided"}, "presented": {"decided"}},
}
MOVES["adjust"] = MOVES["up"]
STARTS = {"up": "drafting", "adjust": "drafting", "down": "awaiting", "decision": "awaiting"}
Put = tuple[str, str, dict[str, int]]  # unit, round, figures


def legal_move(board: Board, code: str, before: str, after: str) -> None:
    """One act moved a plan as the rules allow, or not at all."""
    if before == after:
        return
    rounds = board.negotiation.protocol.rounds_by_name
    was, _, from_stage = before.rpartition(".")
    now, _, to_stage = after.rpartition(".")
    if after == "settled":
        assert list(board.cycle.rounds.values())[-1] == "closed"
    elif was == now and from_stage == "accepted" and _answers_again(board, code, now):
        assert to_stage in ("drafting", "returned"), f"{code}: {before} → {after}"
    elif was == now:
        assert to_stage in MOVES[rounds[now].kind][from_stage], f"{code}: {before} → {after}"
    else:
        assert to_stage == STARTS[rounds[now].kind], f"{code}: {before} → {after}"
        order = list(rounds)
        later = not was or order.index(now) > order.index(was)
        rejected = bool(was) and rounds[was].reopens == now and board.nodes[code].is_root
        assert later or rejected, f"{code}: {before} → {after}"


def _answers_again(board: Board, code: str, name: str) -> bool:
    """Whether silence settled the unit, and the round was reopened: its answer still lacks."""
    lacking = board.plan(code).record(name).stage in ("", "returned", "drafting")
    return board.cycle.is_open(name) and lacking


def sums_of(board: Board, name: str) -> None:
    """A closed round adds up: splits with their reserves; the root's figure is the sum (N2, N4, N5)."""
    protocol = board.negotiation.protocol
    root = next(iter(board.nodes))
    kind = protocol.rounds_by_name[name].kind
    if kind == "down":
        for code in board.taking_part(name):
            if board.nearest_below(code, name):
                _split_of(board, code, name)
    elif kind in ("up", "adjust"):
        parts = [_number(board, child, name) for child in board.nearest_below(root, name)]
        base = protocol.rounds_by_name[name].base
        split = board.plan(root).record(base).split if base else None
        parts.append(split.held if split else {})
        parts.append({one: -more for one, more in split.markup.items()} if split else {})
        for off in exact.differences(exact.total(parts), _number(board, root, name)):
            assert _stays(board, root, off.indicator, name), f"the root in {name}: {off}"


def _number(board: Board, code: str, name: str) -> Mapping[str, int]:
    return numbers.in_force(board.negotiation.protocol, board.scene(code).own.plan, name)


def _split_of(board: Board, code: str, name: str) -> None:
    split = board.plan(code).record(name).split
    assert split is not None, f"{code} has children and issued nothing in {name}"
    task = _number(board, code, name)
    corrected = board.plan(code).record(name).corrected
    assert {**split.total, **{i: one.value for i, one in corrected.items()}} == task, code
    parts = [_number(board, child, name) for child in board.nearest_below(code, name)]
    forgiving = board.negotiation.protocol.markup == "allow"
    for off in exact.differences(exact.total([*parts, split.held]), task):
        above = forgiving and off.difference < 0
        assert above or _stays(board, code, off.indicator, name), f"{code} in {name}: {off}"


def _stays(board: Board, code: str, indicator: str, name: str) -> bool:
    """Whether an indicator is entered here: no child is of a level that has it."""
    protocol = board.negotiation.protocol
    place, entry = protocol.level_order, protocol.indicators_by_name[indicator].entry_level
    levels = [place[board.nodes[child].level] for child in board.nearest_below(code, name)]
    return entry is not None and min(levels) > place[entry]


def put_by(
    board: Board, _who: str, code: str, action: str, body: Mapping[str, Any], _subject: str
) -> Iterator[Put]:
    """The numbers that a command which was taken has put about each unit."""
    if action == "decide" and body["outcome"] == "amended":
        yield code, board.round, body["figures"]
    elif action in _PUT:
        yield from _PUT[action](board, code, body)


def _submitted(board: Board, code: str, _body: Mapping[str, Any]) -> Iterator[Put]:
    held = board.drafts[code][1]
    yield code, board.round, held["figures"]
    for figures in held["also"].values():
        yield code, board.round, figures
    for item in held["reconciling"]:
        yield code, board.round, {item["indicator"]: item["amount"]}


def _issued(board: Board, code: str, body: Mapping[str, Any]) -> Iterator[Put]:
    yield code, board.round, {**(body.get("total") or {})}
    yield code, board.round, {**body.get("reserve", {})}
    waits = board.plan(code).pending is not None  # nobody but the issuer has it yet
    for one in body["allocations"]:
        yield code if waits else one["unit"], board.round, one["figures"]


def _accepted(board: Board, code: str, body: Mapping[str, Any]) -> Iterator[Put]:
    yield code, board.round, body.get("figures", {})


def _corrected(_board: Board, code: str, body: Mapping[str, Any]) -> Iterator[Put]:
    for one in ({**body, "unit": code}, *body.get("also", [])):
        yield code, body["round"], one.get("figures", {})
        yield code, body["round"], one.get("reserve", {})


def _promised(board: Board, code: str, body: Mapping[str, Any]) -> Iterator[Put]:
    yield code, board.log[code][-1].round, {"from": body["from"], "to": body["to"]}


def _passed_on(board: Board, code: str, body: Mapping[str, Any]) -> Iterator[Put]:
    yield code, board.log[code][-1].round, {"reserve": body.get("reserve", 0)}


_PUT: dict[str, Callable[[Board, str, Mapping[str, Any]], Iterator[Put]]] = {
    "submit": _submitted,
    "issue": _issued,
    "accept": _accepted,
    "corrections": _corrected,
    "paper": _accepted,
    "commitments": _promised,
    "distribute": _passed_on,
}


def said_in(events: Iterable[Event]) -> set[tuple[str, str, int]]:
    """Every number in a log: round, the word it stands under, and the value."""
    found: set[tuple[str, str, int]] = set()
    for event in events:
        for part in event.parts.values():
            found |= {(event.round, word, value) for word, value in _numbers(part)}
    return found


def _numbers(value: Any) -> Iterator[tuple[str, int]]:
    """Numbers in a part, each under the word it stands by; an item's amount under its indicator."""
    if isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, dict):
        for word, inner in value.items():
            if isinstance(inner, int):
                yield word, inner
                if "indicator" in value:
                    yield value["indicator"], inner
            else:
                yield from _numbers(inner)
