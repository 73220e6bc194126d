"""Delegated grants, and grants that were ended before their time (F9)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to grants what they rest on, and make the table of ends."""
    for name in ("line", "delegators"):
        column = sa.Column(name, sa.String(), nullable=False, server_default="")
        op.add_column("access_grant", column)
    op.add_column(
        "access_grant",
        sa.Column("onward", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "grant_end",
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
