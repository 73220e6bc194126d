"""Connections and units of work. The only place that commits (F6, F7)."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from planflow.errors import Fault, Finding, invalid
from planflow.store.beginning import Within, begin, take_role
from planflow.store.faults import bad_text, fault_of, known, worth_retrying

T = TypeVar("T")
READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITING = "BEGIN"
OLDEST_SQLITE = (3, 51, 3)  # before it: corruption when a WAL file is reset
ATTEMPTS = 8
# A cache that is full keeps what was used most, and parses every newcomer anew each time.
_STATEMENTS = 2_000


@dataclass(frozen=True, slots=True)
class Tx:
    """One unit of work. `locks` tells whether rows must be locked one by one (PostgreSQL)."""

    connection: Connection
    locks: bool


@dataclass
class Database:
    """A database of either kind, opened and checked.

    SQLite has one writer: a thread of its own takes all writing work in turn, which never meets
    a "locked" error from within the process. PostgreSQL writes from the calling thread.
    """

    engine: Engine
    embedded: bool
    path: Path | None = None
    role: str | None = None
    memory: dict[Any, Any] = field(
        default_factory=dict
    )  # immutable rows kept: trees, protocol texts
    _writer: ThreadPoolExecutor | None = None
    _claim: Connection | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _queued: deque[None] = field(default_factory=deque)  # one for each piece of work in line

    def read(self, work: Callable[[Tx], T], within: Within | None = None) -> T:
        """Run work on one consistent snapshot, within some places (PostgreSQL); it cannot write."""
        return self._attempt(work, READING, within)

    def glance(self, work: Callable[[Tx], T]) -> T:
        """Run work that is one reading statement of `store.driver`: it is its own unit of work."""
        try:
            with self.engine.connect() as connection:
                if self.embedded:
                    return work(Tx(connection, locks=False))
                driver: Any = connection.connection.driver_connection
                driver.autocommit = True
                try:
                    return work(Tx(connection, locks=True))
                finally:
                    if not driver.closed:
                        driver.autocommit = False
        except DBAPIError as error:
            raise fault_of(error) from error

    def write(self, work: Callable[[Tx], T], within: Within | None = None) -> T:
        """Run work and commit it, or nothing of it. It is run again where another was in its way."""
        if self._writer is None:
            return self._attempt(work, WRITING, within)
        if not self._queued and self._turn.acquire(blocking=False):
            # Nobody writes and nobody waits: the way through another thread would only take time.
            try:
                return self._attempt(work, WRITING)
            finally:
                self._turn.release()
        self._queued.append(None)
        return self._writer.submit(self._in_turn, work).result()

    def _in_turn(self, work: Callable[[Tx], T]) -> T:
        with self._turn:
            self._queued.pop()  # until now nobody who came later could go first
            return self._attempt(work, WRITING)

    def close(self) -> None:
        """Give all connections back."""
        if self._writer is not None:
            self._writer.shutdown()
        if self._claim is not None:
            self._claim.close()
        self.engine.dispose()

    def claim(self) -> None:
        """Make this the one serving process of an embedded database.

        Raises `Fault` `second_process`, or what else keeps the claim from being written. The claim
        is a lock on a file beside the database, which the operating system drops when the process
        ends.
        """
        if not self.embedded or self.path is None:
            return
        url = URL.create("sqlite", database=f"{self.path}-serving")
        engine = create_engine(
            url,
            module=sqlite_module(),
            poolclass=NullPool,  # a pool would keep the claim after it is given back
            connect_args={"isolation_level": None, "timeout": 0},
        )
        connection: Connection | None = None
        try:
            connection = engine.connect()
            connection.exec_driver_sql("PRAGMA locking_mode=EXCLUSIVE")
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS serving (at TEXT)")
            connection.exec_driver_sql("DELETE FROM serving")
        except DBAPIError as error:
            if connection is not None:
                connection.close()
            found = fault_of(error)
            if found.code == "database_busy":
                raise Fault("second_process", {"path": str(self.path)}) from None
            raise found from error
        self._claim = connection

    def _attempt(self, work: Callable[[Tx], T], how: str, within: Within | None = None) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.engine.connect() as connection:
                    if self.embedded and how == WRITING:
                        connection.execution_options(planflow_writes=True)
                    connection.begin()  # aloud: some statements go to the driver themselves
                    if not self.embedded:
                        begin(connection, how, within)
                    answer = work(Tx(connection, locks=not self.embedded))
                    connection.commit()
                    return answer
            except DBAPIError as error:
                if bad_text(error):
                    raise invalid(Finding("bad_text")) from None
                if attempt == ATTEMPTS or not worth_retrying(error):
                    raise fault_of(error) from error
                # Another's commit came between; what it wrote decides the second run.
                time.sleep(random.uniform(0, 0.01 * attempt))  # noqa: S311 - no secret depends on it  # nosec B311
        raise AssertionError("unreachable")


def open_database(url: str, threads: int, role: str | None = None) -> Database:
    """Open a database and check that it can be trusted with history.

    On PostgreSQL its connections take a role, where one is named. Raises `Fault`:
    `bad_database_url`, `sqlite_too_old`, `unknown_database`, `driver_missing`.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its own words would repeat the address, password and all
        raise Fault("bad_database_url") from None
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, threads)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed, threads, role)
    raise Fault("unknown_database", {"kind": parsed.get_backend_name()})


def sqlite_module() -> ModuleType:
    """The bundled SQLite where there is a wheel, else the system's."""
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415 - not on every platform
    except ImportError:
        import sqlite3 as dbapi2  # noqa: PLC0415
    return dbapi2  # type: ignore[no-any-return, unused-ignore]


def _open_sqlite(url: URL, threads: int) -> Database:
    module = sqlite_module()
    version = tuple(int(part) for part in str(module.sqlite_version).split("."))
    if version < OLDEST_SQLITE:
        params = {"version": module.sqlite_version, "oldest": ".".join(map(str, OLDEST_SQLITE))}
        raise Fault("sqlite_too_old", params)
    path = _file_of(url)
    _make_folder(path.parent)
    engine = create_engine(
        url,
        module=module,
        pool_size=threads + 2,
        max_overflow=4,
        connect_args={
            "isolation_level": None,
            "timeout": 10,
            "check_same_thread": False,
            "cached_statements": _STATEMENTS,
        },
        pool_reset_on_return=None,  # what is left open is closed below
    )
    event.listen(engine, "checkin", _leave_closed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    writer = ThreadPoolExecutor(1, thread_name_prefix="planflow-writer")
    return Database(engine, embedded=True, path=path, _writer=writer)


def _file_of(url: URL) -> Path:
    """The file an address names. One in memory is refused: each connection would have its own."""
    name = url.database or ""
    if "uri" in url.query:
        name = name.removeprefix("file:")
    if not name or ":memory:" in name or url.query.get("mode") == "memory":
        raise Fault("bad_database_url")
    return Path(name)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fault("database_unavailable", {"detail": str(error)}) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # A file that cannot be written to can still be read: the journal mode then stays as it is.
    mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal" and not cursor.execute("PRAGMA query_only").fetchone()[0]:
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA recursive_triggers=ON")
    cursor.execute("PRAGMA case_sensitive_like=ON")  # as on PostgreSQL: units A and a are two
    cursor.close()


def _leave_closed(connection: Any, _record: Any) -> None:
    if connection is not None and connection.in_transaction:
        connection.rollback()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("planflow_writes")
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    except connection.dialect.loaded_dbapi.Error as error:
        raise known(error) from error


def _open_postgresql(url: URL, threads: int, role: str | None) -> Database:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(
            url,
            pool_size=threads + 2,
            max_overflow=4,
            pool_pre_ping=False,
            pool_reset_on_return=None,  # what is left open is closed below
            connect_args={"options": "-c timezone=UTC -c lock_timeout=15s", "connect_timeout": 10},
        )
    except ModuleNotFoundError:
        raise Fault("driver_missing", {"extra": "postgres"}) from None
    event.listen(engine, "checkin", _leave_clean)
    if role is not None:
        event.listen(engine, "connect", take_role(role))
    return Database(engine, embedded=False, role=role)


def _leave_clean(connection: Any, _record: Any) -> None:
    if connection is None or connection.closed:
        return
    if connection.pgconn.transaction_status:  # not idle
        connection.rollback()
