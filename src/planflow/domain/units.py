"""Units and their places in a cycle's fixed tree (N1)."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import StringConstraints

UnitCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,40}$")]
SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit as a planner's file lists it, checked by its reader; `parent` is empty for a root."""

    code: str
    name: str
    level: str
    parent: str = ""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitNode:
    """A unit's place in one cycle. `path` runs from the cycle's root, codes joined by `/`."""

    id: str
    code: str
    name: str
    level: str
    path: str
    attributes: frozenset[str] = field(default_factory=frozenset)
    no_task: bool = False
    since: int = 0  # the first round it takes part in, counted from 0
    left: bool = False  # succeeded by others in mid-cycle

    @property
    def ancestors(self) -> tuple[str, ...]:
        """Codes above this unit, nearest first."""
        return tuple(reversed(self.path.split(SEPARATOR)[:-1]))

    @property
    def parent(self) -> str:
        """Code of the unit directly above; empty for the root."""
        return self.path.rpartition(SEPARATOR)[0].rpartition(SEPARATOR)[2]

    @property
    def is_root(self) -> bool:
        """Whether the cycle's tree starts here."""
        return SEPARATOR not in self.path

    def within(self, path: str) -> bool:
        """Whether this unit is the one at `path` or stands below it."""
        return self.path == path or self.path.startswith(path + SEPARATOR)
