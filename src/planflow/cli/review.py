"""`planflow events`: what happened in a cycle, from this machine's database or over HTTP."""

import sys
from collections.abc import Iterable
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
    if isinstance(found, bytes):
        sys.stdout.write(found.decode())
        return
    if desk.as_json:
        desk.put("", {"items": found})
        return
    desk.console().print(_table(desk, found))


def _table(desk: Desk, found: Iterable[Answer]) -> Any:
    from rich.table import Table

    table = Table(*(desk.word(f"event_{name}") for name in _COLUMNS))
    for one in found:
        documents = "; ".join([*one["documents"], *one["cited_documents"]])
        told = (one["recorded_at"], one["unit"] or "", one["kind"], one["round"], one["actor"])
        table.add_row(*told, documents)
    return table


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
    from planflow.cli.plans import looking
    from planflow.services import searching

    asked = searching.Wanted(
        wanted["unit"],
        wanted["actor"],
        wanted["round"],
        wanted["kind"],
        _moment("from", wanted["from"]),
        _moment("to", wanted["to"]),
        wanted["document_no"],
    )
    with looking(desk, cycle, as_name, wanted["unit"] or "") as (site, reader, seen):
        if form:
            return searching.exported(site, reader, seen, asked, form)
        found: list[Answer] = []
        cursor = None
        while True:
            page = searching.search(site, reader, seen, asked, cursor)
            found += [one.model_dump(mode="json") for one in page.items]
            cursor = page.next
            if cursor is None:
                return found


def _moment(name: str, text: str | None) -> Any:
    import datetime as dt

    try:
        read = dt.datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        read = dt.datetime.min
    if read is not None and read.tzinfo is None:
        raise invalid(Finding("wrong_shape", {"field": name}, name))
    return read
