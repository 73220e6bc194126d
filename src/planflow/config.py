"""Settings from `PLANFLOW_*` environment variables. Never built at import: call `Settings()`."""

from pathlib import Path
from typing import Literal

from platformdirs import user_data_path, user_state_path
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _embedded() -> str:
    return f"sqlite:///{data_folder() / 'planflow.db'}"


def data_folder() -> Path:
    """Where the embedded database lies unless told otherwise."""
    return user_data_path("planflow", appauthor=False)


def ledger_folder() -> Path:
    """Where key and last checkpoints are kept unless told otherwise: not beside the database."""
    return user_state_path("planflow", appauthor=False) / "ledger"


class Settings(BaseSettings):
    """All settings of a planflow process."""

    model_config = SettingsConfigDict(env_prefix="PLANFLOW_", extra="ignore")

    database_url: SecretStr = Field(
        default_factory=lambda: SecretStr(_embedded()),
        description="Where the history lies: `sqlite:///FILE` or `postgresql+psycopg://…`; "
        "by default an SQLite file in the user's data folder",
    )
    migrate_url: SecretStr | None = Field(
        default=None,
        description="The owner's address for `planflow migrate`, where the application's role owns "
        "nothing (PostgreSQL)",
    )
    protocols: Path | None = Field(
        default=None, description="A folder of protocol files beside the bundled ones"
    )
    lang: Literal["zh", "en"] = Field(
        default="zh", description="The language where nobody asks for another"
    )
    token_minutes: int = Field(
        default=30, ge=1, description="How long a token from signing in is good"
    )
    session_minutes: int = Field(
        default=60 * 10, ge=1, description="How long it can be renewed before one signs in again"
    )
    free_attempts: int = Field(
        default=5,
        ge=1,
        description="Failed sign-ins of one name before it has to wait, ever longer",
    )
    free_attempts_of_address: int = Field(
        default=50, ge=1, description="The same for all sign-ins from one address"
    )
    shell_tokens: bool = Field(
        default=True, description="Whether tokens from the command line are taken"
    )
    shell_token_minutes: int = Field(
        default=15, ge=1, description="How long a token from the command line is good"
    )
    second_factor_roles: str = Field(
        default="",
        pattern=r"^((planner|admin|auditor|sysadmin|secadmin)( |$))*$",
        description="Roles, with spaces between them, whose holders need a second factor; until they "
        "have one, signing in lets them enrol it and do nothing else",
    )
    secrets_key: SecretStr | None = Field(
        default=None,
        description="The key that seals second factors in the database, 32 bytes as base64, the same "
        "for all processes; else the file `secrets-key` in the ledger's folder, made when needed",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="An OpenID provider that people may sign in at: its issuer, as it writes it itself. "
        "Nothing but its own host is ever called",
    )
    oidc_client_id: str = Field(default="planflow", description="What this site is called there")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="The secret it was given there"
    )
    oidc_redirect_url: str = Field(
        default="http://127.0.0.1:8000/api/v1/auth/oidc/callback",
        description="This site's own address for the way back, as registered there",
    )
    workers: int = Field(
        default=8, ge=1, le=64, description="Threads that carry requests into the library"
    )
    calendar: Path | None = Field(
        default=None,
        description="A CSV file of working days, `date,workday`; else the country's own calendar",
    )
    ledger_folder: Path = Field(
        default_factory=ledger_folder,
        description="Where the ledger's key and last checkpoints are kept, each site in a folder of "
        "its own; not beside the database, and not in its backups",
    )
    ledger_key: SecretStr | None = Field(
        default=None,
        description="The key that signs the ledger, 32 bytes as base64, the same for all processes; "
        "else the file `key` in the ledger's folder, made at the first start",
    )
    page_limit: int = Field(
        default=100, ge=1, le=1000, description="The most that one page of a list holds"
    )
