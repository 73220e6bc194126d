"""`planflow show` and `planflow board`: a unit's plan, and all plans at and below it, now or then."""

from typing import Annotated, Any

import typer

from planflow.cli.desk import of
from planflow.cli.sights import sight

Answer = dict[str, Any]
Cycle = Annotated[str | None, typer.Option(metavar="ID")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="TIME")]
AsName = Annotated[str | None, typer.Option("--as", metavar="NAME")]
Url = Annotated[str | None, typer.Option(metavar="URL", envvar="PLANFLOW_URL")]
Token = Annotated[str | None, typer.Option(metavar="TOKEN", envvar="PLANFLOW_TOKEN")]


def show(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    cycle: Cycle = None,
    as_of: AsOf = None,
    as_name: AsName = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print rounds by indicators with the gaps, and the units below."""
    from planflow.cli import tables
    from planflow.cli.titles import Titles

    desk = of(context)
    with sight(desk, unit, cycle, as_name, url, token) as seen:
        terms = seen.cycle(as_of)
        protocol, plan = seen.protocol(terms["protocol"]), seen.plan(unit, as_of)
        below = seen.plans(as_of, parent=unit)
    if desk.as_json:
        desk.put("", {"plan": plan, "below": below})
        return
    titles = Titles(desk, terms, protocol)
    console = desk.console()
    if as_of:
        console.print(desk.word("stood_at", time=as_of))
    console.print(tables.rounds(titles, plan, below))
    if below:
        console.print()
        console.print(tables.below(titles, below))


def board(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    cycle: Cycle = None,
    as_of: AsOf = None,
    state: Annotated[str | None, typer.Option(metavar="STATE")] = None,
    as_name: AsName = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print the cycle's rounds, and the plans at and below a unit with their states."""
    from planflow.cli import comparisons
    from planflow.cli.titles import Titles

    desk = of(context)
    with sight(desk, unit, cycle, as_name, url, token) as seen:
        terms = seen.cycle(as_of)
        protocol = seen.protocol(terms["protocol"])
        found = seen.plans(as_of, unit=unit, state=state)
    if desk.as_json:
        desk.put("", {"cycle": terms, "plans": found})
        return
    titles = Titles(desk, terms, protocol)
    console = desk.console()
    if as_of:
        console.print(desk.word("stood_at", time=as_of))
    console.print(comparisons.rounds(titles, terms))
    console.print(comparisons.board(titles, found))
