"""Every call × everybody × every relation × plans in many states, against a second table (section 7).

The second one, `tests.access.oracle`, is written from the blueprint's prose and knows nothing of the
product. Each answer must be of the class it says; what an answer holds must be its reader's to see; and
the product's own table must say the same. Nothing of all this may change anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from fastapi import FastAPI

from planflow.access import rows, table
from planflow.access.rows import ROWS, Place, Row, verdict
from planflow.access.scope import KEEPERS, Scope, Standing
from planflow.access.table import RELATIONS, ROLES, Act, relation
from planflow.services import bundles, plans
from planflow.services.site import open_site
from planflow_api.app import create_app
from tests import databases as made
from tests.access import oracle
from tests.access.cells import Cell, cells
from tests.access.oracle import Class, Person
from tests.access.stage import PEOPLE, Answer, Things, ask, issued, prepare, secret
from tests.conftest import Park
from tests.world import difference, snapshot

AT_LEAST = 5_000
ONE_IN = 8  # of the cells, on PostgreSQL
KEPT = ("event", "event_part", "plan", "cycle", "cycle_unit", "access_grant", "grant_end")
CLASSES: dict[int, Class] = {401: "401", 403: "403", 404: "404"}
TOLD: dict[str, Class] = {"may": "else", "not_found": "404", "forbidden": "403"}


@dataclass
class Stage:
    """A database with its people and things."""

    url: str
    things: Things


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Every route of an app, mounted ones too."""
    found: set[tuple[str, str]] = set()
    for one in app.routes:
        inside = getattr(one, "effective_route_contexts", None)  # a router that was included
        for route in inside() if inside else (one,):
            methods = getattr(route, "methods", None) or {"GET"}
            found |= {(method, getattr(route, "path", "")) for method in methods - {"HEAD"}}
    return found


@pytest.fixture(scope="module")
def all_routes() -> set[tuple[str, str]]:
    return routes(create_app(made.settings("sqlite://")))


@pytest.fixture(scope="module")
def stages(park: Park) -> Callable[[str], Stage]:
    """The prepared world on a kind of database, made once."""
    kept: dict[str, Stage] = {}

    def of(kind: str) -> Stage:
        if kind not in kept:
            url = park[kind].empty()
            kept[kind] = Stage(url, prepare(url))
        return kept[kind]

    return of


def wrong(one: Cell, answer: Answer) -> str:
    """What is wrong with an answer; nothing where all is as it must be."""
    got = CLASSES.get(answer.status, "else")
    if got != one.expected or answer.status >= 500:
        return f"answers {answer.status}, not {one.expected}: {answer.text[:200]}"
    leaked = sorted(beyond(one, answer))
    if leaked:
        return f"tells of {leaked}"
    if one.holds and answer.status == 200:
        return one.holds(one.sent.who, answer)
    return ""


def beyond(one: Cell, answer: Answer) -> set[str]:
    """Units in an answer that its reader must not learn of, and words in plans they do not read."""
    who = one.sent.who
    # a record or a grant names a unit by its code, as the register does, and tells nothing of its plans
    about_register = any(part in one.route for part in ("/units", "/access-records", "/accounts"))
    known = oracle.units(who) if about_register else oracle.known(who)
    named = {u for u in oracle.REGISTER if u in answer.text and u not in one.sent.told} - known
    said = {secret(u) for u in oracle.REGISTER if not oracle.reads(who, u)}
    said |= {issued(u) for u in oracle.REGISTER if not oracle.told_by(who, u)}
    return named | {one for one in said if one in answer.text}


def by_the_table(one: Cell) -> Class:
    """What the product's own table says of a cell."""
    who, row = one.sent.who, row_of(one.route)
    if row.finds in ("open", "machine"):
        return "else"
    if not who.token:
        return "401"
    return TOLD[verdict(row, [who.role] if who.role else [], standings(who, one.cycle), place(one))]


def row_of(route: str) -> Row:
    """The row of a route."""
    return next(one for one in ROWS if f"{one.method} {one.path}" == route)


def path_of(unit: str) -> str:
    """A unit's place in its cycle."""
    return "/".join(reversed(oracle.line(unit)))


def standings(who: Person, cycle: str) -> list[Standing]:
    """Somebody's grant seen from a cycle."""
    inside = who.unit in oracle.tree(cycle)
    return [Standing("g", who.role, path_of(who.unit))] if inside else []


def place(one: Cell) -> Place:
    """What a cell is about, for the table."""
    if not one.cycle:
        return Place()
    root = oracle.ROOTS.get(one.cycle, "nowhere")
    inside = one.unit in oracle.tree(one.cycle)
    path = path_of(one.unit) if inside else "nowhere"
    parent = path.rpartition("/")[0] or None
    desk = path_of("Ccity") if "{correction}" in one.route else None
    return Place(root, path if one.unit else "", parent, desk)


def failures(found: list[Cell], answers: list[Answer]) -> list[str]:
    """Cells that are not as they must be."""
    told = []
    for one, answer in zip(found, answers, strict=True):
        said = wrong(one, answer)
        if said:
            told.append(f"{one.sent.who.name}: {one.sent.method} {one.sent.path}: {said}")
        if one.table and by_the_table(one) != one.expected:
            told.append(f"{one.sent.who.name}: {one.route}: the table says {by_the_table(one)}")
    return told


def sample(found: list[Cell], one_in: int) -> list[Cell]:
    """Some cells, always the same."""
    rng = Random(one_in)
    return [one for one in found if rng.randrange(one_in) == 0]


@pytest.mark.parametrize("kind", made.KINDS)
def test_every_cell_of_the_matrix(
    stages: Callable[[str], Stage],
    all_routes: set[tuple[str, str]],
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = stages(kind)
    found = list(cells(all_routes - {("GET", "/docs/assets")}, stage.things))
    if kind == "sqlite":
        assert len(found) >= AT_LEAST
    else:
        found = sample(found, ONE_IN)
    before = kept(stage.url)
    answers = ask(stage.url, stage.things.tokens, (one.sent for one in found))
    told = failures(found, answers)
    assert not told, "\n".join([f"{len(told)} of {len(found)}", *told[:60]])
    assert difference(before, kept(stage.url)) == {}
    with capsys.disabled():
        print(f"\n{tally(kind, found, answers)}")


def kept(url: str) -> Any:
    """Everything that counts."""
    site = open_site(made.settings(url))
    try:
        return {name: rows for name, rows in snapshot(site).items() if name in KEPT}
    finally:
        site.close()


def tally(kind: str, found: list[Cell], answers: list[Answer]) -> str:
    """What was looked at, to be told."""
    classes = Counter(one.expected for one in found)
    assert set(classes) == {"401", "403", "404", "else"}
    seen = Counter(str(one.status) for one in answers)
    relations = Counter(_relation(one) for one in found if one.unit and one.sent.who.unit)
    assert set(relations) == {*RELATIONS, "outside"}
    lists = sum(
        one.holds is not None and each.status == 200
        for one, each in zip(found, answers, strict=True)
    )
    told = (
        f"matrix on {kind}: {len(found):,} cells, {len({one.route for one in found})} routes, "
        f"{len(PEOPLE)} people, {lists} lists whole",
        *(f"  {name}: {_counts(many)}" for name, many in (("status", seen), ("by", relations))),
    )
    return "\n".join(told)


def _counts(many: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(many.items()))


def _relation(one: Cell) -> str:
    if one.unit not in oracle.tree(one.cycle):
        return "outside"
    path = path_of(one.unit)
    return relation(path_of(one.sent.who.unit), path, path.rpartition("/")[0] or None)


def test_every_route_has_a_row_and_every_row_a_route(all_routes: set[tuple[str, str]]) -> None:
    """A new route without a row fails here, before anybody asks it."""
    listed = [(one.method, one.path) for one in ROWS]
    assert len(set(listed)) == len(listed)
    assert all_routes - set(listed) == set(), "a route without a row in planflow.access.rows"
    assert set(listed) - all_routes == set(), "a row without a route"
    acts = {one.act for one in ROWS if one.act in table.ACTS}
    assert acts == set(table.ACTS)


def test_a_route_without_a_row_is_noticed() -> None:
    app = create_app(made.settings("sqlite://"))
    app.add_api_route("/api/v1/everything", lambda: None, methods=["GET"])
    new = routes(app) - {(one.method, one.path) for one in ROWS}
    assert new == {("GET", "/api/v1/everything")}
    with pytest.raises(LookupError, match="everything"):
        list(cells(new, Things()))


EVERYBODY = frozenset(ROLES)


@pytest.mark.parametrize("action", sorted(table.ACTS))
def test_a_right_too_many_is_noticed(
    stages: Callable[[str], Stage],
    all_routes: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    action: str,
) -> None:
    """The matrix can fail: each act's row is spoilt by itself, and both tables tell."""
    stage = stages("sqlite")
    wide = replace(
        table.ACTS[action], own=EVERYBODY, parent=EVERYBODY, behalf=EVERYBODY, desk=frozenset()
    )
    monkeypatch.setitem(table.ACTS, action, wide)
    some = {one for one in all_routes if one[1].rpartition("/")[2] == action and "plans" in one[1]}
    cycle = "c1" if action == "attest" else "c3"  # where there is what it is about
    found = [one for one in cells(some, stage.things) if one.cycle == cycle]
    answers = ask(stage.url, stage.things.tokens, (one.sent for one in found))
    told = failures(found, answers)
    assert any(re.search(r"answers 4(12|28), not 403", one) for one in told)
    monkeypatch.setitem(table.ACTS, action, Act())
    answers = ask(stage.url, stage.things.tokens, (one.sent for one in found))
    assert any("answers 403, not else" in one for one in failures(found, answers))


def test_a_scope_too_wide_is_noticed(
    stages: Callable[[str], Stage],
    all_routes: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one scope spoilt: plans of others are told of, and lists hold too much."""
    stage = stages("sqlite")
    paths = ("/plans", "/plans/{unit}", "/tree", "/events", "/plans/{unit}/history")
    some = {one for one in all_routes if one[0] == "GET" and one[1].endswith(paths)}
    found = sample([one for one in cells(some, stage.things) if one.cycle == "c1"], 3)
    monkeypatch.setattr(Scope, "has", lambda self, _path: bool(self.paths))
    answers = ask(stage.url, stage.things.tokens, (one.sent for one in found))
    assert any("answers 200, not 404" in one for one in failures(found, answers))
    monkeypatch.undo()
    whole = lambda standings: Scope(("Rregion",) if list(standings) else ())  # noqa: E731
    for room in ("planflow.services.sights.access.scope", "planflow.services.plans.scope_of"):
        monkeypatch.setattr(room, whole)
    told = failures(found, ask(stage.url, stage.things.tokens, (one.sent for one in found)))
    assert any(re.search(r": holds \[", one) or "tells of" in one for one in told)


def test_what_is_named_beside_a_unit_is_noticed(
    stages: Callable[[str], Stage],
    all_routes: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the filter of entries, a correction would tell a county of its neighbour."""
    stage = stages("sqlite")
    some = {one for one in all_routes if one[0] == "GET" and "/plans/{unit}" in one[1]}
    found = [one for one in cells(some, stage.things) if (one.cycle, one.unit) == ("c3", "Acounty")]
    for room in (plans, bundles):
        monkeypatch.setattr(room.sights, "beyond", lambda *_: frozenset())
    told = failures(found, ask(stage.url, stage.things.tokens, (one.sent for one in found)))
    kinds = {one.partition("/plans/Acounty")[2].partition(":")[0] for one in told}
    assert {"", "/history", "/bundle"} <= kinds
    assert all("Bcounty" in one for one in told)


def test_who_runs_the_site_sees_no_plan_whatever_else_they_are() -> None:
    """A role that runs the site gives no sight of any plan, not even were it given at a unit."""
    for role in sorted(KEEPERS):
        mine = [Standing("g", role, "R"), Standing("h", role, "")]
        for row in rows.ROWS:
            if row.finds in ("plan", "cycle", "log"):
                assert verdict(row, [role], mine, Place("R", "R", None)) == "not_found"
        for action in table.ACTS:
            assert table.grant_for(mine, action, "R", None) is None
