"""What a request's head may be, and what the head of every answer carries."""

from starlette.types import Scope

from planflow.config import Settings
from planflow.errors import Refusal

Headers = list[tuple[bytes, bytes]]

# Sent twice, each of these is read by one program in one way and by the next in another.
_ONCE = frozenset((b"authorization", b"content-length", b"content-type", b"host"))
_FRAMING = {b"content-length", b"transfer-encoding"}
_POLICY = (
    b"default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)
_OFF = "accelerometer", "camera", "display-capture", "geolocation", "microphone", "payment", "usb"
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{one}=()" for one in _OFF).encode()),
]
_CSP = b"content-security-policy"
# The version is a write token: an answer from a cache would be a stale one.
_UNKEPT = (b"cache-control", b"no-store")


def unfit(scope: Scope, settings: Settings) -> Refusal | None:
    """Why a request's head is refused before anything of it is read; None where it is sound."""
    headers: Headers = scope["headers"]
    length = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if length > settings.url_limit:
        return Refusal("url_too_long", {"limit": settings.url_limit})
    if len(headers) > settings.head_count:
        return Refusal("head_too_large", {"limit": str(settings.head_count)})
    names = [name for name, _ in headers]
    if sum(map(len, names)) + sum(len(value) for _, value in headers) > settings.head_limit << 10:
        return Refusal("head_too_large", {"limit": f"{settings.head_limit} KiB"})
    if len(set(names)) < len(names):
        for name in sorted(_ONCE.intersection(names)):
            if names.count(name) > 1:
                return Refusal("bad_head", {"field": name.decode()})
    if _FRAMING.issubset(names):
        return Refusal("bad_head", {"field": "Content-Length, Transfer-Encoding"})
    return None


def dressed(headers: Headers, *, of_api: bool, secure: bool, settings: Settings) -> Headers:
    """The headers of an answer with what every answer carries."""
    found = [*headers, *_ALWAYS]
    if not any(name == _CSP for name, _ in headers):
        found.append((_CSP, _POLICY))
    if of_api:
        found.append(_UNKEPT)
    if secure and settings.hsts_seconds:
        value = f"max-age={settings.hsts_seconds}; includeSubDomains".encode()
        found.append((b"strict-transport-security", value))
    return found
