"""What a protocol file may say (blueprint, section 4). Nothing here knows any protocol by name."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints

from planflow.domain.figures import Noun

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Purpose = Literal["return", "settle", "reconcile", "issue", "adjust"]
Kind = Literal["up", "down", "adjust", "decision"]
WorkingDays = Annotated[int, Field(ge=1, le=250)]


class Title(Noun):
    """A text in both languages."""

    zh: Words
    en: Words


class Level(Noun):
    """A level of the hierarchy, highest first in the file."""

    name: Name
    title: Title


class Roster(Noun):
    """The list that may stand behind an indicator and how its figure is measured (F12)."""

    kind: Name
    measure: Annotated[str, StringConstraints(pattern=r"^(count|sum\([a-z][a-z0-9_]*\))$")]


class Indicator(Noun):
    """What is negotiated. Figures are whole numbers; `scale` decimals are implied (N3)."""

    name: Name
    title: Title
    unit: Title
    rollup: Literal["sum"]
    scale: Annotated[int, Field(ge=0, le=6)] = 0
    entry_level: Name | None = None
    applies_to: Name | None = None
    minimum: int = 0
    maximum: int | None = None
    required_in: tuple[Name, ...] = ()
    roster: Roster | None = None


class Bound(Noun):
    """How far an adjusted figure may lie from its base (N11)."""

    percent: Annotated[int, Field(ge=0, le=100)]
    absolute: Annotated[int, Field(ge=0)]


class Bounds(Noun):
    """The level whose net change is bounded, and the bound of each indicator."""

    level: Name
    indicators: dict[Name, Bound]
    note: Title | None = None


class Ceiling(Noun):
    """The down round whose figures a unit may not exceed, each; and on request their sum (N3)."""

    round: Name
    also_sum: bool = False


class Round(Noun):
    """One round: who takes part, what its figures are, what it answers.

    `durations` are working days from the round's opening, by level; `silence` is what it means when
    a level's units do not answer in time (N9). `second_person`: what is issued waits until a
    colleague confirms it (N14).
    """

    name: Name
    title: Title
    kind: Kind
    levels: tuple[Name, ...] = ()
    acts: dict[Name, Title] = Field(default_factory=dict)
    nature: Title | None = None
    binding: bool = False
    answers: Name | None = None
    reason_against: Name | None = None
    ceiling: Ceiling | None = None
    total_from: Name | None = None
    reopens: Name | None = None
    base: Name | None = None
    bounds: Bounds | None = None
    durations: dict[Name, WorkingDays] = Field(default_factory=dict)
    silence: dict[Name, Words] = Field(default_factory=dict)
    second_person: StrictBool = False


class ReasonCode(Noun):
    """A reason people may give, and for which acts."""

    name: Name
    title: Title
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1)]


class Protocol(Noun):
    """A whole protocol. Order of levels: highest first; of rounds: as they run."""

    name: Slug
    version: Annotated[int, Field(ge=1)]
    title: Title
    note: Title | None = None
    levels: Annotated[tuple[Level, ...], Field(min_length=2)]
    indicators: Annotated[tuple[Indicator, ...], Field(min_length=1)]
    rounds: Annotated[tuple[Round, ...], Field(min_length=1)]
    reason_codes: tuple[ReasonCode, ...]
    markup: Literal["forbid", "allow"]

    @cached_property
    def level_order(self) -> dict[str, int]:
        """Level name to its place, 0 for the highest."""
        return {level.name: place for place, level in enumerate(self.levels)}

    @cached_property
    def rounds_by_name(self) -> dict[str, Round]:
        """Rounds by name, in the order in which they run."""
        return {one.name: one for one in self.rounds}

    @cached_property
    def indicators_by_name(self) -> dict[str, Indicator]:
        """Indicators by name, in the file's order."""
        return {one.name: one for one in self.indicators}

    @cached_property
    def levels_by_round(self) -> dict[str, frozenset[str]]:
        """Levels that take part, by round."""
        everybody = tuple(level.name for level in self.levels)
        return {one.name: frozenset(one.levels or everybody) for one in self.rounds}

    def levels_of(self, round_name: str) -> frozenset[str]:
        """Levels that take part in a round: those it names, or all."""
        return self.levels_by_round[round_name]

    def place_of(self, round_name: str) -> int:
        """A round's place among the rounds, 0 for the first."""
        return self._places[round_name]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.rounds_by_name)}

    def previous(self, round_name: str) -> Round | None:
        """The round that runs before this one."""
        order = list(self.rounds_by_name)
        place = order.index(round_name)
        return self.rounds[place - 1] if place else None

    def summed_indicators(self) -> tuple[tuple[str, ...], ...]:
        """Groups of indicators that can be added to one another: of one unit and scale."""
        groups: dict[tuple[Title, int], tuple[str, ...]] = {}
        for one in self.indicators:
            key = (one.unit, one.scale)
            groups[key] = (*groups.get(key, ()), one.name)
        return tuple(group for group in groups.values() if len(group) > 1)

    def binding_rounds(self) -> tuple[Round, ...]:
        """Down rounds whose figures bind, in order."""
        return tuple(one for one in self.rounds if one.binding)

    def reason_names(self, purpose: Purpose) -> tuple[str, ...]:
        """Reason codes that may be given for an act."""
        return tuple(code.name for code in self.reason_codes if purpose in code.purposes)
