"""Settings from `PLANFLOW_*` environment variables. Never built at import: call `Settings()`."""

import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path, user_state_path
from pydantic import Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from planflow.errors import Fault

_LONGEST_SECRET = 4096

LEAST_ACCESS_DAYS = 180  # the database itself refuses to delete a younger record


def _embedded() -> str:
    return f"sqlite:///{data_folder() / 'planflow.db'}"


def data_folder() -> Path:
    """Where the embedded database lies unless told otherwise."""
    return user_data_path("planflow", appauthor=False)


class SecretFiles(PydanticBaseSettingsSource):
    """A secret from the file that `PLANFLOW_…_FILE` names: a container is handed it as one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret, where a file is named for it. Raises `Fault` `secret_unreadable`."""
        if field.annotation not in (SecretStr, SecretStr | None):
            return None, field_name, False
        name = f"PLANFLOW_{field_name.upper()}_FILE"
        path = os.environ.get(name)
        if path is None:
            return None, field_name, False
        try:
            raw = Path(path).read_bytes()[: _LONGEST_SECRET + 1]
            text = raw.decode().rstrip("\r\n")
        except (OSError, ValueError):
            raise Fault("secret_unreadable", {"name": name, "path": path}) from None
        if not text or len(raw) > _LONGEST_SECRET:
            raise Fault("secret_unreadable", {"name": name, "path": path})
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All secrets that lie in files."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def ledger_folder() -> Path:
    """Where key and last checkpoints are kept unless told otherwise: not beside the database."""
    return user_state_path("planflow", appauthor=False) / "ledger"


class Limits(BaseSettings):
    """How much is taken from one request, one caller, one file, and from whom an address is believed."""

    body_limit: int = Field(
        default=4096, ge=1, le=65536, description="The most a request's body holds, in KiB"
    )
    url_limit: int = Field(
        default=8192,
        ge=128,
        le=32768,
        description="The longest address of a request, in characters",
    )
    head_limit: int = Field(
        default=16, ge=1, le=48, description="The most all headers of a request hold, in KiB"
    )
    head_count: int = Field(default=64, ge=8, le=1000, description="The most headers of a request")
    head_seconds: float = Field(
        default=10, gt=0, description="How long `planflow serve` waits for a request's headers"
    )
    body_seconds: float = Field(
        default=30, gt=0, description="How long a request's body may take to arrive"
    )
    connections: int = Field(
        default=1000, ge=1, description="The most connections `planflow serve` holds at once"
    )
    rate_actor: float = Field(
        default=100, ge=0, description="Requests a second of one account in the long run; 0: any"
    )
    rate_actor_burst: int = Field(
        default=1000, ge=1, description="Requests of one account that may come at once"
    )
    rate_address: float = Field(
        default=20,
        ge=0,
        description="Requests a second of one address that are not signed in, in the long run; 0: any",
    )
    rate_address_burst: int = Field(
        default=400, ge=1, description="Such requests of one address that may come at once"
    )
    file_limit: int = Field(
        default=64, ge=1, le=1024, description="The largest file that is imported, in MiB"
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks, apart by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` `planflow serve` believes; nobody's otherwise",
    )
    hsts_seconds: int = Field(
        default=0,
        ge=0,
        description="`Strict-Transport-Security` for so long, on answers that go out over TLS; 0: none",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        names = [one.strip() for one in given.split(",") if one.strip()]
        for one in names:
            ipaddress.ip_network(one)  # raises ValueError
        return ",".join(names)


class Watching(BaseSettings):
    """What an operator is told, and what is believed of a token for it."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="From which level on `planflow serve` writes its log"
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="The bearer token for `GET /metrics`; without one it answers this machine alone",
    )
    ready_lag_seconds: int = Field(
        default=300,
        ge=1,
        description="How old the oldest event without a signed checkpoint may be while `GET /readyz` "
        "still says yes",
    )


class Settings(Watching, Limits):
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
    records_url: SecretStr | None = Field(
        default=None,
        description="The address for what keeps the records (sequencer, audit, jobs), where that has "
        "a role of its own (PostgreSQL); by default the same as `PLANFLOW_DATABASE_URL`",
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
        description="Failed sign-ins of one name from one address before they have to wait, ever longer",
    )
    free_attempts_of_name: int = Field(
        default=100,
        ge=1,
        description="The same for one name from anywhere; not where it was signed in to in the last "
        "30 days",
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
        "else the file `key` in the ledger's folder. On SQLite, or where PLANFLOW_LEDGER_FOLDER is set, "
        "that file is made at the first start; otherwise nothing is signed until there is a key",
    )
    access_days: int = Field(
        default=400,
        ge=LEAST_ACCESS_DAYS,
        description="How long it stays on record who read what belongs to others, in days; "
        "`planflow reads prune` deletes older records. Half a year at least",
    )
    page_limit: int = Field(
        default=100, ge=1, le=1000, description="The most that one page of a list holds"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - asked for by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the program says, then the environment, then files that the environment names."""
        return init_settings, env_settings, SecretFiles(settings_cls)
