"""`planflow reads`: who read what belongs to others; and the end of records that are old."""

from typing import Annotated, Any

import typer

from planflow.cli import review
from planflow.cli.accounts import at_site
from planflow.cli.desk import Desk, of
from planflow.cli.review import Answer, Form
from planflow.errors import Refusal

_COLUMNS = ("time", "unit", "kind", "cycle", "actor", "asked", "items")


def reads(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(metavar="PSEUDONYM")] = None,
    cycle: Annotated[str | None, typer.Option(metavar="ID")] = None,
    unit: Annotated[str | None, typer.Option(metavar="UNIT")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    form: Annotated[Form | None, typer.Option("--format")] = None,
    as_name: Annotated[str | None, typer.Option("--as", metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", envvar="PLANFLOW_URL")] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", envvar="PLANFLOW_TOKEN")] = None,
) -> None:
    """Print who read what, oldest first, or write all of it as a file."""
    if context.invoked_subcommand is not None:
        return
    desk = of(context)
    wanted = {"actor": actor, "cycle": cycle, "unit": unit, "kind": kind}
    wanted |= {"since": since, "until": until}
    found = (
        _over_http(desk, url, token, form, wanted) if url else _locally(desk, as_name, form, wanted)
    )
    review.put(desk, found, [desk.word(f"read_{name}") for name in _COLUMNS], _row)


def prune(context: typer.Context) -> None:
    """Delete the records that were kept long enough; that it was done is an event."""
    from planflow.services import access_records

    desk = of(context)
    with at_site() as site:
        done = access_records.prune(site)
    told = {"count": done.count, "until": done.until.isoformat()}
    desk.put(desk.word("reads_pruned", **told), told)


def _row(one: Answer) -> list[str]:
    told = [one["recorded_at"], one["unit"] or "", one["kind"], one["cycle"] or "", one["actor"]]
    return [*told, "; ".join(one["asked"]), str(one["items"])]


def _over_http(
    desk: Desk, url: str, token: str | None, form: Form | None, wanted: dict[str, str | None]
) -> bytes | list[Answer]:
    from planflow.client import Client

    if not token:
        raise Refusal("token_needed")
    with Client(url, token=token, lang=desk.lang) as client:
        if form:
            return client.access_records_file(form, **wanted)
        return list(client.access_records(**wanted))


def _locally(
    desk: Desk, as_name: str | None, form: Form | None, wanted: dict[str, Any]
) -> bytes | list[Answer]:
    from planflow.cli.entering import let_in
    from planflow.services import access_records
    from planflow.services.access_records import Wanted

    if not as_name:
        raise Refusal("watcher_needed")
    times = {name: review.moment(name, wanted[name]) for name in ("since", "until")}
    asked = Wanted(**{**wanted, **times})
    with at_site() as site:
        reader = let_in(desk, site, as_name)
        if form:
            return access_records.exported(site, reader, asked, form)
        return list(review.all_pages(lambda at: access_records.search(site, reader, asked, at)))
