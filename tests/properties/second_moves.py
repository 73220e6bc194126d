"""Acts of two persons, as somebody would really do them: corrections, with who decides on them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from planflow.engine import checks, numbers
from tests.board import Board
from tests.properties.round_moves import Body, Figures, Move


def _corrections(board: Board, code: str, rng: Random) -> list[Move]:
    """One more in each round of what has no upper limit; of the first of these that the unit has."""
    able = [one.name for one in board.negotiation.protocol.indicators if one.maximum is None]
    name = next((one for one in able if _has(board, code, one)), able[0])
    return _one_more(board, code, name, rng)


def _one_more(board: Board, code: str, name: str, rng: Random) -> list[Move]:
    """One more of something in each round: at a leaf, or with whatever leaf lies below."""
    moves: list[Move] = []
    for one in board.negotiation.protocol.rounds:
        leaf = code
        while below := [c for c in _below(board, leaf, one.name) if _has(board, c, name)]:
            leaf = rng.choice(below)
        own = {name: _now(board, code, one.name).get(name, 0) + 1}
        theirs = {name: _now(board, leaf, one.name).get(name, 0) + 1}
        also = [{"unit": leaf, "figures": theirs}] if leaf != code else []
        moves.append(("", {"round": one.name, "figures": own, "also": also, "reason": "漏计"}))
    return moves


def correction(board: Board, code: str, rng: Random) -> Move:
    """One correction, mostly of a round that is closed, now and then of more than one unit."""
    all_moves = _one_more(board, code, _able(board, code, rng), rng)
    closed = [m for m in all_moves if board.cycle.rounds.get(m[1]["round"]) == "closed"]
    promise, body = rng.choice(closed or all_moves)
    chance, name = rng.random(), body["round"]
    if chance < 0.3:
        _beside(board, code, body, rng)
    elif chance < 0.45:
        _held_back(board, code, body, rng)
    elif chance < 0.6:
        body |= {"document_no": "人发〔2019〕8号", "dated": "2019-08-30", "cites": ["人发1号"]}
    if chance > 0.8:
        for one in (body, *body["also"]):
            one["figures"] = {i: v + rng.choice((-2, 1, 4)) for i, v in one["figures"].items()}
        if body["also"]:
            body["figures"] = {
                i: _now(board, code, name).get(i, 0) + v - _now(board, u, name).get(i, 0)
                for u, figures in ((one["unit"], one["figures"]) for one in body["also"])
                for i, v in figures.items()
            }
    return promise, body


def _beside(board: Board, code: str, body: Body, rng: Random) -> None:
    """A unit beside it moves the other way, so that those above keep their numbers."""
    name, figures = body["round"], body["figures"]
    parent = board.parent(code, board.negotiation.protocol.levels_of(name))
    beside = [c for c in _below(board, parent, name) if c != code] if parent else []
    beside = [c for c in beside if not _below(board, c, name)]
    if beside and not body["also"]:
        other, (indicator, value) = rng.choice(beside), next(iter(figures.items()))
        by = value - _now(board, code, name).get(indicator, 0)
        left = _now(board, other, name).get(indicator, 0) - by
        body["also"] = [{"unit": other, "figures": {indicator: left}}]


def _held_back(board: Board, code: str, body: Body, rng: Random) -> None:
    """What is held back above takes the difference, or gives it."""
    name, figures = body["round"], body["figures"]
    parent = board.parent(code, board.negotiation.protocol.levels_of(name))
    split = board.plan(parent).record(name).split if parent else None
    if parent is None or split is None:
        return
    indicator = rng.choice([one for one in split.held if split.held[one]] or list(figures))
    by = rng.choice((-1, 1)) if split.held.get(indicator) else -1
    now = _now(board, code, name).get(indicator, 0)
    if _has(board, code, indicator) and not body["also"]:
        body["figures"] = {indicator: now + by}
        reserve = {indicator: split.held.get(indicator, 0) - by}
        body["also"] = [{"unit": parent, "reserve": reserve}]


def _below(board: Board, code: str, name: str) -> tuple[str, ...]:
    decision = board.negotiation.protocol.rounds_by_name[name].kind == "decision"
    return () if decision else board.nearest_below(code, name)


def _now(board: Board, code: str, name: str) -> Figures:
    return numbers.in_force(board.negotiation.protocol, board.look(code), name)


def _able(board: Board, code: str, rng: Random) -> str:
    protocol, unit = board.negotiation.protocol, board.nodes[code]
    able = [one.name for one in protocol.indicators if checks.applies(protocol, one, unit)]
    return rng.choice(able or [protocol.indicators[0].name])


def _has(board: Board, code: str, indicator: str) -> bool:
    protocol = board.negotiation.protocol
    one = protocol.indicators_by_name.get(indicator)
    return one is not None and checks.applies(protocol, one, board.nodes[code])


def _on_correction(board: Board, code: str, rng: Random) -> list[Move]:
    del rng
    waiting = [one.id for one in board.plan(code).corrections if one.status == "proposed"]
    return [(one, {"reason": "不符"}) for one in waiting]


def _approve(board: Board, code: str, rng: Random) -> list[Move]:
    return [(one, {}) for one, _ in _on_correction(board, code, rng)]


def _paper(board: Board, code: str, rng: Random) -> list[Move]:
    act, name = "issued" if board.kind == "down" else "accepted", _able(board, code, rng)
    most = board.negotiation.protocol.indicators_by_name[name].maximum
    value = rng.randint(0, 99 if most is None else most) if _has(board, code, name) else 0
    body = {"act": act, "figures": {name: value}}
    return [("", {**body, "document_no": "桂扶领发〔2019〕5号", "dated": "2019-04-10"})]


def _attest(board: Board, code: str, rng: Random) -> list[Move]:
    del rng
    return [(one.id, {}) for one in board.plan(code).papers if one.status == "recorded"]


MAKERS: dict[str, Callable[[Board, str, Random], list[Move]]] = {
    "corrections": _corrections,
    "approve": _approve,
    "reject": _on_correction,
    "paper": _paper,
    "attest": _attest,
}


# The same with one thing changed


def _figures_off(board: Board, body: Body, rng: Random) -> None:
    one = rng.choice((body, *body["also"]))
    for name in one.get("figures", {}):
        one["figures"][name] += rng.choice((-40, -2, -1, 1, 60))


def _other_round(board: Board, body: Body, rng: Random) -> None:
    body["round"] = rng.choice([*board.negotiation.protocol.rounds_by_name, "never"])


def _other_unit(board: Board, body: Body, rng: Random) -> None:
    unit = rng.choice([*board.nodes, "nowhere"])
    indicator = rng.choice(list(board.negotiation.protocol.indicators_by_name))
    body["also"] = [*body["also"], {"unit": unit, "figures": {indicator: rng.randint(0, 9)}}]


def _pinned(board: Board, body: Body, rng: Random) -> None:
    """A level named to stay where it is: right only where nothing moves it."""
    if body["round"] in board.cycle.rounds:
        unit = rng.choice(list(board.nodes))
        body["also"] = [*body["also"], {"unit": unit, "figures": _now(board, unit, body["round"])}]


def _reserve(board: Board, body: Body, rng: Random) -> None:
    indicator = rng.choice([*board.negotiation.protocol.indicators_by_name, "nothing"])
    rng.choice((body, *body["also"]))["reserve"] = {indicator: rng.choice((-1, 0, 1, 3))}


def _cites(board: Board, body: Body, rng: Random) -> None:
    body["cites"] = ["人发1号"]
    body |= rng.choice(({}, {"document_no": "人发2号"}, {"dated": "2019-08-30"}))


def _code(board: Board, body: Body, rng: Random) -> None:
    known = [one.name for one in board.negotiation.protocol.reason_codes]
    body["reason_code"] = rng.choice([*known, "none_such"])


def _paper_off(board: Board, body: Body, rng: Random) -> None:
    body["act"] = rng.choice(("issued", "accepted"))
    indicator = rng.choice([*board.negotiation.protocol.indicators_by_name, "nothing"])
    body["figures"] = {indicator: rng.choice((-1, 0, 1, 40))}


FAULTS: dict[str, list[Callable[[Board, Body, Random], None]]] = {
    "paper": [_paper_off],
    "corrections": [
        _figures_off, _figures_off, _other_round, _other_unit, _pinned, _pinned, _reserve, _reserve,
        _cites, _code,
    ],
}  # fmt: skip


__all__ = ["FAULTS", "MAKERS", "correction"]
