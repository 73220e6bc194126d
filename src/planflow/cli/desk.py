"""Where a command reads its words and leaves its output."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planflow.errors import Fault
from planflow.messages import sentence

if TYPE_CHECKING:
    from rich.console import Console
    from typer import Context

_STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Desk:
    """The reader's language, and whether data is wanted instead of text."""

    lang: str
    as_json: bool = False

    def word(self, code: str, **params: Any) -> str:
        """A word or sentence of the command line's own."""
        return sentence(f"cli.{code}", params, self.lang)

    def put(self, text: str, data: Any) -> None:
        """Print a text, or the data behind it where JSON is wanted."""
        if self.as_json:
            text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
        sys.stdout.write(text + "\n")

    def complain(self, text: str) -> None:
        """Print an error: one line, whatever is in it."""
        self.remark(self.word("error", text=" ".join(text.split())))

    def remark(self, line: str) -> None:
        """Print a line on standard error."""
        sys.stdout.flush()
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def console(self, *, aside: bool = False) -> "Console":
        """A console for tables; `aside` writes to standard error."""
        from rich.console import Console

        # A unit's name is never taken for markup.
        return Console(stderr=aside, markup=False, emoji=False, highlight=False)


def of(context: "Context") -> Desk:
    """The desk of a command that is being carried out."""
    desk = context.obj
    if not isinstance(desk, Desk):
        raise TypeError("a command needs a desk")
    return desk


def read_file(name: str, limit: int | None = None) -> bytes:
    """Read a file a person named, or standard input for `-`, up to a limit in MiB and a byte more.

    Raises `Fault`.
    """
    most = -1 if limit is None else (limit << 20) + 1
    try:
        if name == _STANDARD_INPUT:
            return sys.stdin.buffer.read(most)
        with Path(name).open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise Fault("file_missing", {"path": name}) from None
    except PermissionError:
        raise Fault("file_forbidden", {"path": name}) from None
    except IsADirectoryError:
        raise Fault("file_is_folder", {"path": name}) from None
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        detail = getattr(error, "strerror", None) or ""
        raise Fault("file_unreadable", {"path": name, "detail": detail}) from None
