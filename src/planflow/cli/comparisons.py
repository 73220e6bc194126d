"""What a review lays side by side, as tables: a board, differences, treatment, documents."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from planflow.cli.desk import Desk
from planflow.cli.tables import NONE, framed, with_gap
from planflow.cli.titles import Answer, Titles
from planflow.messages import title


def rounds(titles: Titles, cycle: Answer) -> Table:
    """The rounds of a cycle and how each stands."""
    word = titles.word
    table = framed(word("cycle_of", cycle=titles.cycle, protocol=titles.protocol))
    table.add_column(word("round"))
    table.add_column(word("state"))
    for name, state in cycle["rounds"].items():
        table.add_row(titles.round(name), title(state, titles.lang, "state"))
    return table


def board(titles: Titles, plans: Sequence[Answer]) -> Table:
    """Plans in the order of the tree: each unit's state and headline."""
    word = titles.word
    names = titles.among(*(one["headline"] for one in plans))
    table = framed(word("board", gap=word("gap")))
    table.add_column(word("unit"), overflow="fold")
    table.add_column(word("state"), overflow="fold")
    for name in names:
        table.add_column(titles.heading(name), justify="right", overflow="fold")
    for one in plans:
        idle = one["unit"] in titles.idle
        state = word("no_task") if idle else titles.state(one)
        cells = [with_gap(titles, name, one) for name in names]
        table.add_row(f"{one['unit']} {one['name']}", state, *cells)
    return table


def diff(titles: Titles, found: Answer) -> Table:
    """What differs in one plan, number by number; then reasons, then commitments."""
    word = titles.word
    ends = [_end(titles, found[side]) for side in ("from", "to")]
    table = framed(word("diff", unit=found["unit"]))
    for heading in (word("round"), word("indicator"), word("kind")):
        table.add_column(heading, overflow="fold")
    for heading in (*ends, word("difference")):
        table.add_column(heading, justify="right", overflow="fold")
    for name, indicator, kind, one in _numbers(found, word("figure")):
        cells = [_amount(titles, indicator, one[side]) for side in ("from", "to")]
        apart = _apart(titles, indicator, one)
        table.add_row(titles.round(name), titles.indicator(indicator), kind, *cells, apart)
    for name, indicator, one in _reasons(found):
        told = [one[side] or NONE for side in ("from", "to")]
        table.add_row(titles.round(name), titles.indicator(indicator), word("reason"), *told, "")
    for one in _promises(found):
        told = [_promise(titles, one[side]) for side in ("from", "to")]
        known = one["to"] or one["from"]
        row = (titles.round(known["settle_in"]), titles.indicator(known["indicator"]))
        table.add_row(*row, word("promise"), *told, "")
    return table


def treatment(titles: Titles, found: Answer, name: str, one: Answer) -> Table:
    """Siblings by one indicator; a cut apart from the others is marked with its arithmetic."""
    word = titles.word
    table = framed(word("treatment", indicator=titles.indicator(name), unit=found["unit"]))
    asked, issued = titles.round(found["asked_in"]), titles.round(found["round"])
    table.add_column(word("unit"), overflow="fold")
    table.add_column(word("asked", round=asked), justify="right")
    table.add_column(word("given", round=issued), justify="right")
    table.add_column(word("cut"), justify="right")
    table.add_column(word("reason"), overflow="fold")
    table.add_column(word("note"), overflow="fold")
    for each in one["siblings"]:
        cells = [_amount(titles, name, each[key]) for key in ("asked", "issued")]
        note = f"{word('outlier')} {each['arithmetic']}" if each["outlier"] else ""
        cut = _amount(titles, name, each["cut"]) + _percent(each["percent"])
        table.add_row(
            f"{each['unit']} {each['name']}", *cells, cut, each["reason_code"] or "", note
        )
    median = NONE if one["median"] is None else one["median"]
    table.caption = word("median", median=median, threshold=one["threshold"])
    return table


def documents(desk: Desk, found: Answer) -> Table:
    """A chain of documents, from what rests on the one asked for to what it rests on."""
    table = framed(desk.word("documents", number=found["document_no"]))
    for name in ("distance", "document", "cites", "cited_by", "carried", "cited"):
        table.add_column(desk.word(f"document_{name}"), overflow="fold")
    for one in found["documents"]:
        links = ["; ".join(one[side]) for side in ("cites", "cited_by")]
        counts = [str(one[side]) for side in ("carried", "cited")]
        table.add_row(f"{one['distance']:+d}", one["document_no"], *links, *counts)
    if not found["whole"]:
        table.caption = desk.word("documents_cut")
    return table


def _end(titles: Titles, one: Any) -> str:
    """A round's title; or a time and the event that was the last by then."""
    if isinstance(one, str):
        return titles.round(one)
    return f"{one['at']}\n({one['seq']}, {titles.state(one)})"


def _numbers(found: Answer, plain: str) -> Iterator[tuple[str, str, str, Answer]]:
    """Round, indicator, what it is, and the number at both ends."""
    if isinstance(found["from"], str):  # of two rounds: the later one stands for the pair
        for indicator, one in found["figures"].items():
            yield found["to"], indicator, plain, one
        for basis, figures in found["also"].items():
            for indicator, one in figures.items():
                yield found["to"], indicator, basis, one
        return
    for name, figures in found["figures"].items():
        for indicator, one in figures.items():
            yield name, indicator, plain, one
    for name, bases in found["also"].items():
        for basis, figures in bases.items():
            for indicator, one in figures.items():
                yield name, indicator, basis, one


def _reasons(found: Answer) -> Iterator[tuple[str, str, Answer]]:
    if isinstance(found["from"], str):
        for indicator, one in found["reasons"].items():
            yield found["to"], indicator, one
        return
    for name, reasons in found["reasons"].items():
        for indicator, one in reasons.items():
            yield name, indicator, one


def _promises(found: Answer) -> Iterator[Answer]:
    """Commitments at both ends; of two rounds, those between them."""
    for one in found["commitments"]:
        yield {"from": None, "to": one} if isinstance(found["from"], str) else one


def _promise(titles: Titles, one: Answer | None) -> str:
    if one is None:
        return NONE
    terms = {key: titles.amount(one["indicator"], one[key]) for key in ("from", "to")}
    return titles.word("commitment", **terms, status=titles.status(one))


def _amount(titles: Titles, indicator: str, value: int | None) -> str:
    return NONE if value is None else titles.amount(indicator, value)


def _apart(titles: Titles, indicator: str, one: Answer) -> str:
    if one["difference"] is None:
        return NONE
    return titles.signed(indicator, one["difference"]) + _percent(one["percent"])


def _percent(value: float | None) -> str:
    return "" if value is None else f" ({value:+.1f}%)"
