"""N13, F1, F2, F5: what is stored is the fold of the events, and the chain shows every tampering.

After a whole cycle, and after walks in which chance decides, replay gives the stored states, figures
and commitments at every position. An erasure leaves every chain verifying; any other change of an
event is found at the event it was made to.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import settings as tries
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from planflow.ledger.chain import first_break
from planflow.services.site import Site, open_site
from planflow.store.transaction import Tx
from tests.conftest import peopled
from tests.contract.audit import audit, audit_of, rows_of, stream_of, streams
from tests.contract.walk import Walk
from tests.databases import Databases, settings
from tests.world import World

SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))


@contextmanager
def a_site(databases: Databases) -> Iterator[Site]:
    site = open_site(settings(databases.peopled()))
    try:
        yield site
    finally:
        site.close()


def test_a_whole_cycle_is_the_fold_of_its_events(world: World) -> None:
    world.play_all()
    found = audit(world.site)
    print(found)
    assert found.streams == 6  # site, cycle, and the plans of R, C, A and B
    assert found.commitments == 5


def test_time_goes_forward_in_every_stream_whatever_the_clock_says(databases: Databases) -> None:
    """F4: recorded_at is strictly later than the last of its stream, on a clock set back as well."""
    with a_site(databases) as site:
        start, ticks = site.clock(), itertools.count()
        backwards = replace(site, clock=lambda: start - dt.timedelta(seconds=next(ticks)))
        world = peopled(site, databases)
        world.site = backwards
        world.play_all()
        print(audit(site))
        assert next(ticks) > 30


def walked(databases: Databases, examples: int) -> None:
    """Walk as often as told, and audit each database; says what was reached."""
    kinds: Counter[str] = Counter()
    tried: Counter[str] = Counter()

    @seed(SEED)
    @tries(max_examples=examples, deadline=None, database=None)
    @given(st.integers(0, 2**32))
    def walk(number: int) -> None:
        with a_site(databases) as site:
            done = Walk(peopled(site, databases), Random(number)).whole()
            kinds.update(audit(site).kinds)
            tried.update(done.tried)

    walk()
    print(f"{examples} walks: {sum(kinds.values())} events of {len(kinds)} kinds: {dict(kinds)}")
    print(f"tried: {dict(sorted(tried.items()))}")
    assert {"submitted", "withdrawn", "accepted", "returned", "totalled"} <= set(kinds)
    assert {"distributed", "issued", "acknowledged", "commitment_made", "extended"} <= set(kinds)
    assert {"correction_proposed", "corrected"} <= set(kinds)
    assert {"tree_changed", "handed_over", "taken_over"} <= set(kinds)


def test_walks_by_chance_are_the_fold_of_their_events(databases: Databases) -> None:
    walked(databases, 4)


@pytest.mark.soak
def test_many_walks_are_the_fold_of_their_events(databases: Databases) -> None:
    walked(databases, 100)


# Erasure


ERASE = "UPDATE event_part SET salt = NULL, value = NULL WHERE event_id = :event AND part = :part"


def test_an_erased_entry_leaves_every_chain_verifying(world: World) -> None:
    world.play_all()
    erased: Counter[str] = Counter()
    with world.site.records.engine.connect() as connection:
        tx = Tx(connection, locks=False)
        kinds = {row.id: row.kind for row in rows_of(connection, "event")}
        entries = rows_of(connection, "event_part")
        connection.rollback()
        for entry in entries:
            where = {"event": entry.event_id, "part": entry.part, "number": entry.number}
            done = connection.execute(text(ERASE + " AND number = :number"), where)
            assert done.rowcount == 1
            assert {first_break(stream_of(tx, name)) for name in streams(connection)} == {None}
            connection.rollback()
            erased[f"{kinds[entry.event_id]}.{entry.part}"] += 1
    print(f"{erased.total()} entries of {len(erased)} kinds, one at a time: {dict(erased)}")
    assert len(erased) >= 25


def test_erased_texts_change_no_state(world: World) -> None:
    """F2: a free text is in no state, so that it can be erased and replay still gives the same."""
    world.play_all()
    texts = text("UPDATE event_part SET salt = NULL, value = NULL WHERE part = 'texts'")
    with world.site.records.engine.begin() as connection:
        assert connection.execute(texts).rowcount >= 1
    audit(world.site)
    assert world.history("C")


# Tampering


def unprotected(connection: Connection) -> None:
    """Take the triggers off a copy, as somebody with the file in hand could."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("RESET ROLE"))  # the owner's
        for name in ("event", "event_part"):
            connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER ALL"))
    else:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in found.scalars().all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
    connection.commit()


def flipped(data: bytes, chance: Random) -> bytes:
    """The same bytes with one bit changed."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def tamperings(event: Any, entries: list[Any], chance: Random) -> Iterator[tuple[str, str, Any]]:
    """What is changed, the statement, and its values."""
    for column in ("leaf", "chain"):
        bent = flipped(getattr(event, column), chance)
        statement = f"UPDATE event SET {column} = :bent WHERE id = :event"
        yield column, statement, {"bent": bent, "event": event.id}
    yield "id", "UPDATE event SET id = :bent WHERE id = :event", {"bent": "x", "event": event.id}
    yield "gone", "DELETE FROM event_part WHERE event_id = :event", {"event": event.id}
    for entry in entries:
        where = {"event": event.id, "part": entry.part, "number": entry.number}
        one = "WHERE event_id = :event AND part = :part AND number = :number"
        for column in ("value", "salt", "digest"):
            bent = flipped(getattr(entry, column), chance)
            yield column, f"UPDATE event_part SET {column} = :bent {one}", where | {"bent": bent}
        number = "UPDATE event_part SET number = :bent"
        yield "number", f"{number} {one}", where | {"bent": 0 if entry.number < 0 else 999}
        yield "entry gone", f"DELETE FROM event_part {one}", where
        yield (
            "entry added",
            "INSERT INTO event_part (event_id, part, number, digest, salt, value) "
            f"SELECT event_id, part, 999, digest, salt, value FROM event_part {one}",
            where,
        )


def test_any_change_is_found_at_its_event(world: World) -> None:
    world.play_all()
    chance, found = Random(SEED), Counter[str]()
    with world.site.records.engine.connect() as connection:
        unprotected(connection)
        tx = Tx(connection, locks=False)
        events = rows_of(connection, "event")
        for event in events:
            entries = list(rows_of(connection, "event_part", event_id=event.id))
            connection.rollback()
            for what, statement, values in tamperings(event, entries, chance):
                if what == "gone" and not entries:
                    continue
                assert connection.execute(text(statement), values).rowcount >= 1
                broken = first_break(stream_of(tx, event.stream))
                assert broken is not None, f"{event.stream} {event.seq}: {what} was not seen"
                assert (broken.stream, broken.seq) == (event.stream, event.seq), what
                connection.rollback()
                found[f"{what}: {broken.what}"] += 1
    print(
        f"{found.total()} changes to {len(events)} events, each found at its event: {dict(found)}"
    )
    assert found.total() > 500


def removed(stream: str, seq: int) -> list[tuple[str, dict[str, Any]]]:
    where = {"stream": stream, "seq": seq}
    return [("DELETE FROM event WHERE stream = :stream AND seq = :seq", where)]


def swapped(stream: str, seq: int) -> list[tuple[str, dict[str, Any]]]:
    statement = "UPDATE event SET seq = :to WHERE stream = :stream AND seq = :seq"
    moves = ((seq, -1), (seq + 1, seq), (-1, seq + 1))
    return [(statement, {"stream": stream, "seq": one, "to": to}) for one, to in moves]


@pytest.mark.parametrize("how", [removed, swapped])
def test_an_event_missing_or_moved_is_found_at_its_place(
    world: World, how: Callable[[str, int], list[tuple[str, dict[str, Any]]]]
) -> None:
    world.play_all()
    count = 0
    with world.site.records.engine.connect() as connection:
        unprotected(connection)
        tx = Tx(connection, locks=False)
        for stream in streams(connection):
            last = len(stream_of(tx, stream))
            connection.rollback()
            for seq in range(1, last):  # the last one's absence shows in the stream's head alone
                for statement, values in how(stream, seq):
                    connection.execute(text(statement), values)
                broken = first_break(stream_of(tx, stream))
                assert broken is not None
                assert (broken.stream, broken.seq) == (stream, seq)
                connection.rollback()
                count += 1
    print(f"{count} events {how.__name__}, each found at its place")
    assert count > 30


def test_the_audit_sees_a_row_that_is_not_its_event(world: World) -> None:
    """The test's own tool: it fails for a state, a figure or a time that its events do not say."""
    world.play_all()
    bends = [
        "UPDATE plan SET body = replace(body, '60', '61')",
        "UPDATE plan_state SET state = 'up1.drafting' WHERE position = 1",
        "UPDATE figure SET value = value + 1 WHERE round = 'up1'",
        "UPDATE commitment SET status = 'open'",
        "UPDATE cycle SET body = replace(body, '2019', '2020')",
        "UPDATE cycle_state SET body = replace(body, '2019', '2020')",
        "UPDATE event SET kind = 'submitted'",
        "DELETE FROM figure",
        "DELETE FROM plan_state WHERE position = 2",
    ]
    with world.site.records.engine.connect() as connection:
        unprotected(connection)
        if connection.dialect.name == "postgresql":
            for name in ("plan_state", "figure", "commitment", "cycle_state"):
                connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER ALL"))
            connection.commit()
    audit(world.site)
    for bend in bends:
        with pytest.raises(AssertionError), bent(world.site, bend) as tx:
            audit_of(tx)


@contextmanager
def bent(site: Site, statement: str) -> Iterator[Tx]:
    """A unit of work with a change that is not kept."""
    with site.records.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("RESET ROLE"))
        assert connection.execute(text(statement)).rowcount >= 1
        yield Tx(connection, locks=False)
        connection.rollback()
