"""Schema versions: bring a database up, and refuse one that this program does not know (F5)."""

import datetime as dt

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.engine import make_url

from planflow.errors import Fault
from planflow.ledger.chain import START
from planflow.store.protection import allow
from planflow.store.tables import SiteRow, table
from planflow.store.transaction import Database, Tx

SITE = table(SiteRow)
_MIGRATING = 0x706C616E666C6F77  # "planflow": the key of the advisory lock


def upgrade(database: Database, site_id: str, now: dt.datetime, role: str | None = None) -> str:
    """Bring the schema to this program's revision and return it; history is protected anew.

    A new database becomes the site of this id. `role`, an application that owns nothing, is given
    what it needs and no more. Raises `Fault`.
    """

    def work(tx: Tx) -> str:
        if tx.locks:
            # One at a time: processes that start together would change one trigger at once.
            tx.connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        found = _revision(tx.connection)
        if found is not None and found not in _known():
            raise Fault("database_newer", {"found": found, "known": head()})
        config = _config()
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
        if tx.connection.execute(select(SITE.c.id)).first() is None:
            values = {"id": site_id, "position": 0, "chain": START, "recorded_at": now}
            tx.connection.execute(insert(SITE), values)
        if role is not None:
            allow(tx.connection, role)
        return head()

    return database.write(work)


def application_role(application_url: str, owner_url: str) -> str | None:
    """The application's role where it is not the owner's own (F7)."""
    role = make_url(application_url).username
    return role if role != make_url(owner_url).username else None


def check(database: Database) -> None:
    """Refuse a schema that is not this program's.

    Raises `Fault`: `database_newer`, `database_older`.
    """
    found = database.read(lambda tx: _revision(tx.connection))
    if found == head():
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
