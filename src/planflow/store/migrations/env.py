"""Run migrations on a connection handed over by `store.migrating`; all guards are put up anew."""

from alembic import context

from planflow.store import row_security
from planflow.store.protection import protect
from planflow.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    row_security.lift(connection)
    context.run_migrations()
    protect(connection)
    row_security.guard(connection)
