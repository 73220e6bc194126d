"""A small OpenID provider in a process of its own: real codes, real PKCE, real signatures.

    python -m tests.api.provider PORT

`POST /spoil` with the name of a fault makes it do wrong from then on, as a hostile one would.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.architecture import house

CLIENT, SECRET = "planflow", "a secret of the client's"
SUBJECT = "248289761001"


class Provider:
    """Its keys, the codes it gave, and the fault it is told to have."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.other = RSAKey.generate_key(2048, {"kid": "one"})
        self.codes: dict[str, dict[str, str]] = {}
        self.fault = ""

    async def spoil(self, request: Request) -> Response:
        self.fault = (await request.body()).decode()
        return JSONResponse({})

    async def told(self, _: Request) -> Response:
        host = "http://192.0.2.1" if self.fault == "other_host" else self.issuer
        return JSONResponse(
            {
                "issuer": "http://other" if self.fault == "other_issuer" else self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{host}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        good = (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        if not good or asked["code_challenge_method"] != "S256" or "openid" not in asked["scope"]:
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        if self.fault == "mixed_up":
            back["iss"] = "http://another.example"
        if self.fault == "no_iss":
            del back["iss"]
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        asked = self.codes.pop(str(form["code"]), None)
        basic = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        shown = create_s256_code_challenge(str(form.get("code_verifier", "")))
        good = (
            asked is not None
            and basic == f"{CLIENT}:{SECRET.replace(' ', '+').replace(chr(39), '%27')}"
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and shown == asked["code_challenge"]
        )
        if not good or asked is None or self.fault == "refused":
            return JSONResponse({"error": "invalid_grant"}, 400)
        if self.fault == "redirect":
            return RedirectResponse("http://192.0.2.1/token", 307)
        if self.fault == "huge":
            return Response(b" " * (2 << 20), media_type="application/json")
        answer = {"access_token": "x", "token_type": "Bearer", "id_token": self.signed(asked)}
        if self.fault == "no_id_token":
            del answer["id_token"]
        return JSONResponse(answer)

    def signed(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        }
        spoilt: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"},
            "expired": {"exp": now - 3600, "iat": now - 300},
            "old": {"iat": now - 7200},
            "early": {"nbf": now + 3600},
            "no_exp": {"exp": None},
            "text_exp": {"exp": "never"},
            "audience": {"aud": "another"},
            "audiences": {"aud": [CLIENT, "another"]},
            "party": {"azp": "another"},
            "issuer": {"iss": "http://another.example"},
            "no_subject": {"sub": ""},
            "stranger": {"sub": "nobody here"},
        }
        claims |= spoilt.get(self.fault, {})
        header = {"alg": "RS256", "kid": "one"}
        if self.fault == "kind":
            header["typ"] = "at+jwt"
        if self.fault == "none":
            parts = [{"alg": "none"}, claims]
            return ".".join([*(_plain(part) for part in parts), ""])
        if self.fault == "confused":  # the public key as a shared secret
            text = f"{_plain({'alg': 'HS256', 'kid': 'one'})}.{_plain(claims)}"
            mac = hmac.digest(self.key.as_pem(private=False), text.encode(), "sha256")
            return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        if self.fault == "shared":
            return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key("s" * 32))
        return jwt.encode(header, claims, self.other if self.fault == "key" else self.key)

    async def keys(self, _: Request) -> Response:
        published: list[Any] = [self.key.as_dict(private=False)]
        if self.fault == "shared":
            published = [{**OctKey.import_key("s" * 32).as_dict(), "kid": "one"}]
        return JSONResponse({"keys": published})


def _plain(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@contextmanager
def running(port: int) -> Iterator[str]:
    """A provider in a process of its own; its address."""
    command = [sys.executable, "-m", "tests.api.provider", str(port)]
    process = subprocess.Popen(command, cwd=house.ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{url}/keys", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None
                time.sleep(0.05)  # for another process to listen: no clock of ours moves that
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


def main(port: int) -> None:
    """Serve until the end."""
    made = Provider(f"http://127.0.0.1:{port}")
    routes = [
        Route("/.well-known/openid-configuration", made.told),
        Route("/authorize", made.authorize),
        Route("/token", made.token, methods=["POST"]),
        Route("/keys", made.keys),
        Route("/spoil", made.spoil, methods=["POST"]),
    ]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
