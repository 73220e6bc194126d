"""What a password may be, and how it is kept: argon2id.

Length and a list of what everybody tries first, no rule of composition (decision 0048).
"""

import secrets
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from pwdlib import PasswordHash

from planflow.errors import Finding

SHORTEST, LONGEST = 8, 256
_DISTINCT = 4  # characters that differ
_NAME_COUNTS_FROM = 4
_OURS = "planflow"


def faults(password: str, name: str, field: str = "password") -> Iterator[Finding]:
    """Why a new password of an account is not taken; at most one reason."""
    if len(password) < SHORTEST:
        yield Finding("short_password", {"shortest": SHORTEST}, field)
    elif len(password) > LONGEST:
        yield Finding("too_long", {"field": field, "max_length": LONGEST}, field)
    elif _of_name(_folded(password), _folded(name)):
        yield Finding("password_of_name", {}, field)
    elif _common(_folded(password)):
        yield Finding("common_password", {}, field)


def kept(password: str) -> str:
    """A password as it is kept."""
    return _hasher().hash(password)


def fits(password: str, hashed: str | None) -> bool:
    """Whether a password is the one that is kept; without one, the same time is taken."""
    good = _hasher().verify(password, hashed or _nobody())
    return good and hashed is not None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _of_name(password: str, name: str) -> bool:
    """The name with little around it, forwards or backwards; a short name is in many a word."""
    for one in (name, name[::-1], _OURS):
        if password == one:
            return True
        if len(one) >= _NAME_COUNTS_FROM and one in password:
            rest = password.replace(one, "")
            if len(rest) < SHORTEST:
                return True
    return False


def _common(password: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in pairwise(password)}
    return len(set(password)) < _DISTINCT or steps in ({1}, {-1}) or password in _tried_first()


@cache
def _tried_first() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - large, and rarely needed

    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()  # argon2id


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))
