"""One byte form for one value: RFC 8785, as far as planflow needs it."""

from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """Encode a JSON value without floats and with ASCII keys.

    For that subset orjson's sorted output equals RFC 8785; `tests/unit/ledger` proves it against
    a library written for the RFC.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
