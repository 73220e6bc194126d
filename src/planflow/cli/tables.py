"""Plans as tables: rounds by indicators with the gaps, and the units below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from planflow.cli.titles import Answer, Titles

NONE = "–"
_DOT = " · "
_TASK, _FUNDED = "task", "funded"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of figures: its round, what they are, notes, why they are not official, and looks."""

    round: str
    kind: str
    figures: Mapping[str, str]
    notes: tuple[str, ...] = ()
    mark: str = ""
    style: str = ""


# Rounds


def rounds(titles: Titles, plan: Answer, below: Sequence[Answer] = ()) -> Table:
    """One unit's plan: rounds by indicators, the gaps, the headline."""
    word = titles.word
    rows = [*_round_rows(titles, plan), *_gap_rows(titles, plan)]
    last = _headline(titles, plan, below)
    names = titles.among(*(row.figures for row in (*rows, last)))
    table = framed(titles.of_plan(plan))
    table.caption = word(
        "plan_of", cycle=titles.cycle, protocol=titles.protocol, state=titles.state(plan)
    )
    table.add_column(word("round"), no_wrap=True, style="cyan")
    table.add_column(word("kind"), overflow="fold")
    _add_indicators(table, titles, names)
    for row, above in zip(rows, [None, *rows], strict=False):
        _add(table, row, names, above)
    table.add_section()
    _add(table, last, names, None)
    return table


def _round_rows(titles: Titles, plan: Answer) -> Iterator[Row]:
    for name in titles.rounds:
        lines: dict[tuple[str, str], dict[str, str]] = {}
        for one in plan["numbers"]:
            if one["round"] == name:
                line = lines.setdefault((one["side"], one["basis"]), {})
                line[one["indicator"]] = titles.amount(one["indicator"], one["value"])
        in_force = plan["figures"].get(name)
        if not lines and in_force:
            lines["base", _TASK] = {key: titles.amount(key, n) for key, n in in_force.items()}
        for (side, basis), figures in lines.items():
            kind = _kind(titles, plan, name, side, basis)
            notes = tuple(_promises(titles, plan, name, basis))
            yield Row(titles.round(name), kind, figures, notes, titles.marks.get(name, ""))


def _kind(titles: Titles, plan: Answer, name: str, side: str, basis: str) -> str:
    """What figures of a line are: a root has nobody above it, so its own are sums or issues."""
    word = titles.word
    if basis == _FUNDED:
        return word("basis_funded")
    if side == "reported" and plan["unit"] == titles.root:
        return word("sum")
    kind = titles.nature(name) if side == "issued" else ""
    return " ".join([kind or word(side), *([basis] if basis != _TASK else [])])


def _promises(titles: Titles, plan: Answer, name: str, basis: str) -> Iterator[str]:
    for one in plan["commitments"]:
        if one["amends"] == name and basis == (_FUNDED if one["funded"] else _TASK):
            terms = {key: titles.amount(one["indicator"], one[key]) for key in ("from", "to")}
            yield titles.word("commitment", **terms, status=titles.status(one))


def _gap_rows(titles: Titles, plan: Answer) -> Iterator[Row]:
    figures = {}
    for name, gap in plan["gaps"].items():
        percent = "" if gap["percent"] is None else f"\n{gap['percent']:+.1f}%"
        figures[name] = titles.signed(name, gap["difference"]) + percent
    if figures and plan["unit"] != titles.root:
        yield Row(titles.word("gap"), titles.word("gap_note"), figures, style="italic")


def _headline(titles: Titles, plan: Answer, below: Sequence[Answer]) -> Row:
    word, headline = titles.word, plan["headline"]
    figures = {
        name: titles.goal(name, below) or titles.amount(name, one["value"])
        for name, one in headline.items()
    }
    came = list(dict.fromkeys(one["round"] for one in headline.values()))
    origin = word("comma").join(titles.round(name) for name in came)
    kind = word("from_round", round=origin) if came else ""
    marks = word("semicolon").join(titles.marks[name] for name in came if name in titles.marks)
    heading = word("issued_here" if plan.get("issued_here") else "headline")
    return Row(heading, kind, figures, (), marks, "bold")


# The units below


def below(titles: Titles, plans: Sequence[Answer], root: Answer | None = None) -> Table:
    """The headlines of units, each with its gap, and the units without task.

    Of a root some children may be missing: its numbers are titled by what it issued here (N16).
    """
    word = titles.word
    names = titles.among(*(one["headline"] for one in plans))
    with_states = len({one["state"] for one in plans if one["unit"] not in titles.idle}) > 1
    table = framed(word("below", gap=word("gap")))
    table.add_column(word("unit"), overflow="fold")
    if with_states:
        table.add_column(word("state"), overflow="fold")
    _add_indicators(table, titles, names)

    def add(one: Answer, addition: str, state: str, **style: Any) -> None:
        cells = [with_gap(titles, name, one) for name in names]
        named = Text.assemble((one["unit"], "dim"), " ", one["name"], " ", addition)
        named.rstrip()
        table.add_row(named, *([state] if with_states else []), *cells, **style)

    if root:
        addition = word("issued_here") if root.get("issued_here") else ""
        add({**root, "gaps": {}}, addition, "", end_section=True)
    for one in plans:
        idle = one["unit"] in titles.idle
        add(one, word("no_task") if idle else "", "" if idle else titles.state(one))
    return table


def with_gap(titles: Titles, name: str, plan: Answer) -> str:
    """A headline figure with its gap, if there is one."""
    found, gap = plan["headline"].get(name), plan["gaps"].get(name)
    if found is None:
        return NONE
    text = titles.amount(name, found["value"])
    return f"{text} ({titles.signed(name, gap['difference'])})" if gap else text


# Both


def framed(heading: str) -> Table:
    """A table as all of ours look."""
    return Table(
        title=Text(heading, style="bold"),
        box=box.ROUNDED,
        header_style="bold",
        border_style="bright_black",
    )


def _add_indicators(table: Table, titles: Titles, names: Sequence[str]) -> None:
    for name in names:
        table.add_column(titles.heading(name), justify="right", overflow="fold")


def _add(table: Table, row: Row, names: Sequence[str], above: Row | None) -> None:
    first = "" if above and row.round == above.round else row.round
    kind = Text(row.kind)
    for note in row.notes:
        kind.append(f"{_DOT}{note}", "dim")
    if row.mark:
        kind.append(f"{_DOT}{row.mark}", "yellow")
    cells = [row.figures.get(name, NONE) for name in names]
    table.add_row(first, kind, *cells, style=row.style)
