"""Acts of up, adjust and decision rounds, as the second model judges them (N2-N4, N6, N7, N11, N14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.properties.oracle_cycle import Cycle, Key, People
from tests.properties.oracle_lines import keeps_lines, lines_of_return
from tests.properties.oracle_rules import Figures, added, must

Body = Mapping[str, Any]


def here(cycle: Cycle, unit: str, *kinds: str) -> Key:
    """The unit in the open round, if it takes part and the round is of one of these kinds."""
    name = cycle.open_round
    must(name and cycle.rules.kind(name) in kinds and cycle.takes_part(unit, name))
    return unit, name


def parent_not_yet(cycle: Cycle, unit: str, name: str) -> None:
    """The parent has not sent its own figures up (N7)."""
    parent = cycle.parent(unit)
    must(parent in ("", cycle.root) or cycle.at(parent, name) in ("drafting", "returned"))


def sound(cycle: Cycle, unit: str, figures: Mapping[str, int]) -> None:
    """Figures that the unit may have at all (N3)."""
    for indicator, value in figures.items():
        must(indicator in cycle.rules.indicators)
        if not cycle.has(unit, indicator):
            must(value == 0)
            continue
        most = cycle.rules.most(indicator, cycle.level[unit])
        must(value >= cycle.rules.least(indicator) and (most is None or value <= most))


def complete(cycle: Cycle, unit: str, name: str, figures: Mapping[str, int]) -> None:
    """What the round requires of whoever has it is there: a missing figure is no zero (N3)."""
    must(all(one in figures for one in cycle.rules.required(name) if cycle.has(unit, one)))


def code_of(cycle: Cycle, reason: Any, purpose: str | None) -> bool:
    """Whether a reason carries a code that may be given for the act."""
    code = reason.get("reason_code") if isinstance(reason, Mapping) else reason
    return cycle.rules.code(code, purpose)


def reasons_known(cycle: Cycle, reasons: Mapping[str, Any], purpose: str | None) -> None:
    """Reasons name indicators; a code given as one is a code for the act."""
    for indicator, reason in reasons.items():
        must(indicator in cycle.rules.indicators)
        if isinstance(reason, Mapping) and reason.get("reason_code") is not None:
            must(cycle.rules.code(reason["reason_code"], purpose))


def adds_up(cycle: Cycle, unit: str, name: str, figures: Figures, items: Figures) -> None:
    """A figure is the sum of the children's with the unit's own items (N4, N11)."""
    expected = added([cycle.below(unit, name), items])
    for indicator in {**expected, **figures}:
        if cycle.summed(unit, indicator):
            must(expected.get(indicator, 0) == figures.get(indicator, 0))


def within_bounds(cycle: Cycle, unit: str, name: str, figures: Figures) -> None:
    """In an adjust round: bounded where the protocol says, and nothing that was never issued (N11)."""
    bounds = cycle.rules.said(name, "bounds")
    if cycle.rules.kind(name) != "adjust":
        return
    base = cycle.base(unit)
    if unit == cycle.root:  # its figure is the sum: what it changes is what its children change
        bases = [cycle.base(child) for child in cycle.children(unit, name)]
        base = {**entered(cycle, unit, name), **added([*bases, cycle.held_back(unit)])}
    for indicator in {**base, **figures}:
        was = base.get(indicator, 0)
        change = figures.get(indicator, 0) - was
        if change:
            must(indicator in base and indicator in bounds["indicators"])
            bound = bounds["indicators"][indicator]
            most = max(abs(was) * bound["percent"] // 100, bound["absolute"])
            must(not _bounded_here(cycle, unit, name) or abs(change) <= most)


def entered(cycle: Cycle, unit: str, name: str) -> Figures:
    """What a unit has of its own in an adjust round: no child can have any of it."""
    base = cycle.base(unit)
    return {i: v for i, v in base.items() if not cycle.passed_on(unit, i, name)}


def _bounded_here(cycle: Cycle, unit: str, name: str) -> bool:
    """At the level named or, where a branch has no unit of it, at its highest unit below."""
    parent, lower = cycle.parent(unit, name), cycle.rules.lower
    level = cycle.rules.said(name, "bounds")["level"]
    return not lower(level, cycle.level[unit]) and (not parent or lower(level, cycle.level[parent]))


def within_ceiling(cycle: Cycle, unit: str, name: str, figures: Figures) -> None:
    """Each figure that was issued one, and on request their sum, within what was issued (N3)."""
    must(not exceeded(cycle, unit, name, figures))


def exceeded(cycle: Cycle, unit: str, name: str, figures: Figures) -> set[str]:
    """Figures, and sums of them, above the ceiling."""
    ceiling = cycle.rules.said(name, "ceiling")
    if ceiling is None:
        return set()
    issued = cycle.task(unit, ceiling["round"])
    found = {one for one in figures if one in issued and figures[one] > issued[one]}
    for group in cycle.rules.addable() if ceiling.get("also_sum") else ():
        if any(one in issued for one in group):
            most = sum(issued.get(one, 0) for one in group)
            if sum(figures.get(one, 0) for one in group) > most:
                found.add("+".join(group))
    return found


def _may_write(cycle: Cycle, unit: str) -> Key:
    place = here(cycle, unit, "up", "adjust")
    must(unit != cycle.root and cycle.at(*place) in ("drafting", "returned"))
    must(cycle.in_time(*place))
    answered = cycle.rules.said(place[1], "answers")
    if answered is not None:
        levels = cycle.rules.levels_in(answered)
        holder = unit if cycle.level[unit] in levels else cycle.nearest(unit, levels)
        must(holder and cycle.reached(holder, answered))
    parent_not_yet(cycle, *place)
    return place


def draft(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Replace the working copy (F3)."""
    place = _may_write(cycle, unit)
    purpose = "adjust" if cycle.rules.kind(place[1]) == "adjust" else None
    sound(cycle, unit, body["figures"])
    for basis, figures in body.get("also", {}).items():
        must(_basis(basis))
        sound(cycle, unit, figures)
    reasons_known(cycle, body.get("reasons", {}), purpose)
    for item in body.get("reconciling", []):
        must(item["indicator"] in cycle.rules.indicators)
        must(cycle.rules.code(item["reason_code"], "reconcile"))
        must(item.get("basis", "task") == "task" or _basis(item["basis"]))
        must(cycle.summed(unit, item["indicator"]))
    cycle.drafts[place] = dict(body)
    cycle.typed.setdefault(place, set()).update(who)


def _basis(name: str) -> bool:
    return name not in ("task", "funded") and name.isidentifier() and name.isascii()


def submit(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Send the working copy up, complete and exact."""
    place = _may_write(cycle, unit)
    name = place[1]
    must(place in cycle.drafts)
    drafted = cycle.drafts[place]
    must(not body.get("on_behalf_of") or drafted.get("on_behalf_of"))  # one's own copy is one's own
    figures = dict(drafted["figures"])
    if cycle.rules.kind(name) == "adjust":
        figures = {**cycle.base(unit), **figures}
        _explained(cycle, unit, figures, drafted.get("reasons", {}))
    complete(cycle, unit, name, figures)
    within_bounds(cycle, unit, name, figures)
    within_ceiling(cycle, unit, name, figures)
    items = _items(drafted, "task")
    children = cycle.children(unit)
    if children:
        must(all(done(cycle, child, name) or cycle.silent(child, name) for child in children))
        _zeros_said(cycle, unit, name, figures, items)
        adds_up(cycle, unit, name, figures, items)
        _further_adds_up(cycle, unit, name, drafted)
    by_basis = {
        one: _items(drafted, one) for one in {"task", *drafted.get("also", {}), *_bases(drafted)}
    }
    keeps_lines(cycle, place, {"task": figures, **drafted.get("also", {})}, by_basis)
    cycle.reported[place], cycle.items[place], cycle.settled[place] = figures, items, {}
    cycle.all_items[place] = by_basis
    cycle.also[place] = dict(drafted.get("also", {}))
    cycle.corrected.pop(place, None)  # who answers once more begins without a correction
    cycle.once_corrected.pop(place, None)
    cycle.authors.pop(place, None)
    cycle.typed.setdefault(place, set()).update(who)
    cycle.sent[place] = set(cycle.typed[place])
    _reach(cycle, place, "submitted")


def _items(drafted: Body, basis: str) -> Figures:
    given = [one for one in drafted.get("reconciling", []) if one.get("basis", "task") == basis]
    return added([{one["indicator"]: one["amount"]} for one in given])


def _bases(drafted: Body) -> set[str]:
    return {one.get("basis", "task") for one in drafted.get("reconciling", [])}


def _zeros_said(
    cycle: Cycle, unit: str, name: str, figures: Mapping[str, int], items: Figures
) -> None:
    """In an up round a sum that is 0 is said as well: a missing figure is never zero (N3)."""
    if cycle.rules.kind(name) != "up":
        return
    told = [
        {one: value for one, value in cycle.number(child, name).items() if cycle.has(child, one)}
        for child in cycle.children(unit)
    ]
    must(all(one in figures for one, value in added([*told, items]).items() if value == 0))


def _further_adds_up(cycle: Cycle, unit: str, name: str, drafted: Body) -> None:
    """Of further numbers, what some child reports is reported and adds up, with items of its own."""
    also = drafted.get("also", {})
    for basis, sums in cycle.further_below(unit, name).items():
        given, items = also.get(basis, {}), _items(drafted, basis)
        for one, amount in sums.items():
            must(one in given and given[one] == amount + items.get(one, 0))


def _explained(cycle: Cycle, unit: str, figures: Figures, reasons: Mapping[str, Any]) -> None:
    """A change names its reason code, but where the unit only adds up (N11)."""
    base = cycle.base(unit)
    for one in {**base, **figures}:
        if figures.get(one, 0) != base.get(one, 0):
            must(cycle.summed(unit, one) or code_of(cycle, reasons.get(one), "adjust"))


def _reach(cycle: Cycle, place: Key, stage: str) -> None:
    cycle.stage[place] = stage
    cycle.acted.add(place)


def done(cycle: Cycle, unit: str, name: str) -> bool:
    """Whether a unit no longer holds a round up (N2, N6, N11)."""
    stage, kind = cycle.at(unit, name), cycle.rules.kind(name)
    if kind == "decision":
        return stage == "decided"
    if kind == "down":
        return stage == "distributed" or (stage == "acknowledged" and not cycle.children(unit))
    if unit == cycle.root or stage == "accepted":
        return True
    return kind == "adjust" and stage == "drafting"


def withdraw(cycle: Cycle, _who: People, unit: str, _body: Body, _: str) -> None:
    """Take a submission back (N7)."""
    place = here(cycle, unit, "up", "adjust")
    must(cycle.at(*place) == "submitted" and cycle.in_time(*place))
    # a return stays open until it is answered
    _reach(cycle, place, "returned" if place in cycle.sent_back else "drafting")
    cycle.reported[place], cycle.items[place], cycle.also[place] = {}, {}, {}


def accept(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Take a child's figures in, as reported or with a number of the parent's own (N4)."""
    place = here(cycle, unit, "up", "adjust")
    own, reasons = body.get("figures", {}), body.get("reasons", {})
    must(unit != cycle.root and cycle.at(*place) == "submitted")
    must(not who & cycle.typed[place])
    parent_not_yet(cycle, *place)
    sound(cycle, unit, own)
    reasons_known(cycle, reasons, "settle")
    said = cycle.number(*place)
    own = {one: value for one, value in own.items() if said.get(one) != value}
    must(all(code_of(cycle, reasons.get(one), "settle") for one in own))
    if cycle.rules.kind(place[1]) == "adjust":  # a sum is the task as it stands (N11)
        must(not any(cycle.summed(unit, one) and v != said.get(one, 0) for one, v in own.items()))
    within_bounds(cycle, *place, {**said, **own})
    within_ceiling(cycle, *place, {**said, **own})
    cycle.settled[place] = own
    cycle.authors[place] = set(who) if own else set()
    cycle.sent_back.discard(place)
    cycle.unlocked.pop(place, None)
    _reach(cycle, place, "accepted")


def return_(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Send a child's submission back (N7)."""
    place = here(cycle, unit, "up", "adjust")
    must(cycle.rules.code(body["reason_code"], "return"))
    must(unit != cycle.root and cycle.at(*place) in ("submitted", "accepted"))
    must(not who & cycle.typed[place])
    parent_not_yet(cycle, *place)
    lines = lines_of_return(cycle, place, body.get("lines", ()))
    cycle.unlocked.pop(place, None)
    if lines is not None:
        cycle.unlocked[place] = lines
    report = {"task": cycle.reported[place], **cycle.also.get(place, {})}
    cycle.returned[place] = (report, cycle.all_items.get(place, {}))
    cycle.sent_back.add(place)
    cycle.uncorrected(place)
    _reach(cycle, place, "returned")


def present(cycle: Cycle, _who: People, unit: str, _body: Body, _: str) -> None:
    """Bring the root's last figures before an assembly (N2)."""
    place = here(cycle, unit, "decision")
    must(cycle.at(*place) == "awaiting" and cycle.in_time(*place))
    _present(cycle, place)


def _present(cycle: Cycle, place: Key) -> None:
    figures = cycle.before_assembly(place[1])
    must(figures)
    cycle.presented[place[1]] = figures
    cycle.corrected.pop(place, None)
    cycle.decided.pop(place[1], None)
    cycle.stage[place] = "presented"


def decide(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Record what was decided; straight away presents first; a rejection leads back (N2)."""
    place = here(cycle, unit, "decision")
    name, given, outcome = place[1], body.get("figures") or {}, body["outcome"]
    must(cycle.at(*place) in ("awaiting", "presented") and cycle.in_time(*place))
    at_once = cycle.at(*place) == "awaiting"
    start = cycle.before_assembly(name) if at_once else cycle.presented[name]
    must(start)
    sound(cycle, unit, given)
    figures = {**start, **given}
    must((figures != start) == (outcome == "amended"))
    if outcome != "rejected":
        complete(cycle, unit, name, figures)
    if at_once:
        _present(cycle, place)
    cycle.decided[name] = figures if outcome != "rejected" else {}
    cycle.stage[place], cycle.authors[place] = "decided", set(who)
    if outcome == "rejected":
        _reopen(cycle, cycle.rules.said(name, "reopens"))


def _reopen(cycle: Cycle, name: str) -> None:
    """The round runs again: everybody keeps their stage, but the root, and who was silent (N2, N9)."""
    order = list(cycle.rounds)
    again = order[order.index(name) :]
    for later in again:
        cycle.stage.pop((cycle.root, later), None)
    for later in again[1:]:
        del cycle.rounds[later]
    for place in [one for one in cycle.applied if one[1] == name]:
        cycle.stage[place] = cycle.applied.pop(place)[1]
        cycle.uncorrected(place)  # it was about what silence was taken to mean
    cycle.times[name], cycle.silence[name] = {}, {}  # the terms of the first run are over
    cycle.rounds[name] = "open"
