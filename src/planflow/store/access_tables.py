"""Who read what belongs to others: rows that are added, never changed, and kept for a time (F5, F9)."""

import datetime as dt

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from planflow.store.tables import Moment


class AccessRecordRow(SQLModel, table=True):
    """One answer that showed somebody what belongs to others; `asked` holds no value of a person."""

    __tablename__ = "access_record"
    __table_args__ = (
        Index("access_record_time", "recorded_at", "id"),
        Index("access_record_actor", "actor", "recorded_at"),
        Index("access_record_place", "cycle_id", "unit_id", "recorded_at"),
    )
    id: str = Field(primary_key=True)
    recorded_at: dt.datetime = Field(sa_type=Moment)
    actor: str
    grant_id: str = ""
    kind: str
    cycle_id: str = ""
    unit_id: str = ""
    asked: str = "{}"
    items: int = 0
