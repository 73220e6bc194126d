"""Row-level security on PostgreSQL; policies are put in place after every migration, as triggers are."""

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table: a database of this revision has what `store.row_security` puts in place."""
