"""Who may what, by role and relation to the unit of the plan (blueprint, section 7)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["planner", "admin", "auditor", "sysadmin", "secadmin"]
Relation = Literal["own", "parent", "near", "desk"]

ROLES: tuple[Role, ...] = ("planner", "admin", "auditor", "sysadmin", "secadmin")
AT_A_UNIT: frozenset[str] = frozenset({"planner", "admin", "auditor"})
READERS: frozenset[str] = AT_A_UNIT
KEEPERS: frozenset[str] = frozenset({"sysadmin", "secadmin"})  # two of them renew the ledger
_OWN: frozenset[str] = frozenset({"planner", "admin"})
_ADMIN: frozenset[str] = frozenset({"admin"})

# action → relation of the actor's unit to the plan's unit, and the roles that may
ACTS: dict[str, tuple[Relation, frozenset[str]]] = {
    "draft": ("own", _OWN),
    "submit": ("own", _OWN),
    "withdraw": ("own", _OWN),
    "acknowledge": ("own", _OWN),
    "issue": ("own", _ADMIN),
    "present": ("own", _ADMIN),
    "decide": ("own", _ADMIN),
    "distribute": ("own", _ADMIN),
    "accept": ("parent", _ADMIN),
    "return": ("parent", _ADMIN),
    "extensions": ("parent", _ADMIN),
    "commitments": ("parent", _ADMIN),
    "fulfil": ("parent", _ADMIN),
    "waive": ("parent", _ADMIN),
    "headline": ("parent", _ADMIN),
    "corrections": ("near", _OWN),
    "approve": ("desk", _ADMIN),
    "reject": ("desk", _ADMIN),
    "confirm": ("own", _ADMIN),
    "paper": ("own", _ADMIN),
    "attest": ("own", _ADMIN),
}
# acts on a plan that somebody at the parent may do for the unit, where they say so (代报)
ON_BEHALF: dict[str, tuple[Relation, frozenset[str]]] = {
    "draft": ("parent", _OWN),
    "submit": ("parent", _OWN),
}
# what the holder of a role may delegate at the same unit: their own role, or less
DELEGABLE: dict[str, frozenset[str]] = {
    "planner": frozenset({"planner"}),
    "admin": frozenset({"admin", "planner"}),
    "auditor": frozenset({"auditor"}),
}
# never on one account: who runs the system, who lets people in, and who audits both; and who lets
# people in takes no part in any plan
APART: dict[str, frozenset[str]] = {
    "sysadmin": frozenset({"secadmin", "auditor"}),
    "secadmin": frozenset({"sysadmin", "auditor", "planner", "admin"}),
    "auditor": frozenset({"sysadmin", "secadmin"}),
}
DRAFT_READERS = _OWN
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """A grant in force, seen from one cycle: the unit's place there, empty where it has none."""

    grant: str
    role: str
    path: str
    delegators: tuple[str, ...] = ()  # in whose place its holder acts


def clash(role: str, held: Iterable[str]) -> str:
    """A role that is held and never on one account with another; empty where there is none."""
    return next(
        (one for one in sorted(held) if role in APART.get(one, ()) or one in APART.get(role, ())),
        "",
    )


def may_read(standings: Iterable[Standing], path: str) -> bool:
    """Whether a plan lies in the reader's scope: at or below a unit where they have a reading role."""
    return any(one.role in READERS and _within(path, one.path) for one in standings)


def grant_for(
    standings: Iterable[Standing],
    action: str,
    path: str,
    parent_path: str | None,
    desk: str | None = None,
    *,
    on_behalf: bool = False,
    avoid: Iterable[str] = (),
) -> str | None:
    """The grant that allows an action on the plan at `path`; None where no grant does.

    `parent_path` is the nearest unit above that takes part; the root stands in for its own parent.
    `desk` is the path of the unit that decides on a correction that waits; while none does, whoever
    might be asked has a grant. Of several grants, one that brings none of the hands to `avoid`; of
    these, the one nearest to its source.
    """
    if on_behalf and action not in ON_BEHALF:
        return None
    relation, roles = (ON_BEHALF if on_behalf else ACTS)[action]
    needs_parent = action in ("accept", "return", "commitments", "fulfil", "waive") or on_behalf
    if needs_parent and parent_path is None:
        return None

    place = desk if relation == "desk" else path
    if relation == "parent":
        place = parent_path or path

    def fits(one: Standing) -> bool:
        if place is None:  # nobody has to decide yet
            return _within(path, one.path)
        if relation == "near" and one.path == parent_path:
            return one.role in _ADMIN
        return one.path == place

    fitting = [one for one in standings if one.role in roles and fits(one)]
    if len(fitting) < _SEVERAL:
        return fitting[0].grant if fitting else None
    hands = frozenset(avoid)
    fitting.sort(key=lambda one: (not hands.isdisjoint(one.delegators), len(one.delegators)))
    return fitting[0].grant


def sees_draft(
    standings: Sequence[Standing], path: str, parent_path: str | None, *, on_behalf: bool
) -> bool:
    """Whether the reader belongs to the unit: only it sees its working copy, whoever typed it (F3).

    One typed on its behalf is seen by those at its parent who may type so, as long as it stands.
    """
    own = any(one.role in DRAFT_READERS and one.path == path for one in standings)
    return own or (
        on_behalf and grant_for(standings, "draft", path, parent_path, on_behalf=True) is not None
    )


def _within(path: str, above: str) -> bool:
    return bool(above) and (path == above or path.startswith(above + "/"))
