"""Acts of a round as somebody would really do them, made from what a plan shows; under any protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from planflow.domain.units import UnitNode
from planflow.engine import checks, numbers
from planflow.engine.scene import Scene
from planflow.protocol.models import Indicator, Protocol, Purpose
from tests.board import Board
from tests.properties import lines

Body = dict[str, Any]
Move = tuple[str, Body]  # the commitment it is about, if any; and the body
Figures = dict[str, int]
SUPERSEDING = {"reason": "更正", "document_no": "桂扶〔2019〕1号"}
NO_LIMIT = 10**6


def code_for(board: Board, purpose: Purpose, rng: Random) -> str:
    """A reason code that may be given for an act; a text where the protocol has none."""
    return rng.choice(board.negotiation.protocol.reason_names(purpose) or ("说明",))


def summed(board: Board, scene: Scene) -> frozenset[str]:
    """Indicators of which a unit's number is its children's sum (N4)."""
    children = [one.unit for one in scene.children]
    return checks.summed(board.negotiation.protocol, scene.own.unit, children)


def required(board: Board, name: str) -> bool:
    """Whether the open round requires an indicator."""
    return board.round in board.negotiation.protocol.indicators_by_name[name].required_in


# Up and adjust rounds


def _draft(board: Board, code: str, rng: Random) -> list[Move]:
    if board.kind not in ("up", "adjust"):
        return [("", {"figures": {}})]
    body = _adjusted(board, code, rng) if board.kind == "adjust" else _reported(board, code, rng)
    also = further(board, code)
    if not board.children(code) and rng.random() < 0.1:
        also = {"stretch": dict(body["figures"])}
    whole = {**body, "also": also} if also else body
    return [("", lines.keep(board, code, whole))]


def further(board: Board, code: str) -> dict[str, Figures]:
    """Further numbers of the children, added up: whoever stands above them reports them too (N4)."""
    return numbers.further_sums(board.scene(code), board.round)


def _reported(board: Board, code: str, rng: Random) -> Body:
    """What a unit would report: a leaf what it found, another the sum of its children."""
    scene, protocol = board.scene(code), board.negotiation.protocol
    adding = summed(board, scene)
    sums = numbers.sum_of_children(scene, board.round)
    figures: Figures = {}
    for each in protocol.indicators:
        name, limit = each.name, _ceiling(protocol, scene, each.name)
        if not checks.applies(protocol, each, scene.own.unit):
            continue
        wanted = required(board, name) or limit < 0  # left out it would count as 0, which is more
        if name in adding:
            if name in sums or wanted:
                figures[name] = sums.get(name, 0)
        elif wanted or rng.random() < 0.7:
            figures[name] = _value(each, scene, limit, rng)
    body: Body = {"figures": figures, "reasons": {}}
    if scene.children:
        own = [name for name in figures if name in adding]
        items = {name: min(_ceiling(protocol, scene, name) - figures[name], 0) for name in own}
        if own and rng.random() < 0.2:
            name = rng.choice(own)
            items[name] += rng.randint(-3, 3 if _ceiling(protocol, scene, name) == NO_LIMIT else 0)
        _reconcile(board, body, items, rng)
    return body


def _ceiling(protocol: Protocol, scene: Scene, name: str) -> int:
    """The most a unit may report: what it was issued, where the round has a ceiling."""
    ceiling = protocol.rounds_by_name[scene.round].ceiling
    if ceiling is None:
        return NO_LIMIT
    issued = numbers.in_force(protocol, scene.own.plan, ceiling.round)
    return issued.get(name, 0) if issued else NO_LIMIT


def _value(each: Indicator, scene: Scene, limit: int, rng: Random) -> int:
    low = max(each.minimum, -20)
    high = min(limit, 60 if rng.random() < 0.8 else 900)
    if each.maximum is not None and each.entry_level in (None, scene.own.unit.level):
        high = min(high, each.maximum)
    return rng.randint(low, high) if low <= high else max(each.minimum, high)


def _reconcile(board: Board, body: Body, items: Mapping[str, int], rng: Random) -> None:
    """The unit's own items on top of its children's sums; none takes away more than there is."""
    protocol, found = board.negotiation.protocol, []
    for name, amount in items.items():
        least = protocol.indicators_by_name[name].minimum
        by = max(amount, least - body["figures"].get(name, 0))
        if by and protocol.reason_names("reconcile"):
            body["figures"][name] = body["figures"].get(name, 0) + by
            code = code_for(board, "reconcile", rng)
            found.append(
                {"indicator": name, "amount": by, "reason_code": code, "text": "两县都报了"}
            )
    if found:
        body["reconciling"] = found


def _adjusted(board: Board, code: str, rng: Random) -> Body:
    """The base with a small change: a leaf's own, another's what its children make it."""
    scene, protocol = board.scene(code), board.negotiation.protocol
    one = protocol.rounds_by_name[board.round]
    base, adding = numbers.base(scene.own.plan, one), summed(board, scene)
    figures = {**_zeros(board, code), **base}
    bounded = [name for name in base if one.bounds and name in one.bounds.indicators]
    if scene.children:
        sums = numbers.sum_of_children(scene, board.round)
        figures = {name: value for name, value in figures.items() if name not in adding}
        figures |= {name: sums.get(name, 0) for name in {**base, **sums} if name in adding}
    elif bounded:
        name = rng.choice(bounded)
        figures[name] += rng.choice((-2, -1, 0, 1, 2))
        unit, own = scene.own.unit, {name: figures[name]}
        if any(checks.figures(protocol, unit, own, "")):
            figures[name] = base[name]
    changed = [name for name, value in figures.items() if base.get(name, 0) != value]
    body: Body = {"figures": figures, "reasons": {}}
    body["reasons"] = {name: code_for(board, "adjust", rng) for name in changed}
    if scene.children and rng.random() < 0.2 and bounded:
        name = rng.choice([one for one in bounded if one in adding] or [""])
        _reconcile(board, body, {name: rng.randint(-2, 2)} if name else {}, rng)
    return body


def _zeros(board: Board, code: str) -> Figures:
    """What the round requires of the unit, as zeros."""
    protocol, unit = board.negotiation.protocol, board.nodes[code]
    able = (one for one in protocol.indicators if checks.applies(protocol, one, unit))
    return {one.name: 0 for one in able if required(board, one.name)}


def keeping(board: Board, code: str, rng: Random) -> Body:
    """A body that can be submitted: in an adjust round the base, by an item where sums differ."""
    if board.kind != "adjust":
        return _draft(board, code, rng)[0][1]
    scene = board.scene(code)
    one = board.negotiation.protocol.rounds_by_name[board.round]
    base = {**_zeros(board, code), **numbers.base(scene.own.plan, one)}
    body: Body = {"figures": dict(base), "reasons": {}, "also": further(board, code)}
    if scene.children:
        sums = numbers.sum_of_children(scene, board.round)
        adding = summed(board, scene)
        off = {name: base.get(name, 0) - sums.get(name, 0) for name in {**base, **sums}}
        body["reconciling"] = [
            {**_item(board, rng), "indicator": name, "amount": by}
            for name, by in off.items()
            if by and name in adding
        ]
    return lines.keep(board, code, body)


def _item(board: Board, rng: Random) -> Body:
    return {"reason_code": code_for(board, "reconcile", rng), "text": "留待下年"}


def _accept(board: Board, code: str, rng: Random) -> list[Move]:
    """As reported or, now and then, with a lower number of the parent's own as well."""
    protocol = board.negotiation.protocol
    moves: list[Move] = [("", {})]
    if board.kind != "up" or rng.random() < 0.7:
        return moves
    said = numbers.in_force(protocol, board.plan(code), board.round)
    lower = [name for name in said if said[name] > protocol.indicators_by_name[name].minimum]
    if lower:
        name = rng.choice(lower)
        body: Body = {"figures": {name: said[name] - 1}}
        body["reasons"] = {name: {"reason_code": code_for(board, "settle", rng), "text": "核减"}}
        moves = [("", body)]
    return moves


def _return(board: Board, code: str, rng: Random) -> list[Move]:
    body: Body = {"reason_code": code_for(board, "return", rng), "text": "请补材料"}
    if rng.random() < 0.3:
        body["lines"] = lines.some(board, code, rng)
    return [("", body)]


def _withdraw(board: Board, code: str, rng: Random) -> list[Move]:
    return [("", {"reason": "填错"})]


# Down and decision rounds


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
        total = _total(board, scene, bool(pinned), rng)
    figures, reserve = _split(board, scene, total, pinned, rng)
    indicators = board.negotiation.protocol.indicators_by_name
    below = [v < indicators[n].minimum for own in figures.values() for n, v in own.items()]
    if any(below) or any(held < 0 for held in reserve.values()):
        return []  # what is promised to a child is more than there is to split now
    allocations = [
        {"unit": child, "figures": own, "reasons": dict.fromkeys(own, "统筹平衡")}
        for child, own in figures.items()
    ]
    body: Body = {"allocations": allocations, "reserve": reserve}
    if board.negotiation.protocol.markup == "allow" and rng.random() < 0.3:
        _mark_up(board, body, total, rng)
    if scene.own.unit.is_root:
        body["total"] = total
        if scene.own.plan.paper(board.round, "issued"):
            body["reason"] = "与上级文件不同"
    return [("", body | (SUPERSEDING if record.split else {}))]


def _mark_up(board: Board, body: Body, total: Mapping[str, int], rng: Random) -> None:
    """A little more than was issued, with its reason, where nothing is held back (N5)."""
    share = rng.choice(body["allocations"])
    able = [name for name in share["figures"] if name in total and name not in body["reserve"]]
    name = rng.choice(able or [""])
    more = {name: share["figures"].get(name, 0) + rng.randint(1, 5)}
    sound = not any(
        checks.figures(board.negotiation.protocol, board.nodes[share["unit"]], more, "")
    )
    if name and sound and not _promised(board, share["unit"], name):
        share["figures"].update(more)
        share["reasons"][name] = "统筹平衡"
        body["markup"] = {name: "上浮"}


def _promised(board: Board, code: str, name: str) -> bool:
    return any(p.status == "open" and p.indicator == name for p in board.plan(code).promises)


def _total(board: Board, scene: Scene, pinned: bool, rng: Random) -> Figures:
    """What the root has to issue: what was decided, or what it sees fit."""
    protocol, record = board.negotiation.protocol, scene.own.plan.record(board.round)
    source = protocol.rounds_by_name[board.round].total_from
    if source is not None:
        return numbers.in_force(protocol, scene.own.plan, source)
    if record.split and (pinned or rng.random() < 0.4):
        return dict(record.split.total)  # the same total, split otherwise
    total: Figures = {}
    for each in protocol.indicators:
        if required(board, each.name) or rng.random() < 0.6:
            high = each.maximum if each.maximum is not None else rng.choice((20, 99, 900))
            total[each.name] = rng.randint(max(_lowest(board, scene.own.unit, each), -20), high)
    return total


def _lowest(board: Board, unit: UnitNode, each: Indicator) -> int:
    """The lowest figure that a unit can issue on: none below 0 can be held back."""
    children = [board.nodes[code] for code in board.children(unit.code)]
    protocol = board.negotiation.protocol
    if not children or each.name not in checks.carried(protocol, children):
        return each.minimum
    able = [child for child in children if checks.applies(protocol, each, child)]
    return min((_lowest(board, child, each) for child in able), default=0)


def _split(
    board: Board,
    scene: Scene,
    total: Mapping[str, int],
    pinned: Mapping[tuple[str, str], int | None],
    rng: Random,
) -> tuple[dict[str, Figures], Figures]:
    protocol = board.negotiation.protocol
    adding = checks.carried(protocol, [one.unit for one in scene.children])
    figures: dict[str, Figures] = {child.unit.code: {} for child in scene.children}
    reserve: Figures = {}
    for each in protocol.indicators:
        name = each.name
        if name not in adding:
            continue
        able = [c.unit for c in scene.children if checks.applies(protocol, each, c.unit)]
        kept = {c.code: pinned[c.code, name] for c in able if (c.code, name) in pinned}
        for child, value in kept.items():
            if value is not None:
                figures[child][name] = value
        free = [c for c in able if c.code not in kept]
        free.sort(key=lambda c: -_lowest(board, c, each))
        if name not in total and not required(board, name):
            continue
        left = total.get(name, 0) - sum(value or 0 for value in kept.values())
        if free and rng.random() < 0.15:
            reserve[name] = rng.randint(0, max(left, 0))
            left -= reserve[name]
        for place, unit in enumerate(free):
            most = each.maximum if each.entry_level == unit.level else None
            share = (
                left if place == len(free) - 1 else _share(_lowest(board, unit, each), left, rng)
            )
            share = share if most is None else min(share, most)
            figures[unit.code][name] = share
            left -= share
        reserve[name] = reserve.get(name, 0) + left
    return figures, {name: held for name, held in reserve.items() if held}


def _share(lowest: int, left: int, rng: Random) -> int:
    if lowest < 0:
        return rng.randint(max(lowest, -10), max(left, 10))
    return rng.randint(0, max(left, 0))


def _decide(board: Board, code: str, rng: Random) -> list[Move]:
    """Approved, amended or rejected; amended where something required was never presented."""
    body: Body = {"outcome": "approved", "document_no": "人大〔2019〕3号", "dated": "2019-02-01"}
    protocol, plan = board.negotiation.protocol, board.plan(code)
    if board.kind != "decision":
        return [("", body)]
    record = plan.record(board.round).decision
    shown = numbers.presentable(protocol, plan, board.round)
    if record is not None and board.place(code) == "decision.presented":
        shown = record.presented
    lacking = {name: 0 for name in _zeros(board, code) if name not in shown}
    if lacking:
        return [("", {**body, "outcome": "amended", "figures": lacking})]
    chance = rng.random()
    if shown and chance < 0.3:
        name = rng.choice(sorted(shown))
        body |= {"outcome": "amended", "figures": {name: shown[name] + rng.randint(1, 5)}}
    elif chance > 0.8:
        body["outcome"] = "rejected"
    return [("", body)]


MAKERS: dict[str, Callable[[Board, str, Random], list[Move]]] = {
    "draft": _draft,
    "accept": _accept,
    "return": _return,
    "withdraw": _withdraw,
    "issue": _issue,
    "decide": _decide,
}
