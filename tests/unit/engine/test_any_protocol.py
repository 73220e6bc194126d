"""The engine knows no protocol: another one with other names, levels and rounds runs just so."""

from __future__ import annotations

import pytest

from planflow.engine import numbers
from planflow.errors import Refusal
from tests.board import Board, Line
from tests.unit.engine.rowing import ROWING

# The club takes part with squads in the plan; crews and seats join for the answer. One crew has no
# seats, and one squad has no crew between itself and its seat.
CLUB: tuple[Line, ...] = (
    ("CLUB", "club", "", "", False),
    ("S", "squad", "CLUB", "", False),
    ("E", "crew", "S", "eight", False),
    ("E1", "seat", "E", "", False),
    ("E2", "seat", "E", "", False),
    ("P", "crew", "S", "", False),
    ("T", "squad", "CLUB", "", False),
    ("T1", "seat", "T", "", False),
    ("X", "crew", "T", "", True),
)
FIGURES = {"E1": 100, "E2": 120, "P": 80, "T1": 200}


@pytest.fixture
def board() -> Board:
    return Board.over(ROWING, CLUB)


def down(board: Board, code: str, figures: dict[str, dict[str, int]]) -> None:
    body = {"allocations": [{"unit": c, "figures": own} for c, own in figures.items()]}
    board.act(code, code, "issue", body)
    for child in figures:
        board.act(child, child, "acknowledge")


def up(board: Board, code: str, **figures: int) -> None:
    board.act(code.lower(), code, "draft", {"figures": figures})
    board.act(code.lower(), code, "submit")
    board.act(str(board.parent(code)), code, "accept")


def planned(board: Board) -> None:
    board.open("plan")
    down(board, "CLUB", {"S": {"kilometres": 300}, "T": {"kilometres": 200}})
    board.close("plan")


def answered(board: Board) -> None:
    planned(board)
    board.open("answer")
    for code, kilometres in FIGURES.items():
        up(board, code, kilometres=kilometres, drift=-1)
    up(board, "E", kilometres=220, drift=-2, cox=1)
    up(board, "S", kilometres=300, drift=-3, cox=1)
    up(board, "T", kilometres=200, drift=-1)
    board.close("answer")


def fixed(board: Board) -> None:
    answered(board)
    board.open("fixed")
    down(
        board,
        "CLUB",
        {"S": {"kilometres": 300, "drift": -3, "cox": 1}, "T": {"kilometres": 200, "drift": -1}},
    )
    down(
        board,
        "S",
        {"E": {"kilometres": 220, "drift": -2, "cox": 1}, "P": {"kilometres": 80, "drift": -1}},
    )
    down(
        board,
        "E",
        {"E1": {"kilometres": 100, "drift": -1}, "E2": {"kilometres": 120, "drift": -1}},
    )
    down(board, "T", {"T1": {"kilometres": 200, "drift": -1}})
    board.close("fixed")


def test_a_whole_season_runs(board: Board) -> None:
    fixed(board)
    board.open("tweak")
    draft = {"figures": {"kilometres": 110}, "reasons": {"kilometres": "wind"}}
    board.act("e1", "E1", "draft", draft)
    board.act("e1", "E1", "submit")
    board.act("E", "E1", "accept")
    up(board, "E", kilometres=230)
    up(board, "S", kilometres=310)
    board.close("tweak")
    assert board.cycle.settled
    protocol = board.negotiation.protocol
    whole = numbers.in_force(protocol, board.plan("CLUB"), "tweak")
    assert whole == {"kilometres": 510, "drift": -4, "cox": 1}
    for code in board.nodes:
        assert board.replayed(code) == board.plan(code)


def test_a_level_that_a_round_leaves_out_has_no_part_in_it(board: Board) -> None:
    board.open("plan")
    assert board.state("E") == "waiting"
    down(board, "CLUB", {"S": {"kilometres": 300}, "T": {"kilometres": 200}})
    assert board.children("S") == []
    board.close("plan")  # squads are leaves here


def test_an_answer_rests_on_the_nearest_unit_that_was_issued(board: Board) -> None:
    """Seats answer what was issued two levels above them (N6)."""
    planned(board)
    board.open("answer")
    for code in ("E1", "P", "T1", "S"):
        assert board.blocked(code, code, "draft") is None


def test_figures_below_zero_where_the_protocol_allows_them(board: Board) -> None:
    planned(board)
    board.open("answer")
    board.act("p", "P", "draft", {"figures": {"kilometres": 1, "drift": -5}})
    with pytest.raises(Refusal) as refused:
        board.act("p", "P", "draft", {"figures": {"kilometres": 1, "drift": -6}})
    assert refused.value.findings[0].code == "below_minimum"


def test_the_bound_is_the_protocols(board: Board) -> None:
    fixed(board)
    board.open("tweak")
    draft = {"figures": {"kilometres": 221}, "reasons": {"kilometres": "wind"}}
    board.act("t1", "T1", "draft", draft)
    board.act("t1", "T1", "submit")  # below the bounded level
    board.act("T", "T1", "accept")
    board.act("t", "T", "draft", {"figures": {"kilometres": 221}})
    with pytest.raises(Refusal) as refused:
        board.act("t", "T", "submit")
    assert refused.value.findings[0].params["limit"] == 20


def test_a_change_of_what_is_entered_above_the_leaves_is_explained_there(board: Board) -> None:
    """A crew has seats, but its cox is its own figure: nobody below explained it (N11)."""
    fixed(board)
    board.open("tweak")
    board.act("e", "E", "draft", {"figures": {"cox": 0}})
    with pytest.raises(Refusal) as refused:
        board.act("e", "E", "submit")
    assert [(one.code, one.where) for one in refused.value.findings] == [
        ("missing_reason", "reasons.cox")
    ]
    board.act("e", "E", "draft", {"figures": {"cox": 0}, "reasons": {"cox": "wind"}})
    board.act("e", "E", "submit")
    board.act("S", "E", "accept")
    up(board, "S", cox=0)  # a sum of what its crews explained
    board.close("tweak")


def test_a_parent_skips_the_level_that_is_not_there(board: Board) -> None:
    answered(board)
    assert board.parent("T1") == "T"
    assert board.children("T") == ["T1"]
