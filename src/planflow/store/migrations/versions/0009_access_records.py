"""Who read what belongs to others: a table of its own, by time, reader and place."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; nothing was recorded before."""
    words = ("actor", "grant_id", "kind", "cycle_id", "unit_id", "asked")
    op.create_table(
        "access_record",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in words),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("access_record_time", "access_record", ["recorded_at", "id"])
    op.create_index("access_record_actor", "access_record", ["actor", "recorded_at"])
    op.create_index("access_record_place", "access_record", ["cycle_id", "unit_id", "recorded_at"])
