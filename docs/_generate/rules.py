"""The reference of rules: each with the tests that hold it, found by the numbers in their docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = """\
# Rules and their tests / 规则与测试

<!-- Generated: python docs/_generate -->

The negotiation keeps these rules; each is named, by its number, in the docstrings of the tests that hold it.

规则按编号写在测试的说明里，下表由此生成。
"""
RULES = {
    "N1": "Units and trees / 单位与单位树",
    "N2": "One plan per unit, states by round / 一个单位一份计划",
    "N3": "Figures and the headline / 数与采用数",
    "N4": "Up: sums are exact / 上报：合计准确",
    "N5": "Down: nothing is created or lost / 下达：不多不少",
    "N6": "Gates / 轮次的先后",
    "N7": "Return and withdraw / 退回与撤回",
    "N8": "Every answer tells what may be done next / 可办事项",
    "N9": "Windows and silence / 办理时间与逾期未报",
    "N10": "Commitments / 待调事项",
    "N11": "Adjust, once and bounded / 微调",
    "N12": "Lists and figures agree / 名单与数一致",
    "N13": "Nothing is overwritten / 不可覆盖",
    "N14": "Separation of duties / 不相容职责分离",
    "N15": "What stands beside an offer / 参照与提示",
    "N16": "Stocks and flows / 存量与流量",
    "N17": "Spot checks / 抽查",
    "N18": "Acts that read more than one plan / 涉及多份计划的操作",
    "F1": "Streams / 事件流",
    "F2": "The event and its commitments / 事件",
    "F3": "Drafts are no events / 草稿",
    "F4": "Time / 时间",
    "F5": "Insert-only rows / 只增不改",
    "F6": "Locks / 锁",
    "F7": "SQLite and PostgreSQL / 两种数据库",
    "F8": "One hop into a synchronous library / 同步内核",
    "F9": "Who is who is history / 授权也是历史",
    "F10": "Logs and checkpoints / 日志与检查点",
    "F11": "Refusals are codes / 拒绝即代码",
    "F12": "Lists in form / 名单的形式",
}
_NUMBER = re.compile(r"\b([NF])(\d+)(?:(?: to |-|–)\1?(\d+))?")


def page() -> str:
    """The whole page."""
    found: dict[str, dict[str, list[str]]] = {rule: {} for rule in RULES}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for rule, tests in _named(ast.parse(path.read_text(encoding="utf-8"))):
            if rule in found:
                module = found[rule].setdefault(path.relative_to(ROOT).as_posix(), [])
                module += [test for test in tests if test not in module]
    parts = [HEAD]
    for rule, title in RULES.items():
        if found[rule]:
            parts.append("\n".join([f"\n## {rule}. {title}\n", *_rows(found[rule]), ""]))
    return "".join(parts)


def _named(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Rules that a module or a single test names, with the tests meant."""
    tests = [
        one
        for one in module.body
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    ]
    for rule in numbers(ast.get_docstring(module) or ""):
        yield rule, [one.name for one in tests]
    for one in tests:
        for rule in numbers(ast.get_docstring(one) or ""):
            yield rule, [one.name]


def numbers(text: str) -> Iterator[str]:
    """Rule numbers in a text; `N2 to N8` means all of them."""
    for kind, first, last in _NUMBER.findall(text):
        yield from (f"{kind}{number}" for number in range(int(first), int(last or first) + 1))


def _rows(modules: dict[str, list[str]]) -> Iterator[str]:
    for module, tests in modules.items():
        yield f"- `{module}`"
        yield from (f"  - {test.removeprefix('test_').replace('_', ' ')}" for test in tests)
