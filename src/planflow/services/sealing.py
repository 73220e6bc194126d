"""Secrets that the database keeps sealed (AES-256-GCM), by a key that lies outside of it."""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from planflow.errors import Fault
from planflow.services import keys
from planflow.services.site import Site

_NONCE, _KEY = 12, 32


def seal(site: Site, of: str, secret: bytes) -> bytes:
    """Seal a secret of somebody: nobody else's can be put in its place. Raises `Fault`."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_key(site, make=True)).encrypt(nonce, secret, of.encode())


def unseal(site: Site, of: str, sealed: bytes) -> bytes:
    """A secret as it was. Raises `Fault` where the key is not the one it was sealed by."""
    try:
        return AESGCM(_key(site)).decrypt(sealed[:_NONCE], sealed[_NONCE:], of.encode())
    except InvalidTag:
        raise Fault("secrets_key_wrong") from None


def _key(site: Site, *, make: bool = False) -> bytes:
    kept = keys.keep(site)
    given = site.settings.secrets_key
    # As with the ledger's key: several machines need one in common, and so a folder that was named.
    own = site.database.embedded or "ledger_folder" in site.settings.model_fields_set
    if given is None and make and own:
        kept.make_secrets()
    text = given.get_secret_value() if given else kept.secrets()
    if text is None:
        raise Fault("secrets_key_missing", {"path": str(kept.folder)})
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY:
        raise Fault("secrets_key_wrong")
    return key
