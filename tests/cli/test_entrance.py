"""Language, help, usage errors, exit codes: what every command has in common."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planflow import __version__
from planflow.cli.commands import build
from planflow.cli.entrance import language
from planflow.messages import LANGUAGES
from tests.cli.conftest import Cli

PROGRAM = (sys.executable, "-c", "from planflow.cli import main; main()")


# Language


@pytest.mark.parametrize(
    ("arguments", "environ", "lang"),
    [
        ([], {}, "zh"),
        ([], {"LANG": "C.UTF-8"}, "zh"),
        ([], {"LANG": "POSIX"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        ([], {"LC_ALL": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ([], {"PLANFLOW_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        (["--lang", "zh"], {"PLANFLOW_LANG": "en"}, "zh"),
        (["show", "--lang=en"], {"PLANFLOW_LANG": "zh"}, "en"),
        (["--lang", "zh", "show", "--lang", "en"], {}, "en"),
        (["--lang", "fr"], {"LANG": "en_GB"}, "en"),
        (["--lang"], {}, "zh"),
    ],
)
def test_language(arguments: list[str], environ: dict[str, str], lang: str) -> None:
    assert language(arguments, environ) == lang


# Help


def commands(command: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield name, command
    for own, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*name, own))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_option_has_its_words(lang: str) -> None:
    found = dict(commands(build(lang)))
    assert set(found) == {
        (),
        ("demo",),
        ("serve",),
        ("migrate",),
        ("units",),
        ("units", "import"),
        ("history",),
        ("history", "import"),
        ("user",),
        ("user", "add"),
        ("user", "delegate"),
        ("user", "revoke"),
        ("user", "erase"),
        ("user", "password"),
        ("user", "unlock"),
        ("user", "disable"),
        ("user", "enable"),
        ("user", "link"),
        ("user", "unlink"),
        ("user", "drop-factor"),
        ("user", "issue-token"),
        ("user", "tokens"),
        ("user", "end-token"),
        ("token",),
        ("protocol",),
        ("protocol", "check"),
        ("protocol", "draw"),
        ("show",),
        ("board",),
        ("diff",),
        ("treatment",),
        ("documents",),
        ("events",),
        ("reads",),
        ("reads", "prune"),
        ("erase",),
        ("audit",),
        ("backup",),
        ("restore",),
        ("bundle",),
        ("verify",),
        ("witness",),
        ("ledger",),
        ("ledger", "new-epoch"),
    }
    for name, command in found.items():
        options = {param.name for param in command.params}
        assert {"lang", "as_json"} <= options, name
        for words in (command, *command.params):
            # a code without words stands for itself
            assert words.help
            assert not words.help.startswith("help."), words.help


def test_help(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    assert "从不" not in done.err
    assert "migrate" in done.out
    assert "命令" in done.out
    assert "列出一个单位的计划" in done.out
    assert "Commands" in cli("--help", "--lang", "en").out
    assert "--role" in cli("user", "add", "--help").out


@pytest.mark.parametrize("group", [(), ("units",), ("user",), ("protocol",)])
def test_a_group_alone_tells_what_there_is(cli: Cli, group: tuple[str, ...]) -> None:
    done = cli(*group)
    assert done.code == 0
    assert "命令" in done.out


def test_a_line_of_the_overview_is_not_cut_at_a_clock(cli: Cli) -> None:
    for lang, last in (("zh", "有何不同。"), ("en", "their numbers in its history).")):
        assert build(lang).commands["diff"].short_help.endswith(last)


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"planflow {__version__}\n"


def test_completion(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PLANFLOW_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "planflow pro")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert "protocol" in cli().out


# Usage


@pytest.mark.parametrize(
    ("arguments", "zh", "en"),
    [
        (("frob",), "没有命令 frob。", "There is no command frob."),
        (("shwo",), "没有命令 shwo，您要写的是不是 show？", "did you mean show?"),
        (("show",), "缺少 UNIT。", "UNIT is missing."),
        (("show", "1", "--frob"), "没有选项 --frob。", "There is no option --frob."),
        (("user", "add", "x"), "缺少 --role。", "--role is missing."),
        (("serve", "--port", "x"), "--port 的写法不对。", "--port is not well formed."),
        (("serve", "--port", "70000"), "--port 的写法不对。", "--port is not well formed."),
        (("demo", "--lang", "fr"), "--lang 的写法不对，可用的有：zh, en。", "one of: zh, en"),
        (("token", "a", "b"), "命令的写法不对", "The command is not well formed"),
    ],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...], zh: str, en: str) -> None:
    assert zh in cli(*arguments).refused(2)
    last = arguments if "--lang" in arguments else (*arguments, "--lang", "en")
    environ = pytest.MonkeyPatch()
    with environ.context() as patch:
        patch.setenv("PLANFLOW_LANG", "en")
        assert en in cli(*last).refused(2)


# What no command expects


def test_a_mistake_of_ours_is_one_line_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> str:
        raise KeyError("one\ntwo")

    monkeypatch.setattr("planflow.services.site.migrate", broken)
    assert cli("migrate").refused().startswith("程序内部出错（KeyError，serving.py:")
    assert "Please tell the maintainers" in cli("migrate", "--lang", "en").refused()


def test_a_disk_that_fails(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> str:
        raise OSError(28, "No space left on device", "plans.db")

    monkeypatch.setattr("planflow.services.site.migrate", full)
    assert "plans.db（No space left on device）" in cli("migrate").refused()


def test_ctrl_c(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("planflow.services.site.migrate", interrupted)
    assert cli("migrate").refused(130) == "已中断。"


def test_input_that_ends_too_early(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_: object) -> str:
        raise EOFError

    monkeypatch.setattr("planflow.services.site.migrate", ended)
    done = cli("migrate")
    assert done.code == 1
    assert done.err.strip().endswith("输入提前结束了。请重新运行。")


def start(*arguments: str, home: Path, **options: Any) -> subprocess.Popen[str]:
    environ = {**os.environ, "PLANFLOW_DATABASE_URL": f"sqlite:///{home / 'plans.db'}"}
    environ |= {"PLANFLOW_LANG": "en", "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [*PROGRAM, *arguments], env=environ, text=True, cwd=home, stderr=subprocess.PIPE, **options
    )


def test_nobody_reads_the_output(home: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start("protocol", "draw", "exit-plan", home=home, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


def test_a_screen_without_chinese(home: Path) -> None:
    environ = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PLANFLOW_LANG": "zh"}
    done = subprocess.run(
        [*PROGRAM, "protocol", "draw", "nope"],
        env={**os.environ, **environ},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "nope" in done.stderr


# Serve


def test_serve_until_ctrl_c(home: Path) -> None:
    process = start("serve", "--port", "0", home=home)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("planflow serves at http://127.0.0.1:")
    assert "/docs" in first
    for line in process.stderr:
        if "startup complete" in line:
            break
    second = subprocess.run(
        [*PROGRAM, "serve", "--port", "0"],
        env={**os.environ, "PLANFLOW_DATABASE_URL": f"sqlite:///{home / 'plans.db'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert "PostgreSQL" in second.stderr
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_several_workers_need_postgresql(cli: Cli) -> None:
    line = cli("serve", "--workers", "3").refused()
    assert "--workers 3" in line
    assert "PostgreSQL" in line
    assert "one process only" in cli("serve", "--workers", "2", "--lang", "en").refused()


def test_an_address_that_is_not_ours(cli: Cli) -> None:
    assert "192.0.2.1:8000" in cli("serve", "--host", "192.0.2.1").refused()
    assert "不能在" in cli("serve", "--host", "a..b").refused()
