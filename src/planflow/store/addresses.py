"""What an address of a database holds that nobody is to know."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_NAMES = ("password", "sslpassword")


def passwords(url: str) -> list[str]:
    """Every password in an address, before the host or behind it; none in one that cannot be read."""
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):  # told when it is opened
        return []
    named = [one for name in _NAMES for one in read.normalized_query.get(name, ())]
    return [*([read.password] if read.password else []), *named]
