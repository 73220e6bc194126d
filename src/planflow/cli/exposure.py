"""What must not be reached from elsewhere: a demonstration's accounts, secrets that everybody knows."""

import ipaddress
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING

from planflow.errors import Refusal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from planflow.config import Settings
    from planflow.services.site import Site

_KNOWN = frozenset(
    (
        *(
            "password",
            "planflow",
            "postgres",
            "secret",
            "changeme",
            "admin",
            "123456",
            "test",
            "demo",
        ),
        *("client-secret", "client_secret", "change-me", "changeit", "example"),
    )
)
_FEWEST_BYTES = 8  # of a key's 32: one typed for a trial repeats itself


def check(settings: "Settings", site: "Site", host: str) -> None:
    """Refuse to serve them beyond this machine.

    Raises `Refusal`: `demo_exposed`, `default_secret_exposed`.
    """
    if is_loopback(host):
        return
    for name, secret in _secrets(settings):
        if secret.lower() in _KNOWN:
            raise Refusal("default_secret_exposed", {"name": name, "host": host})
    if _has_demo(site):
        raise Refusal("demo_exposed", {"host": host})


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _secrets(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Every secret of the settings, or a known word in its place, with the name of its setting."""
    from planflow.store.addresses import passwords

    for name, url in (
        ("PLANFLOW_DATABASE_URL", settings.database_url),
        ("PLANFLOW_MIGRATE_URL", settings.migrate_url),
    ):
        for one in passwords(_plain(url)):
            yield name, one
    yield "PLANFLOW_LEDGER_KEY", _trial_key(_plain(settings.ledger_key))
    yield "PLANFLOW_SECRETS_KEY", _trial_key(_plain(settings.secrets_key))
    yield "PLANFLOW_METRICS_TOKEN", _plain(settings.metrics_token)
    yield "PLANFLOW_OIDC_CLIENT_SECRET", _plain(settings.oidc_client_secret)


def _trial_key(key: str) -> str:
    """A name of the known ones for a key that was typed for a trial; nothing for any other."""
    try:
        few = len(set(b64decode(key))) < _FEWEST_BYTES
    except ValueError:  # told when it is used
        return ""
    return "test" if key and few else ""


def _plain(secret: "SecretStr | None") -> str:
    return secret.get_secret_value() if secret is not None else ""


def _has_demo(site: "Site") -> bool:
    """All of a demonstration's cast: a site of one's own may well call somebody `city`."""
    from planflow.demo import case, staging
    from planflow.services import standing

    names = [user.name for user in staging.cast(case.read(case.carried()))]
    return standing.accounts_among(site, names) == len(names)
