"""Issues that a second person confirms, and papers of a parent outside the tree (N14)."""

from __future__ import annotations

from typing import Any

from tests.properties.oracle_cycle import Cycle, People
from tests.properties.oracle_down import issued, judged
from tests.properties.oracle_rules import must
from tests.properties.oracle_up import Body, here, sound

ACT = {"up": "accepted", "adjust": "accepted", "down": "issued"}  # what a parent does in a round


def confirm(cycle: Cycle, who: People, unit: str, _body: Body, _: str) -> None:
    """Let an issue that waits take effect, as if it were issued now (decision 0024)."""
    here(cycle, unit, "down")
    must(unit in cycle.pending)
    body, hands = cycle.pending[unit]
    must(not who & hands)
    issued(cycle, hands | who, judged(cycle, unit, body))


def paper(cycle: Cycle, who: People, unit: str, body: Body, _: str) -> None:
    """Record what the root's own parent issued or accepted (decision 0025)."""
    must(unit == cycle.root)
    _, name = here(cycle, unit, *ACT)
    must(body["act"] == ACT[cycle.rules.kind(name)])
    must(body["figures"])
    sound(cycle, unit, body["figures"])
    one = {"act": body["act"], "round": name, "figures": dict(body["figures"]), "hands": set(who)}
    _replaced(cycle, one, "recorded")
    cycle.papers.append({**one, "id": "", "unit": unit, "status": "recorded"})


def attest(cycle: Cycle, who: People, unit: str, _body: Body, which: str) -> None:
    """Confirm that it says so."""
    must(unit == cycle.root and which)
    waiting = [one for one in cycle.papers if one["status"] == "recorded"]
    found = [one for one in waiting if (one["id"], one["round"]) == (which, cycle.open_round)]
    must(found)
    must(not who & found[0]["hands"])
    _replaced(cycle, found[0], "confirmed")
    found[0]["status"] = "confirmed"


def _replaced(cycle: Cycle, by: dict[str, Any], standing: str) -> None:
    """A later paper takes the place of an earlier one of its standing."""
    for one in cycle.papers:
        if (one["act"], one["round"], one["status"]) == (by["act"], by["round"], standing):
            one["status"] = "superseded"
