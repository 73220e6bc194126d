"""Events by cycle, unit, actor, time and document number, so that they are found by an index."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from planflow.domain.events import documents, place_of
from planflow.ledger.leaf import SINGLE, Entry, unseal

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 2_000
_NEW = ("cycle_id", "unit_id", "actor")
_BINARY = ("leaf", "digest", "salt", "value")
_EVENTS = ("id", "stream", "leaf", *_NEW)
_PARTS = ("event_id", "part", "number", "digest", "salt", "value")
_CITATIONS = ("event_id", "document_no", "cycle_id", "own")


def upgrade() -> None:
    """Give events the columns, and tell them and their documents of the events that are there."""
    for name in _NEW:
        op.add_column("event", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.create_table(
        "citation",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("document_no", sa.String(), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "document_no"),
    )
    op.create_index("citation_document", "citation", ["cycle_id", "document_no"])
    _tell_what_is_there()
    op.create_index("event_time", "event", ["cycle_id", "recorded_at", "id"])
    op.create_index("event_unit", "event", ["cycle_id", "unit_id", "recorded_at"])
    op.create_index("event_actor", "event", ["cycle_id", "actor", "recorded_at"])


def _tell_what_is_there() -> None:
    """Fill in the new columns alone; what refuses a change is put in place anew afterwards."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("DROP TRIGGER IF EXISTS event_refuse ON event")
    else:
        op.execute("DROP TRIGGER IF EXISTS event_refuse_update")
    events, parts = _table("event", _EVENTS), _table("event_part", _PARTS)
    citations = _table("citation", _CITATIONS)
    own = events.c.id == sa.bindparam("own_id")
    fill = sa.update(events).where(own).values({name: sa.bindparam(f"new_{name}") for name in _NEW})
    after = ""
    while True:
        page = sa.select(events.c.id, events.c.stream, events.c.leaf).where(events.c.id > after)
        rows = connection.execute(page.order_by(events.c.id).limit(_AT_ONCE)).all()
        if not rows:
            return
        told = parts.c.event_id.between(rows[0].id, rows[-1].id) & (parts.c.number == SINGLE)
        after = rows[-1].id
        entries: dict[str, list[Entry]] = {}
        for one in connection.execute(sa.select(parts).where(told)):
            entry = Entry(one.part, one.number, one.digest, one.salt, one.value)
            entries.setdefault(one.event_id, []).append(entry)
        filled, named = [], []
        for row in rows:
            try:
                event = unseal(row.leaf, entries.get(row.id, ()))
            except (ValueError, KeyError, TypeError):
                continue  # what is no leaf is an audit's to find
            cycle, unit = place_of(row.stream)
            new = {"new_cycle_id": cycle, "new_unit_id": unit, "new_actor": event.actor}
            filled.append({"own_id": row.id, **new})
            for number, is_own in documents(event.parts).items() if cycle else ():
                named.append(dict(zip(_CITATIONS, (row.id, number, cycle, is_own), strict=True)))
        if filled:
            connection.execute(fill, filled)
        if named:
            connection.execute(sa.insert(citations), named)


def _table(name: str, columns: tuple[str, ...]) -> sa.TableClause:
    kinds: dict[str, Any] = {
        "number": sa.Integer(),
        "own": sa.Boolean(),
        **dict.fromkeys(_BINARY, sa.LargeBinary()),
    }
    return sa.table(name, *(sa.column(one, kinds.get(one, sa.String())) for one in columns))
