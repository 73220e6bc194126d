"""The composition root of the service: `uvicorn planflow_api.app:create_app --factory`."""

import gc
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI

import planflow
from planflow.config import Settings
from planflow.errors import Fault
from planflow.messages import sentence
from planflow.services import keys
from planflow.services.sequencing import Running
from planflow.services.site import Site, open_site
from planflow_api import bodies, docs, errors
from planflow_api.dependencies import Door
from planflow_api.frame import Frame, NotStarted
from planflow_api.metrics import Metrics
from planflow_api.rates import Rates
from planflow_api.routes import (
    access_records,
    accounts,
    auth,
    bundles,
    cycles,
    delegations,
    factors,
    health,
    ledger,
    oidc,
    plans,
    protocols,
    review,
    units,
)
from planflow_api.watching import Watch

_ABOUT = """\
计划在各级之间上下协商：上报、下达、再上报、再下达、一次微调，每一步都留痕，不可覆盖。

Plans negotiated between levels: up, down, up, down, one adjust; nothing is ever overwritten.

- 先用 `POST /api/v1/auth/token` 取得令牌 / Get a token first.
- 对计划的写操作须带 `If-Match: "<version>"` / A write on a plan names the version it is about.
- 写操作可带 `Idempotency-Key`，重发只生效一次 / With a key, an act sent twice happens once.
- 语言由 `Accept-Language` 决定（zh, en）/ The language follows `Accept-Language`.
"""


class Service(FastAPI):
    """FastAPI whose OpenAPI also knows the bodies that are read behind the door."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = bodies.complete(super().openapi())
        return self.openapi_schema


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service; its site is opened when it starts, not before."""
    app = Service(
        title="planflow",
        description=_ABOUT,
        version=planflow.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # What an operator sees is in `watching`; a span would carry queries and an error's words.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=_life,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings = settings = settings or Settings()
    app.state.metrics = Metrics()
    app.add_middleware(
        Frame, settings=settings, rates=Rates(settings), watch=Watch(app.state.metrics)
    )
    errors.install(app)
    # The router asks one route after another: what is asked for most comes first.
    often = (health, plans, cycles, units, protocols, delegations, auth)
    for room in (*often, accounts, factors, oidc, review, access_records, bundles, ledger):
        app.router.routes.extend(room.router.routes)
    docs.install(app)
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    settings: Settings = app.state.settings
    site = _opened(settings)
    try:
        with (
            _settled(),
            Running(site),
            ThreadPoolExecutor(settings.workers, "planflow") as pool,
        ):
            yield {"door": Door(site, pool)}
    finally:
        site.close()


@contextmanager
def _settled() -> Iterator[None]:
    """Look through what lives as long as the service but once, and through the rest less often."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _opened(settings: Settings) -> Site:
    site: Site | None = None
    try:
        site = open_site(settings, serving=True)
        keys.ready(site)
    except Fault as fault:
        if site is not None:
            site.close()
        raise NotStarted(sentence(fault.code, fault.params, settings.lang)) from None
    return site
