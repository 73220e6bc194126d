"""What a database tells of itself and of the ledger's queue."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from planflow.store.ledger_tables import LedgerCheckpointRow, LedgerQueueRow
from planflow.store.tables import AccountRow, EventRow, table
from planflow.store.transaction import Database, Tx

QUEUE, EVENTS = table(LedgerQueueRow), table(EventRow)
CHECKPOINTS, ACCOUNTS = table(LedgerCheckpointRow), table(AccountRow)


@dataclass(frozen=True, slots=True)
class Lag:
    """Events that no checkpoint covers yet, and when the oldest of them was recorded."""

    queued: int
    since: dt.datetime | None


def lag(tx: Tx) -> Lag:
    """The ledger's queue."""
    query = select(func.count(), func.min(EVENTS.c.recorded_at))
    query = query.select_from(QUEUE.join(EVENTS, EVENTS.c.id == QUEUE.c.event_id))
    count, since = tx.connection.execute(query).one()
    return Lag(count, since)


def signed(tx: Tx) -> dict[str, int]:
    """The size of each log's last checkpoint."""
    size = func.max(CHECKPOINTS.c.size)
    query = select(CHECKPOINTS.c.log, size).group_by(CHECKPOINTS.c.log)
    newest = select(CHECKPOINTS.c.log, func.max(CHECKPOINTS.c.epoch).label("epoch"))
    epochs = newest.group_by(CHECKPOINTS.c.log).subquery()
    query = query.join(
        epochs, (epochs.c.log == CHECKPOINTS.c.log) & (epochs.c.epoch == CHECKPOINTS.c.epoch)
    )
    return {row[0]: int(row[1]) for row in tx.connection.execute(query)}


def pool(database: Database) -> tuple[int, int]:
    """How many connections the pool keeps, and how many are in use."""
    found: Any = database.engine.pool
    return int(found.size()), int(found.checkedout())


def accounts_among(tx: Tx, names: list[str]) -> int:
    """How many of these names are accounts."""
    query = select(func.count()).select_from(ACCOUNTS).where(ACCOUNTS.c.name.in_(names))
    return int(tx.connection.execute(query).scalar_one())
