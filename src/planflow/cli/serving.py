"""`planflow serve` and `planflow migrate`."""

from typing import TYPE_CHECKING, Annotated

import typer

from planflow.cli.desk import Desk, of
from planflow.errors import PlanflowError, Refusal

if TYPE_CHECKING:
    from planflow.services.site import Site


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Serve until Ctrl-C; what keeps it from serving is told before it starts."""
    import uvicorn

    from planflow.cli import exposure, listening
    from planflow.config import Settings
    from planflow.demo.server import APPLICATION, listenable
    from planflow.services.site import open_site

    desk, settings = of(context), Settings()
    if workers > 1 and settings.database_url.get_secret_value().startswith("sqlite"):
        raise Refusal("workers_need_postgresql", {"workers": workers})
    port = listenable(host, port)
    site = open_site(settings, serving=True)
    try:
        exposure.check(settings, site, host)
        _tell_unsigned(desk, site)
    finally:
        site.close()
    shown = f"[{host}]" if ":" in host else host
    desk.remark(desk.word("serving", url=f"http://{shown}:{port}"))
    how = listening.options(settings)
    uvicorn.run(APPLICATION, factory=True, host=host, port=port, workers=workers, **how)


def _tell_unsigned(desk: Desk, site: "Site") -> None:
    """Say that nothing will be signed, and why. Acts are taken all the same, and signed later."""
    from planflow.messages import sentence
    from planflow.services import keys

    try:
        keys.ready(site)
        keys.signer(site)
    except PlanflowError as error:
        why = sentence(error.code, error.params, desk.lang, error.terms)
        desk.remark(desk.word("unsigned", text=why))


def migrate(context: typer.Context) -> None:
    """Bring the schema to this program's revision."""
    from planflow.config import Settings
    from planflow.services import site

    desk, revision = of(context), site.migrate(Settings())
    desk.put(desk.word("migrated", revision=revision), {"revision": revision})
