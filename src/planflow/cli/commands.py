"""The tree of commands. Typer knows their shape; the catalogue holds every word of their help."""

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup
from typer.main import get_command

from planflow import __version__
from planflow.cli import (
    accounts,
    auditing,
    backups,
    comparing,
    demonstration,
    erasures,
    evidence,
    ledger,
    plans,
    protocols,
    reading,
    review,
    serving,
    sign_ins,
)
from planflow.messages import sentence

_SENTENCE = re.compile(r"(?<=。)|(?<=\.)(?= )|(?=：|: )")


@cache
def build(lang: str) -> Any:
    """The whole command, its help in one language."""
    app = typer.Typer(name="planflow", pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_root)
    app.command("demo")(demonstration.demo)
    app.command("serve")(serving.serve)
    app.command("migrate")(serving.migrate)
    _group(app, "units").command("import")(accounts.import_units)
    _group(app, "history").command("import")(accounts.import_history)
    user = _group(app, "user")
    user.command("add")(accounts.add_user)
    user.command("delegate")(accounts.delegate)
    user.command("revoke")(accounts.revoke)
    user.command("erase")(erasures.erase_user)
    for act in (sign_ins.password, sign_ins.unlock, sign_ins.disable, sign_ins.enable):
        user.command(act.__name__)(act)
    user.command("link")(sign_ins.link)
    user.command("unlink")(sign_ins.unlink)
    user.command("drop-factor")(sign_ins.drop_factor)
    user.command("issue-token")(sign_ins.issue_token)
    user.command("tokens")(sign_ins.tokens)
    user.command("end-token")(sign_ins.end_token)
    app.command("token")(accounts.token)
    protocol = _group(app, "protocol")
    protocol.command("check")(protocols.check)
    protocol.command("draw")(protocols.draw)
    app.command("show")(plans.show)
    app.command("board")(plans.board)
    app.command("diff")(comparing.diff)
    app.command("treatment")(comparing.treatment)
    app.command("documents")(comparing.documents)
    app.command("events")(review.events)
    _group(app, "reads", reading.reads).command("prune")(reading.prune)
    app.command("erase")(erasures.erase)
    app.command("audit")(auditing.audit)
    app.command("backup")(backups.backup)
    app.command("restore")(backups.restore)
    app.command("bundle")(evidence.bundle)
    app.command("verify")(evidence.verify)
    app.command("witness")(ledger.witness)
    _group(app, "ledger").command("new-epoch")(ledger.new_epoch)
    command = get_command(app)
    _finish(command, lang, command.name or "")
    return command


def _group(app: typer.Typer, name: str, alone: Callable[..., None] | None = None) -> typer.Typer:
    """A group of commands; without one of them it does something of its own, or tells what there is."""
    group = typer.Typer()
    group.callback(invoke_without_command=True)(alone or _overview)
    app.add_typer(group, name=name)
    return group


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"planflow {__version__}")
        raise typer.Exit
    _overview(context)


def _overview(context: typer.Context) -> None:
    """Without a command, a group tells what there is."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


def _everywhere(
    lang: Annotated[Literal["zh", "en"] | None, typer.Option("--lang", expose_value=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", expose_value=False)] = False,
) -> None:
    """Options of every command; they are read before the commands are built."""


def _finish(command: Any, lang: str, name: str) -> None:
    """Add the options that every command has, and the words of the help."""

    def word(code: str) -> str:
        return sentence(f"help.{code}", {}, lang)

    probe = typer.Typer(add_completion=False)
    probe.command()(_everywhere)
    command.params += get_command(probe).params
    command.help = word(name)
    command.short_help = _SENTENCE.split(command.help, maxsplit=1)[0]
    command.rich_help_panel = sentence("cli.commands", {}, lang)
    for param in [*command.params, command.get_help_option(typer.Context(command))]:
        shared = param.name in ("lang", "help", "version") or "completion" in param.name
        own = {"as_json": "json"}.get(param.name) or (
            param.name if shared else f"{name}_{param.name}"
        )
        param.help = word(own)
        kind = "arguments" if param.param_type_name == "argument" else "options"
        param.rich_help_panel = sentence(f"cli.{kind}", {}, lang)
    if isinstance(command, TyperGroup):
        for own_name, each in command.commands.items():
            _finish(each, lang, own_name if name == "planflow" else f"{name}_{own_name}")
