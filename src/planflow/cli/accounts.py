"""`planflow units import`, `history import`, `planflow user add`, `planflow token`."""

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

    raw = read_file(file)
    try:
        with _site() as site:
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
    password = _password(desk)
    with _site() as site:
        people.add_user(site, name, password, role, unit)
    params = {"name": name, "role": role, "unit": unit}
    desk.put(desk.word("user_added" if unit else "user_added_site", **params), params)


def token(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print a token and nothing else."""
    from planflow.services import people

    with _site() as site:
        found = people.shell_token(site, name)
    of(context).put(found.access_token, found.model_dump())


def _password(desk: Desk) -> str:
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
def _site() -> Iterator["Site"]:
    from planflow.config import Settings
    from planflow.services.site import open_site

    site = open_site(Settings())
    try:
        yield site
    finally:
        site.close()
