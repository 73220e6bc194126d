"""`planflow erase` and `planflow user erase`: personal data taken out of history; the proofs stay."""

from dataclasses import asdict
from typing import Annotated

import typer

from planflow.cli.accounts import at_site
from planflow.cli.desk import of


def erase(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT")],
    part: Annotated[str, typer.Argument(metavar="PART")],
    reason: Annotated[str, typer.Option(metavar="TEXT")],
    number: Annotated[int | None, typer.Option(metavar="N")] = None,
) -> None:
    """Erase the free texts of an event, or one of them."""
    from planflow.services import erasing

    desk = of(context)
    with at_site() as site:
        done = asdict(erasing.erase(site, event, part, reason, number))
    desk.put(desk.word("part_erased", **done), done)


def erase_user(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    reason: Annotated[str, typer.Option(metavar="TEXT")],
) -> None:
    """Erase who a user is; what the user did stays, under a pseudonym."""
    from planflow.services import erasing

    desk = of(context)
    with at_site() as site:
        done = asdict(erasing.erase_user(site, name, reason))
    desk.put(desk.word("user_erased", **done), done)
