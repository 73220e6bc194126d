"""N18, F5, F10: an event that commits late is lost to nobody, in whatever order events were begun.

One process begins an act and commits it only after another, begun later, has been committed and read.
Whoever reads on from where they stood finds it; no order was taken from a serial id or a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event

from planflow.errors import Refusal
from planflow.services import plans
from planflow.services.site import Site, open_site
from tests.conftest import Park, peopled
from tests.contract.audit import audit
from tests.databases import settings
from tests.world import World

A = {"figures": {"persons": 60, "villages": 60}}
B = {"figures": {"persons": 40, "villages": 40}}


@pytest.fixture
def two(park: Park) -> Iterator[tuple[World, World]]:
    """The same cycle through two processes' worth of connections."""
    databases = park["postgresql"]
    url = databases.peopled()
    sites = [open_site(settings(url)) for _ in range(2)]
    first, second = (peopled(site, databases) for site in sites)
    first.cycle()
    first.open("up1")
    second.name = first.name
    first.act("a", "A", "draft", A)
    first.act("b", "B", "draft", B)
    yield first, second
    for site in sites:
        site.close()


class Held:
    """Keeps a site's next commit back until it is let go."""

    def __init__(self, site: Site) -> None:
        self.engine, self.reached, self.let_go = site.database.engine, Event(), Event()

    def __enter__(self) -> Held:
        event.listen(self.engine, "commit", self._wait)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "commit", self._wait)

    def _wait(self, _connection: Any) -> None:
        self.reached.set()
        assert self.let_go.wait(30)


def read_on(world: World, unit: str, cursor: str | None) -> list[str]:
    """Kinds of the events after a cursor."""
    who = world.hand("C", "admin")
    page = plans.history(world.site, world.readers[who], world.name, unit, cursor)
    return [one.kind for one in page.items]


def states(world: World) -> dict[str, str]:
    """Every plan's state, as the list of plans tells it."""
    who = world.hand("C", "admin")
    page = plans.list_plans(world.site, world.readers[who], world.name, "C", None, None)
    return {one.unit: one.state for one in page.items}


def test_a_late_commit_is_found_by_whoever_reads_on(two: tuple[World, World]) -> None:
    first, second = two
    with Held(first.site) as held, ThreadPoolExecutor(1) as pool:
        late = pool.submit(first.act, "a", "A", "submit", {}, "", 1)
        assert held.reached.wait(30)  # its ids, its time and its rows are made, and not committed
        early = second.act("b", "B", "submit")
        assert early.state == "up1.submitted"
        assert read_on(second, "B", None) == ["submitted"]
        assert read_on(second, "A", None) == []
        assert states(second) == {"A": "up1.drafting", "B": "up1.submitted", "Z": "waiting"}
        held.let_go.set()
        assert late.result(30).state == "up1.submitted"
    assert read_on(second, "A", None) == ["submitted"]
    assert states(second)["A"] == "up1.submitted"
    [mine], [theirs] = second.history("A"), second.history("B")
    assert mine.recorded_at < theirs.recorded_at  # begun first, committed last
    second.act("city", "A", "accept")
    assert read_on(second, "A", "1") == ["accepted"]
    audit(second.site)


def test_a_sum_never_rests_on_what_was_not_committed(two: tuple[World, World]) -> None:
    """The city's submission waits for the late one below it, or is refused: it never passes it by."""
    first, second = two
    second.act("b", "B", "submit")
    second.act("city", "B", "accept")
    figures = {"persons": 100, "villages": 100}
    second.act("city", "C", "draft", {"figures": figures})
    with Held(first.site) as held, ThreadPoolExecutor(2) as pool:
        late = pool.submit(first.act, "a", "A", "submit", {}, "", 1)
        assert held.reached.wait(30)
        sum_ = pool.submit(second.act, "clerk", "C", "submit", {}, "", 1)
        held.let_go.set()
        assert late.result(30).state == "up1.submitted"
        with pytest.raises(Refusal) as caught:
            sum_.result(30)
    assert [one.code for one in caught.value.findings] == ["children_done"]
    audit(second.site)
