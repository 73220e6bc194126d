"""Who may do what to a plan: role, action, and where one's unit stands to the plan's (section 7).

`access.rows` has the same for every call of the service. A read is a right like any other: whoever
has none finds nothing (404); whoever reads and may not act is told so (403).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from planflow.access.scope import READERS, Standing, scope, within

Role = Literal["planner", "admin", "auditor", "sysadmin", "secadmin"]
Roles = frozenset[str]
# Where the actor's unit stands, seen from the plan's. `parent` is the nearest ancestor that takes part.
Relation = Literal["own", "parent", "ancestor", "descendant", "sibling", "foreign"]

ROLES: tuple[Role, ...] = ("planner", "admin", "auditor", "sysadmin", "secadmin")
RELATIONS: tuple[Relation, ...] = (
    "own",
    "parent",
    "ancestor",
    "descendant",
    "sibling",
    "foreign",
)
AT_A_UNIT: Roles = READERS
_OWN: Roles = frozenset({"planner", "admin"})
_ADMIN: Roles = frozenset({"admin"})
_NOBODY: Roles = frozenset()


@dataclass(frozen=True, slots=True)
class Act:
    """Who may act on a plan, by relation; and in which stages of a round it can be done at all.

    `behalf`: at the parent, saying so (代报). `desk`: at the unit that decides on the correction that
    waits, which is the plan's own or one above. `root`: the root stands in for the parent it has not.
    No stage: whatever the stage.
    """

    own: Roles = _NOBODY
    parent: Roles = _NOBODY
    behalf: Roles = _NOBODY
    desk: Roles = _NOBODY
    root: bool = False
    stages: tuple[str, ...] = ()


_WRITING = ("drafting", "returned")
_SENT = ("submitted",)
_SPLIT = ("awaiting", "acknowledged", "distributed")  # awaiting: the root's, to whom nobody issues
ACTS: dict[str, Act] = {
    "draft": Act(own=_OWN, behalf=_OWN, stages=_WRITING),
    "submit": Act(own=_OWN, behalf=_OWN, stages=_WRITING),
    "withdraw": Act(own=_OWN, stages=_SENT),
    "acknowledge": Act(own=_OWN, stages=("issued",)),
    "issue": Act(own=_ADMIN, stages=_SPLIT),
    "present": Act(own=_ADMIN, stages=("awaiting",)),
    "decide": Act(own=_ADMIN, stages=("awaiting", "presented")),
    "distribute": Act(own=_ADMIN),
    "accept": Act(parent=_ADMIN, stages=_SENT),
    "return": Act(parent=_ADMIN, stages=("submitted", "accepted")),
    "extensions": Act(parent=_ADMIN, root=True),
    "commitments": Act(parent=_ADMIN),
    "fulfil": Act(parent=_ADMIN),
    "waive": Act(parent=_ADMIN),
    "headline": Act(parent=_ADMIN, root=True),
    "corrections": Act(own=_OWN, parent=_ADMIN),
    "approve": Act(desk=_ADMIN),
    "reject": Act(desk=_ADMIN),
    "confirm": Act(own=_ADMIN, stages=_SPLIT),
    "paper": Act(own=_ADMIN),
    "attest": Act(own=_ADMIN),
}
# acts on a cycle: of these roles at its root
ON_CYCLES: dict[str, Roles] = dict.fromkeys(("open_cycle", "open", "close", "tree", "drop"), _ADMIN)
# who reads the records of who read what: an auditor those below their unit, a security admin all
WATCHERS: Roles = frozenset({"auditor", "secadmin"})
# acts that begin nowhere in particular: of these roles at any unit, and then by what is named
ANYWHERE: dict[str, Roles] = {
    "open_cycle": _ADMIN,
    "delegate": AT_A_UNIT,
    "access_records": WATCHERS,
    "manage_accounts": frozenset({"secadmin"}),
}
# what the holder of a role may delegate at the same unit: their own role, or less
DELEGABLE: dict[str, Roles] = {
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


def relation(place: str, path: str, parent_path: str | None) -> Relation:
    """Where a unit at `place` stands, seen from the plan at `path`."""
    if place == path:
        return "own"
    if place and within(path, place):
        return "parent" if place == parent_path else "ancestor"
    if within(place, path):
        return "descendant"
    above = path.rpartition("/")[0]
    beside = bool(place and above) and place.rpartition("/")[0] == above
    return "sibling" if beside else "foreign"


def covering(standings: Iterable[Standing], path: str) -> Standing | None:
    """The first standing in which somebody reads the plan at a place."""
    return next((one for one in standings if may_read([one], path)), None)


def is_own(standings: Iterable[Standing], path: str) -> bool:
    """Whether somebody acts for the very unit at a place: its plan is their own."""
    return any(one.role in _OWN and one.path == path for one in standings)


def clash(role: str, held: Iterable[str]) -> str:
    """A role that is held and never on one account with another; empty where there is none."""
    return next(
        (one for one in sorted(held) if role in APART.get(one, ()) or one in APART.get(role, ())),
        "",
    )


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
    act = ACTS[action]
    if on_behalf and not act.behalf:
        return None
    own, parent = (_NOBODY, act.behalf) if on_behalf else (act.own, act.parent)
    if act.root and parent_path is None:
        own = parent
    if act.desk:
        fitting = _at_desk(standings, act.desk, path, desk)
    else:
        fitting = [
            one
            for one in standings
            if one.role in (own if one.path == path else parent) and one.path in (path, parent_path)
        ]
    if len(fitting) < _SEVERAL:
        return fitting[0].grant if fitting else None
    hands = frozenset(avoid)
    fitting.sort(key=lambda one: (not hands.isdisjoint(one.delegators), len(one.delegators)))
    return fitting[0].grant


def _at_desk(
    standings: Iterable[Standing], roles: Roles, path: str, desk: str | None
) -> list[Standing]:
    fitting = [one for one in standings if one.role in roles]
    if desk is None:  # nobody has to decide yet
        return [one for one in fitting if within(path, one.path)]
    return [one for one in fitting if one.path == desk]


def cycle_grant(standings: Iterable[Standing], action: str, root: str) -> str | None:
    """The grant that allows an act on the cycle with this root; None where no grant does."""
    roles = ON_CYCLES[action]
    fitting = (one.grant for one in standings if one.path == root and one.role in roles)
    return next(fitting, None)


def anywhere(roles: Iterable[str], action: str) -> bool:
    """Whether one of somebody's roles lets them begin an act that names its place in its body."""
    return not ANYWHERE[action].isdisjoint(roles)


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


def may_read(standings: Iterable[Standing], path: str) -> bool:
    """Whether a plan lies in the reader's scope."""
    return scope(standings).has(path)
