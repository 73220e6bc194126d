"""The reference of the command line, from the tree of commands in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planflow.cli.commands import build

HEAD = """\
# Command line / 命令行

<!-- Generated: python docs/_generate -->

`planflow` alone lists its commands; `--help` explains any of them, `--lang zh|en` picks the language, `--json` prints for
programs. Errors are one line on standard error, with the exit code 1.
"""
SHARED = {"lang", "as_json", "help", "install_completion", "show_completion", "version"}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    both = zip(_commands(build("zh")), _commands(build("en")), strict=True)
    for (name, zh), (_, en) in both:
        parts.append("\n".join([f"\n## `{name}`\n", zh.help, "", en.help, *_params(zh, en), ""]))
    return "".join(parts)


def _commands(command: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    name = f"{above} {command.name}".strip()
    children = getattr(command, "commands", None)
    if not children:
        yield name, command
        return
    if any(one.name not in SHARED for one in command.params):
        yield name, command  # a group that does something by itself
    for child in children.values():
        yield from _commands(child, name)


def _params(zh: Any, en: Any) -> Iterator[str]:
    pairs = [(a, b) for a, b in zip(zh.params, en.params, strict=True) if a.name not in SHARED]
    if not pairs:
        return
    yield "\n| | 中文 | English |"
    yield "|---|---|---|"
    for one, other in pairs:
        argument = one.param_type_name == "argument"
        shown = one.name.upper() if argument else ", ".join([*one.opts, *one.secondary_opts])
        yield f"| `{shown}` | {one.help} | {other.help} |"
