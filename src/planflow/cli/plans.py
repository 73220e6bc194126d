"""`planflow show`: a unit's plan, read from this machine's database or over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planflow.cli.desk import Desk, of
from planflow.errors import Refusal

if TYPE_CHECKING:
    from planflow.client import Client
    from planflow.services.people import Reader
    from planflow.services.site import Site

Answer = dict[str, Any]


def show(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    cycle: Annotated[str | None, typer.Option(metavar="ID")] = None,
    as_name: Annotated[str | None, typer.Option("--as", metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", envvar="PLANFLOW_URL")] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", envvar="PLANFLOW_TOKEN")] = None,
) -> None:
    """Print rounds by indicators with the gaps, and the units below."""
    from planflow.cli import tables
    from planflow.cli.titles import Titles

    desk = of(context)
    if url:
        found = _over_http(desk, url, token, cycle, unit)
    else:
        with looking(desk, cycle, as_name, unit) as (site, reader, seen):
            found = _locally(site, reader, seen, unit)
    if desk.as_json:
        desk.put("", {"plan": found["plan"], "below": found["below"]})
        return
    titles = Titles(desk, found["cycle"], found["protocol"])
    console = desk.console()
    console.print(tables.rounds(titles, found["plan"], found["below"]))
    if found["below"]:
        console.print()
        console.print(tables.below(titles, found["below"]))


def _over_http(
    desk: Desk, url: str, token: str | None, cycle: str | None, unit: str
) -> dict[str, Any]:
    from planflow.client import Client

    if not cycle:
        raise Refusal("cycle_needed")
    if not token:
        raise Refusal("token_needed")
    with Client(url, token=token, lang=desk.lang) as client:
        return _asked(client, cycle, unit)


def _asked(client: "Client", cycle: str, unit: str) -> dict[str, Any]:
    terms = client.cycle(cycle)
    return {
        "cycle": terms,
        "protocol": client.protocol(terms["protocol"]),
        "plan": client.plan(cycle, unit),
        "below": list(client.plans(cycle, parent=unit)),
    }


@contextmanager
def looking(
    desk: Desk, cycle: str | None, name: str | None, unit: str
) -> Iterator[tuple["Site", "Reader", str]]:
    """A user of this machine's database, looking at a cycle of the unit."""
    from planflow.config import Settings
    from planflow.services import shell
    from planflow.services.site import open_site

    site = open_site(Settings())
    try:
        seen = cycle or shell.latest_cycle(site, unit)
        who = name or _only(shell.readers(site, seen, unit), unit)
        yield site, let_in(desk, site, who), seen
    finally:
        site.close()


def let_in(desk: Desk, site: "Site", name: str) -> "Reader":
    """A user of this machine's database, by a token of the shell."""
    from planflow.services import people

    token = people.shell_token(site, name)
    return people.authenticate(site, token.access_token, desk.lang)


def _only(names: list[str], unit: str) -> str:
    if not names:
        raise Refusal("nobody_reads", {"unit": unit})
    if len(names) > 1:
        raise Refusal("as_whom", {"unit": unit, "names": ", ".join(names)})
    return names[0]


def _locally(site: "Site", reader: "Reader", cycle: str, unit: str) -> dict[str, Any]:
    from planflow.services import cycles, plans, protocols

    terms = cycles.get_cycle(site, reader, cycle)
    below, cursor = [], None
    while True:
        page = plans.list_plans(site, reader, cycle, unit, None, cursor)
        below += page.items
        cursor = page.next
        if cursor is None:
            break
    views = {
        "cycle": terms,
        "protocol": protocols.get_protocol(site.protocols, terms.protocol, reader.lang),
        "plan": plans.get_plan(site, reader, cycle, unit),
    }
    found = {name: view.model_dump(mode="json", by_alias=True) for name, view in views.items()}
    return {**found, "below": [one.model_dump(mode="json", by_alias=True) for one in below]}
