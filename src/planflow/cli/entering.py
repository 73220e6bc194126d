"""Who looks at this machine's database: a user, by a short-lived token of the shell."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from planflow.cli.desk import Desk
from planflow.errors import Refusal

if TYPE_CHECKING:
    from planflow.services.people import Reader
    from planflow.services.site import Site


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
