"""`planflow demo` as one runs it: a process, a real server, tables on the screen."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.cells import cell_len

from planflow.client import Client
from planflow.demo import case as cases
from tests.conftest import Park

PROGRAM = (sys.executable, "-c", "from planflow.cli import main; main()", "demo")
PATIENCE = 240
MADE_UP, FORESEEN = "演示数据", "按答复推演，实际结果未公布"


def environment(home: Path, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PLANFLOW_", "LC_", "LANG"))}
    return clean | {"TMPDIR": str(home), "COLUMNS": "100", "PYTHONUTF8": "1"} | more


def demo(*arguments: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*PROGRAM, "--exit", *arguments],
        env=environment(home, **more),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Traceback" not in done.stdout
    # nothing is left behind: no folder, no server
    assert list(home.glob("planflow-demo-*")) == []
    return done


def changed(home: Path, change: Callable[[Any], None]) -> Path:
    content = json.loads(cases.carried())
    change(content["published"]["rounds"])
    path = home / "case.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def row(out: str, *words: str) -> str:
    """The line of a table that begins with these words."""
    [found] = [
        line
        for line in out.splitlines()
        if line.startswith("│") and re.sub(r"[│\s]+", " ", line).strip().startswith(" ".join(words))
    ]
    return found


def test_liuzhou_2019_in_chinese(tmp_path: Path) -> None:
    done = demo(home=tmp_path)
    out = done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert out.startswith(
        "柳州市2019年贫困人口脱贫和贫困村、贫困县摘帽计划\n来源：seed/liuzhou-press"
    )
    for words, figures in (
        (("一下", "初步计划数"), ["84,997", "95"]),
        (("二上", "上报数"), ["82,052", "103"]),
        (("二下", "任务数"), ["85,253", "95", "1"]),
        (("资金口径",), ["103"]),
        (("一微调", "基数"), ["85,253", "103", "1"]),
        (("差额",), ["+3,201", "-8"]),
        (("采用数",), ["85,253", "103", "融安县"]),
    ):
        cells = row(out, *words).replace("│", " ").split()
        assert [cell for cell in cells if cell in figures] == figures, words
    # what was not published is marked wherever it stands
    assert MADE_UP in row(out, "一上", "上报数")
    assert FORESEEN in out.split("一微调 │")[1].replace("\n", "")
    assert MADE_UP not in row(out, "二上", "上报数")
    assert "城中区 无任务" in out
    assert re.search(r"广西壮族自治区\s+本年在此下达", out)
    assert out.rstrip().splitlines()[-1] == (
        "计划：计划脱贫人口 85,253 人 · 计划摘帽贫困村 103 个 · 贫困县摘帽 融安县"
    )
    # progress on the way: a line for each round at least
    progress = out.partition("╭")[0]
    for title in ("一上", "一下", "二上", "二下", "一微调"):
        assert f"\n{title}" in progress
    assert all(cell_len(line.rstrip()) <= 100 for line in out.splitlines())


def test_one_figure_changed_changes_the_table_in_english(tmp_path: Path) -> None:
    def change(rounds: Any) -> None:
        rounds[1]["figures"]["persons"] = 90000

    done = demo(
        "--lang", "en", "--case", str(changed(tmp_path, change)), home=tmp_path, COLUMNS="80"
    )
    out = done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert "90,000" in row(out, "First down")
    assert "84,997" not in out
    assert f"{2 * 82052 - 90000:,}" in row(out, "First up")  # made up from it
    assert "85,253" in row(out, "Second down")
    assert "demonstration data" in out
    assert "issued" in out
    assert "The plan: Persons to exit 85,253 persons · Villages to exit 103 villages" in out
    foreseen = "as the region's answer foresaw, actual outcome not published"
    assert foreseen in re.sub(r"[│\s]+", " ", out)
    assert all(cell_len(line.rstrip()) <= 80 for line in out.splitlines())


def test_an_outcome_that_was_published_is_played_too(tmp_path: Path) -> None:
    def change(rounds: Any) -> None:
        rounds[4]["figures"] = {"persons": 85000, "villages": 102, "counties": ["450224"]}

    done = demo("--case", str(changed(tmp_path, change)), "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    headline = {name: one["value"] for name, one in found["plan"]["headline"].items()}
    assert headline == {"persons": 85000, "villages": 102, "county_exit": 1}
    assert found["marks"] == {"up1": "made_up"}
    sums = dict.fromkeys(headline, 0)
    for county in found["counties"]:
        for name, one in county["headline"].items():
            sums[name] += one["value"]
    assert sums == headline


def test_a_refusal_on_the_way_is_one_line(tmp_path: Path) -> None:
    def change(rounds: Any) -> None:
        rounds[3]["commitment"]["from"] = 90

    done = demo("--case", str(changed(tmp_path, change)), home=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("错误：")
    assert "现行数是 95，这里写的是 90" in line


def test_a_case_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text("{}", encoding="utf-8")
    for name, words in (("case.json", "error: "), ("none.json", "There is no file none.json.")):
        done = demo("--case", name, "--lang", "en", home=tmp_path)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert words in line


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = demo("--port", str(port), home=tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"错误：端口 {port} 已被占用。请换一个端口（--port），或先停掉占用它的程序。\n"
    )


def test_another_database_must_be_empty_and_may_be_postgresql(tmp_path: Path, park: Park) -> None:
    url = park["postgresql"].empty()
    first = demo("--database-url", url, "--json", home=tmp_path)
    assert first.returncode == 0, first.stderr
    headline = json.loads(first.stdout)["plan"]["headline"]
    assert headline["persons"]["value"] == 85253
    again = demo("--database-url", url, home=tmp_path)
    assert again.returncode == 1
    assert "这个数据库里已有单位" in again.stderr


# Serving on


class Running:
    """A demonstration that was not told to leave."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env=environment(home),
            cwd=home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seen = ""

    def until(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen += line
            if words in line:
                return self.seen
        raise AssertionError(self.seen)

    def stop(self, sign: signal.Signals) -> tuple[int, str, str]:
        self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=PATIENCE)
        assert list(self.home.glob("planflow-demo-*")) == []
        return self.process.returncode, out, err


def is_served(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_it_goes_on_serving_with_the_log_ins_it_prints(tmp_path: Path) -> None:
    running = Running(tmp_path)
    seen = running.until("按 Ctrl-C 停止")
    found = re.search(
        r"curl -d '(username=region&password=\w+)' (http://\S+?)/api/v1/auth/token", seen
    )
    assert found
    form, url = found.groups()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    token = httpx.post(f"{url}/api/v1/auth/token", content=form, headers=headers, trust_env=False)
    assert token.json()["token_type"] == "bearer"
    assert httpx.get(f"{url}/docs", trust_env=False).is_success
    assert f"{url}/docs" in seen
    password = form.rpartition("=")[2]
    with Client(url, username="county-450224", password=password) as county:
        plan = county.plan("liuzhou-2019-demo", "450224")
        assert plan["name"] == "融安县"
        # made-up numbers say so in the record as well
        notes = [
            said["text"]
            for one in county.history("liuzhou-2019-demo", "450224")
            if one["kind"] == "submitted"
            for said in one["parts"].get("texts", [])
            if said["of"] == "note"
        ]
        assert notes == [cases.NOTE, cases.NOTE]
    code, out, err = running.stop(signal.SIGINT)
    assert (code, err) == (0, "")
    assert "服务已停止" in out
    assert not is_served(url)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_it_can_be_interrupted_on_the_way(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    running = Running(tmp_path)
    seen = running.until("服务已启动")
    url = re.findall(r"http://\S+", seen)[-1]
    assert is_served(url)
    found = running.stop(sign)
    assert found[0] == code
    assert found[2] == "错误：已中断。\n"
    assert not is_served(url)


def test_a_server_that_dies_ends_the_demonstration(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.until("按 Ctrl-C 停止")
    [server] = (
        [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/stat")
            if _parent(path) == running.process.pid
        ]
        if Path("/proc/self/stat").exists()
        else pytest.skip("needs /proc to find the server")
    )
    os.kill(server, signal.SIGKILL)
    _, err = running.process.communicate(timeout=PATIENCE)
    assert running.process.returncode == 1
    assert err.startswith("错误：演示用的服务没有运行起来或中途停止了")


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        time.sleep(0)
        return -1


@pytest.mark.parametrize(("page", "lang"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_the_readme_shows_the_table_that_the_demo_prints(
    page: str, lang: str, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / page).read_text("utf-8")
    shown = text.partition("<!-- demo:begin -->\n```text\n")[2].partition("\n```")[0]
    out = demo("--lang", lang, home=tmp_path).stdout
    assert shown
    assert shown in "\n".join(line.rstrip() for line in out.splitlines())
