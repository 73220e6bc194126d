"""What a person asks about standing in for each other (F9). Field names are the HTTP contract's."""

from typing import Literal

from pydantic import Field, StrictBool

from planflow.domain.figures import Name, Noun, Text
from planflow.domain.moments import Moment
from planflow.domain.units import UnitCode


class Delegate(Noun):
    """Let somebody act in one's place at a unit, until a day.

    Without `role` it is the one held there; dates count whole. `onward` lets it be passed on.
    """

    to_user: Name
    unit: UnitCode
    role: Literal["planner", "admin", "auditor"] | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment
    reason: Text = ""
    onward: StrictBool = False


class EndDelegation(Noun):
    """End a delegation before its time, and all that rests on it."""

    reason: Text = ""
