"""The tables (F5). Rows of history are insert-only; the triggers of `store.protection` hold that."""

import datetime as dt
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class Moment(TypeDecorator[dt.datetime]):
    """A UTC instant; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Read an instant as UTC on both databases."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Write an instant as UTC."""
        del dialect
        return None if value is None else value.astimezone(dt.UTC)


class SiteRow(SQLModel, table=True):
    """This installation, and the head of its own stream."""

    __tablename__ = "site"
    id: str = Field(primary_key=True)
    position: int = 0
    chain: bytes = Field(sa_type=LargeBinary)
    recorded_at: dt.datetime = Field(sa_type=Moment)


class EventRow(SQLModel, table=True):
    """An event: its leaf as it was hashed. The other columns repeat the leaf, for look-ups."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("stream", "seq"),
        Index("event_time", "cycle_id", "recorded_at", "id"),
        Index("event_unit", "cycle_id", "unit_id", "recorded_at"),
        Index("event_actor", "cycle_id", "actor", "recorded_at"),
    )
    id: str = Field(primary_key=True)
    stream: str
    seq: int
    kind: str
    round: str
    recorded_at: dt.datetime = Field(sa_type=Moment)
    leaf: bytes = Field(sa_type=LargeBinary)
    chain: bytes = Field(sa_type=LargeBinary)
    cycle_id: str = ""
    unit_id: str = ""
    actor: str = ""


class CitationRow(SQLModel, table=True):
    """A document number that an event of a cycle names: `own`, or one that it cites (文号)."""

    __tablename__ = "citation"
    __table_args__ = (Index("citation_document", "cycle_id", "document_no"),)
    event_id: str = Field(primary_key=True)
    document_no: str = Field(primary_key=True)
    cycle_id: str
    own: bool


class EventPartRow(SQLModel, table=True):
    """A salted value an event commits to. Erasing sets salt and value to null; the digest stays."""

    __tablename__ = "event_part"
    event_id: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    digest: bytes = Field(sa_type=LargeBinary)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: bytes | None = Field(default=None, sa_type=LargeBinary)


class UnitRow(SQLModel, table=True):
    """A unit as registered today; its identity outlives its code (N1)."""

    __tablename__ = "unit"
    id: str = Field(primary_key=True)
    code: str = Field(unique=True)
    name: str
    level: str
    parent_id: str | None = Field(default=None, index=True)
    attributes: str = ""


class UnitVersionRow(SQLModel, table=True):
    """A unit as it was registered at a position of the site's stream."""

    __tablename__ = "unit_version"
    unit_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    code: str
    name: str
    level: str
    parent_id: str | None = None
    attributes: str = ""


class PastYearRow(SQLModel, table=True):
    """A unit's past year by one indicator, as stated at a position of the site's stream (N15, N16)."""

    __tablename__ = "past_year"
    unit_id: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    indicator: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    plan: int | None = Field(default=None, sa_type=BigInteger)
    outcome: int | None = Field(default=None, sa_type=BigInteger)
    stock_start: int | None = Field(default=None, sa_type=BigInteger)
    inflow: int | None = Field(default=None, sa_type=BigInteger)
    exits: int | None = Field(default=None, sa_type=BigInteger)
    adjustment: int | None = Field(default=None, sa_type=BigInteger)
    stock_end: int | None = Field(default=None, sa_type=BigInteger)


class AccountRow(SQLModel, table=True):
    """A person's account. The id is the pseudonym that events carry."""

    __tablename__ = "account"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    password_hash: str
    disabled: bool = False


class GrantRow(SQLModel, table=True):
    """A dated grant of a role at a unit (F9).

    One that was delegated names the grants it rests on and who passed them on, each first to last.
    """

    __tablename__ = "access_grant"
    id: str = Field(primary_key=True)
    account_id: str = Field(index=True)
    role: str
    unit_id: str | None = None
    valid_from: dt.datetime = Field(sa_type=Moment)
    valid_to: dt.datetime | None = Field(default=None, sa_type=Moment)
    given_by: str
    line: str = ""
    delegators: str = ""
    onward: bool = False


class GrantEndRow(SQLModel, table=True):
    """A grant that was ended before its time, and all that rests on it (F9)."""

    __tablename__ = "grant_end"
    grant_id: str = Field(primary_key=True)
    ended_at: dt.datetime = Field(sa_type=Moment)
    ended_by: str


class TokenRow(SQLModel, table=True):
    """A bearer token, kept as a digest; with its family, and what it may be used for."""

    __tablename__ = "token"
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    account_id: str
    via: str
    expires_at: dt.datetime = Field(sa_type=Moment)
    family: str = ""
    scopes: str = ""


class ProtocolTextRow(SQLModel, table=True):
    """The exact text of a protocol that a cycle was opened with."""

    __tablename__ = "protocol_text"
    digest: str = Field(primary_key=True)
    name: str
    text: str = Field(sa_type=Text)


class CycleRow(SQLModel, table=True):
    """A cycle and the head of its stream; `body` is its state as of `position`."""

    __tablename__ = "cycle"
    id: str = Field(primary_key=True)
    digest: str
    position: int
    chain: bytes = Field(sa_type=LargeBinary)
    recorded_at: dt.datetime = Field(sa_type=Moment)
    body: str = Field(sa_type=Text)


class CycleStateRow(SQLModel, table=True):
    """What a cycle was after each of its events."""

    __tablename__ = "cycle_state"
    cycle_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    event_id: str
    recorded_at: dt.datetime = Field(sa_type=Moment)
    body: str = Field(sa_type=Text)


class CycleUnitRow(SQLModel, table=True):
    """A unit's place in a cycle's tree now. `path` holds the codes from the root down (F5).

    `since` is the first round it takes part in; a unit that is `gone` was succeeded by others (N1).
    """

    __tablename__ = "cycle_unit"
    __table_args__ = (
        UniqueConstraint("cycle_id", "code"),
        Index("cycle_unit_path", "cycle_id", "path"),
        Index("cycle_unit_parent", "cycle_id", "parent_code"),
        Index("cycle_unit_idle", "cycle_id", "no_task"),
    )
    cycle_id: str = Field(primary_key=True)
    unit_id: str = Field(primary_key=True)
    code: str
    name: str
    level: str
    parent_code: str | None = None
    path: str
    attributes: str = ""
    no_task: bool = False
    since: int = 0
    gone: bool = False


class CycleUnitVersionRow(SQLModel, table=True):
    """A unit's place in a cycle's tree, at the position of the cycle's event that gave it (N1, F5)."""

    __tablename__ = "cycle_unit_version"
    __table_args__ = (Index("cycle_unit_version_path", "cycle_id", "path"),)
    cycle_id: str = Field(primary_key=True)
    unit_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    code: str
    name: str
    level: str
    parent_code: str | None = None
    path: str
    attributes: str = ""
    no_task: bool = False
    since: int = 0
    gone: bool = False


class PlanRow(SQLModel, table=True):
    """A plan now: its counters, place, working copy, and its state as of `position`."""

    __tablename__ = "plan"
    __table_args__ = (Index("plan_path", "cycle_id", "path"),)
    cycle_id: str = Field(primary_key=True)
    unit_id: str = Field(primary_key=True)
    path: str
    version: int = 0
    position: int = 0
    state: str = "waiting"
    chain: bytes = Field(sa_type=LargeBinary)
    recorded_at: dt.datetime | None = Field(default=None, sa_type=Moment)
    body: str = Field(default="{}", sa_type=Text)
    draft: str | None = Field(default=None, sa_type=Text)
    draft_round: str = ""
    typists: str = ""


class PlanStateRow(SQLModel, table=True):
    """What a plan was after each of its events."""

    __tablename__ = "plan_state"
    __table_args__ = (Index("plan_state_time", "cycle_id", "unit_id", "recorded_at"),)
    cycle_id: str = Field(primary_key=True)
    unit_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    event_id: str
    recorded_at: dt.datetime = Field(sa_type=Moment)
    path: str
    state: str
    body: str = Field(sa_type=Text)


class FigureRow(SQLModel, table=True):
    """One number a side put, at the position of the event that put it. A null value takes it back."""

    __tablename__ = "figure"
    __table_args__ = (Index("figure_path", "cycle_id", "round", "indicator", "path"),)
    cycle_id: str = Field(primary_key=True)
    unit_id: str = Field(primary_key=True)
    round: str = Field(primary_key=True)
    indicator: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    basis: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    path: str
    value: int | None = Field(default=None, sa_type=BigInteger)
    reason_code: str = ""
    document_no: str = ""


class CommitmentRow(SQLModel, table=True):
    """What a commitment was after each event about it; the latest position stands."""

    __tablename__ = "commitment"
    __table_args__ = (Index("commitment_whole", "cycle_id", "whole_id"),)
    cycle_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    unit_id: str
    whole_id: str
    path: str
    indicator: str
    settle_in: str
    status: str


class ExtensionRow(SQLModel, table=True):
    """More time given to one unit in one round; the latest position stands (N9)."""

    __tablename__ = "extension"
    cycle_id: str = Field(primary_key=True)
    unit_id: str = Field(primary_key=True)
    round: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    due_at: dt.datetime = Field(sa_type=Moment)


class RequestKeyRow(SQLModel, table=True):
    """An idempotency key that took effect, by whom and where; with what it did."""

    __tablename__ = "request_key"
    account_id: str = Field(primary_key=True)
    method: str = Field(primary_key=True)
    path: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_digest: bytes = Field(sa_type=LargeBinary)
    position: int
    version: int
    event_id: str | None = None
    chain: str | None = None
    cycle_position: int = 0
    created_at: dt.datetime = Field(sa_type=Moment)


def table(row: type[SQLModel]) -> Table:
    """The Core table of a row class: statements are written against it, not against a session."""
    found: Table = row.__table__  # type: ignore[attr-defined]
    return found


METADATA: MetaData = SQLModel.metadata
INSERT_ONLY = (
    "access_grant",
    "grant_end",
    "event",
    "citation",
    "unit_version",
    "protocol_text",
    "cycle_state",
    "plan_state",
    "figure",
    "commitment",
    "extension",
    "cycle_unit_version",
    "past_year",
)
