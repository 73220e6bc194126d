"""How people are known: families of tokens, failed sign-ins, second factors, others' identities.

What began and what ended is history (F9), which the database protects (F5); the rest is how it stands.
"""

import datetime as dt

from sqlalchemy import BigInteger, LargeBinary
from sqlmodel import Field, SQLModel

from planflow.store.tables import Moment


class TokenFamilyRow(SQLModel, table=True):
    """One sign-in, or one service token: all tokens that come of it end together (F9).

    What a token is called is told by its event, where it can be erased; `name` holds older ones.
    """

    __tablename__ = "token_family"
    id: str = Field(primary_key=True)
    account_id: str = Field(index=True)
    kind: str
    name: str = ""
    scopes: str
    via: str
    begun_at: dt.datetime = Field(sa_type=Moment)
    expires_at: dt.datetime = Field(sa_type=Moment)


class TokenEndRow(SQLModel, table=True):
    """A family of tokens that was ended before its time, by whom and why (F9)."""

    __tablename__ = "token_end"
    family: str = Field(primary_key=True)
    ended_at: dt.datetime = Field(sa_type=Moment)
    ended_by: str
    why: str


class RefreshTokenRow(SQLModel, table=True):
    """A refresh token, kept as a digest; it is good for one use."""

    __tablename__ = "refresh_token"
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    family: str = Field(index=True)
    used_at: dt.datetime | None = Field(default=None, sa_type=Moment)


class AttemptRow(SQLModel, table=True):
    """Failed sign-ins of a name or from an address, by a digest, and until when no more are heard."""

    __tablename__ = "sign_in_attempt"
    key: str = Field(primary_key=True)
    failures: int
    last_at: dt.datetime = Field(sa_type=Moment, index=True)
    until: dt.datetime = Field(sa_type=Moment)


class SecondFactorRow(SQLModel, table=True):
    """An account's second factor: its secret, sealed, and the last step whose code was used."""

    __tablename__ = "second_factor"
    account_id: str = Field(primary_key=True)
    secret: bytes = Field(sa_type=LargeBinary)
    confirmed_at: dt.datetime | None = Field(default=None, sa_type=Moment)
    last_step: int = Field(default=0, sa_type=BigInteger)


class RecoveryCodeRow(SQLModel, table=True):
    """A recovery code, kept as a digest; it is good for one use."""

    __tablename__ = "recovery_code"
    account_id: str = Field(primary_key=True)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    used_at: dt.datetime | None = Field(default=None, sa_type=Moment)


class IdentityRow(SQLModel, table=True):
    """Who somebody is at another's identity provider: whose account is signed in to by them."""

    __tablename__ = "oidc_identity"
    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    account_id: str = Field(index=True)


class VisitRow(SQLModel, table=True):
    """A sign-in that is under way at the provider, by the digest of its state; good for one return."""

    __tablename__ = "oidc_visit"
    state: bytes = Field(primary_key=True, sa_type=LargeBinary)
    browser: bytes = Field(sa_type=LargeBinary)
    nonce: str
    verifier: str
    expires_at: dt.datetime = Field(sa_type=Moment)


INSERT_ONLY = ("token_family", "token_end")
