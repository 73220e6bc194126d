"""`protocol check` and `protocol draw`."""

from __future__ import annotations

from pathlib import Path

import pytest

from planflow.protocol import loader
from tests.cli.conftest import Cli


def test_a_bundled_protocol_is_sound(cli: Cli, home: Path) -> None:
    (home / "mine.yaml").write_text(loader.find("exit-plan"), encoding="utf-8")
    assert (
        cli("protocol", "check", "mine.yaml").out == "mine.yaml：没有问题（exit-plan，第 1 版）。\n"
    )
    found = cli("protocol", "check", "mine.yaml", "--json").data
    assert found == {"ok": True, "findings": [], "name": "exit-plan", "version": 1}


def test_each_finding_has_its_line(cli: Cli, home: Path) -> None:
    text = loader.find("exit-plan").replace("reason_against: up2", "reason_against: up3")
    text = text.replace("rollup: sum", "rolup: sum", 1)
    lines = text.splitlines()
    misspelt = next(n for n, line in enumerate(lines, 1) if "rolup" in line)
    (home / "mine.yaml").write_text(text, encoding="utf-8")
    done = cli("protocol", "check", "mine.yaml")
    assert (done.code, done.err) == (1, "")
    assert f"mine.yaml:{misspelt}: " in done.out
    assert "您要写的是不是 rollup？" in done.out
    assert all(line.startswith("mine.yaml:") for line in done.out.splitlines())
    assert "第" not in done.out.splitlines()[0].partition(": ")[2][:2]
    english = cli("protocol", "check", "mine.yaml", "--lang", "en").out
    assert "did you mean rollup?" in english.lower()
    data = cli("protocol", "check", "mine.yaml", "--json")
    assert data.code == 1
    assert data.data["ok"] is False
    assert {"line", "code", "text"} == set(data.data["findings"][0])


def test_a_file_of_nothing_but_mistakes_is_cut(cli: Cli, home: Path) -> None:
    text = loader.find("exit-plan")
    many = "".join(
        f"  - {{name: r{n}, title: {{zh: 甲, en: a}}, purposes: [nonsense]}}\n" for n in range(600)
    )
    text = text.replace("\nmarkup:", f"{many}\nmarkup:".replace("\n\n", "\n"))
    (home / "mine.yaml").write_text(text, encoding="utf-8")
    lines = cli("protocol", "check", "mine.yaml").out.splitlines()
    assert len(lines) == 501
    assert lines[-1] == "……另有 700 处"  # 600 purposes there are none of, and reasons without use


def test_no_such_file(cli: Cli) -> None:
    assert cli("protocol", "check", "none.yaml").refused().startswith("没有文件 none.yaml。")


def test_a_protocol_of_the_sites_folder(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "own").mkdir()
    text = loader.find("exit-plan").replace("name: exit-plan", "name: mine")
    (home / "own/any.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PLANFLOW_PROTOCOLS", str(home / "own"))
    assert cli("protocol", "draw", "mine").out == cli("protocol", "draw", "exit-plan").out
    (home / "own/any.yaml").write_text("name: mine", encoding="utf-8")
    assert "planflow protocol check" in cli("protocol", "draw", "mine").refused()


def test_draw(cli: Cli) -> None:
    drawn = cli("protocol", "draw", "exit-plan").out
    assert drawn.startswith("stateDiagram-v2\n")
    assert "一微调" in drawn
    assert "One adjust" in cli("protocol", "draw", "exit-plan", "--lang", "en").out
    assert cli("protocol", "draw", "exit-plan", "--json").data["mermaid"] == drawn
    assert "没有找到规程“nope”" in cli("protocol", "draw", "nope").refused()
