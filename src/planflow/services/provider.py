"""The site's OpenID provider: what is asked of it, and what of its answers is believed.

Nothing but its own host is called, no redirect is followed, and an ID token is taken only as RFC 8725
and OpenID Connect Core (3.1.3.7) have it. A provider that hangs holds up nobody else: few wait for it at
once, none of them for long.
"""

import hmac
import json
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import quote_plus, urlsplit

import httpx
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from planflow.config import Settings
from planflow.errors import Fault, Refusal
from planflow.services.waiting import Published, in_time

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_TIMEOUT, _LARGEST = 5.0, 1024 * 1024  # seconds of one step, bytes of one answer
_LEEWAY, _OLDEST = 60, 600  # seconds
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PUBLISHED = Published()


class _Client(OAuth2Client):  # type: ignore[misc]
    """Authlib's client, over a connection of ours."""

    def client_auth(self, auth_method: Any) -> Any:
        """The client's name and secret as httpx sends them (client_secret_basic)."""
        del auth_method
        return (quote_plus(self.client_id), quote_plus(self.client_secret or ""))


class _Line:
    """A connection that reaches the provider's own host alone."""

    def __init__(self, issuer: str) -> None:
        self._origin = _origin(issuer)
        scheme, host, _ = self._origin
        if scheme != "https" and not (scheme == "http" and host in _LOOPBACK):
            raise Fault("provider_unusable", {"detail": "https"})
        self._opened: httpx.Client | None = None

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _http(self) -> httpx.Client:
        if self._opened is None:
            self._opened = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False)
        return self._opened

    def own(self, url: Any) -> str:
        """An address at the provider's own host. Raises `Fault`."""
        if not isinstance(url, str) or _origin(url) != self._origin:
            raise Fault("provider_unusable", {"detail": "host"})
        return url

    def get(self, url: str) -> Any:
        """An object that is published there."""
        read = self._sent("GET", url)
        try:
            found = json.loads(read.content) if read.status_code == httpx.codes.OK else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Fault("provider_unavailable")
        return found

    def post(self, url: str, **content: Any) -> httpx.Response:
        """What Authlib's client sends."""
        return self._sent("POST", url, **content)

    def _sent(self, method: str, url: str, **content: Any) -> httpx.Response:
        auth = content.pop("auth", None)
        try:
            with self._http.stream(method, self.own(url), auth=auth, **content) as answer:
                held = b""
                for part in answer.iter_bytes():
                    held += part
                    if len(held) > _LARGEST:
                        raise Fault("provider_unavailable")
                # The content was unpacked as it was read.
                kind = {"Content-Type": answer.headers.get("Content-Type", "")}
                return httpx.Response(
                    answer.status_code, headers=kind, content=held, request=answer.request
                )
        except httpx.HTTPError as error:
            raise Fault("provider_unavailable") from error


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider of the settings."""

    issuer: str
    client_id: str
    secret: str
    redirect_url: str

    @classmethod
    def of(cls, settings: Settings) -> "Provider":
        """Raises `Refusal` `not_found` where there is none."""
        if settings.oidc_issuer is None:
            raise Refusal("not_found")
        secret = settings.oidc_client_secret
        return cls(
            settings.oidc_issuer,
            settings.oidc_client_id,
            secret.get_secret_value() if secret else "",
            settings.oidc_redirect_url,
        )

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where a person is sent to sign in. Raises `Fault`."""
        with _Line(self.issuer) as line:
            told = PUBLISHED.kept(self._discovery) or in_time(lambda: self._told(line))
            where = line.own(told.get("authorization_endpoint"))
            client = self._client(line)
            url, _ = client.create_authorization_url(where, state, verifier, nonce=nonce)
        return str(url)

    def subject(
        self, code: str, issuer: str | None, nonce: str, verifier: str, now: float
    ) -> str | None:
        """Who has signed in, by a code; None where anything about it does not hold. Raises `Fault`."""
        claims = in_time(lambda: self._fetched(code, issuer, verifier))
        return self._whose(claims, nonce, now) if claims is not None else None

    def _fetched(self, code: str, issuer: str | None, verifier: str) -> dict[str, Any] | None:
        """What the ID token says that a code is exchanged for, where it is signed as it must be."""
        with _Line(self.issuer) as line:
            told = self._told(line)
            # Whose answer this is (RFC 9207): another provider's code is not brought to this one.
            named = told.get("authorization_response_iss_parameter_supported") is True
            if issuer != self.issuer and (named or issuer is not None):
                return None
            client = self._client(line)
            try:
                answer = client.fetch_token(
                    line.own(told.get("token_endpoint")), code=code, code_verifier=verifier
                )
            except OAuth2Error:
                return None
            except (httpx.HTTPError, ValueError) as error:  # no answer, or none that can be read
                raise Fault("provider_unavailable") from error
            raw = answer.get("id_token")
            if not isinstance(raw, str) or raw.count(".") != 2:
                return None
            where = line.own(told.get("jwks_uri"))
            before = PUBLISHED.kept(where)
            claims = _claims(raw, _keys(before)) if before is not None else None
            if claims is None:  # keys are changed from time to time
                claims = _claims(raw, _keys(PUBLISHED.fetched(where, lambda: line.get(where))))
        return claims

    @property
    def _discovery(self) -> str:
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"

    def _told(self, line: _Line) -> Any:
        def fetch() -> Any:
            found = line.get(self._discovery)
            if found.get("issuer") != self.issuer:
                raise Fault("provider_unusable", {"detail": "issuer"})
            return found

        return PUBLISHED.kept(self._discovery) or PUBLISHED.fetched(self._discovery, fetch)

    def _client(self, line: _Line) -> Any:
        return _Client(
            line,
            self.client_id,
            self.secret,
            scope="openid",
            redirect_uri=self.redirect_url,
            code_challenge_method="S256",
        )

    def _whose(self, claims: dict[str, Any], nonce: str, now: float) -> str | None:
        subject, said = claims.get("sub"), claims.get("nonce")
        holds = (
            claims.get("iss") == self.issuer
            and self._for_us(claims)
            and _in_time(claims, now)
            and isinstance(said, str)
            and hmac.compare_digest(said.encode(), nonce.encode())
            and isinstance(subject, str)
            and 0 < len(subject) <= 255
        )
        return str(subject) if holds else None

    def _for_us(self, claims: dict[str, Any]) -> bool:
        audience = claims.get("aud")
        several = audience if isinstance(audience, list) else [audience]
        party = claims.get("azp", None if len(several) > 1 else self.client_id)
        return self.client_id in several and party == self.client_id


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        split = urlsplit(url)
        port = split.port or {"https": 443, "http": 80}.get(split.scheme)
    except ValueError:
        return ("", "", None)
    return (split.scheme, split.hostname or "", port)


def _keys(published: dict[str, Any]) -> KeySet | None:
    """Keys to verify by; a shared secret is none, whoever publishes it."""
    found = published.get("keys")
    kept = [
        one
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict) and one.get("kty") in ("RSA", "EC") and one.get("use") != "enc"
    ]
    try:
        return KeySet.import_key_set({"keys": kept}) if kept else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _claims(raw: str, keys: KeySet | None) -> dict[str, Any] | None:
    """What an ID token says, if it is signed by one of these keys; else nothing."""
    if keys is None:
        return None
    try:
        token = jwt.decode(raw, keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError, KeyError, TypeError):
        return None
    if str(token.header.get("typ", "JWT")).lower() != "jwt":  # a token of another kind
        return None
    return dict(token.claims)


def _number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float)


def _in_time(claims: dict[str, Any], now: float) -> bool:
    end, made, start = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not (_number(end) and _number(made) and _number(start)):
        return False
    fresh = now - _OLDEST <= made <= now + _LEEWAY
    return fresh and start <= now + _LEEWAY and now < end + _LEEWAY
