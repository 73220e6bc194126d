"""Schema versions: bring a database up, and refuse one that this program does not know (F5)."""

import datetime as dt
from collections.abc import Collection

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.engine import make_url

from planflow.errors import Fault
from planflow.ledger.chain import START
from planflow.store import roles
from planflow.store.beginning import APPLICATION, RECORDS, role_of
from planflow.store.tables import SiteRow, table
from planflow.store.transaction import Database, Tx

SITE = table(SiteRow)
_MIGRATING = 0x706C616E666C6F77  # "planflow": the key of the advisory lock


def upgrade(
    database: Database, site_id: str, now: dt.datetime, members: Collection[tuple[str, str]] = ()
) -> str:
    """Bring the schema to this program's revision and return it; history is protected anew.

    A new database becomes the site of this id. The roles that planflow works in are made, and given
    what they need and no more; `members` are to be in them: (role, member). Raises `Fault`.
    """

    def work(tx: Tx) -> str:
        if tx.locks:
            # One at a time: processes that start together would change one trigger at once.
            tx.connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        found = _revision(tx.connection)
        if found is not None and found not in _known():
            raise Fault("database_newer", {"found": found, "known": head()})
        if tx.locks:
            roles.make(tx.connection, members)
        config = _config()
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
        if tx.connection.execute(select(SITE.c.id)).first() is None:
            values = {"id": site_id, "position": 0, "chain": START, "recorded_at": now}
            tx.connection.execute(insert(SITE), values)
        if tx.locks:
            roles.allow(tx.connection)
        return head()

    return database.write(work)


def members(application: str, records: str) -> list[tuple[str, str]]:
    """Who signs in to act in which role, by their addresses (F7)."""
    known = ((APPLICATION, make_url(application).username), (RECORDS, make_url(records).username))
    return [(role, name) for role, name in known if name]


def check(database: Database) -> None:
    """Refuse a schema that is not this program's, and a connection that is not in its role.

    Raises `Fault`: `database_newer`, `database_older`, `role_missing`.
    """
    found = database.read(lambda tx: _revision(tx.connection))
    if found == head():
        if database.role and database.read(lambda tx: role_of(tx.connection)) != database.role:
            raise Fault("role_missing", {"role": database.role})
        return
    if found is not None and found not in _known():
        raise Fault("database_newer", {"found": found, "known": head()})
    raise Fault("database_older", {"found": found or "-", "known": head()})


def is_empty(database: Database) -> bool:
    """Whether no schema has been made yet."""
    return database.read(lambda tx: _revision(tx.connection)) is None


def head() -> str:
    """This program's schema revision."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "planflow.store:migrations")
    return config
