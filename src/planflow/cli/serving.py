"""`planflow serve` and `planflow migrate`."""

from typing import Annotated

import typer

from planflow.cli.desk import of
from planflow.errors import Refusal


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
    finally:
        site.close()
    shown = f"[{host}]" if ":" in host else host
    desk.remark(desk.word("serving", url=f"http://{shown}:{port}"))
    how = listening.options(settings)
    uvicorn.run(APPLICATION, factory=True, host=host, port=port, workers=workers, **how)


def migrate(context: typer.Context) -> None:
    """Bring the schema to this program's revision."""
    from planflow.config import Settings
    from planflow.services import site

    desk, revision = of(context), site.migrate(Settings())
    desk.put(desk.word("migrated", revision=revision), {"revision": revision})
