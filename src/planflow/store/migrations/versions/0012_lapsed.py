"""What an act rests on, looked at once more behind its locks; on PostgreSQL by a function."""

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table: the function is put in place with the policies (`store.row_security`)."""
