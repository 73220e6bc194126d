"""Who may what, by role and relation to the unit of the plan (blueprint, section 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["planner", "admin", "auditor", "sysadmin", "secadmin"]
Relation = Literal["own", "parent", "near", "desk"]

ROLES: tuple[Role, ...] = ("planner", "admin", "auditor", "sysadmin", "secadmin")
AT_A_UNIT: frozenset[str] = frozenset({"planner", "admin", "auditor"})
READERS: frozenset[str] = AT_A_UNIT
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
DRAFT_READERS = _OWN


@dataclass(frozen=True, slots=True)
class Standing:
    """A grant in force, seen from one cycle: the unit's place there, empty where it has none."""

    grant: str
    role: str
    path: str


def may_read(standings: Iterable[Standing], path: str) -> bool:
    """Whether a plan lies in the reader's scope: at or below a unit where they have a reading role."""
    return any(one.role in READERS and _within(path, one.path) for one in standings)


def grant_for(
    standings: Iterable[Standing],
    action: str,
    path: str,
    parent_path: str | None,
    desk: str | None = None,
) -> str | None:
    """The grant that allows an action on the plan at `path`; None where no grant does.

    `parent_path` is the nearest unit above that takes part; the root stands in for its own parent.
    `desk` is the path of the unit that decides on a correction that waits; while none does, whoever
    might be asked has a grant.
    """
    relation, roles = ACTS[action]
    if action in ("accept", "return", "commitments", "fulfil", "waive") and parent_path is None:
        return None

    def fits(one: Standing) -> bool:
        if relation == "desk" and desk is None:
            return _within(path, one.path)
        if relation == "near" and one.path == parent_path:
            return one.role in _ADMIN
        places = {"own": path, "near": path, "parent": parent_path or path, "desk": desk}
        return one.path == places[relation]

    return next((one.grant for one in standings if one.role in roles and fits(one)), None)


def sees_draft(standings: Iterable[Standing], path: str) -> bool:
    """Whether the reader belongs to the unit itself: only it sees its working copy (F3)."""
    return any(one.role in DRAFT_READERS and one.path == path for one in standings)


def _within(path: str, above: str) -> bool:
    return bool(above) and (path == above or path.startswith(above + "/"))
