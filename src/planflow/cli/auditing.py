"""`planflow audit`: whether a live database is what its events say, and they what was signed."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planflow.cli.desk import Desk, of

if TYPE_CHECKING:
    from planflow.services.audit import Audited

_EVERY, _IN_A_LOG = 1.0, 30.0  # seconds between two lines of progress, for a person and for a file


def audit(
    context: typer.Context,
    key: Annotated[str | None, typer.Option(metavar="VKEY")] = None,
) -> None:
    """Audit this site's database; the exit code is 1 where anything is wrong."""
    from planflow.config import Settings
    from planflow.services.audit import audit as whole
    from planflow.services.site import open_site

    desk = of(context)
    site = open_site(Settings())
    try:
        done = whole(site, Progress(desk), key)
    finally:
        site.close()
    desk.put(_told(desk, done), _data(desk, done))
    if done.findings:
        raise typer.Exit(1)


class Progress:
    """Tells now and then how far the audit is, on standard error."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._every = _EVERY if sys.stderr.isatty() else _IN_A_LOG
        self._next = time.monotonic() + self._every

    def __call__(self, what: str, count: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self._desk.remark(self._desk.word("audit_progress", what=what, count=count))


def _sentences(desk: Desk, done: "Audited") -> list[str]:
    from planflow.messages import sentence

    return [sentence(one.code, one.params, desk.lang) for one in done.findings]


def _told(desk: Desk, done: "Audited") -> str:
    counts = {name: done.counts.get(name, 0) for name in _COUNTED}
    lines = [
        desk.word("audit_counts", **counts),
        desk.word("audit_rows", rows=done.counts.get("rows", 0), plans=done.counts.get("plans", 0)),
    ]
    if done.counts.get("erased"):
        lines.append(desk.word("audit_erased", count=done.counts["erased"]))
    if not done.signer:
        lines.append(desk.word("audit_no_key"))
    found = _sentences(desk, done)
    if found:
        lines += [desk.word("audit_found", count=len(found)), *(f"  {one}" for one in found)]
    else:
        lines.append(desk.word("audit_clean"))
    return "\n".join(lines)


_COUNTED = ("events", "streams", "leaves", "checkpoints", "signatures")


def _data(desk: Desk, done: "Audited") -> dict[str, Any]:
    texts = _sentences(desk, done)
    found = [
        {"code": one.code, "text": text, **one.params}
        for one, text in zip(done.findings, texts, strict=True)
    ]
    return {"counts": done.counts, "signer": done.signer, "roots": done.roots, "findings": found}
