"""Commands somebody would really give, made from what a plan shows; and commands that are wrong."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from planflow.engine import checks, numbers
from planflow.engine.machine import stage
from planflow.engine.state import Promise
from planflow.quota import exact
from tests.board import Board

Body = dict[str, Any]
Move = tuple[str, Body]  # the commitment it is about, if any; and the body
TRADED = ("persons", "villages")
ALWAYS = dict.fromkeys(TRADED, "field_check")
SUPERSEDING = {"reason": "更正", "document_no": "桂扶〔2019〕1号"}


def natural(board: Board, code: str, action: str, rng: Random) -> list[Move]:
    """Bodies of which one must be taken where the action is allowed."""
    make = _MAKERS.get(action)
    return make(board, code, rng) if make else [("", _PLAIN.get(action, {}))]


def one(board: Board, code: str, action: str, rng: Random) -> Move:
    """One of these, or a command about a commitment that is none."""
    moves = natural(board, code, action, rng)
    return rng.choice(moves) if moves else ("none", _EMPTY.get(action, {}))


_EMPTY: dict[str, Body] = {
    "distribute": {"allocations": []},
    "issue": {"allocations": []},
    "waive": {"reason": "到期"},
}
_PLAIN: dict[str, Body] = {
    "withdraw": {"reason": "填错"},
    "return": {"reason_code": "incomplete", "text": "请补材料"},
    "decide": {"outcome": "approved", "document_no": "人大〔2019〕3号", "dated": "2019-02-01"},
}


def _draft(board: Board, code: str, rng: Random) -> list[Move]:
    scene = board.scene(code)
    if board.kind not in ("up", "adjust"):
        return [("", {"figures": {}})]
    one = board.negotiation.protocol.rounds_by_name[board.round]
    given = numbers.base(scene.own.plan, one) if one.kind == "adjust" else {}
    figures = {**dict.fromkeys(TRADED, 0), **given}
    own = _entered(board, code)
    if scene.children:
        sums = numbers.sum_of_children(scene, board.round)
        figures = {name: sums.get(name, 0) for name in {**figures, **sums} if name not in own}
        figures |= {name: given[name] for name in own if name in given}
    elif one.kind == "adjust":
        for name in TRADED:
            figures[name] = max(0, figures[name] + rng.choice((-2, -1, 0, 0, 1, 2)))
    else:
        figures |= {"persons": rng.randint(0, 60), "villages": rng.randint(0, 9)}
    if one.kind == "up" and "county_exit" in own:
        figures["county_exit"] = rng.randint(0, 1)
    body: Body = {"figures": figures, "reasons": ALWAYS if one.kind == "adjust" else {}}
    if scene.children and rng.random() < 0.2:
        _reconcile(body, rng)
    return [("", body)]


def _reconcile(body: Body, rng: Random) -> None:
    """The unit's own item on top of its children's sum; where it takes away, at most what is there."""
    amount = rng.randint(-min(3, body["figures"]["persons"]), 3)
    body["figures"]["persons"] += amount
    item = {"indicator": "persons", "amount": amount, "reason_code": "double_counted"}
    body["reconciling"] = [{**item, "text": "两县都报了"}]


def _entered(board: Board, code: str) -> set[str]:
    """Indicators with an entry level that this unit has and no child of it."""
    protocol, children = board.negotiation.protocol, [board.nodes[c] for c in board.children(code)]
    summed = checks.carried(protocol, children) if children else frozenset()
    return {
        one.name
        for one in protocol.indicators
        if one.entry_level is not None
        and checks.applies(protocol, one, board.nodes[code])
        and one.name not in summed
        and (protocol.level_order[board.nodes[code].level] == protocol.level_order[one.entry_level])
    }


def _issue(board: Board, code: str, rng: Random) -> list[Move]:
    scene = board.scene(code)
    if board.kind != "down" or not scene.children:
        named = [{"unit": child.unit.code, "figures": {}} for child in scene.children]
        return [("", {"allocations": named})]
    record = scene.own.plan.record(board.round)
    # what is promised to a child stays as it was issued, if only not at all
    pinned = {
        (c.unit.code, p.indicator): c.plan.record(board.round).issued.get(p.indicator)
        for c in scene.children
        for p in c.plan.promises
        if p.status == "open" and p.amends == board.round
    }
    total = dict(record.issued)
    if scene.own.unit.is_root:
        total = {"persons": rng.randint(0, 99), "villages": rng.randint(0, 20)}
        if any("poor_county" in node.attributes for node in board.nodes.values()):
            total["county_exit"] = rng.randint(0, 1)
        if record.split and (pinned or rng.random() < 0.4):
            total = dict(record.split.total)  # the same total, split otherwise
    figures, reserve = _split(board, code, total, pinned, rng)
    if any(value < 0 for own in (*figures.values(), reserve) for value in own.values()):
        return []  # what is promised to a child is more than there is to split now
    allocations = [
        {"unit": child, "figures": own, "reasons": dict.fromkeys(own, "overall_balance")}
        for child, own in figures.items()
    ]
    body: Body = {"allocations": allocations, "reserve": reserve}
    if scene.own.unit.is_root:
        body["total"] = total
    return [("", body | (SUPERSEDING if record.split else {}))]


def _split(
    board: Board,
    code: str,
    total: Mapping[str, int],
    pinned: Mapping[tuple[str, str], int | None],
    rng: Random,
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    protocol = board.negotiation.protocol
    children = board.children(code)
    figures: dict[str, dict[str, int]] = {child: {} for child in children}
    reserve: dict[str, int] = {}
    for name, amount in total.items():
        indicator = protocol.indicators_by_name[name]
        able = [c for c in children if checks.applies(protocol, indicator, board.nodes[c])]
        if not able:
            continue
        if indicator.maximum is not None and (able[0], name) not in pinned:
            figures[able[0]][name] = amount
            continue
        free = [child for child in able if (child, name) not in pinned]
        kept = {child: pinned[child, name] for child in able if (child, name) in pinned}
        for child, value in kept.items():
            if value is not None:
                figures[child][name] = value
        left = amount - sum(value or 0 for value in kept.values())
        if not free or rng.random() < 0.15:
            held = rng.randint(0, max(left, 0)) if free else left
            reserve[name] = held
            left -= held
        for child in free[:-1]:
            figures[child][name] = rng.randint(0, max(left, 0))
            left -= figures[child][name]
        if free:
            figures[free[-1]][name] = left
    return figures, {name: held for name, held in reserve.items() if held}


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
        to = start + rng.choice((1, 3, 8, -1 if start else 2))
        if one.maximum is not None:
            to = 0 if start else 1
        body = {"indicator": one.name, "from": start, "to": to, "funded": rng.random() < 0.5}
        moves.append(("", {**body, "settle_in": settling[0], "reason": "按请示答复"}))
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
        indicator = protocol.indicators_by_name[promise.indicator]
        able = [
            c
            for c in scene.children
            if numbers.binding(protocol, c.plan)
            and not _open(c.plan.promises, promise.indicator)
            and checks.applies(protocol, indicator, c.unit)
        ]
        if able and (rng.random() < 0.8 or lowest > promise.change):
            having = {
                c.unit.code: numbers.current(protocol, board.cycle, c.plan).get(
                    promise.indicator, 0
                )
                for c in able
            }
            child = rng.choice(
                [c for c in able if having[c.unit.code] + promise.change >= 0] or able
            )
            now = having[child.unit.code]
            kept = rng.randint(lowest, max(0, promise.change))
            most = indicator.maximum if indicator.maximum is not None else 10**6
            if 0 <= now + promise.change - kept <= most:
                share = {"unit": child.unit.code, "amount": promise.change - kept}
                held = {"allocations": [share], "reserve": kept}
        moves.append((promise.id, held))
    return moves


def _fulfil(board: Board, code: str, rng: Random) -> list[Move]:
    del rng
    return [(promise.id, {}) for promise in board.plan(code).promises]


def _waive(board: Board, code: str, rng: Random) -> list[Move]:
    del rng
    return [(promise.id, {"reason": "条件变化"}) for promise in board.plan(code).promises]


def _extensions(board: Board, code: str, rng: Random) -> list[Move]:
    """A day later than any due date there is."""
    last = board.plan(code).extensions.get(board.round)
    day = (last.date() if last else dt.date(2150, 1, 1)) + dt.timedelta(days=rng.randint(1, 9))
    return [("", {"due_at": day.isoformat(), "reason": "入户核查未完"})]


def _corrections(board: Board, code: str, rng: Random) -> list[Move]:
    """One more of something in each round: at a leaf, or with whatever leaf lies below."""
    moves = []
    for one in board.negotiation.protocol.rounds:
        children = board.nearest_below(code, one.name)
        leaf = code
        while below := board.nearest_below(leaf, one.name):
            leaf = rng.choice(below)
        now = numbers.in_force(board.negotiation.protocol, board.look(leaf), one.name)
        figures = {"persons": now.get("persons", 0) + 1}
        also = [{"unit": leaf, "figures": figures}] if children else []
        own = figures
        if children:
            mine = numbers.in_force(board.negotiation.protocol, board.look(code), one.name)
            own = {"persons": mine.get("persons", 0) + 1}
        moves.append(("", {"round": one.name, "figures": own, "also": also, "reason": "漏计"}))
    return moves


def _on_correction(board: Board, code: str, rng: Random) -> list[Move]:
    del rng
    waiting = [one.id for one in board.plan(code).corrections if one.status == "proposed"]
    return [(one, {"reason": "不符"}) for one in waiting]


def _approve(board: Board, code: str, rng: Random) -> list[Move]:
    return [(one, {}) for one, _ in _on_correction(board, code, rng)]


def _paper(board: Board, code: str, rng: Random) -> list[Move]:
    del code
    act = "issued" if board.kind == "down" else "accepted"
    body = {"act": act, "figures": {"persons": rng.randint(0, 99)}}
    return [("", {**body, "document_no": "桂扶领发〔2019〕5号", "dated": "2019-04-10"})]


def _attest(board: Board, code: str, rng: Random) -> list[Move]:
    del rng
    return [(one.id, {}) for one in board.plan(code).papers if one.status == "recorded"]


def _headline(board: Board, code: str, rng: Random) -> list[Move]:
    offered = list(numbers.numbers(board.plan(code)))
    if not offered:
        return [("", {"choices": {"persons": {"round": "up1"}}, "reason": "会议纪要"})]
    one = rng.choice(offered)
    choice = {one.indicator: {"round": one.round, "basis": one.basis}}
    return [("", {"choices": choice, "reason": "会议纪要"})]


def _open(promises: tuple[Promise, ...], indicator: str) -> bool:
    return any(p.status == "open" and p.indicator == indicator for p in promises)


_MAKERS: dict[str, Callable[[Board, str, Random], list[Move]]] = {
    "draft": _draft,
    "issue": _issue,
    "commitments": _commitments,
    "distribute": _distribute,
    "extensions": _extensions,
    "fulfil": _fulfil,
    "waive": _waive,
    "headline": _headline,
    "corrections": _corrections,
    "approve": _approve,
    "reject": _on_correction,
    "paper": _paper,
    "attest": _attest,
}


# Whole rounds, as everybody would play them


def play(board: Board, name: str, rng: Random) -> None:
    """A round from open to closed."""
    if name not in board.cycle.rounds:
        board.open(name)
    finish(board, rng)


def finish(board: Board, rng: Random) -> None:
    """Whatever is left of the open round, then close it."""
    name = board.round
    if board.kind == "down":
        for code in board.taking_part(name):
            _finish_down(board, code, rng)
    else:
        if board.kind == "adjust":
            _settle_promises(board)
            _reopen(board)
        for code in reversed(board.taking_part(name)):
            _finish_up(board, code, rng)
    board.close(name)


def _finish_down(board: Board, code: str, rng: Random) -> None:
    root = board.nodes[code].is_root
    if stage(board.state(code)) == "issued":
        board.act(code, code, "acknowledge")
    if board.children(code) and stage(board.state(code)) in (
        "awaiting" if root else "",
        "acknowledged",
    ):
        if not natural(board, code, "issue", rng):
            _settle_promises(board)
        board.act(code, code, "issue", natural(board, code, "issue", rng)[0][1])


def _reopen(board: Board) -> None:
    """Take back what the levels between have sent: what lies below them may have moved since."""
    for code in board.taking_part(board.round):
        elsewhere = board.nodes[code].is_root or not board.children(code)
        if not elsewhere and stage(board.state(code)) in ("submitted", "accepted"):
            board.act(str(board.parent(code)), code, "return", _PLAIN["return"])


def _settle_promises(board: Board) -> None:
    """What is open is waived, whatever its holder was doing."""
    for code in board.nodes:
        _waive_all(board, code)


def _waive_all(board: Board, code: str) -> None:
    for promise in board.plan(code).promises:
        if promise.status == "open" and not promise.part_of:
            board.act(str(board.parent(code)), code, "waive", {"reason": "到期"}, promise.id)


def _finish_up(board: Board, code: str, rng: Random) -> None:
    if board.nodes[code].is_root:
        return
    at, parent = stage(board.state(code)), str(board.parent(code))
    if at == "accepted" and not _stale(board, code):
        return
    if at in ("submitted", "accepted"):
        if at == "submitted" and not _stale(board, code):
            board.act(parent, code, "accept")
            return
        board.act(parent, code, "return", _PLAIN["return"])
    if (
        board.kind == "adjust"
        and stage(board.state(code)) == "drafting"
        and not _stale(board, code)
    ):
        return
    body = _keeping(board, code, rng)
    board.act(code.lower(), code, "draft", body)
    board.act(code.lower(), code, "submit")
    board.act(parent, code, "accept")


def _stale(board: Board, code: str) -> bool:
    """Whether a unit's figures in an adjust round are no longer what lies below it makes them."""
    scene = board.scene(code)
    if board.kind != "adjust" or not scene.children:
        return False
    own = numbers.in_force(board.negotiation.protocol, scene.own.plan, board.round)
    items = [{i.indicator: i.amount} for i in scene.own.plan.record(board.round).reconciling]
    return bool(numbers.off_sums(scene, board.round, items, own))


def _keeping(board: Board, code: str, rng: Random) -> Body:
    """A body that can be submitted: in an adjust round the base, by an item where sums differ."""
    if board.kind != "adjust":
        return natural(board, code, "draft", rng)[0][1]
    scene = board.scene(code)
    one = board.negotiation.protocol.rounds_by_name[board.round]
    base = numbers.base(scene.own.plan, one)
    body: Body = {"figures": base, "reasons": ALWAYS}
    if scene.children:
        sums = numbers.sum_of_children(scene, board.round)
        body["reconciling"] = [
            {
                "indicator": off.indicator,
                "amount": off.difference,
                "reason_code": "other",
                "text": "留待下年",
            }
            for off in exact.differences(sums, base)
            if off.indicator not in _entered(board, code)
        ]
    return body


# Commands that may be wrong: whether they are, the rules say


def spoilt(board: Board, code: str, action: str, rng: Random) -> Move:
    """A natural command with one thing about it changed."""
    moves = natural(board, code, action, rng)
    if not moves:
        return "none", _EMPTY.get(action, {})
    promise, body = copy.deepcopy(rng.choice(moves))
    faults = _FAULTS.get(action)
    if faults:
        rng.choice(faults)(body, rng)
    return promise, body


def _any_figure(figures: dict[str, int], rng: Random) -> str:
    return rng.choice(sorted(figures)) if figures else "persons"


def _figure_off(body: Body, rng: Random) -> None:
    name = _any_figure(body["figures"], rng)
    body["figures"][name] = body["figures"].get(name, 0) + rng.choice((-40, -1, 1, 2, 5, 60))


def _figure_gone(body: Body, rng: Random) -> None:
    body["figures"].pop(_any_figure(body["figures"], rng), None)


def _figure_more(body: Body, rng: Random) -> None:
    name, value = rng.choice((("households", 3), ("county_exit", 1), ("households", 0), ("x", 1)))
    body["figures"][name] = value


def _reason_gone(body: Body, rng: Random) -> None:
    body["reasons"] = rng.choice(({}, {"persons": "incomplete"}, {"persons": "field_check"}))


def _item(body: Body, rng: Random) -> None:
    body["reconciling"] = [
        {
            "indicator": rng.choice(("persons", "villages")),
            "amount": rng.choice((-2, 1, 3)),
            "reason_code": rng.choice(("other", "incomplete")),
            "text": "调整",
        }
    ]


def _settle(body: Body, rng: Random) -> None:
    name, value = rng.choice((("persons", 12), ("villages", 3), ("households", 7), ("persons", -1)))
    body["figures"] = {name: value}
    if rng.random() < 0.7:
        body["reasons"] = {name: rng.choice(("overall_balance", "criteria_met", "incomplete"))}


def _no_later(body: Body, rng: Random) -> None:
    body["due_at"] = rng.choice(("2019-07-01", "2150-01-01"))


def _bad_reason(body: Body, _rng: Random) -> None:
    body["reason_code"] = "double_counted"


def _some_allocation(body: Body, rng: Random) -> Body:
    found: Body = rng.choice(body["allocations"] or [{"unit": "A", "figures": {}}])
    return found


def _share_off(body: Body, rng: Random) -> None:
    _figure_off(_some_allocation(body, rng), rng)


def _share_figure_gone(body: Body, rng: Random) -> None:
    _figure_gone(_some_allocation(body, rng), rng)


def _share_reason_gone(body: Body, rng: Random) -> None:
    _some_allocation(body, rng)["reasons"] = {}


def _child_gone(body: Body, rng: Random) -> None:
    if body["allocations"]:
        body["allocations"].pop(rng.randrange(len(body["allocations"])))


def _child_twice(body: Body, rng: Random) -> None:
    body["allocations"].append(copy.deepcopy(_some_allocation(body, rng)))


def _child_unknown(body: Body, rng: Random) -> None:
    _some_allocation(body, rng)["unit"] = rng.choice(("Z", "R", "nowhere"))


def _moved_between(body: Body, rng: Random) -> None:
    """The same sum, split otherwise: right, unless it goes below zero or moves what is promised."""
    if len(body["allocations"]) > 1:
        one, two, *_ = body["allocations"]
        name = rng.choice(TRADED)
        for share, by in ((one, -1), (two, 1)):
            share.setdefault("figures", {})
            share["figures"][name] = share["figures"].get(name, 0) + by


def _reserve_off(body: Body, rng: Random) -> None:
    body["reserve"] = {rng.choice(("persons", "county_exit")): rng.choice((-1, 1, 2))}


def _total_off(body: Body, rng: Random) -> None:
    body["total"] = rng.choice(({"persons": 50}, None))


def _no_document(body: Body, _rng: Random) -> None:
    body.pop("document_no", None)


def _from_off(body: Body, rng: Random) -> None:
    body["from"] += rng.choice((-1, 1))


def _to_off(body: Body, rng: Random) -> None:
    body["to"] = rng.choice((body["from"], -1, body["from"] + 500))


def _other_promise(body: Body, rng: Random) -> None:
    changes: list[Body] = [
        {"indicator": "county_exit", "from": 0, "to": 1},
        {"settle_in": "down2"},
        {"indicator": "households", "from": 0, "to": 4},
    ]
    body.update(rng.choice(changes))


def _part_off(body: Body, rng: Random) -> None:
    if body["allocations"]:
        body["allocations"][0]["amount"] += rng.choice((-1, 1))
    else:
        body["reserve"] += rng.choice((-1, 1))


def _part_swapped(body: Body, rng: Random) -> None:
    if body["allocations"]:
        by = rng.choice((-3, 3, 60))
        body["allocations"][0]["amount"] += by
        body["reserve"] -= by


def _part_elsewhere(body: Body, rng: Random) -> None:
    if body.get("allocations"):
        body["allocations"][0]["unit"] = rng.choice(("Z", "A", "B", "A1"))


_FAULTS: dict[str, list[Callable[[Body, Random], None]]] = {
    "extensions": [_no_later],
    "draft": [_figure_off, _figure_off, _figure_gone, _figure_more, _reason_gone, _item],
    "accept": [_settle],
    "return": [_bad_reason],
    "issue": [
        _share_off,
        _share_figure_gone,
        _share_reason_gone,
        _child_gone,
        _child_twice,
        _child_unknown,
        _moved_between,
        _moved_between,
        _reserve_off,
        _total_off,
        _no_document,
    ],
    "commitments": [_from_off, _to_off, _other_promise],
    "distribute": [_part_off, _part_swapped, _part_elsewhere],
}
