"""`planflow events`: what happened in a cycle, from this machine's database or over HTTP."""

import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from planflow.cli.desk import Desk, of
from planflow.errors import Finding, Refusal, invalid

Answer = dict[str, Any]
_COLUMNS = ("time", "unit", "kind", "round", "actor", "documents")


class Form(StrEnum):
    """Files that what is found can be written as."""

    csv = "csv"
    jsonl = "jsonl"


def events(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    cycle: Annotated[str | None, typer.Option(metavar="ID")] = None,
    actor: Annotated[str | None, typer.Option(metavar="PSEUDONYM")] = None,
    round_name: Annotated[str | None, typer.Option("--round", metavar="ROUND")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME")] = None,
    document_no: Annotated[str | None, typer.Option("--document", metavar="NUMBER")] = None,
    form: Annotated[Form | None, typer.Option("--format")] = None,
    as_name: Annotated[str | None, typer.Option("--as", metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", envvar="PLANFLOW_URL")] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", envvar="PLANFLOW_TOKEN")] = None,
) -> None:
    """Print the events at and below a unit, oldest first, or write all of them as a file."""
    desk = of(context)
    wanted = {"unit": unit, "actor": actor, "round": round_name, "kind": kind}
    wanted |= {"from": start, "to": end, "document_no": document_no}
    if url:
        found = _over_http(desk, url, token, cycle, form, wanted)
    else:
        found = _locally(desk, cycle, as_name, form, wanted)
    put(desk, found, [desk.word(f"event_{name}") for name in _COLUMNS], _row)


def put(
    desk: Desk, found: bytes | list[Answer], heading: list[str], row: Callable[[Answer], list[str]]
) -> None:
    """Write a file as it is, data as JSON, and all else as a table."""
    if isinstance(found, bytes):
        sys.stdout.write(found.decode())
        return
    if desk.as_json:
        desk.put("", {"items": found})
        return
    from rich.table import Table

    table = Table(*heading)
    for one in found:
        table.add_row(*row(one))
    desk.console().print(table)


def _row(one: Answer) -> list[str]:
    documents = "; ".join([*one["documents"], *one["cited_documents"]])
    told = [one["recorded_at"], one["unit"] or "", one["kind"], one["round"], one["actor"]]
    return [*told, documents]


def all_pages(page: Callable[[str | None], Any]) -> Iterator[Answer]:
    """All of a list of views, page by page."""
    cursor = None
    while True:
        found = page(cursor)
        yield from (one.model_dump(mode="json", by_alias=True) for one in found.items)
        cursor = found.next
        if cursor is None:
            return


def _over_http(
    desk: Desk,
    url: str,
    token: str | None,
    cycle: str | None,
    form: Form | None,
    wanted: dict[str, str | None],
) -> bytes | list[Answer]:
    from planflow.client import Client

    if not cycle:
        raise Refusal("cycle_needed")
    if not token:
        raise Refusal("token_needed")
    with Client(url, token=token, lang=desk.lang) as client:
        if form:
            return client.events_file(cycle, form, **wanted)
        return list(client.events(cycle, **wanted))


def _locally(
    desk: Desk,
    cycle: str | None,
    as_name: str | None,
    form: Form | None,
    wanted: dict[str, str | None],
) -> bytes | list[Answer]:
    from planflow.cli.entering import looking
    from planflow.services import searching

    asked = searching.Wanted(
        wanted["unit"],
        wanted["actor"],
        wanted["round"],
        wanted["kind"],
        moment("from", wanted["from"]),
        moment("to", wanted["to"]),
        wanted["document_no"],
    )
    with looking(desk, cycle, as_name, wanted["unit"] or "") as (site, reader, seen):
        if form:
            return searching.exported(site, reader, seen, asked, form)
        return list(all_pages(lambda at: searching.search(site, reader, seen, asked, at)))


def moment(name: str, text: str | None) -> Any:
    """A time with its zone, where one was given. Raises `Refusal`."""
    import datetime as dt

    try:
        read = dt.datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        read = dt.datetime.min
    if read is not None and read.tzinfo is None:
        raise invalid(Finding("bad_instant", {"field": name}, name))
    return read
