"""Past years: what stands beside an offer, and stocks with their flows (N15, N16)."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_AMOUNTS = ("plan", "outcome", "stock_start", "inflow", "exits", "adjustment", "stock_end")


def upgrade() -> None:
    """Make the table; its triggers are put in place after every migration (`store.protection`)."""
    op.create_table(
        "past_year",
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("indicator", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in _AMOUNTS),
        sa.PrimaryKeyConstraint("unit_id", "year", "indicator", "position"),
    )
