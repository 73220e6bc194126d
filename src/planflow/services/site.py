"""A site: one database with its clock and its sources of ids and salts. Opened once per process."""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import uuid6

from planflow.config import Settings
from planflow.domain.calendar import Calendar
from planflow.domain.events import Draft
from planflow.engine.hand import Hand
from planflow.protocol import loader
from planflow.protocol.shelf import shelf
from planflow.services import calendars
from planflow.store import migrating, sites
from planflow.store.appending import Pen, Recorded, append_site
from planflow.store.transaction import Database, Tx, open_database

SHELL = "shell"  # who acts when the command line does, with no account behind it


def mint() -> str:
    """Make an id: UUIDv7, so that ids sort roughly by time."""
    return str(uuid6.uuid7())


def utc_now() -> dt.datetime:
    """The server's clock."""
    return dt.datetime.now(dt.UTC)


def new_salt() -> bytes:
    """Make a salt for one value."""
    return secrets.token_bytes(16)


@dataclass(frozen=True, slots=True)
class Site:
    """What every use case needs beside its own arguments."""

    database: Database
    settings: Settings
    id: str
    protocols: Mapping[str, str] = field(default_factory=loader.bundled)  # exact texts by name
    clock: Callable[[], dt.datetime] = utc_now
    mint: Callable[[], str] = mint
    salt: Callable[[], bytes] = new_salt
    calendar: Calendar = field(default_factory=calendars.national)

    def pen(self, hand: Hand, now: dt.datetime | None = None) -> Pen:
        """A pen for one unit of work, at one instant: the one it was judged at, or this one."""
        at = now or self.clock()
        return Pen(self.id, hand.actor, hand.grant, at, self.salt, hand.via, hand.delegators)

    def shell(self) -> Hand:
        """The command line as the actor, with no account and no grant behind it."""
        return Hand(SHELL, "", self.mint)

    def ready(self) -> None:
        """Raise a `Fault` if the database cannot be used now."""
        migrating.check(self.database)

    def close(self) -> None:
        """Give the database back."""
        self.database.close()


def open_site(settings: Settings, *, migrate: bool = False, serving: bool = False) -> Site:
    """Open the site and check its database and its protocols.

    `migrate` brings the schema up first; an embedded database that is still empty always is.
    `serving` claims an embedded database for this process. Raises `Fault`.
    """
    protocols = shelf(settings.protocols)
    calendar = calendars.load(settings.calendar)
    database = open_database(settings.database_url.get_secret_value(), settings.workers)
    try:
        if serving:
            database.claim()
        if migrate or (database.embedded and migrating.is_empty(database)):
            _upgrade(settings, database)
        migrating.check(database)
        return Site(database, settings, database.read(sites.site_id), protocols, calendar=calendar)
    except BaseException:
        database.close()
        raise


def migrate(settings: Settings) -> str:
    """Bring the schema to this program's revision and return it. Raises `Fault`."""
    database = open_database(settings.database_url.get_secret_value(), 1)
    try:
        return _upgrade(settings, database)
    finally:
        database.close()


def site_event(site: Site, tx: Tx, draft: Draft, hand: Hand) -> Recorded:
    """Record an event in the site's own stream."""
    return append_site(tx, sites.lock_site(tx), draft, site.pen(hand))


def _upgrade(settings: Settings, database: Database) -> str:
    if settings.migrate_url is None or database.embedded:
        return migrating.upgrade(database, mint(), utc_now())
    application = settings.database_url.get_secret_value()
    owner = open_database(settings.migrate_url.get_secret_value(), 1)
    try:
        role = migrating.application_role(application, settings.migrate_url.get_secret_value())
        return migrating.upgrade(owner, mint(), utc_now(), role)
    finally:
        owner.close()
