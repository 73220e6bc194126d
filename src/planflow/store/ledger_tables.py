"""The ledger's tables (F10). All but the queue are history, which the database protects (F5)."""

import datetime as dt

from sqlalchemy import BigInteger, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from planflow.store.tables import Moment


class LedgerQueueRow(SQLModel, table=True):
    """An event that no signed checkpoint covers yet: a list of work, and no history."""

    __tablename__ = "ledger_queue"
    event_id: str = Field(primary_key=True)
    log: str = Field(index=True)


class LedgerLeafRow(SQLModel, table=True):
    """An event's place in the tree of its log and epoch (F10)."""

    __tablename__ = "ledger_leaf"
    __table_args__ = (UniqueConstraint("event_id", "log", "epoch"),)
    log: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: str
    digest: bytes = Field(sa_type=LargeBinary)


class LedgerTileRow(SQLModel, table=True):
    """The root of a full tile of 256 hashes: one hash of the level above."""

    __tablename__ = "ledger_tile"
    log: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    level: int = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    root: bytes = Field(sa_type=LargeBinary)


class LedgerCheckpointRow(SQLModel, table=True):
    """A signed head of a tree, as published."""

    __tablename__ = "ledger_checkpoint"
    log: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    size: int = Field(primary_key=True, sa_type=BigInteger)
    note: str = Field(sa_type=Text)
    made_at: dt.datetime = Field(sa_type=Moment)


class LedgerEpochRow(SQLModel, table=True):
    """A log that began anew after a restore, and the event that says why."""

    __tablename__ = "ledger_epoch"
    log: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    event_id: str


INSERT_ONLY = ("ledger_leaf", "ledger_tile", "ledger_checkpoint", "ledger_epoch")
