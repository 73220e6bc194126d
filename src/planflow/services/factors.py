"""The second factor: codes of time (RFC 6238), each good for one use, and codes for when it is lost."""

import base64
import hmac
import secrets

import pyotp

from planflow.domain.events import Draft, spoken
from planflow.engine.hand import Hand
from planflow.errors import Finding, invalid
from planflow.services import sealing, tokens
from planflow.services.site import Site, site_event
from planflow.store import factors
from planflow.store.appending import Recorded
from planflow.store.transaction import Tx

ISSUER = "planflow"
_STEP = 30  # seconds
_BEFORE_AND_AFTER = 1  # steps: clocks of telephones differ
RECOVERY_CODES = 10
_RECOVERY_BYTES = 15  # 120 bits: a digest of it needs no salt


def there(tx: Tx, account_id: str) -> bool:
    """Whether an account's second factor is asked for."""
    found = factors.factor(tx, account_id)
    return found is not None and found.confirmed


def enrol(site: Site, tx: Tx, account_id: str, name: str) -> str:
    """A new secret as an otpauth address, told this once, in place of one not yet confirmed."""
    secret = pyotp.random_base32()
    factors.begin_anew(tx, account_id, sealing.seal(site, account_id, secret.encode()))
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def confirm(site: Site, tx: Tx, account_id: str, code: str) -> tuple[Recorded, list[str]]:
    """From now on it is asked for; the codes for when it is lost, told this once."""
    found = factors.factor(tx, account_id)
    if found is None or found.confirmed:
        raise invalid(Finding("no_factor_begun"))
    if not _of_time(site, tx, account_id, found.secret, code):
        raise invalid(Finding("wrong_code", {}, "code"))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    factors.confirm(tx, account_id, site.clock(), [tokens.digest_of(one) for one in codes])
    return _told(site, tx, "factor_confirmed", account_id, Hand(account_id, "", site.mint)), codes


def accept(site: Site, tx: Tx, account_id: str, code: str) -> bool:
    """Use a code of the factor, or one for when it is lost; False where it is none, or was used."""
    found = factors.factor(tx, account_id)
    if found is None or not found.confirmed:
        return False
    tidy = code.strip().replace(" ", "").lower()
    if tidy.isascii() and tidy.isdigit():
        return _of_time(site, tx, account_id, found.secret, tidy)
    if not factors.use_recovery(tx, account_id, tokens.digest_of(tidy), site.clock()):
        return False
    _told(site, tx, "recovery_code_used", account_id, Hand(account_id, "", site.mint))
    return True


def drop(site: Site, tx: Tx, account_id: str, hand: Hand, reason: str = "") -> Recorded:
    """Do without it: an event."""
    factors.drop(tx, account_id)
    return _told(site, tx, "factor_dropped", account_id, hand, reason)


def _of_time(site: Site, tx: Tx, account_id: str, sealed: bytes, code: str) -> bool:
    secret = sealing.unseal(site, account_id, sealed).decode()
    now = int(site.clock().timestamp()) // _STEP
    maker = pyotp.TOTP(secret)
    for step in range(now - _BEFORE_AND_AFTER, now + _BEFORE_AND_AFTER + 1):
        if hmac.compare_digest(maker.at(step * _STEP).encode(), code.encode(errors="replace")):
            return factors.use_step(tx, account_id, step)
    return False


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _told(site: Site, tx: Tx, kind: str, account_id: str, hand: Hand, reason: str = "") -> Recorded:
    parts = {"account": {"id": account_id}, **spoken({"reason": reason})}
    return site_event(site, tx, Draft(kind, "", "", parts, site.mint()), hand)
