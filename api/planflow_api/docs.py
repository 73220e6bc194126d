"""The documentation page, from files that a package carries: it works without the internet."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

PAGE = "/docs"
_ASSETS = "/docs/assets"
# The page's one script of its own is named by its digest. Swagger UI draws with styles in elements.
_POLICY = (
    "default-src 'none'; script-src 'self' {script}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Serve the documentation page and its files."""
    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-assets")
    app.add_api_route(PAGE, _page, include_in_schema=False)
    app.add_api_route("/", _lead, include_in_schema=False)


async def _lead(request: Request) -> RedirectResponse:
    """Whoever opens the service's bare address is led to the documentation."""
    return RedirectResponse(request.scope.get("root_path", "").rstrip("/") + PAGE)


async def _page(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "").rstrip("/")
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{_ASSETS}/favicon.png",
        # Swagger UI would ask a validator on the internet for a badge.
        swagger_ui_parameters={"validatorUrl": None},
    )
    digests = [b64encode(sha256(one).digest()).decode() for one in _SCRIPT.findall(page.body)]
    allowed = " ".join(f"'sha256-{one}'" for one in digests)
    page.headers["Content-Security-Policy"] = _POLICY.format(script=allowed)
    return page
