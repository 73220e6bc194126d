"""`units import`, `user add`, `token`, `migrate`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from planflow.config import Settings
from planflow.errors import Refusal
from planflow.services import people
from planflow.services.site import open_site
from tests.cli.conftest import PASSWORD, TREE, Cli

DAY = (dt.datetime.now(dt.UTC) + dt.timedelta(days=20)).date().isoformat()


def signs_in(name: str, password: str) -> bool:
    site = open_site(Settings())
    try:
        return bool(people.sign_in(site, name, password).access_token)
    finally:
        site.close()


# Units


def test_units_are_imported_once(cli: Cli, home: Path) -> None:
    (home / "units.csv").write_text(TREE, encoding="gb18030")
    assert cli("units", "import", "units.csv").out == "单位：新增 4，变更 0，未变 0。\n"
    again = cli("units", "import", "units.csv", "--json")
    assert again.data == {"added": 0, "changed": 0, "unchanged": 4}


def test_units_come_from_standard_input_too(cli: Cli) -> None:
    done = cli("--lang", "en", "units", "import", "-", given=TREE)
    assert done.out == "Units: 4 added, 0 changed, 0 as they were.\n"


def test_each_faulty_row_is_named_and_nothing_is_imported(cli: Cli, home: Path) -> None:
    broken = "code,name,level,parent\nX,,region,\nY,庚,region,Q\nX2,辛,region,\n"
    (home / "units.csv").write_text(broken, encoding="utf-8")
    done = cli("units", "import", "units.csv")
    *rows, last = done.err.splitlines()
    assert done.code == 1
    assert done.out == ""
    assert rows[0] == "units.csv:2: 名称（name）没有填。请补上。"
    assert rows[1].startswith("units.csv:3: 单位 Y 的上级 Q 不在名单里")
    assert last.startswith("错误：单位名单有 2 处问题，一个单位也没有导入。")
    english = cli("units", "import", "units.csv", "--lang=en").err.splitlines()
    assert english[0].startswith("units.csv:2: ")
    assert "Row" not in english[0]
    (home / "good.csv").write_text(TREE, encoding="utf-8")
    assert cli("units", "import", "good.csv", "--json").data["added"] == 4


PAST = "unit,year,indicator,plan,outcome\nK,2018,persons,50,58\n"


def test_past_years_are_imported_once(peopled: Cli, home: Path) -> None:
    (home / "past.csv").write_text(PAST.replace("unit", "单位"), encoding="gb18030")
    assert peopled("history", "import", "past.csv").out == "往年数据：新增 1，变更 0，未变 0。\n"
    again = peopled("history", "import", "-", "--json", given=PAST)
    assert again.data == {"added": 0, "changed": 0, "unchanged": 1}


def test_each_faulty_row_of_past_years_is_named(peopled: Cli) -> None:
    done = peopled("history", "import", "-", given=PAST + "K,2017,person,-1,\nQ,2017,persons,1,\n")
    *rows, last = done.err.splitlines()
    assert done.code == 1
    assert [row.partition(": ")[0] for row in rows] == ["-:3", "-:3", "-:4"]
    assert "计划数（plan）填了 -1" in rows[1]
    assert last.startswith("错误：往年数据没有导入，发现 3 处问题。")
    assert peopled("history", "import", "-", "--json", given=PAST).data["added"] == 1


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("none.csv", "没有文件 none.csv。", "There is no file none.csv."),
        (".", ". 是文件夹，不是文件。", ". is a folder, not a file."),
        ("a\0b", "读写不了", "cannot be read or written"),
    ],
)
def test_a_file_that_cannot_be_read(cli: Cli, name: str, zh: str, en: str) -> None:
    assert zh in cli("units", "import", name).refused()
    assert en in cli("units", "import", name, "--lang", "en").refused()


def test_a_file_without_permission(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    assert cli("units", "import", "x.csv").refused().startswith("没有权限读写 x.csv。")


# Users and tokens


def test_the_password_is_the_first_line_of_standard_input(peopled: Cli) -> None:
    done = peopled(
        "user", "add", "auditor", "--role", "auditor", "--unit", "C", given="first line\r\nsecond\n"
    )
    assert done.out == "已授予 auditor 在 C 的“审计员”权限。\n"
    assert signs_in("auditor", "first line")


def test_a_terminal_is_asked_twice(peopled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = iter(["typed well", "typed well", "typed well", "typed ill"])

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr("planflow.cli.accounts.getpass", ask)
    monkeypatch.setattr("planflow.cli.accounts._is_terminal", lambda: True)
    add = ("user", "add", "other", "--role", "sysadmin")
    assert peopled(*add).out == "已授予 other“系统管理员”权限。\n"
    assert asked == ["密码：", "再输一遍："]
    assert signs_in("other", "typed well")
    assert peopled(*add).refused().startswith("两次输入的密码不一样，没有添加用户。")


@pytest.mark.parametrize(
    ("arguments", "given", "zh", "en"),
    [
        (("--role", "planner", "--unit", "C"), "", "没有读到密码。", "No password was read."),
        (("--role", "planner", "--unit", "C"), "short", "密码太短，至少 8 个字符。", "at least 8"),
        (("--role", "boss", "--unit", "C"), PASSWORD, "没有角色“boss”。", "no role boss"),
        (("--role", "planner"), PASSWORD, "要落在一个单位上。", "belongs to a unit"),
        (("--role", "planner", "--unit", "Z"), PASSWORD, "没有代码为 Z 的单位", "no unit Z"),
    ],
)
def test_a_user_who_cannot_be_added(
    peopled: Cli, arguments: tuple[str, ...], given: str, zh: str, en: str
) -> None:
    assert zh in peopled("user", "add", "new", *arguments, given=given).refused()
    assert en in peopled("user", "add", "new", *arguments, "--lang", "en", given=given).refused()
    assert "new" in peopled("token", "new").refused()


def test_a_token_stands_alone(peopled: Cli) -> None:
    token = peopled("token", "city").out
    assert token == f"{token.strip()}\n"
    site = open_site(Settings())
    try:
        assert people.authenticate(site, token.strip(), "zh").name == "city"
    finally:
        site.close()
    assert set(peopled("token", "city", "--json").data) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
    }


def test_no_token(peopled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "没有找到用户“nobody”" in peopled("token", "nobody").refused()
    monkeypatch.setenv("PLANFLOW_SHELL_TOKENS", "0")
    assert peopled("token", "city").refused().startswith("本系统不允许用命令行取得令牌。")


def test_a_password_that_is_tried_first_is_refused(peopled: Cli) -> None:
    add = ("user", "add", "new", "--role", "planner", "--unit", "C")
    assert "太常见" in peopled(*add, given="password1").refused()
    assert "用户名" in peopled("user", "password", "county-K", given="county-K9").refused()


def test_the_way_back_in(peopled: Cli) -> None:
    """A new password, an unlocked name, an account shut and opened."""
    done = peopled("user", "password", "city", given="another long secret\n")
    assert done.out.startswith("city 的密码已更换。")
    assert signs_in("city", "another long secret")
    assert peopled("user", "unlock", "city", "--json").data == {"name": "city"}
    assert peopled("user", "disable", "city", "--json").data == {"name": "city", "disabled": True}
    with pytest.raises(Refusal):
        signs_in("city", "another long secret")
    assert "重新启用" in peopled("user", "enable", "city").out
    assert signs_in("city", "another long secret")
    for act in ("unlock", "disable", "enable", "drop-factor", "unlink"):
        assert "没有找到" in peopled("user", act, "nobody").refused()


def test_a_token_for_a_program_is_printed_once(peopled: Cli) -> None:
    issue = ("user", "issue-token", "city", "--called", "report", "--to")
    token = peopled(*issue, DAY).out
    assert token == f"{token.strip()}\n"
    [one] = peopled("user", "tokens", "city", "--json").data
    assert (one["name"], one["scopes"]) == ("report", ["read"])
    assert "token" not in one
    assert "report" in peopled("user", "tokens", "city").out
    assert peopled("user", "end-token", "city", one["id"]).code == 0
    assert "没有程序用的令牌" in peopled("user", "tokens", "city").out
    assert "没有找到令牌" in peopled("user", "end-token", "city", one["id"]).refused()
    assert "366" in peopled(*issue, "2199-12-31").refused()


def test_somebody_of_a_provider_is_linked_and_unlinked(
    peopled: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = ("user", "link", "city", "--subject", "248289761001")
    assert "PLANFLOW_OIDC_ISSUER" in peopled(*link).refused()
    monkeypatch.setenv("PLANFLOW_OIDC_ISSUER", "https://provider.example")
    assert peopled(*link, "--json").data == {"name": "city"}
    assert peopled(*link).code == 1
    assert peopled("user", "unlink", "city").code == 0
    assert peopled("user", "unlink", "city").code == 1


@pytest.mark.parametrize(("first", "second"), [("sysadmin", "secadmin"), ("secadmin", "sysadmin")])
def test_three_roles_are_three_persons(peopled: Cli, first: str, second: str) -> None:
    add = ("user", "add", "new", "--role")
    assert peopled(*add, first, given=PASSWORD).code == 0
    assert "不能在同一账号上" in peopled(*add, second, given=PASSWORD).refused()


# The database


def test_migrate_may_be_run_again(cli: Cli) -> None:
    first, again = cli("migrate"), cli("migrate", "--json")
    assert again.data["revision"] in first.out
    assert cli("migrate", "--lang", "en").out.startswith("The database has this program's form: ")


@pytest.mark.parametrize(
    ("url", "zh"),
    [
        ("nonsense", "PLANFLOW_DATABASE_URL 读不懂。"),
        ("mysql://u:secret@h/x", "不支持 mysql 数据库。"),
        ("postgresql://u:secret@127.0.0.1:1/x", "数据库连不上或打不开"),
        ("sqlite:////proc/none/x.db", "数据库连不上或打不开"),
        (f"sqlite:///{Path(__file__)}", "这个文件不是数据库。"),
    ],
)
def test_a_database_that_cannot_be_used(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, url: str, zh: str
) -> None:
    monkeypatch.setenv("PLANFLOW_DATABASE_URL", url)
    for command in (("token", "x"), ("migrate",), ("serve", "--port", "0")):
        line = cli(*command).refused()
        assert zh in line
        assert "secret" not in line


def test_settings_that_are_not_well_formed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANFLOW_TOKEN_MINUTES", "soon")
    monkeypatch.setenv("PLANFLOW_LANG", "fr")
    line = cli("token", "x").refused()
    assert "PLANFLOW_LANG, PLANFLOW_TOKEN_MINUTES" in line
