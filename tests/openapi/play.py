"""Whole negotiations that bring every operation to success: the state Schemathesis cannot guess."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from planflow.protocol import loader
from planflow.services.people import add_user
from planflow.services.site import Site
from planflow.services.units import import_units
from tests.openapi.asker import PASSWORD, Asker

UNITS = """\
code,name,level,parent,attributes
450000,广西壮族自治区,region,,
450200,柳州市,city,450000,
450224,融安县,county,450200,
450225,融水苗族自治县,county,450200,
T,财政厅,treasury,,
D,教育厅,department,T,
"""
USERS = (
    ("region", "admin", "450000"),
    ("region2", "admin", "450000"),
    ("city", "admin", "450200"),
    ("city2", "admin", "450200"),
    ("a", "admin", "450224"),
    ("b", "planner", "450225"),
    ("treasury", "admin", "T"),
    ("department", "admin", "D"),
    ("auditor", "auditor", "450000"),
    ("system", "sysadmin", None),
    ("secadmin", "secadmin", None),
)
TWO = (
    loader.find("exit-plan")
    .replace("name: exit-plan", "name: two-persons")
    .replace("en: preliminary figures}\n", "en: preliminary figures}\n    second_person: true\n")
)
REASON = {
    "persons": {"reason_code": "overall_balance"},
    "villages": {"reason_code": "overall_balance"},
}
SHARES = {"450224": {"persons": 60, "villages": 60}, "450225": {"persons": 40, "villages": 40}}
WHOLE = {"persons": 100, "villages": 100}
WHY = {"reason_code": "inconsistent", "text": "与名单不一致"}
DUE = "2199-03-01"
SOON = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).date().isoformat()


def people_it(site: Site) -> None:
    import_units(site, UNITS.encode())
    for name, role, unit in USERS:
        add_user(site, name, PASSWORD, role, unit)


def up(it: Asker, cycle: str, name: str, *, long: bool = False) -> None:
    """An up round, with what may happen on the way where it is long."""
    it.round("region", cycle, name, "open", {"windows": {"county": {"due_at": DUE}}})
    if long:
        it.act("city", cycle, "450224", "extensions", {"due_at": "2199-03-05", "reason": "延期"})
        paper = {"act": "accepted", "figures": WHOLE, "document_no": "1号", "dated": "2019-01-04"}
        made = it.act("region", cycle, "450000", "paper", paper)["papers"][-1]["id"]
        it.act("region2", cycle, "450000", "attest", paper=made)
    for who, unit in (("a", "450224"), ("b", "450225")):
        it.act(who, cycle, unit, "draft", {"figures": SHARES[unit], "reasons": REASON})
        it.act(who, cycle, unit, "submit", {"note": "上报"})
        if long and who == "a":
            it.act(who, cycle, unit, "withdraw", {"reason": "补充"})
            it.act(who, cycle, unit, "submit")
            it.act("city", cycle, unit, "return", WHY)
            it.act(who, cycle, unit, "submit")
        it.act("city", cycle, unit, "accept")
    it.act("city", cycle, "450200", "draft", {"figures": WHOLE, "reasons": REASON})
    it.act("city", cycle, "450200", "submit")
    it.act("region", cycle, "450200", "accept")
    it.round("region", cycle, name, "close", {"reason": "均已受理"})


def issue(figures: dict[str, dict[str, int]], **more: Any) -> dict[str, Any]:
    parts = [{"unit": unit, "figures": own, "reasons": REASON} for unit, own in figures.items()]
    return {"allocations": parts, **more}


def down(it: Asker, cycle: str, name: str, *, two: bool) -> None:
    it.round("region", cycle, name, "open")
    it.act("region", cycle, "450000", "issue", issue({"450200": WHOLE}, total=WHOLE))
    if two:
        it.act("region2", cycle, "450000", "confirm")
    it.act("city", cycle, "450200", "acknowledge")
    it.act("city", cycle, "450200", "issue", issue(SHARES))
    if two:
        it.act("city2", cycle, "450200", "confirm")
    for who, unit in (("a", "450224"), ("b", "450225")):
        it.act(who, cycle, unit, "acknowledge")
    it.round("region", cycle, name, "close")


def promised(it: Asker, cycle: str, by: int) -> str:
    body = {"indicator": "villages", "from": 100, "to": 100 + by, "funded": True}
    body |= {"settle_in": "adjust", "reason": "请示答复"}
    made = it.act("region", cycle, "450200", "commitments", body)
    return str(made["commitments"][-1]["id"])


def exit_plan(it: Asker, cycle: str) -> None:
    """Two up, two down, a correction, promises, one adjust."""
    body = {"id": cycle, "protocol": "two-persons", "year": 2019, "root": "450000"}
    it.ask("region", "create_cycle", body=body | {"leaf_level": "county"})
    up(it, cycle, "up1", long=True)
    less = {"round": "up1", "figures": {"persons": 59}, "reason": "重复统计"}
    for act, why in (("reject", {"reason": "不符"}), ("approve", {})):
        made = it.act("a", cycle, "450224", "corrections", less)["corrections"][-1]["id"]
        it.act("region", cycle, "450224", act, why, correction=made)
    down(it, cycle, "down1", two=True)
    up(it, cycle, "up2")
    it.round("region", cycle, "down2", "open")
    it.act("region", cycle, "450000", "issue", issue({"450200": WHOLE}, total=WHOLE))
    it.act("city", cycle, "450200", "acknowledge")
    it.act("city", cycle, "450200", "issue", issue(SHARES))
    for who, unit in (("a", "450224"), ("b", "450225")):
        it.act(who, cycle, unit, "acknowledge")
    it.round("region", cycle, "down2", "close")
    choice = {"choices": {"villages": {"round": "up2"}}, "reason": "上级已答复"}
    it.act("region", cycle, "450200", "headline", choice)
    it.act(
        "region", cycle, "450200", "waive", {"reason": "不再"}, commitment=promised(it, cycle, 2)
    )
    promise = promised(it, cycle, 8)
    parts = {"allocations": [{"unit": "450224", "amount": 8}]}
    it.act("city", cycle, "450200", "distribute", parts, commitment=promise)
    it.round("region", cycle, "adjust", "open")
    it.act("region", cycle, "450200", "fulfil", commitment=promise)


def budget(it: Asker, cycle: str) -> None:
    """A department budget up to what the assembly decides."""
    body = {"id": cycle, "protocol": "department-budget", "year": 2019, "root": "T"}
    it.ask("treasury", "create_cycle", body=body | {"leaf_level": "department"})
    figures = {"basic": 100, "project": 100}
    for name in ("up1", "down1", "up2", "legislature"):
        it.round("treasury", cycle, name, "open")
        if name == "legislature":
            it.act("treasury", cycle, "T", "present", {"note": "提请审议"})
            outcome = {"outcome": "approved", "document_no": "1号", "dated": "2019-01-18"}
            it.act("treasury", cycle, "T", "decide", outcome)
        elif name == "down1":
            shares = {"allocations": [{"unit": "D", "figures": figures}], "total": figures}
            it.act("treasury", cycle, "T", "issue", shares)
            it.act("department", cycle, "D", "acknowledge")
        else:
            it.act("department", cycle, "D", "draft", {"figures": figures})
            it.act("department", cycle, "D", "submit")
            it.act("treasury", cycle, "D", "accept")
        it.round("treasury", cycle, name, "close")


def reading(it: Asker, cycle: str) -> Iterator[str]:
    """Everything that only reads, in the eyes of somebody who may; names of events on the way."""
    who, plan = "auditor", {"cycle": cycle, "unit": "450224"}
    for name in ("healthz", "readyz", "metrics"):
        it.ask(None, name)
    for name in ("list_units", "list_protocols", "list_cycles", "list_delegations", "ledger_key"):
        it.ask(who, name)
    it.ask(who, "get_unit", {"code": "450224"})
    it.ask(who, "get_protocol", {"name": "exit-plan"})
    for name in ("get_cycle", "get_tree", "list_plans", "search_events"):
        it.ask(who, name, {"cycle": cycle})
    it.ask(who, "document_chain", {"cycle": cycle}, query={"document_no": "1号"})
    it.ask(who, "diff", plan, query={"from": "up1", "to": "down1"})
    it.ask(who, "treatment", {**plan, "unit": "450200"}, query={"round": "down1"})
    it.ask(who, "plan_bundle", plan)
    it.ask(who, "round_bundle", {"cycle": cycle, "round": "up1"})
    it.ask(who, "ledger_checkpoint", query={"log": cycle})
    it.ask(who, "ledger_tile", {"path": "0/000.p/1"}, query={"log": cycle})
    for event in it.ask(who, "history", plan).json()["items"]:
        yield event["id"]


def small(it: Asker, number: int) -> None:
    """What takes no negotiation: a practice cycle that changes its tree and is dropped, a stand-in."""
    cycle = f"practice-{number}"
    body = {"id": cycle, "protocol": "exit-plan", "year": 2019, "root": "450000"}
    it.ask("region", "create_cycle", body=body | {"leaf_level": "county", "practice": True})
    change = {"rename": {"unit": "450225", "name": f"融水县{number}"}}
    tree = {"document_no": "2号", "reason": "更名", "changes": [change]}
    it.ask("region", "change_tree", {"cycle": cycle}, body=tree)
    it.ask("region", "drop_cycle", {"cycle": cycle}, body={"reason": "演练结束"})
    it.ask("city", "end_delegation", {"delegation": stood_in(it)}, body={"reason": "返回"})


def stood_in(it: Asker) -> str:
    """Somebody acts in the city's place; the delegation's id."""
    terms = {"to_user": "region2", "unit": "450200", "role": "admin", "to": SOON}
    made = it.ask("city", "delegate", body=terms | {"reason": "出差"}).json()
    return str(made["id"])
