"""A case file: what was published of one year's negotiation, and what was not."""

import datetime as dt
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from planflow.domain.figures import Figure, Figures, Name
from planflow.domain.parsing import parse
from planflow.domain.units import UnitCode
from planflow.errors import Finding, invalid

CARRIED = "liuzhou-2019.json"

# Which counties reach the goal is published as a list of codes; to the protocol it is a figure.
LISTED, GOAL = "counties", "county_exit"

# Why a number is none that was published.
MADE_UP, FORESEEN = "made_up", "foreseen"
NOTE = "演示数据 / demonstration data"

Title = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Part(BaseModel):
    """A part of the file; what it says beyond these fields is for people to read."""

    model_config = ConfigDict(frozen=True)


class Place(Part):
    """A unit."""

    code: UnitCode
    name: Title


class County(Place):
    """A unit with a task."""

    poor_county: bool = False


class Idle(Place):
    """A unit without task."""

    why: Title


class Parent(Place):
    """The unit that issues."""

    level: Name


class City(Parent):
    """The unit whose plan this is."""

    parent: Parent


class Promised(Part):
    """A commitment as published."""

    indicator: Name
    from_: Figure = Field(alias="from")
    to: Figure
    funded: bool = Field(alias="funded_from_now_on")
    settle_in: Name
    text: Title


class Played(Part):
    """A round. Figures that are null were not published."""

    round: Name
    direction: Literal["up", "down", "adjust"]
    issued_on: dt.date | None = None
    figures: Figures | None = None
    reached: tuple[UnitCode, ...] = ()
    commitment: Promised | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_list(cls, given: Any) -> Any:
        figures = given.get("figures") if isinstance(given, dict) else None
        if not isinstance(figures, dict) or LISTED not in figures:
            return given
        numbers = {name: value for name, value in figures.items() if name != LISTED}
        return {**given, "figures": numbers, "reached": figures[LISTED]}

    @property
    def total(self) -> dict[str, int]:
        """The published figures, with the number of units that reach the goal."""
        return {**(self.figures or {}), **({GOAL: len(self.reached)} if self.reached else {})}


class Published(Part):
    """What the source says."""

    rounds: Annotated[tuple[Played, ...], Field(min_length=1)]


class Case(Part):
    """A whole case. Its name ends with the year the plan is for."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,50}-[0-9]{4}$")] = Field(
        alias="case"
    )
    title: Title
    source: Title
    city: City = Field(alias="unit")
    counties: Annotated[tuple[County, ...], Field(alias="counties_with_tasks", min_length=1)]
    idle: tuple[Idle, ...] = Field(alias="no_task_units", default=())
    published: Published

    @property
    def region(self) -> Parent:
        """The unit that issues to the city."""
        return self.city.parent

    @property
    def year(self) -> int:
        """The year the plan is for."""
        return int(self.id[-4:])

    @property
    def cycle(self) -> str:
        """The cycle's name, which stands on every screen: it says that this is a demonstration."""
        return f"{self.id}-demo"

    @property
    def rounds(self) -> tuple[Played, ...]:
        """The rounds in their order."""
        return self.published.rounds

    def marks(self) -> dict[str, str]:
        """Rounds whose figures were not published, with how they came about."""
        return {
            one.round: FORESEEN if one.direction == "adjust" else MADE_UP
            for one in self.rounds
            if one.figures is None
        }


def carried() -> bytes:
    """The case file that comes with planflow."""
    return (resources.files(__package__) / CARRIED).read_bytes()


def read(raw: bytes) -> Case:
    """Read a case. Raises `Refusal` `invalid` naming the fields."""
    case = parse(Case, raw)
    known = {county.code for county in case.counties}
    faults = []
    for place, one in enumerate(case.rounds):
        where = f"published.rounds.{place}.figures"
        if one.figures is None and one.direction == "down":
            faults.append(Finding("missing", {"field": where}, where))
        for code in one.reached:
            if code not in known:
                params = {"unit": code, "parent": case.city.code}
                faults.append(Finding("unknown_unit", params, f"{where}.{LISTED}"))
    if faults:
        raise invalid(*faults)
    return case
