"""`planflow diff`, `treatment` and `documents`: what a review lays side by side."""

from typing import Annotated

import typer

from planflow.cli.desk import of
from planflow.cli.plans import AsName, Cycle, Token, Url
from planflow.cli.sights import Ends, sight
from planflow.errors import Refusal

_DATED = 2  # dashes of a date, which no round's name has


def diff(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    start: Annotated[str, typer.Option("--from", metavar="ROUND|TIME|SEQ")],
    end: Annotated[str, typer.Option("--to", metavar="ROUND|TIME|SEQ")],
    cycle: Cycle = None,
    as_name: AsName = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print what differs in a plan between two rounds, two times, or two of its events."""
    from planflow.cli import comparisons
    from planflow.cli.titles import Titles

    desk, ends = of(context), _ends(start, end)
    with sight(desk, unit, cycle, as_name, url, token) as seen:
        terms = seen.cycle(None)
        protocol, found = seen.protocol(terms["protocol"]), seen.diff(unit, ends)
    if desk.as_json:
        desk.put("", found)
        return
    desk.console().print(comparisons.diff(Titles(desk, terms, protocol), found))


def treatment(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    cycle: Cycle = None,
    as_name: AsName = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print what all units below one asked and were issued in a round, and the cuts apart."""
    from planflow.cli import comparisons
    from planflow.cli.titles import Titles

    desk = of(context)
    with sight(desk, unit, cycle, as_name, url, token) as seen:
        terms = seen.cycle(None)
        protocol, found = seen.protocol(terms["protocol"]), seen.treatment(unit, round_name)
    if desk.as_json:
        desk.put("", found)
        return
    titles, console = Titles(desk, terms, protocol), desk.console()
    for name, one in found["indicators"].items():
        console.print(comparisons.treatment(titles, found, name, one))


def documents(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    number: Annotated[str, typer.Argument(metavar="NUMBER")],
    cycle: Cycle = None,
    as_name: AsName = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print a document with what it rests on and what rests on it."""
    from planflow.cli import comparisons

    desk = of(context)
    with sight(desk, unit, cycle, as_name, url, token) as seen:
        found = seen.documents(number)
    if desk.as_json:
        desk.put("", found)
        return
    desk.console().print(comparisons.documents(desk, found))


def _ends(start: str, end: str) -> Ends:
    """What the two ends of a comparison are, by their looks. Raises `Refusal` for a mixture."""
    kinds = [_kind(one) for one in (start, end)]
    if ("" in kinds) and any(kinds):
        raise Refusal("ends_differ")
    return {f"from{kinds[0]}": start, f"to{kinds[1]}": end}


def _kind(text: str) -> str:
    if text.isascii() and text.isdigit():
        return "_seq"
    return "_at" if text[:4].isdigit() and text.count("-") >= _DATED else ""
