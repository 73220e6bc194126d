"""A site: one database with its clock and its sources of ids and salts. Opened once per process."""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import uuid6
from pydantic import SecretStr

from planflow.config import Settings
from planflow.domain.calendar import Calendar
from planflow.domain.events import Draft
from planflow.engine.hand import Hand
from planflow.protocol import loader
from planflow.protocol.shelf import shelf
from planflow.services import calendars
from planflow.store import migrating, sites
from planflow.store.appending import Pen, Recorded, append_site
from planflow.store.beginning import APPLICATION, RECORDS
from planflow.store.transaction import Database, Tx, open_database

RECORDS_THREADS = 2  # the sequencer, and one reading beside it
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

    database: Database  # acts for somebody: on PostgreSQL within their places, and nowhere else
    records: Database  # all of history: the sequencer, the audit, erasures, imports; or the same
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
        _close(self.database, self.records)


def open_site(settings: Settings, *, migrate: bool = False, serving: bool = False) -> Site:
    """Open the site and check its database and its protocols.

    `migrate` brings the schema up first; an embedded database that is still empty always is.
    `serving` claims an embedded database for this process. Raises `Fault`.
    """
    protocols = shelf(settings.protocols)
    calendar = calendars.load(settings.calendar)
    database = open_database(_address(settings.database_url), settings.workers, APPLICATION)
    records = database
    try:
        if serving:
            database.claim()
        if migrate or (database.embedded and migrating.is_empty(database)):
            _upgrade(settings, database if database.embedded else None)
        migrating.check(database)
        if not database.embedded:
            address = _address(settings.records_url or settings.database_url)
            records = open_database(address, RECORDS_THREADS, RECORDS)
            migrating.check(records)
        own = database.read(sites.site_id)
        return Site(database, records, settings, own, protocols, calendar=calendar)
    except BaseException:
        _close(database, records)
        raise


def migrate(settings: Settings) -> str:
    """Bring the schema to this program's revision and return it. Raises `Fault`."""
    return _upgrade(settings)


def site_event(site: Site, tx: Tx, draft: Draft, hand: Hand) -> Recorded:
    """Record an event in the site's own stream."""
    return append_site(tx, sites.lock_site(tx), draft, site.pen(hand))


def _upgrade(settings: Settings, embedded: Database | None = None) -> str:
    if embedded is not None:
        return migrating.upgrade(embedded, mint(), utc_now())
    application = _address(settings.database_url)
    records = _address(settings.records_url or settings.database_url)
    database = open_database(_address(settings.migrate_url or settings.database_url), 1)
    try:
        known = () if database.embedded else migrating.members(application, records)
        return migrating.upgrade(database, mint(), utc_now(), known)
    finally:
        database.close()


def _address(url: SecretStr) -> str:
    return url.get_secret_value()


def _close(*databases: Database) -> None:
    for one in {id(one): one for one in databases}.values():
        one.close()
