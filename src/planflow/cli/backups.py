"""`planflow backup` and `planflow restore`, for a database in one file."""

from pathlib import Path
from typing import Annotated

import typer

from planflow.cli.auditing import Progress
from planflow.cli.desk import of


def backup(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Copy the database to a file while it is in use."""
    from planflow.config import Settings
    from planflow.services.backup import backup as make
    from planflow.services.site import open_site

    desk = of(context)
    site = open_site(Settings())
    try:
        roots = make(site, file)
    finally:
        site.close()
    size = file.stat().st_size
    told = desk.word("backup_made", path=str(file), size=size, roots=roots)
    desk.put(told, {"file": str(file), "size": size, "roots": roots})


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    replace: Annotated[bool, typer.Option("--replace")] = False,
) -> None:
    """Put a backup in the database's place, once its audit is clean."""
    from planflow.config import Settings
    from planflow.messages import sentence
    from planflow.services.backup import restore as put

    desk = of(context)
    done = put(Settings(), file, Progress(desk), replace=replace)
    events = done.audited.counts.get("events", 0)
    lines = [desk.word("restored", events=events, roots=done.compared)]
    if done.aside:
        lines.append(desk.word("restored_aside", path=str(done.aside)))
    lines += [sentence(one.code, one.params, desk.lang) for one in done.behind]
    data = {"events": events, "compared": done.compared, "aside": done.aside}
    desk.put("\n".join(lines), data | {"behind": [dict(one.params) for one in done.behind]})
