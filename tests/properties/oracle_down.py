"""Acts of down rounds, promises, extensions and headlines, as the second model judges them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.properties.oracle_cycle import ZONE, Cycle, Key, People
from tests.properties.oracle_lines import locked
from tests.properties.oracle_rules import Figures, added, must
from tests.properties.oracle_up import (
    Body,
    complete,
    here,
    parent_not_yet,
    reasons_known,
    sound,
)

Promise = dict[str, Any]


def acknowledge(cycle: Cycle, _who: People, unit: str, _body: Body, _: str) -> None:
    """Sign for what was issued (N5)."""
    place = here(cycle, unit, "down")
    must(cycle.at(*place) == "issued" and cycle.in_time(*place))
    cycle.stage[place] = "acknowledged"


@dataclass
class Split:
    """A split that may be issued as it is."""

    place: Key
    given: dict[str, Figures]
    changed: list[str]
    whole: Figures
    held: Figures
    marked: Figures


def issue(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Split what one has among all children, in one act; nothing is created or lost (N5).

    Where the protocol asks for two, it waits for the second: nothing is issued yet (N14).
    """
    split = judged(cycle, unit, body)
    if cycle.rules.said(cycle.open_round, "second_person"):
        cycle.pending[unit] = (dict(body), set(who))
    else:
        issued(cycle, set(who), split)


def judged(cycle: Cycle, unit: str, body: Body) -> Split:
    """What an issue comes to, if every rule allows it."""
    place = here(cycle, unit, "down")
    name, children = place[1], cycle.children(unit)
    must(children and cycle.in_time(*place))
    may = "awaiting" if unit == cycle.root else "acknowledged"
    must(cycle.at(*place) in (may, "distributed"))
    given: dict[str, Figures] = {}
    for one in body["allocations"]:
        must(one["unit"] in children and one["unit"] not in given)
        given[one["unit"]] = dict(one["figures"])
        sound(cycle, one["unit"], one["figures"])
        complete(cycle, one["unit"], name, one["figures"])
        reasons_known(cycle, one.get("reasons", {}), "issue")
        _explained(cycle, name, one)
    must(set(given) == set(children))
    must(place not in cycle.total or (body.get("reason") and body.get("document_no")))
    held = dict(body.get("reserve", {}))
    must(all(value >= 0 and one in cycle.rules.indicators for one, value in held.items()))
    whole = _whole(cycle, unit, body, added([*given.values(), held]))
    if unit == cycle.root and not body.get("reason"):
        _as_on_paper(cycle, name, whole)
    marked = _exact(cycle, unit, whole, added([*given.values(), held]), held)
    reasons_known(cycle, body.get("markup", {}), "issue")
    must(all(said(body.get("markup", {}).get(one)) for one in marked))
    known = {one: cycle.task(one, name) for one in children if cycle.reached(one, name)}
    changed = [one for one in children if known.get(one) != given[one]]
    for one in cycle.promises:
        if one["status"] == "open" and one["unit"] in changed and one["amends"] == name:
            before = known[one["unit"]].get(one["indicator"])
            must(given[one["unit"]].get(one["indicator"]) == before)
    return Split(place, given, changed, whole, held, marked)


def issued(cycle: Cycle, who: set[str], split: Split) -> None:
    """It takes effect: whoever is issued anything else than before has to sign again."""
    place = split.place
    unit, name = place
    cycle.total[place], cycle.reserve[place] = split.whole, split.held
    cycle.markup[place] = split.marked
    cycle.stage[place], cycle.splitters[place] = "distributed", set(who)
    cycle.pending.pop(unit, None)
    if unit == cycle.root:
        cycle.corrected.pop(place, None)
        cycle.authors[place] = set(who)
    for child in split.changed:
        cycle.corrected.pop((child, name), None)
        cycle.pending.pop(child, None)  # what it was to split is another now
        cycle.authors[child, name] = set(who)
        cycle.issued[child, name], cycle.stage[child, name] = split.given[child], "issued"
        cycle.issued_at[child, name] = cycle.now


def _as_on_paper(cycle: Cycle, name: str, whole: Figures) -> None:
    """What the root issues is what a confirmed paper of its own parent says (N14)."""
    for one in cycle.papers:
        if (one["round"], one["act"], one["status"]) == (name, "issued", "confirmed"):
            on_paper = one["figures"]
            must(all(on_paper.get(i, 0) == whole.get(i, 0) for i in {**on_paper, **whole}))


def _whole(cycle: Cycle, unit: str, body: Body, parts: Figures) -> Figures:
    """What there is to split: what was issued; at the root what it names, or what was decided (N2)."""
    must(unit == cycle.root or body.get("total") is None)
    name = cycle.open_round
    if unit != cycle.root:
        return cycle.task(unit, name)
    whole = parts if body.get("total") is None else dict(body["total"])
    if body.get("total") is not None:
        sound(cycle, unit, whole)
    source = cycle.rules.said(name, "total_from")
    if source is not None:
        decided = cycle.number(unit, source)
        must(all(decided.get(one, 0) == whole.get(one, 0) for one in {**decided, **whole}))
    return whole


def _exact(cycle: Cycle, unit: str, whole: Figures, parts: Figures, held: Figures) -> Figures:
    """Children and reserve are what was issued; what exceeds it is markup, where that is allowed.

    What no child can have stays here whole. Nothing is held back where something is added (N5).
    """
    marked: Figures = {}
    for one in {**whole, **parts}:
        due = whole.get(one, 0) if cycle.passed_on(unit, one) else 0
        more = parts.get(one, 0) - due
        if more:
            must(cycle.rules.marks_up and more > 0 and one in whole and not held.get(one))
            marked[one] = more
    return marked


def said(reason: Any) -> bool:
    """Whether a reason says anything: a code, or words."""
    words = reason.values() if isinstance(reason, Mapping) else [reason]
    return any(word and word.strip() for word in words)


def _explained(cycle: Cycle, name: str, allocation: Mapping[str, Any]) -> None:
    """Where an issued number differs from the accepted one the protocol may want a reason (N5)."""
    against = cycle.rules.said(name, "reason_against")
    asked = cycle.number(allocation["unit"], against) if against else {}
    for indicator, value in allocation["figures"].items():
        if asked.get(indicator, value) != value:
            must(said(allocation.get("reasons", {}).get(indicator)))


def extensions(cycle: Cycle, _who: People, unit: str, body: Body, _: str) -> None:
    """More time in the open round, from the parent (N9)."""
    place = here(cycle, unit, "up", "down", "adjust", "decision")
    ends = cycle.begins_ends(*place)[1]
    must(ends is not None)
    if cycle.rules.kind(place[1]) != "down":
        parent_not_yet(cycle, *place)
    due = end_of(body["due_at"])
    must(due > cycle.now and ends is not None and due > ends)
    cycle.more[place] = due


def end_of(day: str) -> dt.datetime:
    """The last instant of a day where the plan is made."""
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time.max, ZONE)


# Promises, and the headline


def commitments(cycle: Cycle, _who: People, unit: str, body: Body, _: str) -> None:
    """Promise a unit another figure than the one that binds it."""
    name, rules = body["indicator"], cycle.rules
    must(unit != cycle.root and not cycle.over and body["settle_in"] in rules.rounds)
    reached = [one for one in rules.binding if cycle.reached(unit, one)]
    must(reached)
    must(rules.kind(body["settle_in"]) == "adjust")
    must(cycle.rounds.get(body["settle_in"]) != "closed")
    sound(cycle, unit, {name: body["to"]})
    must(body["from"] == cycle.now_bound(unit).get(name, 0) and body["to"] != body["from"])
    must(not _open_for(cycle, unit, name))
    whole = {"part": None, "funded": body["funded"], "settle_in": body["settle_in"]}
    _promise(cycle, unit, name, body["from"], body["to"], whole)


def _promise(cycle: Cycle, unit: str, indicator: str, start: int, to: int, more: Promise) -> None:
    amends = [one for one in cycle.rules.binding if cycle.reached(unit, one)][-1]
    state = {"id": "", "status": "open", "passed": False, "held": 0, "amends": amends}
    figures = {"unit": unit, "indicator": indicator, "from": start, "to": to}
    cycle.promises.append({**figures, **state, **more})


def _held(cycle: Cycle, unit: str, promise: str) -> Promise:
    found = [one for one in cycle.promises if one["id"] == promise and one["unit"] == unit]
    must(promise and found)
    return found[0]


def _open_for(cycle: Cycle, unit: str, indicator: str) -> bool:
    return any(
        (one["unit"], one["indicator"], one["status"]) == (unit, indicator, "open")
        for one in cycle.promises
    )


def distribute(cycle: Cycle, _who: People, unit: str, body: Body, promise: str) -> None:
    """Pass a promise on to children, in one act that adds up."""
    one, children = _held(cycle, unit, promise), cycle.children(unit)
    must(one["status"] == "open" and not one["passed"] and children and not cycle.over)
    change, held = one["to"] - one["from"], body.get("reserve", 0)
    shares = {share["unit"]: share["amount"] for share in body["allocations"]}
    must(len(shares) == len(body["allocations"]) and set(shares) <= set(children))
    must(sum(shares.values()) + held == change)
    must(0 <= held <= change or change <= held <= 0)
    # a cut may release what is still held back, and no more
    must(held >= 0 or -held <= cycle.held_back(unit).get(one["indicator"], 0))
    taking = {child: amount for child, amount in shares.items() if amount}
    starts = {child: cycle.now_bound(child).get(one["indicator"], 0) for child in taking}
    for child, amount in taking.items():
        must(any(cycle.reached(child, name) for name in cycle.rules.binding))
        must(not _open_for(cycle, child, one["indicator"]))
        sound(cycle, child, {one["indicator"]: starts[child] + amount})
    one["passed"], one["held"] = True, held
    part = {"part": one["part"] or one["id"], "funded": one["funded"]}
    for child, amount in taking.items():
        to = starts[child] + amount
        more = {**part, "settle_in": one["settle_in"]}
        _promise(cycle, child, one["indicator"], starts[child], to, more)


def _parts(cycle: Cycle, one: Promise) -> Iterator[Promise]:
    return (each for each in cycle.promises if one["id"] in (each["id"], each["part"]))


def fulfil(cycle: Cycle, _who: People, unit: str, _body: Body, promise: str) -> None:
    """Write what was promised as the base of the settling round, with all its parts."""
    one = _held(cycle, unit, promise)
    name = one["settle_in"]
    must(one["status"] == "open" and one["part"] is None and cycle.open_round == name)
    parent_not_yet(cycle, unit, name)
    for each in _parts(cycle, one):
        must(cycle.at(each["unit"], name) in ("drafting", "returned"))
        must(not locked(cycle, (each["unit"], name), each["indicator"]))
    for each in _parts(cycle, one):
        each["status"] = "fulfilled"
        cycle.acted.add((each["unit"], name))


def waive(cycle: Cycle, _who: People, unit: str, _body: Body, promise: str) -> None:
    """Take a promise back, with all its parts."""
    one = _held(cycle, unit, promise)
    must(one["status"] == "open" and one["part"] is None and not cycle.over)
    for each in _parts(cycle, one):
        each["status"] = "waived"


def headline(cycle: Cycle, _who: People, unit: str, body: Body, _: str) -> None:
    """Let another of the numbers that stand be the one that is shown (N3)."""
    offers = set(cycle.offers(unit))
    must(offers and not cycle.over)
    for indicator, choice in body["choices"].items():
        must((indicator, choice["round"], choice.get("basis", "task")) in offers)
