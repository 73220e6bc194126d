"""An unsafe call as it came in, and the order in which the contract has it checked (section 7)."""

import re
from dataclasses import dataclass
from hashlib import sha256

from planflow.errors import Finding, Refusal, invalid
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.store import sites
from planflow.store.sites import KeyUsed
from planflow.store.transaction import Tx

_VERSION = re.compile(r'^("?)(0|[1-9]\d{0,17})\1$')
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Call:
    """Method, path and raw body of an unsafe call; `if_match` and `key` are its headers' text."""

    method: str
    path: str
    body: bytes = b""
    if_match: str | None = None
    key: str | None = None

    def scope(self, reader: Reader) -> dict[str, str]:
        """What makes an idempotency key one and the same: actor, method, path, key."""
        return {
            "account_id": reader.user_id,
            "method": self.method,
            "path": self.path,
            "key": self.key or "",
        }

    @property
    def digest(self) -> bytes:
        """Digest of the body, to tell a repeated call from another one."""
        return sha256(self.body).digest()


def wait_for(tx: Tx, reader: Reader, call: Call) -> None:
    """Wait a moment for the same key's first call, if it is still running.

    Raises `Refusal` `key_running`, or `invalid` for a key that is none.
    """
    check_key(call)
    hold(tx, reader, call)


def hold(tx: Tx, reader: Reader, call: Call) -> None:
    """Wait the same way, saying nothing yet of a key that is none. Raises `Refusal` `key_running`."""
    if call.key is not None and _is_key(call.key) and not sites.hold_key(tx, call.scope(reader)):
        raise Refusal("key_running")


def check_key(call: Call) -> None:
    """Raise `Refusal` `invalid` for a key that is none."""
    if call.key is not None and not _is_key(call.key):
        raise invalid(Finding("bad_key", {"longest": _LONGEST_KEY}, "Idempotency-Key"))


def replayed(tx: Tx, reader: Reader, call: Call) -> KeyUsed | None:
    """What this very call did before, if its key took effect already.

    Raises `Refusal` `key_reused` for another body under the same key.
    """
    if call.key is None:
        return None
    used = sites.key_used(tx, call.scope(reader))
    if used is not None and used.body_digest != call.digest:
        raise Refusal("key_reused")
    return used


def remember(tx: Tx, site: Site, reader: Reader, call: Call, used: KeyUsed) -> None:
    """Keep the key with what it did, in the same unit of work."""
    if call.key is not None:
        sites.use_key(tx, call.scope(reader), used, site.clock())


def check_version(call: Call, version: int) -> None:
    """Compare If-Match with the plan's version.

    Raises `Refusal` `version_required` or `stale_version`.
    """
    match = _VERSION.match(call.if_match.strip()) if call.if_match else None
    if match is None:
        # Proxies weaken an ETag (W/"7"), and by its rules If-Match takes none that is weak.
        header = "If-Match" if call.if_match else ""
        raise Refusal("version_required", {"version": version, "header": header})
    if int(match[2]) != version:
        raise Refusal("stale_version", {"expected": version, "got": int(match[2])})


def _is_key(text: str) -> bool:
    return text.isprintable() and 0 < len(text) <= _LONGEST_KEY
