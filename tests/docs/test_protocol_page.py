"""The protocol of the how-to is loaded and linted as it stands, and its example of a finding is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planflow.errors import Refusal
from planflow.messages import sentence
from planflow.protocol.loader import load
from planflow.protocol.shelf import shelf
from tests.board import Board

FOLDER = Path(__file__).parents[2] / "docs/how-to"
FILE = re.compile(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", re.DOTALL)
TOLD = re.compile(r"```text\n(.*?)\n```", re.DOTALL)
PAGES = pytest.mark.parametrize(
    ("page", "lang"), [("write-a-protocol.md", "en"), ("write-a-protocol.zh.md", "zh")]
)
TREE = (
    ("M", "ministry", "", "", False),
    ("U", "university", "M", "", False),
    ("S", "school", "U", "doctoral_school", False),
)


def page_of(name: str) -> tuple[str, str, str]:
    """The page, and the name and text of the file it writes."""
    page = (FOLDER / name).read_text("utf-8")
    [(file, text)] = FILE.findall(page)
    return page, file, text


@PAGES
def test_the_protocol_is_sound(page: str, lang: str, tmp_path: Path) -> None:
    _, file, text = page_of(page)
    assert load(text).name == Path(file).stem
    (tmp_path / file).write_text(text, "utf-8")
    assert shelf(tmp_path)["admissions"] == text


@PAGES
def test_the_example_of_a_finding_is_true(page: str, lang: str) -> None:
    whole, file, text = page_of(page)
    wrong = text.replace("answers: guidance", "answers: guidnce")
    assert wrong != text
    with pytest.raises(Refusal) as refused:
        load(wrong)
    [finding] = refused.value.findings
    params = {name: value for name, value in finding.params.items() if name != "line"}
    said = f"{file}:{finding.params['line']}: {sentence(finding.code, params, lang)}"
    assert TOLD.findall(whole) == [said]


def test_both_pages_write_the_same_protocol() -> None:
    en, zh = (load(page_of(name)[2]) for name in ("write-a-protocol.md", "write-a-protocol.zh.md"))
    assert en == zh


def test_the_protocol_runs_to_its_end() -> None:
    """Guidance, a request within it, a decision, places, a summer in which nobody moves."""
    board = Board.over(page_of("write-a-protocol.md")[2], TREE)
    figures = {"undergraduates": 100, "doctoral": 5}
    because = {"reason_code": "balance"}

    def down(name: str) -> None:
        board.open(name)
        for unit, child in (("M", "U"), ("U", "S")):
            one = {"unit": child, "figures": figures, "reasons": dict.fromkeys(figures, because)}
            board.act(unit, unit, "issue", {"allocations": [one]})
            board.act(child, child, "acknowledge")
        board.close(name)

    down("guidance")
    board.open("request")
    for unit, parent in (("S", "U"), ("U", "M")):
        board.act(unit, unit, "draft", {"figures": figures})
        board.act(unit, unit, "submit")
        board.act(parent, unit, "accept")
    board.close("request")
    board.open("council")
    decision = {"outcome": "approved", "document_no": "1", "dated": "2026-01-01"}
    board.act("M", "M", "decide", decision)
    board.close("council")
    down("places")
    board.open("summer")
    board.close("summer")
    assert board.cycle.settled
