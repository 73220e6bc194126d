"""Figures are whole numbers within ±(2^53 - 1), scaled where they are money (N3, F2)."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

LARGEST = 2**53 - 1
TASK = "task"
FUNDED = "funded"

Figure = Annotated[StrictInt, Field(ge=-LARGEST, le=LARGEST)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(max_length=2000)]
Figures = dict[Name, Figure]


class Noun(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: Any) -> Self:
        """Return the same value with some fields changed (they are trusted, not checked again)."""
        return self.model_copy(update=changes)


class Reason(Noun):
    """Why a figure is what it is: a code of the protocol and, optionally, a free text."""

    reason_code: Name | None = None
    text: Text = ""


class ReconcilingItem(Noun):
    """A signed amount a level adds to the sum of its children, with its reason (N4)."""

    indicator: Name
    amount: Figure
    reason_code: Name
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    basis: Name = TASK
