"""A negotiation over any tree and protocol, by people who know nothing but the HTTP contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from planflow.services.people import add_user
from planflow.services.site import open_site
from planflow.services.units import import_units
from tests.databases import Databases, settings
from tests.e2e.served import PASSWORD, Person, service

# code, level, parent, attributes; parents first
Line = tuple[str, str, str, str]
Figures = Mapping[str, Mapping[str, int]]


@dataclass
class Negotiation:
    """Everybody at one negotiation: each unit has an admin, who bears its code."""

    tree: tuple[Line, ...]
    people: dict[str, Person]

    @property
    def root(self) -> str:
        """The unit at the top."""
        return self.tree[0][0]

    def parent(self, unit: str) -> str:
        """The unit above."""
        return next(line[2] for line in self.tree if line[0] == unit)

    def own(self, unit: str, action: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        """An act of a unit on its own plan."""
        return self.people[unit].act(unit, action, body, status)

    def above(self, unit: str, action: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        """An act of the unit above on a unit's plan."""
        return self.people[self.parent(unit)].act(unit, action, body, status)

    def round(self, name: str, what: str, status: int = 200) -> dict[str, Any]:
        """The root opens or closes a round."""
        return self.people[self.root].round(name, what, status)

    def report(self, unit: str, figures: Mapping[str, int], **draft: Any) -> None:
        """Draft, submit, accept."""
        self.own(unit, "draft", {"figures": dict(figures), **draft})
        self.own(unit, "submit")
        self.above(unit, "accept")

    def up(self, name: str, figures: Figures, without: str = "", *, opened: bool = False) -> None:
        """A whole up round of all levels but one; each unit adds its own to its children's."""
        if not opened:
            self.round(name, "open")
        sums = self._sums(figures, without)
        for code, *_ in reversed(self._taking(without)[1:]):
            self.report(code, sums[code])
        self.round(name, "close")

    def down(self, name: str, figures: Figures, without: str = "", reason: str = "") -> None:
        """A whole down round of all levels but one, with a reason for each figure where one is given."""
        self.round(name, "open")
        sums = self._sums(figures, without)
        for code, *_ in self._taking(without):
            self.pass_on(code, sums, without, reason)
        self.round(name, "close")

    def pass_on(self, unit: str, sums: Figures, without: str = "", reason: str = "") -> None:
        """Sign for what came, and issue to those below."""
        if unit != self.root:
            self.own(unit, "acknowledge")
        below = [code for code, _, parent, _ in self._taking(without) if parent == unit]
        if below:
            self.own(unit, "issue", issue({code: sums[code] for code in below}, reason))

    def _taking(self, without: str) -> list[Line]:
        return [line for line in self.tree if line[1] != without]

    def _sums(self, figures: Figures, without: str) -> dict[str, dict[str, int]]:
        sums: dict[str, dict[str, int]] = {}
        taking = self._taking(without)
        for code, *_ in reversed(taking):
            below: Counter[str] = Counter()
            for child, _, parent, _ in taking:
                if parent == code:
                    below.update(sums[child])
            sums[code] = {**below, **figures.get(code, {})}
        return sums


def issue(figures: Figures, reason: str = "", **more: Any) -> dict[str, Any]:
    """The body of an issue."""
    because = {"reason_code": reason}
    allocations = [
        {"unit": code, "figures": dict(own)}
        | ({"reasons": dict.fromkeys(own, because)} if reason else {})
        for code, own in figures.items()
    ]
    return {"allocations": allocations, **more}


def failed(problem: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The guards of a refusal: name, indicator, expected, got, difference."""
    assert problem["code"] == "guard_failed", problem
    fields = ("indicator", "expected", "got", "difference")
    return [
        (guard["name"], *(guard["fields"].get(name) for name in fields))
        for guard in problem["guards"]
    ]


@contextmanager
def negotiate(
    databases: Databases, tree: tuple[Line, ...], cycle: str, **environment: str
) -> Iterator[Negotiation]:
    """A service on a database of its own, with the units and people of a tree."""
    url = databases.migrated()
    site = open_site(settings(url))
    rows = [f"{code},{code},{level},{parent},{marks}" for code, level, parent, marks in tree]
    import_units(site, "\n".join(["code,name,level,parent,attributes", *rows]).encode())
    for code, *_ in tree:
        add_user(site, code, PASSWORD, "admin", code)
    site.close()
    with service(url, **environment) as address:
        people = {code: Person.signed_in(address, code, cycle) for code, *_ in tree}
        yield Negotiation(tree, people)
        for person in people.values():
            person.http.close()
