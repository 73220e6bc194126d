"""What somebody may read: the one filter of every list and every look-up. Outside it is nothing (404)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

READERS: frozenset[str] = frozenset({"planner", "admin", "auditor"})
KEEPERS: frozenset[str] = frozenset({"sysadmin", "secadmin"})  # two of them renew the ledger


@dataclass(frozen=True, slots=True)
class Standing:
    """A grant in force, seen from one cycle: the unit's place there, empty where it has none."""

    grant: str
    role: str
    path: str
    delegators: tuple[str, ...] = ()  # in whose place its holder acts


@dataclass(frozen=True, slots=True)
class Scope:
    """Places in a cycle's tree at and below which plans are read: subtrees, and nothing beside them."""

    paths: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.paths)

    def has(self, path: str) -> bool:
        """Whether a plan lies in it."""
        return any(within(path, one) for one in self.paths)

    def along(self, path: str) -> bool:
        """Whether a plan lies in it, or above it: what acts within it rest on."""
        return self.has(path) or any(within(one, path) for one in self.paths)


class Held(Protocol):
    """A role at a unit, or of nobody's unit."""

    @property
    def role(self) -> str: ...

    @property
    def unit_id(self) -> str | None: ...


def scope(standings: Iterable[Standing]) -> Scope:
    """The scope of whoever has these standings: by their reading roles, and by nothing else.

    A role that runs the site has no place, and adds none.
    """
    return Scope(tuple(one.path for one in standings if one.role in READERS and one.path))


def units_read(grants: Iterable[Held]) -> frozenset[str]:
    """The same without a cycle: identities of the units at and below which plans are read."""
    return frozenset(one.unit_id for one in grants if one.role in READERS and one.unit_id)


def runs_the_site(grants: Iterable[Held]) -> bool:
    """Whether somebody runs the site: they see its register whole, which is no plan content."""
    return any(one.role in KEEPERS for one in grants)


def within(path: str, above: str) -> bool:
    """Whether a place is another or lies below it."""
    return bool(above) and (path == above or path.startswith(above + "/"))
