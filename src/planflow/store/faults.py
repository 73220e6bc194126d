"""What a driver's error means to planflow."""

from sqlalchemy.exc import DBAPIError

from planflow.errors import Fault

_POSTGRESQL = {
    "53100": "disk_full",
    "25006": "database_readonly",
    "55P03": "database_busy",
    "40001": "database_busy",
    "40P01": "database_busy",
    "57014": "database_busy",
    "42501": "database_readonly",
    "42P01": "database_older",
    "PF001": "append_only",
}
_SQLITE = {
    "readonly database": "database_readonly",
    "disk is full": "disk_full",
    "is locked": "database_busy",
    "append_only": "append_only",
    "no such table": "database_older",
    "not a database": "not_a_database",
    "malformed": "database_damaged",
}
_RETRIED = {"40001", "40P01", "23505"}  # serialisation, deadlock, a row another just inserted


def known(error: Exception) -> DBAPIError:
    """A driver's own error as SQLAlchemy would raise it."""
    return DBAPIError(None, None, error)


def fault_of(error: DBAPIError) -> Fault:
    """Name what went wrong; the driver's own words stay in the cause, for the operator's log."""
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return Fault(_POSTGRESQL.get(state, "database_unavailable"))
    words = str(error.orig)
    found = [code for sign, code in _SQLITE.items() if sign in words]
    return Fault(found[0] if found else "database_unavailable")


def bad_text(error: DBAPIError) -> bool:
    """Whether a text holds what PostgreSQL cannot: that is the asker's mistake, and no fault."""
    return "NUL (0x00)" in str(error.orig)


def worth_retrying(error: DBAPIError) -> bool:
    """Whether another transaction was in the way, so that a second run may pass."""
    return getattr(error.orig, "sqlstate", None) in _RETRIED
