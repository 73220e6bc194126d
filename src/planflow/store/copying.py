"""Whole copies of an embedded database, taken while it is in use, and put in its place (F7)."""

import datetime as dt
import os
from contextlib import closing
from pathlib import Path
from typing import Any

from planflow.errors import Fault
from planflow.store.transaction import sqlite_module

_BESIDE = ("-wal", "-shm")


def copy(source: Path, target: Path) -> None:
    """Copy a database file at one instant, by SQLite's own backup; the copy is checked and durable.

    One step for all pages: whoever writes meanwhile is neither waited for nor copied by halves.
    Raises `Fault`: `file_missing`, `file_exists`, `copy_failed`.
    """
    if not source.exists():
        raise Fault("file_missing", {"path": str(source)})
    if target.exists():
        raise Fault("file_exists", {"path": str(target)})
    module: Any = sqlite_module()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(module.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as read,
            closing(module.connect(target)) as made,
        ):
            read.backup(made)
            # A file of its own: nothing of it lies in a log beside it.
            made.execute("PRAGMA journal_mode=DELETE")
            [whole] = made.execute("PRAGMA integrity_check(1)").fetchone()
            if whole != "ok":
                raise Fault("copy_failed", {"path": str(source), "detail": whole})
        _settle(target)
    except (module.Error, OSError) as error:
        discard(target)
        raise Fault("copy_failed", {"path": str(source), "detail": str(error)}) from error
    except Fault:
        discard(target)
        raise


def put_in_place(fresh: Path, path: Path, now: dt.datetime) -> Path | None:
    """Give a new file the name of a database; what had that name is set aside, and where to."""
    aside = None
    if path.exists():
        aside = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%S%f}")
        for suffix in ("", *_BESIDE):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(aside.with_name(aside.name + suffix))
    fresh.rename(path)
    _settle(path)
    return aside


def discard(path: Path) -> None:
    """Take away a copy that is not wanted."""
    for suffix in ("", *_BESIDE, "-journal", "-serving"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Make a file and its name durable, where the system can."""
    names = (path, path.parent) if os.name == "posix" else (path,)
    for name in names:
        handle = os.open(name, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
