"""`planflow protocol check` and `planflow protocol draw`."""

from typing import Annotated

import typer

from planflow.cli.desk import of, read_file
from planflow.cli.errors import located
from planflow.errors import Refusal
from planflow.messages import sentence


def check(context: typer.Context, file: Annotated[str, typer.Argument(metavar="FILE")]) -> int:
    """Tell everything that is wrong with a protocol, each with its line."""
    from planflow.services.protocols import check_protocol

    desk, raw = of(context), read_file(file, 1)
    try:
        protocol = check_protocol(raw).protocol
    except Refusal as refusal:
        lines = [located(file, one, desk.lang) for one in refusal.findings]
        rest = int(refusal.params["count"]) - len(lines)
        if rest > 0:
            lines.append(desk.word("more", count=rest))
        desk.put("\n".join(lines), {"ok": False, "findings": _plain(refusal, desk.lang)})
        return 1
    facts = {"name": protocol.name, "version": protocol.version}
    desk.put(desk.word("protocol_good", file=file, **facts), {"ok": True, "findings": [], **facts})
    return 0


def draw(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print the state diagram of a protocol: a bundled one, or one of the folder of the settings."""
    from planflow.config import Settings
    from planflow.protocol.shelf import shelf
    from planflow.services.protocols import get_protocol

    desk = of(context)
    diagram = get_protocol(shelf(Settings().protocols), name, desk.lang).diagram
    desk.put(diagram.rstrip("\n"), {"name": name, "mermaid": diagram})


def _plain(refusal: Refusal, lang: str) -> list[dict[str, object]]:
    return [
        {
            "line": one.params.get("line"),
            "code": one.code,
            "text": sentence(one.code, one.params, lang),
        }
        for one in refusal.findings
    ]
