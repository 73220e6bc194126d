"""Who may what, once more, from the blueprint's prose and nothing else: slow, and without planflow.

Section 1: planners report and answer for their unit; an admin does that too, and reviews and issues to
the children; auditors read everything in their scope and change nothing; system and security admins
see no plan content, and accounts are a security admin's (F9). Section 7: 401; 404 for what is unknown
or outside the reader's scope, which is their own subtree; 403 for what is in sight but not theirs to
do. N7, N10: a parent takes, returns, promises and gives time. N13: a correction is proposed at the
unit or above it, and approved by the admin of the unit that all of it lies below. N14: a parent's
people may type for a child, saying so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Class = Literal["401", "404", "403", "else"]

# Units of the register with the one above each; the cycles run down to the counties.
ABOVE = {
    "Rregion": "",
    "Ccity": "Rregion",
    "Dcity": "Rregion",
    "Acounty": "Ccity",
    "Bcounty": "Ccity",
    "Zcounty": "Ccity",  # without task
    "Ecounty": "Dcity",
    "Ttown": "Acounty",  # below the leaves: in no cycle
    "Xregion": "",
    "Ycity": "Xregion",
    "Wcounty": "Ycity",
}
REGISTER = tuple(ABOVE)
ROOTS = {"c1": "Rregion", "c2": "Rregion", "c3": "Rregion", "x1": "Xregion"}

BY_THE_UNIT = ("draft", "submit", "withdraw", "acknowledge")
BY_ITS_ADMIN = ("issue", "confirm", "present", "decide", "distribute", "paper", "attest")
BY_ITS_PARENT = ("accept", "return", "extensions", "commitments", "fulfil", "waive", "headline")
ALSO_BY_A_ROOT_FOR_ITSELF = ("extensions", "headline")
BY_WHO_DECIDES = ("approve", "reject")


@dataclass(frozen=True)
class Person:
    """Somebody with one role at most; `token` is False for whoever shows none that holds."""

    name: str
    role: str = ""
    unit: str = ""
    token: bool = True


def line(unit: str) -> list[str]:
    """A unit and all above it."""
    found = []
    while unit:
        found.append(unit)
        unit = ABOVE.get(unit, "")
    return found


def tree(cycle: str) -> list[str]:
    """Units of a cycle's tree."""
    return [u for u in REGISTER if ROOTS.get(cycle) in line(u) and u != "Ttown"]


def reads(who: Person, unit: str) -> bool:
    """Whether a registered unit lies in somebody's subtree, and they read there."""
    return who.role in ("planner", "admin", "auditor") and who.unit in line(unit)


def plans(who: Person, cycle: str) -> set[str]:
    """Units whose plans somebody reads. A role at a unit outside the tree gives nothing there."""
    return {u for u in tree(cycle) if reads(who, u) and who.unit in tree(cycle)}


def units(who: Person) -> set[str]:
    """Registered units somebody sees: their subtree and the line above. Who runs the site sees all."""
    if who.role in ("sysadmin", "secadmin"):
        return set(REGISTER)
    return {u for u in REGISTER if reads(who, u)} | (set(line(who.unit)) if who.role else set())


def known(who: Person) -> set[str]:
    """Units whose codes may stand in an answer about plans: those read, and those above."""
    return {u for u in REGISTER if reads(who, u)} | set(line(who.unit))


def told_by(who: Person, unit: str) -> bool:
    """Whether somebody reads what a unit issued: there, or where it was issued to (section 7)."""
    return any(reads(who, u) for u in REGISTER if unit in (u, ABOVE[u]))


def door(who: Person) -> Class:
    """What needs a token and nothing else."""
    return "else" if who.token else "401"


def watches(who: Person) -> Class:
    """Who read what: for auditors and security admins, who change nothing and see no plan."""
    if not who.token:
        return "401"
    return "else" if who.role in ("auditor", "secadmin") else "403"


def watches_at(who: Person, unit: str) -> Class:
    """The same about a unit: an auditor's own subtree, any for a security admin."""
    found = watches(who)
    beyond = who.role == "auditor" and who.unit not in line(unit)
    return "404" if found == "else" and beyond else found


def keeps_accounts(who: Person) -> Class:
    """F9: who may come in, and as what, is the security admin's to say, and nobody else's."""
    if not who.token:
        return "401"
    return "else" if who.role == "secadmin" else "403"


def account(who: Person, *, there: bool) -> Class:
    """The same about one account: nobody else is told whether there is such a one."""
    found = keeps_accounts(who)
    return "404" if found == "else" and not there else found


def service_token(who: Person, owner: str) -> Class:
    """A token for a program is its owner's alone; to everybody else it is not there."""
    found = door(who)
    return "404" if found == "else" and who.name != owner else found


def provider(_who: Person) -> Class:
    """Signing in elsewhere needs no token; a site that names no provider has no such place."""
    return "404"


def cycle(who: Person, name: str) -> Class:
    """To find a cycle."""
    if not who.token:
        return "401"
    return "else" if plans(who, name) else "404"


def of_root(who: Person, name: str) -> Class:
    """An act on a cycle."""
    found = cycle(who, name)
    mine = (who.role, who.unit) == ("admin", ROOTS.get(name))
    return found if found != "else" or mine else "403"


def plan(who: Person, name: str, unit: str) -> Class:
    """To find a plan."""
    if not who.token:
        return "401"
    return "else" if unit in plans(who, name) else "404"


def act(
    who: Person, name: str, unit: str, action: str, *, behalf: bool = False, top: str | None = ""
) -> Class:
    """An act on a plan. `top` decides on the correction it is about; None: there is no such thing."""
    found = plan(who, name, unit)
    if found != "else":
        return found
    if top is None:
        return "404"
    return "else" if _may(who, unit, action, behalf=behalf, top=top) else "403"


def _may(who: Person, unit: str, action: str, *, behalf: bool, top: str) -> bool:
    parent = ABOVE[unit]
    admin_at = who.unit if who.role == "admin" else None
    works_at = who.unit if who.role in ("planner", "admin") else None
    stands_in = not parent and action in ALSO_BY_A_ROOT_FOR_ITSELF
    if behalf:
        return works_at == parent != ""
    if action in BY_THE_UNIT:
        return works_at == unit
    if action == "corrections":
        return works_at == unit or admin_at == parent != ""
    if action in BY_ITS_PARENT and not stands_in:
        return admin_at == parent != ""
    if action in BY_WHO_DECIDES:
        return admin_at == top
    assert stands_in or action in BY_ITS_ADMIN, action
    return admin_at == unit
