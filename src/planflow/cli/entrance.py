"""From arguments to an exit code: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C.

Whatever goes wrong is told in one line on standard error, in the reader's language.
"""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise

from planflow.cli.desk import Desk
from planflow.messages import LANGUAGES

INTERRUPTED = 130
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
_NO_LANGUAGE = ("C", "POSIX")


def main() -> None:
    """Run the command line and leave the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Carry out one command; return its exit code."""
    desk = Desk(language(arguments, os.environ), "--json" in arguments)
    for stream in (sys.stdout, sys.stderr):
        # A screen that lacks a character shows "?" for it and not an error.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        return _carry_out(list(arguments), desk)
    except KeyboardInterrupt:
        desk.complain(desk.word("interrupted"))
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:  # a traceback is for maintainers, not for planners
        from planflow.cli.errors import told

        text, code = told(error, desk)
        desk.complain(text)
        return code


def language(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """The reader's language: --lang, PLANFLOW_LANG, the system's locale, else Chinese."""
    asked = [after for name, after in pairwise(arguments) if name == "--lang"]
    asked += [name.partition("=")[2] for name in arguments if name.startswith("--lang=")]
    for wish in (*asked[-1:], environ.get("PLANFLOW_LANG", "")):
        if wish in LANGUAGES:
            return wish
    for name in _LOCALE:
        locale = environ.get(name, "").partition(".")[0]
        if locale and locale not in _NO_LANGUAGE:
            return "zh" if locale.startswith("zh") else "en"
    return "zh"


def _carry_out(arguments: list[str], desk: Desk) -> int:
    from planflow.cli.commands import build

    command = build(desk.lang)
    try:
        done = command.main(arguments, prog_name="planflow", standalone_mode=False, obj=desk)
        sys.stdout.flush()
    except SystemExit as end:
        # Typer leaves where the reader of its output is gone, or after a completion script.
        return end.code if isinstance(end.code, int) else 0
    if done == INTERRUPTED:
        raise KeyboardInterrupt
    return done if isinstance(done, int) else 0


def _nobody_reads() -> int:
    """The reader of our output has left; there is nobody to complain to."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
