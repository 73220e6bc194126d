"""Files outside the database: the site's signing key, and the last checkpoint of each log (F10).

Who restores or rewrites the database does not take these along.
"""

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from planflow.errors import Fault
from planflow.ledger.note import encode

_KEY, _SECRETS, _CHECKPOINT = "key", "secrets-key", ".checkpoint"
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keep:
    """A folder of one site."""

    folder: Path

    def seed(self) -> str | None:
        """The signing key's seed as base64, where there is one. Raises `Fault`."""
        return self._read(self.folder / _KEY)

    def secrets(self) -> str | None:
        """The key that seals secrets in the database, as base64. Raises `Fault`."""
        return self._read(self.folder / _SECRETS)

    def make_secrets(self) -> None:
        """Make that key for good unless there is one. Raises `Fault`."""
        path = self.folder / _SECRETS
        if not path.exists():
            self._write(path, encode(secrets.token_bytes(_SEED_BYTES)) + "\n", once=True)

    def make_seed(self) -> None:
        """Make a key for good unless there is one. Only its owner may read it. Raises `Fault`."""
        path = self.folder / _KEY
        if not path.exists():
            self._write(path, encode(secrets.token_bytes(_SEED_BYTES)) + "\n", once=True)

    def checkpoint(self, log: str) -> str | None:
        """The last checkpoint signed for a log. Raises `Fault`."""
        return self._read(self._path(log))

    def keep(self, log: str, note: str) -> None:
        """Keep a checkpoint in place of the last one, durably. Raises `Fault`."""
        self._write(self._path(log), note)

    def logs(self) -> list[str]:
        """All logs with a checkpoint here."""
        found = self.folder.glob(f"*{_CHECKPOINT}")
        return sorted(unquote(path.name.removesuffix(_CHECKPOINT)) for path in found)

    def _path(self, log: str) -> Path:
        return self.folder / f"{quote(log, safe='')}{_CHECKPOINT}"

    def _read(self, path: Path) -> str | None:
        try:
            return path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(path, error) from error

    def _write(self, path: Path, text: str, *, once: bool = False) -> None:
        """Write a file whole or not at all; `once` leaves one that came first."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder)  # mode 600
            fresh = Path(name)
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                if not once:
                    fresh.replace(path)
                elif not path.exists():
                    path.hardlink_to(fresh)
            except FileExistsError:
                pass  # another process's key came first
            finally:
                fresh.unlink(missing_ok=True)
            _settle(self.folder)
        except OSError as error:
            raise _unusable(path, error) from error


def _settle(folder: Path) -> None:
    """Make a new name in a folder durable, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unusable(path: Path, error: Exception) -> Fault:
    detail = getattr(error, "strerror", None) or ""
    return Fault("ledger_folder_unusable", {"path": str(path), "detail": detail})
