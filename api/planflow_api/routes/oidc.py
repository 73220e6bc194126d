"""Signing in at the site's identity provider, by way of a browser."""

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from planflow.services import oidc
from planflow.services.site import Site
from planflow.services.views import TokenView
from planflow_api.dependencies import Opened, written
from planflow_api.errors import language
from planflow_api.rooms import room
from planflow_api.schemas import refusals
from planflow_api.watching import BASE

router = room("/auth/oidc", "auth")

_COOKIE = "planflow_departure"
_PATH = f"{BASE}/auth/oidc"


@router.get("/login", include_in_schema=False)
async def leave(door: Opened) -> Response:
    """Send a browser to the provider; it keeps what shows that it is the one that comes back."""
    gone = await door.through(oidc.depart)
    answer = RedirectResponse(gone.address, 302, {"Referrer-Policy": "no-referrer"})
    answer.set_cookie(
        _COOKIE,
        gone.browser,
        max_age=int(oidc.LIFE.total_seconds()),
        path=_PATH,
        secure=gone.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/callback", response_model=TokenView, responses=refusals((401, 404, 500, 503)))
async def come_back(
    request: Request, door: Opened, state: str = "", code: str = "", iss: str | None = None
) -> Response:
    """Get tokens for what the provider sent along, in the browser that left; once."""
    browser, lang = request.cookies.get(_COOKIE, ""), language(request)

    def work(site: Site) -> Response:
        return written(oidc.arrive(site, state, code, iss, browser), lang)

    answer = await door.through(work)
    answer.delete_cookie(_COOKIE, path=_PATH)
    return answer
