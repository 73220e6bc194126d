"""What a negotiation needs before it starts: a database, units, users, a running server."""

import csv
import io
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from planflow.config import Settings
from planflow.demo.case import Case
from planflow.demo.server import Server, listenable, serving
from planflow.errors import Refusal
from planflow.services import people, units
from planflow.services.site import Site, open_site

COUNTY_LEVEL = "county"
# Names say what a user is for; a demonstration invents no people.
REGION, CITY, CITY_PLANNER, AUDITOR = "region", "city", "city-planner", "auditor"


@dataclass(frozen=True, slots=True)
class User:
    """An account of the demonstration: one role at one unit."""

    name: str
    role: str
    unit: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything set up and running; one password, made anew each time, fits all users."""

    server: Server
    users: tuple[User, ...]
    password: str
    lang: str


@contextmanager
def staged(
    case: Case, lang: str, port: int = 0, database_url: str | None = None
) -> Iterator[Stage]:
    """Set up a case in a folder of its own, or in another database that is still empty, and serve it.

    Raises `PlanflowError`.
    """
    listenable("127.0.0.1", port)  # before any work is done
    with tempfile.TemporaryDirectory(prefix="planflow-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        url = database_url or f"sqlite:///{folder / 'planflow.db'}"
        users, password = cast(case), secrets.token_hex(6)
        _set_up(case, url, users, password)
        with serving(url, folder, port, lang) as server:
            yield Stage(server, users, password, lang)


def cast(case: Case) -> tuple[User, ...]:
    """Who takes part."""
    region, city = case.region.code, case.city.code
    return (
        User(REGION, "admin", region),
        User(AUDITOR, "auditor", region),
        User(CITY, "admin", city),
        User(CITY_PLANNER, "planner", city),
        *(User(county(one.code), "planner", one.code) for one in case.counties),
    )


def county(code: str) -> str:
    """The name of a county's planner."""
    return f"county-{code}"


def tree(case: Case) -> bytes:
    """The case's units as a planner would list them."""
    region, city = case.region, case.city
    rows: list[tuple[str, ...]] = [
        ("code", "name", "level", "parent", "attributes"),
        (region.code, region.name, region.level, "", ""),
        (city.code, city.name, city.level, region.code, ""),
    ]
    for one in case.counties:
        attributes = "poor_county" if one.poor_county else ""
        rows.append((one.code, one.name, COUNTY_LEVEL, city.code, attributes))
    rows += [(one.code, one.name, COUNTY_LEVEL, city.code, "") for one in case.idle]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _set_up(case: Case, url: str, users: tuple[User, ...], password: str) -> None:
    settings = Settings(database_url=SecretStr(url), migrate_url=None)
    site = open_site(settings, migrate=True)
    try:
        _refuse_if_used(site)
        units.import_units(site, tree(case))
        for user in users:
            people.add_user(site, user.name, password, user.role, user.unit)
    finally:
        site.close()


def _refuse_if_used(site: Site) -> None:
    """Never mix a demonstration with somebody's plans."""
    if units.any_registered(site):
        raise Refusal("demo_needs_empty")
