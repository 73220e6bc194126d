"""A demonstration, or a secret that everybody knows, is not served beyond this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from planflow.cli import exposure
from planflow.config import Settings
from planflow.demo import case, staging
from planflow.errors import Fault, Refusal
from planflow.services import people, units
from planflow.services.site import open_site
from planflow.store.addresses import passwords
from tests.cli.conftest import Cli

ANYWHERE = "0.0.0.0"  # noqa: S104 - what is tried
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


class NoSite:
    """A site that must not be asked."""


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        (ANYWHERE, False),
        ("::", False),
        ("192.0.2.1", False),
        ("plan.example", False),
        ("127.0.0.1.plan.example", False),
        ("", False),
    ],
)
def test_only_this_machine_is_this_machine(host: str, here: bool) -> None:
    assert exposure.is_loopback(host) is here


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"database_url": "postgresql://planflow:planflow@db/planflow"}, "PLANFLOW_DATABASE_URL"),
        ({"database_url": "postgresql://planflow:Postgres@db/planflow"}, "PLANFLOW_DATABASE_URL"),
        ({"database_url": "postgresql://a:%70assword@db/planflow"}, "PLANFLOW_DATABASE_URL"),
        ({"database_url": "postgresql://a@db/p?password=Secret"}, "PLANFLOW_DATABASE_URL"),
        ({"database_url": "postgresql://a:good-1@db/p?password=demo"}, "PLANFLOW_DATABASE_URL"),
        ({"migrate_url": "postgresql+psycopg://owner:postgres@db/p"}, "PLANFLOW_MIGRATE_URL"),
        ({"secrets_key": KEY}, "PLANFLOW_SECRETS_KEY"),
        ({"oidc_client_secret": "client-secret"}, "PLANFLOW_OIDC_CLIENT_SECRET"),
        ({"ledger_key": KEY}, "PLANFLOW_LEDGER_KEY"),
        ({"metrics_token": "changeme"}, "PLANFLOW_METRICS_TOKEN"),
    ],
)
def test_a_secret_that_everybody_knows_is_not_served(given: dict[str, str], name: str) -> None:
    secrets: Any = {key: SecretStr(value) for key, value in given.items()}
    settings = Settings(**secrets)
    site: Any = NoSite()
    with pytest.raises(Refusal) as refused:
        exposure.check(settings, site, ANYWHERE)
    assert refused.value.code == "default_secret_exposed"
    assert refused.value.params == {"name": name, "host": ANYWHERE}
    exposure.check(settings, site, "127.0.0.1")


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://db:x/p"])
def test_an_address_that_cannot_be_read_is_told_when_it_is_opened(url: str) -> None:
    assert passwords(url) == []


def test_a_demonstration_is_served_here_and_nowhere_else(tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr(f"sqlite:///{tmp_path / 'demo.db'}"))
    shown = case.read(case.carried())
    site = open_site(settings, migrate=True)
    units.import_units(site, staging.tree(shown))
    cast = staging.cast(shown)
    for user in cast[:-1]:
        people.add_user(site, user.name, "password-1", user.role, user.unit)
    exposure.check(settings, site, ANYWHERE)  # one's own site may have a user called `city`
    people.add_user(site, cast[-1].name, "password-1", cast[-1].role, cast[-1].unit)
    with pytest.raises(Refusal) as refused:
        exposure.check(settings, site, ANYWHERE)
    assert refused.value.code == "demo_exposed"
    exposure.check(settings, site, "127.0.0.1")
    site.close()


# A key to sign with


def test_serving_says_at_its_start_that_nothing_will_be_signed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("migrate").code == 0
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)
    told = cli("serve", "--port", "0", "--lang", "en").err.splitlines()
    assert [line.partition(" ")[0] for line in told] == ["planflow"]
    no_key = Fault("ledger_key_missing", {"path": "kept"})

    def missing(_: object) -> None:
        raise no_key

    monkeypatch.setattr("planflow.services.keys.signer", missing)
    told = cli("serve", "--port", "0", "--lang", "en").err.splitlines()
    assert told[0].startswith("warning: This site has no key")
    assert "PLANFLOW_LEDGER_KEY" in told[0]
    assert told[1].startswith("planflow serves at")


# Secrets


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://planflow:hidden-1@db/planflow\n")
    monkeypatch.setenv("PLANFLOW_DATABASE_URL_FILE", str(file))
    settings = Settings()
    assert settings.database_url.get_secret_value().endswith(":hidden-1@db/planflow")
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", "sqlite:///nearer.db")
    assert Settings().database_url.get_secret_value() == "sqlite:///nearer.db"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"x" * 5000, b"\xff\xfe"])
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("PLANFLOW_LEDGER_KEY_FILE", str(file))
    with pytest.raises(Fault) as refused:
        Settings()
    assert refused.value.code == "secret_unreadable"
    assert refused.value.params == {"name": "PLANFLOW_LEDGER_KEY_FILE", "path": str(file)}


def test_settings_never_print_a_secret() -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://planflow:hidden-1@db/x"),
        migrate_url=SecretStr("postgresql://owner:hidden-2@db/x"),
        ledger_key=SecretStr("hidden-3"),
        metrics_token=SecretStr("hidden-4"),
    )
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hidden" not in shown


@pytest.mark.parametrize("given", ["everywhere", "192.0.2.1,x", "*", "192.0.2.1/33"])
def test_a_proxy_is_an_address_or_a_network(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PLANFLOW_TRUSTED_PROXIES", given)
    with pytest.raises(ValueError, match="trusted_proxies"):
        Settings()


def test_proxies_are_read_with_their_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANFLOW_TRUSTED_PROXIES", " 192.0.2.1 , 2001:db8::/32,")
    assert Settings().trusted_proxies == "192.0.2.1,2001:db8::/32"
