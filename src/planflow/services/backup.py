"""Backup and restore of an embedded database. What is restored is audited before it takes the place."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from planflow.config import Settings
from planflow.errors import Fault, Finding, Refusal
from planflow.services import audit
from planflow.services.audit import Audited, Tell
from planflow.services.site import Site, open_site, utc_now
from planflow.store import copying, ledger
from planflow.store.audit.trees import trees
from planflow.store.transaction import Database, Tx, open_database

ROOTS, FRESH = ".roots", ".restoring"
# A copy is older than the folder of checkpoints: two persons say so, and the ledger goes on.
EXPECTED = "ledger_behind"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was audited, the logs that lost something, and where the old file lies."""

    audited: Audited
    behind: list[Finding]
    aside: Path | None
    compared: int


def backup(site: Site, target: Path) -> int:
    """Copy the database to a file, and the roots of its logs to one beside it; how many these are.

    Raises `Refusal` `backup_elsewhere`, `Fault`.
    """
    path = _file(site.database)
    copying.copy(path, target)
    # Of the copy, not of the database: that has gone on.
    copied = open_database(f"sqlite:///{target}", 1)
    try:
        roots = copied.read(_roots)
    finally:
        copied.close()
    text = json.dumps(roots, ensure_ascii=False, indent=1) + "\n"
    _beside(target).write_text(text, "utf-8")
    return len(roots)


def restore(settings: Settings, source: Path, tell: Tell, *, replace: bool) -> Restored:
    """Put a backup in the place of the database, once its audit is clean and its roots are the same.

    Nothing is lost: the old file is set aside. Raises `Refusal`: `backup_elsewhere`, `restore_over`,
    `restore_wrong` with the findings; `Fault`: `second_process` while the site is served.
    """
    database = open_database(settings.database_url.get_secret_value(), 1)
    try:
        path = _file(database)
        database.claim()
        if path.exists() and not replace:
            raise Refusal("restore_over", {"path": str(path)})
        fresh = path.with_name(path.name + FRESH)
        copying.discard(fresh)
        copying.copy(source, fresh)
        try:
            audited, compared = _audited(settings, fresh, source, tell)
            wrong = [one for one in audited.findings if one.code != EXPECTED]
            if wrong:
                raise Refusal("restore_wrong", {"path": str(source)}, findings=wrong)
            aside = copying.put_in_place(fresh, path, utc_now())
        finally:
            copying.discard(fresh)
    finally:
        database.close()
    behind = [one for one in audited.findings if one.code == EXPECTED]
    return Restored(audited, behind, aside, compared)


def _audited(settings: Settings, fresh: Path, source: Path, tell: Tell) -> tuple[Audited, int]:
    """Audit the copy where it lies; compare its roots with those that were written at its backup."""
    there = settings.model_copy(update={"database_url": SecretStr(f"sqlite:///{fresh}")})
    site = open_site(there, migrate=True)
    try:
        done = audit.audit(site, tell)
    finally:
        site.close()
    known = _known(_beside(source))
    for name, note in known.items():
        if done.roots.get(name) != note:
            done.findings.append(Finding("roots_differ", {"log": name}))
    return done, len(known)


def _known(path: Path) -> dict[str, str]:
    """The roots beside a backup, where there are any."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Fault("file_unreadable", {"path": str(path), "detail": ""}) from error
    return {str(name): str(note) for name, note in dict(found).items()}


def _roots(tx: Tx) -> dict[str, str]:
    notes = {f"{tree.log} {tree.epoch}": ledger.last(tx, tree) for tree in trees(tx)}
    return {name: note for name, note in notes.items() if note}


def _file(database: Database) -> Path:
    if database.path is None:
        raise Refusal("backup_elsewhere")
    return database.path


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ROOTS)
