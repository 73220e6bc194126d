"""Find a cycle's few units without task among its many, whenever the cycle is shown (N1, N2)."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("cycle_unit_idle", "cycle_unit", ["cycle_id", "no_task"])
