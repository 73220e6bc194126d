"""What the root's admin asks of an open cycle's tree (N1)."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from planflow.domain.commands import DocumentNo, NoTask
from planflow.domain.figures import TASK, Figure, Name, Noun, Text
from planflow.domain.units import UnitCode

Side = Literal["reported", "settled", "reconciling", "issued", "reserve", "markup", "commitment"]
UnitName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Join(Noun):
    """A registered unit joins below a parent, in the round that is open or comes next."""

    unit: UnitCode
    parent: UnitCode


class Heir(Noun):
    """A unit that succeeds another: its weight in the split, and the children it takes over."""

    unit: UnitCode
    weight: Annotated[int, Field(strict=True, ge=0, le=10**12)] | None = None
    children: tuple[UnitCode, ...] = Field(default=(), max_length=10_000)


class GivenShare(Noun):
    """How one number of the unit that is split goes to its successors.

    `basis` is a number's basis, for a reconciling item its reason code; a commitment is named by
    the round that settles it.
    """

    round: Name
    side: Side
    indicator: Name
    basis: Name = TASK
    amounts: dict[UnitCode, Figure]


class SplitUnit(Noun):
    """One unit becomes several. What no share names goes by weight."""

    unit: UnitCode
    into: tuple[Heir, ...] = Field(max_length=100)
    shares: tuple[GivenShare, ...] = Field(default=(), max_length=10_000)


class MergeUnits(Noun):
    """Several units of one parent become one."""

    units: tuple[UnitCode, ...] = Field(max_length=100)
    into: UnitCode


class Rename(Noun):
    """A unit gets another code, another name or both; it stays the same unit."""

    unit: UnitCode
    code: UnitCode | None = None
    name: UnitName | None = None


class Change(Noun):
    """One change of the tree: exactly one of these."""

    join: Join | None = None
    split: SplitUnit | None = None
    merge: MergeUnits | None = None
    rename: Rename | None = None
    no_task: NoTask | None = None


class ChangeTree(Noun):
    """Change an open cycle's tree, by a document (N1)."""

    document_no: Annotated[DocumentNo, StringConstraints(strip_whitespace=True, min_length=1)]
    changes: tuple[Change, ...] = Field(max_length=100)
    dated: Annotated[dt.date, Field(strict=True)] | None = None
    reason: Text = ""
