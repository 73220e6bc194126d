"""Places in a cycle's tree by position: a tree may change, and any earlier one can be read (N1)."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COPY = """
INSERT INTO cycle_unit_version (cycle_id, unit_id, position, code, name, level, parent_code, path,
                                attributes, no_task, since, gone)
SELECT cycle_id, unit_id, 1, code, name, level, parent_code, path,
       attributes, no_task, since, gone FROM cycle_unit
"""


def upgrade() -> None:
    """Make the table of versions from the trees as they were fixed; places may change from now on."""
    op.add_column(
        "cycle_unit", sa.Column("since", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(
        "cycle_unit", sa.Column("gone", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "cycle_unit_version",
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("parent_code", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("attributes", sa.String(), nullable=False),
        sa.Column("no_task", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("cycle_id", "unit_id", "position"),
    )
    op.create_index("cycle_unit_version_path", "cycle_unit_version", ["cycle_id", "path"])
    op.execute(_COPY)
    _let_places_change()


def _let_places_change() -> None:
    """What refused a change of a place goes: the versions are the history now."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER IF EXISTS cycle_unit_refuse ON cycle_unit")
        return
    for event in ("update", "delete", "insert"):
        op.execute(f"DROP TRIGGER IF EXISTS cycle_unit_refuse_{event}")
