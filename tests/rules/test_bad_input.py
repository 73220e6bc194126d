"""Every bad input of the first issue: its own code and field, a sentence in both languages, no trace.

On both databases, and with a comparison of the whole database before and after. Since a refusal
changes nothing, all cases of one place share one world. Faults of the database itself (newer than
the program, read-only, full disk) are met in `tests/contract/test_faults.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from planflow.errors import Refusal
from planflow.messages import LANGUAGES, sentence
from planflow.messages.catalogue import UNKNOWN, catalogue
from planflow.protocol import loader
from planflow.services import protocols, units
from planflow.services.site import Site, open_site
from tests.conftest import Park, peopled
from tests.databases import KINDS, settings
from tests.world import World

LARGEST = 2**53 - 1
GOOD = {"persons": 60, "villages": 60}
Act = Callable[[World], object]
Stand = Callable[[str], World]


def draft(**figures: Any) -> Act:
    return lambda world: world.act("a", "A", "draft", {"figures": {**GOOD, **figures}})


def raw_draft(text: str) -> Act:
    return lambda world: world.act("a", "A", "draft", text.encode())


def act(who: str, unit: str, action: str, body: Any = None, **how: Any) -> Act:
    return lambda world: world.act(who, unit, action, body, **how)


def share(unit: str, persons: Any, villages: Any, **more: Any) -> dict[str, Any]:
    return {"unit": unit, "figures": {"persons": persons, "villages": villages, **more}}


def split(*shares: dict[str, Any], **more: Any) -> Act:
    return act("city", "C", "issue", {"allocations": list(shares), **more})


def csv(*rows: str | bytes) -> Act:
    encoded = [row.encode() if isinstance(row, str) else row for row in rows]
    data = b"code,name,level,parent\n" + b"\n".join(encoded) + b"\n"
    return lambda world: units.import_units(world.site, data)


def protocol(old: str, new: str) -> Act:
    text = loader.find("exit-plan").replace(old, new, 1)
    return lambda _: protocols.check_protocol(text.encode())


def cycle(**terms: Any) -> Act:
    return lambda world: world.cycle("other", **terms)


@dataclass(frozen=True)
class Bad:
    """A bad input: where it is given, and how it is refused; `found` are codes and fields."""

    name: str
    place: str
    act: Act
    code: str
    found: tuple[tuple[str, str], ...] = ()


A, B = share("A", 50, 55), share("B", 40, 40)
PROMISE = {"indicator": "villages", "from": 100, "to": 108, "funded": True}
PROMISE |= {"settle_in": "adjust", "reason": "x"}
CASES = (
    # a sum or split that does not add up
    Bad("sum", "summed", act("city", "C", "submit"), "guard_failed", (("sums_exact", ""),)),
    Bad("split", "down1", split(A, share("B", 41, 40)), "guard_failed", (("split_exact", ""),)),
    Bad(
        "split of a promise",
        "adjust",
        lambda world: world.act(
            "city",
            "C",
            "distribute",
            {"allocations": [{"unit": "A", "amount": 3}]},
            world.plan("city", "C").commitments[0].id,
        ),
        "guard_failed",
        (("split_exact", ""),),
    ),
    # a forgotten child
    Bad(
        "forgotten child",
        "down1",
        split(share("A", 90, 95)),
        "invalid",
        (("missing_child", "allocations"),),
    ),
    # an unknown unit, indicator or round
    Bad(
        "unknown unit",
        "down1",
        split(A, B, share("X", 0, 0)),
        "invalid",
        (("unknown_unit", "allocations.2.unit"),),
    ),
    Bad("unknown unit in the address", "up1", act("a", "X", "submit"), "not_found"),
    Bad("no unit's code", "up1", act("a", "A'; --", "submit"), "not_found"),
    Bad(
        "unknown indicator",
        "up1",
        draft(person=1),
        "invalid",
        (("unknown_indicator", "figures.person"),),
    ),
    Bad(
        "unknown indicator below",
        "down1",
        split(share("A", 50, 55, person=0), B),
        "invalid",
        (("unknown_indicator", "allocations.0.figures.person"),),
    ),
    Bad("unknown round", "up1", lambda world: world.open("up3"), "not_found"),
    Bad(
        "unknown round of a promise",
        "adjust",
        act("region", "C", "commitments", {**PROMISE, "settle_in": "adjust2"}),
        "invalid",
        (("unknown_round", "settle_in"),),
    ),
    Bad(
        "unknown protocol",
        "up1",
        cycle(protocol="exit"),
        "invalid",
        (("unknown_protocol", "protocol"),),
    ),
    Bad(
        "unknown level", "up1", cycle(leaf_level="x"), "invalid", (("unknown_level", "leaf_level"),)
    ),
    Bad(
        "unknown unit without task",
        "up1",
        cycle(no_task=[{"unit": "X", "reason": "x"}]),
        "invalid",
        (("unknown_unit", "no_task.0.unit"),),
    ),
    # a figure below zero, not whole or beyond 2^53
    Bad("below zero", "up1", draft(persons=-1), "invalid", (("below_minimum", "figures.persons"),)),
    Bad("not whole", "up1", draft(persons=0.5), "invalid", (("not_whole", "figures.persons"),)),
    Bad("a text", "up1", draft(persons="60"), "invalid", (("not_whole", "figures.persons"),)),
    Bad(
        "beyond 2^53",
        "up1",
        draft(persons=LARGEST + 1),
        "invalid",
        (("out_of_range", "figures.persons"),),
    ),
    Bad(
        "far beyond",
        "up1",
        raw_draft('{"figures": {"persons": 1' + "0" * 400 + "}}"),
        "invalid",
        (("out_of_range", "figures.persons"),),
    ),
    Bad(
        "not a number",
        "up1",
        raw_draft('{"figures": {"persons": NaN}}'),
        "invalid",
        (("not_whole", "figures.persons"),),
    ),
    # a missing figure
    Bad(
        "missing figure",
        "lacking",
        act("a", "A", "submit"),
        "invalid",
        (("missing_figure", "figures.villages"),),
    ),
    Bad(
        "missing figure below",
        "down1",
        split({"unit": "A", "figures": {"persons": 50}}, B),
        "invalid",
        (("missing_figure", "allocations.0.figures.villages"),),
    ),
    Bad("missing figures", "up1", raw_draft("{}"), "invalid", (("missing", "figures"),)),
    # a stale or missing version
    Bad("stale version", "up1", act("a", "A", "submit", version=0), "stale_version"),
    Bad("version ahead", "up1", act("a", "A", "submit", version=9), "stale_version"),
    Bad("missing version", "up1", act("a", "A", "submit", with_version=False), "version_required"),
    # a repeated key with another body
    Bad(
        "reused key",
        "up1",
        act("a", "A", "draft", {"figures": {"persons": 1, "villages": 1}}, key="once"),
        "key_reused",
    ),
    Bad(
        "a key that is none",
        "up1",
        act("a", "A", "submit", key="\n"),
        "invalid",
        (("bad_key", "Idempotency-Key"),),
    ),
    # an action out of turn, a round not open
    Bad("out of turn", "up1", act("a", "A", "withdraw"), "illegal_transition"),
    Bad("not one's act", "up1", act("a", "A", "accept"), "forbidden"),
    Bad("out of sight", "up1", act("b", "A", "submit"), "not_found"),
    Bad(
        "before its round",
        "up1",
        act("region", "R", "issue", {"allocations": [share("C", 1, 1)]}),
        "illegal_transition",
    ),
    Bad(
        "children not done",
        "up1",
        act("city", "C", "submit"),
        "guard_failed",
        (("has_draft", ""),),
    ),
    Bad(
        "round not open",
        "closed",
        act("city", "A", "return", {"reason_code": "other", "text": "x"}),
        "guard_failed",
        (("round_open", ""),),
    ),
    Bad(
        "round out of order",
        "up1",
        lambda world: world.open("down2"),
        "guard_failed",
        (("previous_round_closed", ""),),
    ),
    Bad(
        "round not closed",
        "up1",
        lambda world: world.close("up1"),
        "guard_failed",
        (("units_done", ""),) * 3,
    ),
    # a change beyond the bound
    Bad(
        "beyond the bound", "adjust", act("city", "C", "submit"), "guard_failed", (("bounded", ""),)
    ),
    # closing over an open commitment
    Bad(
        "open commitment",
        "adjust",
        lambda world: world.close("adjust"),
        "guard_failed",
        (("promises_settled", ""), ("sums_exact", "")),
    ),
    Bad(
        "second commitment",
        "adjust",
        act("region", "C", "commitments", PROMISE),
        "guard_failed",
        (("one_open_promise", ""),),
    ),
    # a second adjust
    Bad("second adjust", "settled", lambda world: world.open("adjust"), "illegal_transition"),
    Bad("a draft after it", "settled", draft(persons=59), "illegal_transition"),
    # a protocol file with a typo
    Bad(
        "misspelt level",
        "up1",
        protocol("level: city", "level: citty"),
        "protocol_invalid",
        (("unknown_level", "line 80"),),
    ),
    Bad(
        "misspelt field",
        "up1",
        protocol("binding:", "bindng:"),
        "protocol_invalid",
        (("misspelt_field", "line 71"),),
    ),
    Bad(
        "broken YAML",
        "up1",
        protocol("levels:", "levels: ["),
        "protocol_invalid",
        (("malformed_yaml", "line 8"),),
    ),
    # a CSV of units with a cycle, an orphan, a duplicate or a broken encoding
    Bad(
        "cycle of units",
        "up1",
        csv("X,x,city,Y", "Y,y,city,X"),
        "units_invalid",
        (("unit_cycle", "row 2"),),
    ),
    Bad("orphan", "up1", csv("X,x,county,nobody"), "units_invalid", (("orphan_unit", "row 2"),)),
    Bad(
        "duplicate",
        "up1",
        csv("X,x,city,R", "X,x,city,R"),
        "units_invalid",
        (("duplicate_code", "row 3"),),
    ),
    Bad(
        "broken encoding",
        "up1",
        csv("X,x,city,R", b"Y,\xff\xfe\xff,city,R"),
        "units_invalid",
        (("broken_encoding", "row 3"),),
    ),
    # shapes
    Bad("no JSON", "up1", raw_draft("{figures"), "invalid", (("malformed_json", ""),)),
    Bad(
        "a field twice",
        "up1",
        raw_draft('{"figures": {"persons": 1, "persons": 2}}'),
        "invalid",
        (("repeated_field", "persons"),),
    ),
    Bad("a list", "up1", raw_draft("[]"), "invalid", (("wrong_shape", ""),)),
    Bad(
        "unknown field",
        "up1",
        raw_draft('{"figures": {}, "figure": {}}'),
        "invalid",
        (("unknown_field", "figure"),),
    ),
    Bad(
        "a lone surrogate",
        "up1",
        raw_draft('{"figures": {}, "reasons": {"persons": "\\ud800"}}'),
        "invalid",
        (("malformed_json", ""),),
    ),
    Bad(
        "not UTF-8",
        "up1",
        lambda world: world.act("a", "A", "draft", b'{"figures": {"\xff": 1}}'),
        "invalid",
        (("body_not_utf8", ""),),
    ),
    Bad(
        "a zero byte",
        "down1",
        split(A, B, document_no="\u6842\x001"),
        "invalid",
        (("bad_text", ""),),
    ),
    Bad(
        "too long",
        "down1",
        split(A, B, document_no="号" * 101),
        "invalid",
        (("too_long", "document_no"),),
    ),
    Bad(
        "no date", "down1", split(A, B, dated="2019-02-30"), "invalid", (("wrong_shape", "dated"),)
    ),
)


@pytest.fixture(scope="module", params=KINDS)
def stand(request: pytest.FixtureRequest, park: Park) -> Iterator[Stand]:
    """A world at a place, made when the first case asks for it."""
    databases = park[request.param]
    worlds: dict[str, World] = {}
    sites: list[Site] = []

    def make(place: str) -> World:
        if place not in worlds:
            site = open_site(settings(databases.peopled()))
            sites.append(site)
            worlds[place] = peopled(site, databases)
            PLACES[place](worlds[place])
        return worlds[place]

    yield make
    for site in sites:
        site.close()


def at_up1(world: World) -> None:
    world.play_until("up1")
    world.act("a", "A", "draft", {"figures": GOOD}, key="once")


def lacking(world: World) -> None:
    world.play_until("up1")
    world.act("a", "A", "draft", {"figures": {"persons": 1}})


def summed(world: World) -> None:
    world.play_until("up1")
    for unit in "AB":
        world.report(unit, GOOD)
        world.accept(unit)
    world.act("city", "C", "draft", {"figures": {"persons": 120, "villages": 121}})


def at_down1(world: World) -> None:
    world.play_until("down1")
    world.issue("R", {"C": {"persons": 90, "villages": 95}})
    world.act("city", "C", "acknowledge")


def closed(world: World) -> None:
    world.play_until("up1")
    world.play("up1")


def at_adjust(world: World) -> None:
    world.play_until("adjust")
    world.promise("C", "villages", 8)
    world.report("A", {"villages": 66}, {"villages": "criteria_met"})
    world.accept("A")
    world.act("city", "C", "draft", {"figures": {"villages": 106}})


def settled(world: World) -> None:
    world.play_until("adjust")
    world.close("adjust")


PLACES: dict[str, Callable[[World], None]] = {
    "up1": at_up1,
    "lacking": lacking,
    "summed": summed,
    "down1": at_down1,
    "closed": closed,
    "adjust": at_adjust,
    "settled": settled,
}


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_bad_input_has_its_code_and_leaves_no_trace(stand: Stand, bad: Bad) -> None:
    world = stand(bad.place)
    refused = world.refused(bad.code, lambda: bad.act(world))
    found = tuple((one.code, one.where) for one in refused.refusal.findings)
    assert found == bad.found
    for lang in LANGUAGES:
        assert_sentences(refused.refusal, lang)


def test_each_kind_of_bad_input_has_a_code_of_its_own() -> None:
    codes = {bad.name: bad.found[0][0] if bad.found else bad.code for bad in CASES}
    assert len(codes) == len(CASES)
    assert len(set(codes.values())) >= 35, sorted(set(codes.values()))


def assert_sentences(refusal: Refusal, lang: str) -> None:
    """The refusal and everything it found is said in a whole sentence of the language."""
    for code, params in [
        (refusal.code, refusal.params),
        *((one.code, one.params) for one in refusal.findings),
    ]:
        assert code in catalogue(lang), code
        said = sentence(code, params, lang)
        assert not re.search(r"[{}]|\[\[|\]\]|None", said), said
        assert UNKNOWN not in said, f"{code} lacks a parameter: {said} {dict(params)}"
        assert said.endswith("。" if lang == "zh" else "."), said


def test_a_key_is_checked_for_rounds_as_for_plans(stand: Stand) -> None:
    world = stand("up1")
    refused = world.refused("invalid", lambda: world.close("up1", key="k" * 300))
    assert refused.codes == ["bad_key"]
