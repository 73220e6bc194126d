"""Who may do what to which table on PostgreSQL: two roles that own nothing (F7).

One acts for people, within their places (`store.row_security`). The other keeps the records: the
sequencer, the audit, erasures, imports. Whoever signs in to the database is a member of one of them.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from planflow.errors import Fault
from planflow.store.beginning import APPLICATION, RECORDS
from planflow.store.protection import AGEING, ERASABLE, INSERT_ONLY
from planflow.store.tables import METADATA

_ONLY_RECORDS = ("past_year",)  # and all of the ledger but its queue
_LEDGER, _QUEUE = "ledger_", "ledger_queue"


def make(connection: Connection, members: Iterable[tuple[str, str]]) -> None:
    """Make the roles where they are missing, and whoever signs in a member: (role, member).

    Raises `Fault` `role_missing` where this is not the owner's to do.
    """
    for role in (APPLICATION, RECORDS):
        if not _is_there(connection, role):
            _or_missing(connection, f"CREATE ROLE {role} NOLOGIN", role)
    for role, member in members:
        if not _is_there(connection, member):
            raise Fault("role_missing", {"role": member})
        query = text("SELECT pg_has_role(:member, :role, 'USAGE')")
        given = {"member": member, "role": role}
        if not connection.execute(query, given).scalar_one():
            name = connection.dialect.identifier_preparer.quote(member)
            _or_missing(connection, f"GRANT {role} TO {name}", role)


def allow(connection: Connection) -> None:
    """Let each role read and add, and change only what is not history and is its to change."""
    for name in sorted(METADATA.tables):
        for role in (APPLICATION, RECORDS):
            connection.execute(text(f'REVOKE ALL ON TABLE "{name}" FROM {role}'))
            connection.execute(text(f'GRANT {_rights(name, role)} ON TABLE "{name}" TO {role}'))
    connection.execute(text(f'GRANT UPDATE (salt, value) ON TABLE "{ERASABLE}" TO {RECORDS}'))
    connection.execute(text(f"GRANT SELECT ON TABLE alembic_version TO {APPLICATION}, {RECORDS}"))


def _rights(table: str, role: str) -> str:
    if role == APPLICATION and table in _ONLY_RECORDS:
        return "SELECT"
    if role == APPLICATION and table.startswith(_LEDGER):
        return "SELECT, INSERT" if table == _QUEUE else "SELECT"
    if table in (*INSERT_ONLY, ERASABLE):
        return "SELECT, INSERT"
    return "SELECT, INSERT, DELETE" if table == AGEING else "SELECT, INSERT, UPDATE, DELETE"


def _is_there(connection: Connection, role: str) -> bool:
    query = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    return connection.execute(query, {"role": role}).first() is not None


def _or_missing(connection: Connection, sql: str, role: str) -> None:
    try:
        with connection.begin_nested():  # another may be making it for a database beside this one
            connection.execute(text(sql))
    except DBAPIError as error:
        if not _is_there(connection, role) or getattr(error.orig, "sqlstate", None) == "42501":
            raise Fault("role_missing", {"role": role}) from error
