"""The reference of rights, from the table that decides them and the rows of all calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planflow.access.rows import READ, ROWS, Row
from planflow.access.scope import KEEPERS, READERS
from planflow.access.table import ACTS, ANYWHERE, APART, DELEGABLE, ON_CYCLES, ROLES, Act

HEAD = """\
# Who may do what / 权限表

<!-- Generated: python docs/_generate -->

Written from the table by which every call is judged (`planflow.access`). Checks come in this order: 401 without a token; 404 for
what is unknown or outside the reader's scope; 403 for what is in sight and not the reader's to do; then the call itself.

本页由程序据以判断每次调用的同一张表生成。检查顺序：未登录 401；不存在或不在可见范围内 404；可见而无权办理 403；其余再看调用本身。
"""
SCOPE = """
## Scope / 可见范围

| role | reads plans | |
|---|---|---|
{rows}

A role counts at its unit and below it: own subtree, never a sibling of one's own line. Of what stands above, one sees codes
and names, what was issued to oneself, and markups.

角色在本单位及其下级有效；看不到同级单位。对上级只见其代码、名称、下达给本单位的数和上浮。

| role | never on one account with / 不得同时担任 |
|---|---|
{apart}
"""
READS = {
    "planner": "at and below the unit / 本单位及下级",
    "admin": "at and below the unit / 本单位及下级",
    "auditor": "at and below the unit, changes nothing / 本单位及下级，不得改动",
    "sysadmin": "none; the register of units whole / 不见计划，可见全部单位",
    "secadmin": "none; the register of units whole / 不见计划，可见全部单位",
}
ACTS_HEAD = """
## Acts on a plan / 对计划的操作

Where the actor's unit stands, seen from the plan's. *Parent* is the nearest unit above that takes part in the round. Further
up, below, beside and elsewhere nobody may act. *On behalf* (代报): at the parent, saying so. *Desk*: at the unit
that all of a correction lies at or below. A dash: nobody.

| act | own / 本单位 | parent / 上级 | on behalf / 代报 | desk / 审批单位 | in stage / 状态 |
|---|---|---|---|---|---|
"""
MORE = """
A root stands in for the parent it has not where the act is {root}. Acts on a cycle ({cycles}): {admin} at its root.
Begun by whoever holds one of these roles anywhere, and then judged by what the call names: {anywhere}.
What is done to one's own account (`own_account`) takes no role. Both that and `accounts` take a sign-in: neither a token of a
program nor one from the command line will do.

## What may be delegated / 可委托的角色

| holder | may delegate |
|---|---|
"""
CALLS_HEAD = """
## Every call / 全部调用

To whoever does not find what a call is about, it is not there (404). A call without a row does not pass the gate.

| call | found by | right |
|---|---|---|
"""
FINDS = {
    "open": "everybody, without a token / 任何人",
    "machine": "this machine itself, or whoever has the token set for it / 本机，或持有专设令牌者",
    "signed": "whoever is signed in / 已登录者",
    "register": "whoever runs the site; others their scope and the line above / 系统管理者；其他人见本单位、下级和上级线",
    "chain": "whoever is in the delegation's chain / 委托链上的人",
    "cycle": "whoever reads a plan of the cycle / 可见该年度任一计划者",
    "plan": "whoever reads the plan / 可见该计划者",
    "event": "of a plan: whoever reads it; of a cycle: as the cycle; of the site: whoever is signed in / 计划的：可见该计划者；年度的：同年度；站点的：已登录者",
    "log": "the site's log: whoever is signed in; a cycle's: as the cycle / 站点日志：已登录者；年度日志：同年度",
}


def page() -> str:
    """The whole page."""
    rows = "\n".join(f"| `{one}` | {_yes(one in READERS)} | {READS[one]} |" for one in ROLES)
    apart = "\n".join(
        f"| `{one}` | {_named(sorted(APART[one]))} |" for one in ROLES if one in APART
    )
    parts = [HEAD, SCOPE.format(rows=rows, apart=apart), ACTS_HEAD]
    parts += [_act(name, act) for name, act in ACTS.items()]
    told = {
        "root": _named(name for name, act in ACTS.items() if act.root),
        "cycles": _named(ON_CYCLES),
        "admin": _named(sorted(frozenset.union(*ON_CYCLES.values()))),
        "anywhere": "; ".join(f"`{one}`: {_named(sorted(who))}" for one, who in ANYWHERE.items()),
    }
    parts.append(MORE.format(**told))
    parts += [f"| `{one}` | {_named(sorted(below))} |\n" for one, below in DELEGABLE.items()]
    parts += [f"| `{one}` | – |\n" for one in sorted(KEEPERS)]
    parts.append(CALLS_HEAD)
    parts += list(_calls())
    return "".join(parts)


def _act(name: str, act: Act) -> str:
    who = (act.own, act.parent, act.behalf, act.desk)
    cells = [_named(sorted(roles)) or "–" for roles in who]
    stages = _named(act.stages) or "any / 不限"
    return f"| `{name}` | {' | '.join(cells)} | {stages} |\n"


def _calls() -> Iterator[str]:
    for row in ROWS:
        yield f"| `{row.method} {row.path}` | {FINDS[row.finds]} | {_right(row)} |\n"


def _right(row: Row) -> str:
    return "to find it / 可见即可" if row.act == READ or row.finds == "open" else f"`{row.act}`"


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _yes(is_so: bool) -> str:
    return "yes / 是" if is_so else "no / 否"
