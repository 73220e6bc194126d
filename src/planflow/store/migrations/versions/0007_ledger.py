"""The ledger: a queue, leaves in their order, tiles' roots, checkpoints and epochs (F10)."""

import sqlalchemy as sa
from alembic import op

from planflow.ledger.leaf import named

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 2_000


def upgrade() -> None:
    """Make the tables, and queue the events that are there already."""
    op.create_table(
        "ledger_queue",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("log", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index(op.f("ix_ledger_queue_log"), "ledger_queue", ["log"], unique=False)
    op.create_table(
        "ledger_leaf",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "epoch", "position"),
        sa.UniqueConstraint("event_id", "log", "epoch"),
    )
    op.create_table(
        "ledger_tile",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "epoch", "level", "number"),
    )
    op.create_table(
        "ledger_checkpoint",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("log", "epoch", "size"),
    )
    op.create_table(
        "ledger_epoch",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("log", "epoch"),
    )
    _queue_what_is_there()


def _queue_what_is_there() -> None:
    connection = op.get_bind()
    events = sa.table("event", sa.column("id"), sa.column("leaf", sa.LargeBinary()))
    queue = sa.table("ledger_queue", sa.column("event_id"), sa.column("log"))
    after = ""
    while True:
        page = sa.select(events.c.id, events.c.leaf).where(events.c.id > after)
        rows = connection.execute(page.order_by(events.c.id).limit(_AT_ONCE)).all()
        if not rows:
            return
        after = rows[-1].id
        # A leaf names its log behind the site's id. What is no leaf is an audit's to find.
        logs = {row.id: named(row.leaf)[1].partition("/")[2] for row in rows}
        queued = [{"event_id": one, "log": log} for one, log in logs.items() if log]
        if queued:
            connection.execute(sa.insert(queue), queued)
