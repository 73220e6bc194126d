"""`planflow bundle` and `planflow verify`: evidence taken along, and checked without a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planflow.cli.desk import Desk, of, read_file
from planflow.errors import Fault, Refusal

if TYPE_CHECKING:
    from planflow.ledger.evidence import Checked


def bundle(
    context: typer.Context,
    unit: Annotated[str, typer.Argument(metavar="UNIT")],
    out: Annotated[Path, typer.Option(metavar="FILE")],
    cycle: Annotated[str | None, typer.Option(metavar="ID")] = None,
    round_name: Annotated[str | None, typer.Option("--round", metavar="ROUND")] = None,
    as_name: Annotated[str | None, typer.Option("--as", metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", envvar="PLANFLOW_URL")] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", envvar="PLANFLOW_TOKEN")] = None,
) -> None:
    """Write the evidence bundle of a unit's plan, or of a round at and below the unit."""
    desk = of(context)
    if out.exists():
        raise Fault("file_exists", {"path": str(out)})
    if url:
        raw = _over_http(desk, url, token, cycle, unit, round_name)
    else:
        raw = _locally(desk, cycle, as_name, unit, round_name)
    out.write_bytes(raw)
    desk.put(desk.word("bundle_written", path=str(out), size=len(raw)), {"file": str(out)})


def verify(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE")],
    key: Annotated[str | None, typer.Option(metavar="VKEY")] = None,
) -> None:
    """Check a bundle: every event, link, signature and proof in it."""
    from planflow.exchange import bundle as archive
    from planflow.ledger import evidence

    desk = of(context)
    raw = read_file(file)
    content, protocol = archive.unpack(raw)
    done = evidence.check(evidence.read(content), protocol, key)
    archive.whole(raw, content, protocol)
    desk.put(_told(desk, done), _data(done))


def _told(desk: Desk, done: "Checked") -> str:
    lines = [
        desk.word("verified", **{name: done.__getattribute__(name) for name in _COUNTS}),
        *(desk.word("verified_run", stream=s, first=a, last=b) for s, a, b in done.runs),
        desk.word("verified_withheld", shown=done.shown, withheld=done.withheld),
        *([desk.word("verified_erased", erased=done.erased)] if done.erased else []),
        desk.word("signer_pinned" if done.pinned else "signer_not_pinned", key=done.key),
    ]
    return "\n".join(lines)


_COUNTS = ("events", "links", "signatures", "proofs")


def _data(done: "Checked") -> dict[str, Any]:
    from dataclasses import asdict

    found = asdict(done) | {"protocols": sorted(done.protocols)}
    return {name: one for name, one in found.items() if name not in ("gone", "told")}


def _over_http(
    desk: Desk, url: str, token: str | None, cycle: str | None, unit: str, name: str | None
) -> bytes:
    from planflow.client import Client

    if not cycle:
        raise Refusal("cycle_needed")
    if not token:
        raise Refusal("token_needed")
    with Client(url, token=token, lang=desk.lang) as client:
        if name:
            return client.round_bundle(cycle, name, unit)
        return client.plan_bundle(cycle, unit)


def _locally(
    desk: Desk, cycle: str | None, as_name: str | None, unit: str, name: str | None
) -> bytes:
    from planflow.cli.entering import looking
    from planflow.services import bundles, keys
    from planflow.services.sequencing import Sequencer

    with looking(desk, cycle, as_name, unit) as (site, reader, seen):
        # Where no service runs, nobody else signs what was recorded last.
        keys.ready(site)
        Sequencer.of(site).advance()
        if name:
            return bundles.round_bundle(site, reader, seen, name, unit)
        return bundles.plan_bundle(site, reader, seen, unit)
