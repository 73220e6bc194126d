"""The reference of codes, from the catalogue of sentences."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources

from planflow.messages.catalogue import LANGUAGES, placeholders
from planflow_api.errors import STATUS

# Section of the catalogue → its title, what it is, and the status of a code that has none of its own.
SECTIONS = {
    "refusals": (
        "Refusals / 不予办理",
        "Nothing was written. With `invalid`, each place that is wrong stands in `errors`.",
        "422",
    ),
    "guards": (
        "Guards / 办理条件",
        "Rules of the negotiation that forbid an act now: in `guards` of a `guard_failed`, and in "
        "the `actions` of a plan.",
        "409",
    ),
    "warnings": (
        "Warnings / 提醒",
        "What is allowed and yet worth a look: in `warnings` of a cycle.",
        "-",
    ),
    "faults": (
        "Faults / 系统故障",
        "Something outside the request is wrong; nothing was written.",
        "503",
    ),
    "protocol": (
        "Protocol files / 规程文件",
        "Findings of `protocol_invalid`, each with its line.",
        "422",
    ),
    "units": (
        "Lists of units / 单位名单",
        "Findings of `units_invalid`, each with its row.",
        "422",
    ),
    "history": (
        "Past years / 往年数据",
        "Findings of `history_invalid`, each with its row.",
        "422",
    ),
    "ledger": (
        "The ledger / 台账",
        "Keys, checkpoints, receipts and tiles that do not hold: told by whoever checks them.",
        "422",
    ),
    "shell": (
        "The command line / 命令行",
        "Told by `planflow` itself in one line on standard error, with the exit code 1; never over "
        "HTTP.",
        "-",
    ),
}
HEAD = """\
# Codes of errors / 错误代码

<!-- Generated: python docs/_generate -->

Programs read the code, people the sentence. A sentence names its parameters in braces; a part in
double brackets is shown only where its parameters have a value. Over HTTP the parameters stand
beside the code, in the language that `Accept-Language` asks for.

程序看代码，人看句子。花括号里是参数；双方括号里的部分，只在其中的参数都有值时出现。
"""


def page() -> str:
    """The whole page."""
    zh, en = (_sections(lang) for lang in LANGUAGES)
    parts = [HEAD]
    for name, (heading, about, status) in SECTIONS.items():
        if name not in zh:
            continue
        rows = _rows(zh[name], en[name], status)
        parts.append("\n".join([f"\n## {heading}\n", f"{about}\n", *rows, ""]))
    return "".join(parts)


def _rows(zh: Mapping[str, str], en: Mapping[str, str], status: str) -> Iterator[str]:
    yield "| code | HTTP | 中文 | English | parameters |"
    yield "|---|---|---|---|---|"
    for code in sorted(zh):
        names = ", ".join(f"`{name}`" for name in sorted(placeholders(zh[code])))
        cells = [f"`{code}`", str(STATUS.get(code, status)), zh[code], en[code], names]
        yield f"| {' | '.join(cells)} |"


def _sections(lang: str) -> dict[str, dict[str, str]]:
    text = resources.files("planflow.messages").joinpath(f"{lang}.toml").read_text("utf-8")
    return {name: part for name, part in tomllib.loads(text).items() if name in SECTIONS}
