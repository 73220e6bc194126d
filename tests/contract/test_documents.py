"""F5: the chain of documents is followed both ways, as far as the reader's events tell it."""

from __future__ import annotations

from typing import Any

import pytest

from planflow.services import citing
from planflow.services.review_views import ChainView
from tests.world import World

LAW, PLAN, SPLIT, AGAIN = "国发〔2018〕1号", "桂发〔2019〕2号", "柳发〔2019〕3号", "柳发〔2019〕4号"
TOTAL = {"persons": 100, "villages": 100, "county_exit": 1}
GIVEN = {
    "A": {"persons": 60, "villages": 60, "county_exit": 1},
    "B": {"persons": 40, "villages": 40},
}


@pytest.fixture
def issued(world: World) -> World:
    """PLAN cites LAW; SPLIT cites PLAN; AGAIN cites SPLIT, and LAW cites nobody."""
    world.play_until("down1")
    world.issue("R", {"C": TOTAL}, document_no=PLAN, cites=[LAW])
    world.act("city", "C", "acknowledge")
    world.issue("C", GIVEN, document_no=SPLIT, cites=[PLAN])
    other = {"A": {**GIVEN["A"], "persons": 70}, "B": {"persons": 30, "villages": 40}}
    world.issue("C", other, document_no=AGAIN, cites=[SPLIT], reason="更正")
    return world


def chain(world: World, who: str, number: str | None) -> ChainView:
    return citing.chain(world.site, world.readers[who], world.name, number)


def shown(found: ChainView) -> dict[str, tuple[Any, ...]]:
    return {
        one.document_no: (one.distance, one.cites, one.cited_by, one.carried, one.cited)
        for one in found.documents
    }


def test_a_chain_is_followed_both_ways(issued: World) -> None:
    assert shown(chain(issued, "region", SPLIT)) == {
        LAW: (2, [], [PLAN], 0, 2),
        PLAN: (1, [LAW], [SPLIT], 2, 3),
        SPLIT: (0, [PLAN], [AGAIN], 3, 3),
        AGAIN: (-1, [SPLIT], [], 3, 0),
    }
    whole = chain(issued, "region", LAW)
    assert [one.document_no for one in whole.documents] == [AGAIN, SPLIT, PLAN, LAW]
    assert whole.whole
    [law] = [one for one in whole.documents if one.document_no == LAW]
    assert [(one.kind, one.unit) for one in law.events] == [("distributed", "R"), ("issued", "C")]


def test_a_chain_ends_where_the_readers_scope_ends(issued: World) -> None:
    assert shown(chain(issued, "a", SPLIT)) == {
        PLAN: (1, [], [SPLIT], 0, 1),
        SPLIT: (0, [PLAN], [AGAIN], 1, 1),
        AGAIN: (-1, [SPLIT], [], 1, 0),
    }
    for who, number in (("a", LAW), ("region", "无〔2019〕1号")):
        with issued.refused("not_found"):
            chain(issued, who, number)
    with issued.refused("invalid"):
        chain(issued, "region", None)


def test_documents_that_cite_each_other_end(issued: World) -> None:
    issued.issue("C", GIVEN, document_no="甲", cites=["乙"], reason="更正")
    other = {"A": {**GIVEN["A"], "persons": 50}, "B": {"persons": 50, "villages": 40}}
    issued.issue("C", other, document_no="乙", cites=["甲"], reason="更正")
    found = shown(chain(issued, "city", "甲"))
    assert found["甲"][:3] == (0, ["乙"], ["乙"])
    assert found["乙"][:3] == (1, ["甲"], ["甲"])


def test_more_documents_than_are_shown_are_told_of(
    issued: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(citing, "MOST_DOCUMENTS", 2)
    found = chain(issued, "region", SPLIT)
    assert not found.whole
    assert len(found.documents) == 2
