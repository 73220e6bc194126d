"""Settings from `PLANFLOW_*` environment variables. Never built at import: call `Settings()`."""

from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _embedded() -> str:
    return f"sqlite:///{data_folder() / 'planflow.db'}"


def data_folder() -> Path:
    """Where the embedded database lies unless told otherwise."""
    return user_data_path("planflow", appauthor=False)


class Settings(BaseSettings):
    """All settings of a planflow process."""

    model_config = SettingsConfigDict(env_prefix="PLANFLOW_", extra="ignore")

    database_url: SecretStr = Field(default_factory=lambda: SecretStr(_embedded()))
    migrate_url: SecretStr | None = None
    protocols: Path | None = None  # a folder of protocol files beside the bundled ones
    lang: Literal["zh", "en"] = "zh"
    token_minutes: int = Field(default=60 * 8, ge=1)
    shell_tokens: bool = True
    shell_token_minutes: int = Field(default=15, ge=1)
    workers: int = Field(default=8, ge=1, le=64)  # threads that carry requests into the library
    calendar: Path | None = None  # CSV of working days: date,workday; else the country's
    page_limit: int = Field(default=100, ge=1, le=1000)
