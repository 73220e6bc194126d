"""`planflow units import`, `history import`, `user add`, `delegate`, `revoke`, `token`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from planflow.cli.desk import Desk, of, read_file
from planflow.errors import Refusal

if TYPE_CHECKING:
    from planflow.services.site import Site
    from planflow.services.units import Imported


def import_units(
    context: typer.Context, file: Annotated[str, typer.Argument(metavar="FILE.csv")]
) -> None:
    """Register the units of a file; each faulty row is named."""
    from planflow.services import units

    _import(of(context), file, units.import_units, "imported")


def import_history(
    context: typer.Context, file: Annotated[str, typer.Argument(metavar="FILE.csv")]
) -> None:
    """State the past years of a file; each faulty row is named."""
    from planflow.services import past

    _import(of(context), file, past.import_history, "imported_years")


def _import(desk: Desk, file: str, act: Callable[["Site", bytes], "Imported"], told: str) -> None:
    from planflow.cli.errors import located
    from planflow.config import Settings

    raw = read_file(file, Settings().file_limit)
    try:
        with at_site() as site:
            done = asdict(act(site, raw))
    except Refusal as refusal:
        for finding in refusal.findings:
            desk.remark(located(file, finding, desk.lang))
        raise Refusal(refusal.code, refusal.params) from None
    desk.put(desk.word(told, **done), done)


def add_user(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[str, typer.Option(metavar="ROLE")],
    unit: Annotated[str | None, typer.Option(metavar="CODE")] = None,
) -> None:
    """Add an account, or a grant to one."""
    from planflow.services import people

    desk = of(context)
    password = typed_password(desk)
    with at_site() as site:
        people.add_user(site, name, password, role, unit)
    params = {"name": name, "role": role, "unit": unit}
    desk.put(desk.word("user_added" if unit else "user_added_site", **params), params)


def delegate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    to_user: Annotated[str, typer.Argument(metavar="TO")],
    unit: Annotated[str, typer.Option(metavar="CODE")],
    to: Annotated[str, typer.Option(metavar="DATE")],
    role: Annotated[str | None, typer.Option(metavar="ROLE")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="DATE")] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT")] = "",
    onward: Annotated[bool, typer.Option("--onward")] = False,
) -> None:
    """Delegate for a user, by a token of the shell."""
    from planflow.services import delegations, people
    from planflow.services.calls import Call

    desk = of(context)
    asked = {"to_user": to_user, "unit": unit, "role": role, "from": from_, "to": to}
    body = {**asked, "reason": reason, "onward": onward}
    with at_site() as site:
        token = people.shell_token(site, name).access_token
        reader = people.authenticate(site, token, desk.lang)
        call = Call("POST", "/delegations", json.dumps(body).encode())
        done = delegations.delegate(site, reader, call).model_dump(mode="json", by_alias=True)
    desk.put(desk.word("user_delegated", name=name, **done), done)


def revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[str, typer.Option(metavar="ROLE")],
    unit: Annotated[str | None, typer.Option(metavar="CODE")] = None,
) -> None:
    """End what a user holds of a role at a unit."""
    from planflow.services import people

    desk = of(context)
    with at_site() as site:
        count = people.revoke(site, name, role, unit)
    params = {"name": name, "role": role, "unit": unit, "count": count}
    desk.put(desk.word("user_revoked", **params), params)


def token(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print a token and nothing else."""
    from planflow.services import people

    with at_site() as site:
        found = people.shell_token(site, name)
    of(context).put(found.access_token, found.model_dump(exclude_none=True))


def typed_password(desk: Desk) -> str:
    """A password from the terminal, twice; else the first line of standard input."""
    if not _is_terminal():
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise Refusal("no_password")
        return line
    first = getpass(desk.word("password"))
    if getpass(desk.word("password_again")) != first:
        raise Refusal("passwords_differ")
    return first


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@contextmanager
def at_site() -> Iterator["Site"]:
    """This machine's site, for a command of whoever runs it."""
    from planflow.config import Settings
    from planflow.services.site import open_site

    site = open_site(Settings())
    try:
        yield site
    finally:
        site.close()
