"""`planflow witness`, `planflow ledger new-epoch`."""

import sys
import time
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planflow.cli.desk import Desk, of
from planflow.errors import Refusal

if TYPE_CHECKING:
    from planflow.client import Client
    from planflow.ledger.tiles import Tile
    from planflow.services.people import Reader
    from planflow.services.site import Site


def witness(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL")],
    folder: Annotated[Path, typer.Option(metavar="FOLDER")],
    name: Annotated[str, typer.Option(metavar="NAME")],
    log: Annotated[str, typer.Option(metavar="CYCLE")] = "site",
    key: Annotated[str | None, typer.Option(metavar="VKEY")] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", envvar="PLANFLOW_TOKEN")] = None,
) -> None:
    """Check a server's log against what was seen of it before, and cosign it."""
    from planflow.cli import witnessing
    from planflow.client import Client

    desk = of(context)
    if not user and not token:
        raise Refusal("token_needed")
    password = _secret(desk.word("password")) if user else None
    with Client(url, token, username=user, password=password, lang=desk.lang) as client:
        pages = witnessing.Pages(folder, client.ledger_key, key)
        seen = pages.read(log)
        accepted = witnessing.visit(_Shown(client, log), seen)
        note = pages.cosign(log, seen, accepted, name, int(time.time()))
    for one in accepted:
        if one.epoch is not None:
            lost = {"left": one.epoch.left, "had": one.epoch.old.size, "log": one.head.origin}
            desk.remark(desk.word("witness_epoch", **lost))
    head = accepted[-1].head
    desk.put(note.rstrip("\n"), {"log": head.origin, "size": head.size, "note": note})


class _Shown:
    """One log of a server, over HTTP."""

    def __init__(self, client: "Client", log: str) -> None:
        self._client, self._log = client, log

    def checkpoint(self, epoch: int | None) -> str:
        return self._client.checkpoint(self._log, epoch)

    def tile(self, epoch: int, tile: "Tile") -> bytes:
        return self._client.tile(tile.path, self._log, epoch)


def new_epoch(
    context: typer.Context,
    as_name: Annotated[str, typer.Option("--as", metavar="NAME")],
    confirm: Annotated[str, typer.Option(metavar="NAME")],
    reason: Annotated[str, typer.Option(metavar="TEXT")],
) -> None:
    """Go on after a restore: two persons record what was lost."""
    from planflow.config import Settings
    from planflow.services.epochs import new_epoch as begin
    from planflow.services.site import open_site

    desk = of(context)
    site = open_site(Settings())
    try:
        acting, confirming = (_signed_in(desk, site, name) for name in (as_name, confirm))
        opened = begin(site, acting, confirming, reason)
    finally:
        site.close()
    lines = [desk.word("epoch_opened", **asdict(one)) for one in opened]
    desk.put("\n".join(lines), [asdict(one) for one in opened])


def _signed_in(desk: Desk, site: "Site", name: str) -> "Reader":
    from planflow.services import people

    password = _secret(desk.word("password_of", name=name))
    try:
        token = people.sign_in(site, name, password).access_token
    except Refusal as refusal:
        if refusal.code != "otp_required":
            raise
        code = _secret(desk.word("otp_of", name=name))
        token = people.sign_in(site, name, password, otp=code).access_token
    return people.authenticate(site, token, desk.lang)


def _secret(prompt: str) -> str:
    """A password: asked for, or the next line where standard input is no terminal."""
    if sys.stdin.isatty():
        return getpass(prompt)
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Refusal("no_password")
    return line
