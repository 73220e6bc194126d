"""F2: what a person said or is called is erased by an act of its own, and every proof stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from planflow.domain.identity import ServiceTerms
from planflow.errors import Refusal
from planflow.services import attempts, audit, erasing, keys, people, shell_accounts
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.store.tables import METADATA
from tests.conftest import peopled
from tests.contract.audit import audit as replayed
from tests.contract.test_bundle import of_round, plan, signed, verify, vkey
from tests.contract.test_replay import unprotected
from tests.databases import Databases, settings
from tests.world import PASSWORD, World, snapshot

WORDS = "张三家的材料不全"
WHY = "本人申请"


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.peopled()


@pytest.fixture
def world(databases: Databases, url: str, tmp_path: Path) -> Iterator[World]:
    site = open_site(settings(url, ledger_folder=tmp_path))
    keys.ready(site)
    yield peopled(site, databases)
    site.close()


def returned(world: World) -> str:
    """A county's report comes back with words about a person; the event that holds them."""
    world.cycle()
    world.open("up1")
    world.report("A", {"persons": 60, "villages": 60, "county_exit": 1})
    world.act("city", "A", "return", {"reason_code": "incomplete", "text": WORDS})
    signed(world)
    return world.history("A", "a")[-1].id


def looked(site: Site) -> audit.Audited:
    return audit.audit(site, lambda _what, _count: None)


def held(site: Site, words: str) -> list[str]:
    """Tables that hold some words in any column."""
    found = []
    for name, rows in snapshot(site).items():
        told = repr(rows)
        if words in told or repr(words.encode())[2:-1] in told:
            found.append(name)
    return found


def test_a_text_is_erased_by_an_event_and_every_proof_stays(world: World) -> None:
    event = returned(world)
    before = world.plan("a", "A")
    assert held(world.site, WORDS) == ["event_part"]
    done = erasing.erase(world.site, event, "texts", WHY)
    assert (done.event, done.part, done.count) == (event, "texts", 1)
    assert held(world.site, WORDS) == []
    assert "texts" not in world.history("A", "a")[-1].parts
    assert world.plan("a", "A") == before
    signed(world)
    told = looked(world.site)
    assert (told.findings, told.counts["erased"]) == ([], 1)
    replayed(world.site)
    for raw in (plan(world, "a", "A"), of_round(world, "city", "up1")):
        checked = verify(raw, vkey(world))
        assert checked.erased == 1
    assert verify(plan(world, "region", "A")).withheld == 0
    # The negotiation goes on from there.
    world.report("A", {"persons": 61, "villages": 60, "county_exit": 1})
    world.accept("A")
    signed(world)
    assert looked(world.site).findings == []


def test_the_erasure_is_told_with_its_reason_in_the_cycles_own_stream(world: World) -> None:
    event = returned(world)
    done = erasing.erase(world.site, event, "texts", WHY)
    rows = METADATA.tables["event"]
    query = rows.select().where(rows.c.id == done.by)
    [told] = world.site.records.read(lambda tx: tx.connection.execute(query).all())
    assert (told.stream, told.kind, told.actor) == ("cycle/c1", "part_erased", "shell")
    assert event.encode() in told.leaf
    assert held(world.site, WHY) == ["event_part"]
    assert world.get().open_round == "up1"


def test_one_text_of_several_is_erased_alone(world: World) -> None:
    world.play_until("down1")
    figures = {"C": {"persons": 90, "villages": 100, "county_exit": 1}}
    world.issue("R", figures, document_no="1", reason="第一句")
    world.act("city", "C", "acknowledge")
    event = next(one for one in world.history("R") if one.kind == "distributed")
    said = [one["text"] for one in event.parts["texts"]]
    erasing.erase(world.site, event.id, "texts", WHY, len(said) - 1)
    again = next(one for one in world.history("R") if one.id == event.id)
    assert [one["text"] for one in again.parts.get("texts", [])] == said[:-1]
    assert looked(world.site).findings == []


def test_what_states_rest_on_cannot_be_erased(world: World) -> None:
    event = returned(world)
    submitted = world.history("A", "a")[0]
    rows = METADATA.tables["event"]
    query = rows.select().where(rows.c.kind.in_(["user_added", "units_imported"]))
    found = world.site.records.read(lambda tx: tx.connection.execute(query).all())
    kinds = {row.kind: row.id for row in found}
    for of, part, why in (
        (submitted.id, "figures", "state"),
        (event, "reason", "state"),
        (kinds["units_imported"], "units", "register"),
        (kinds["user_added"], "name", "account"),
        (kinds["user_added"], "account", "register"),
    ):
        with world.refused("part_stays") as caught:
            erasing.erase(world.site, of, part, WHY)
        assert caught.refusal.params == {"part": part, "why": why}
    for of, part in (("none", "texts"), (submitted.id, "texts"), (event, "none")):
        with world.refused("not_found"):
            erasing.erase(world.site, of, part, WHY)
    with world.refused("not_found"):
        erasing.erase(world.site, event, "texts", WHY, 7)
    with world.refused("invalid"):
        erasing.erase(world.site, event, "texts", " ")
    erasing.erase(world.site, event, "texts", WHY)
    with world.refused("erased_already"):
        erasing.erase(world.site, event, "texts", WHY)


def test_a_person_is_erased_and_what_they_did_stays(world: World) -> None:
    name = "李四-县扶贫办"
    world.cycle()
    world.open("up1")
    reader = world.user(name, "planner", "A")
    world.act(name, "A", "draft", {"figures": {"persons": 1, "villages": 1, "county_exit": 0}})
    world.act(name, "A", "submit")
    signed(world)
    assert set(held(world.site, name)) == {"account", "event_part"}
    done = erasing.erase_user(world.site, name, WHY)
    assert (done.pseudonym, done.grants) == (reader.user_id, 1)
    assert done.tokens >= 1
    assert held(world.site, name) == []
    for work in (
        lambda: people.authenticate(world.site, world.tokens[name], "zh"),
        lambda: people.sign_in(world.site, name, PASSWORD),
        lambda: people.sign_in(world.site, done.pseudonym, PASSWORD),
    ):
        with pytest.raises(Refusal) as caught:
            work()
        assert caught.value.code == "unauthorized"
    for again in (name, done.pseudonym):
        with world.refused("not_found"):
            erasing.erase_user(world.site, again, WHY)
    with world.refused("invalid"):
        people.add_user(world.site, done.pseudonym, PASSWORD, "planner", "A")
    assert {one.actor for one in world.history("A", "a")} == {reader.user_id}
    signed(world)
    told = looked(world.site)
    assert (told.findings, told.counts["erased"]) == ([], 1)
    people.add_user(world.site, name, PASSWORD, "planner", "A")  # somebody else by that name
    assert people.sign_in(world.site, name, PASSWORD).access_token
    assert looked(world.site).findings == []
    with world.site.records.engine.begin() as connection:
        bend = text("UPDATE account SET name = 'x' WHERE id = :own")
        assert connection.execute(bend, {"own": done.pseudonym}).rowcount == 1
    [found] = looked(world.site).findings
    assert (found.code, found.params["table"]) == ("row_differs", "account")


def test_who_they_are_elsewhere_and_what_they_called_their_tokens_goes_too(world: World) -> None:
    told = {"oidc_issuer": "https://id.example.org"}
    site = replace(world.site, settings=world.site.settings.model_copy(update=told))
    name, subject, title = "王五", "wangwu-248289761001", "王五的月报"
    reader = world.user(name, "planner", "A")
    day = (site.clock() + dt.timedelta(days=3)).date()
    terms = ServiceTerms(name=title, scopes=["read"], to=day)
    first, second = (shell_accounts.make_service_token(site, name, terms) for _ in range(2))
    shell_accounts.end_service_token(site, name, first.id)
    assert [one.name for one in shell_accounts.service_tokens_of(site, name)] == [title]
    for _ in range(2):
        shell_accounts.link(site, name, subject)
        shell_accounts.unlink(site, name)
    shell_accounts.link(site, name, subject)
    with pytest.raises(Refusal):
        people.sign_in(site, name, "guessed", "192.0.2.1")
    assert held(site, title) == ["event_part"]
    assert sorted(held(site, subject)) == ["event_part", "oidc_identity"]
    erasing.erase_user(site, name, WHY)
    for words in (name, subject, title, attempts.of_name(site, name)):
        assert held(site, words) == []
    signed(world)
    audited = looked(site)
    assert (audited.findings, audited.counts["erased"]) == ([], 6)
    # Nothing begins anew with the pseudonym.
    for work in (
        partial(shell_accounts.link, site, reader.user_id, subject),
        partial(shell_accounts.make_service_token, site, reader.user_id, terms),
        partial(people.shell_token, site, reader.user_id),
    ):
        with pytest.raises(Refusal) as caught:
            work()
        assert caught.value.code == "not_found"
    assert second.token


def test_nothing_of_it_stays_in_an_embedded_database(world: World, url: str) -> None:
    event = returned(world)
    erasing.erase(world.site, event, "texts", WHY)
    world.site.close()
    if not world.site.database.embedded:
        return  # PostgreSQL keeps dead rows until they are vacuumed, as the page says
    path = Path(str(make_url(url).database))
    assert not path.with_name(f"{path.name}-wal").exists()
    assert WORDS.encode() not in path.read_bytes()


def test_an_erasure_that_nobody_recorded_is_found(world: World) -> None:
    event = returned(world)
    with world.site.records.engine.begin() as connection:
        erase = "UPDATE event_part SET salt = NULL, value = NULL WHERE part = 'texts'"
        assert connection.execute(text(erase)).rowcount == 1
    [found] = looked(world.site).findings
    assert (found.code, found.params) == (
        "erasure_unrecorded",
        {"event": event, "part": "texts 0"},
    )


def test_what_was_erased_and_is_there_again_is_found(world: World) -> None:
    event = returned(world)
    query = text("SELECT salt, value FROM event_part WHERE event_id = :event AND part = 'texts'")
    back = "UPDATE event_part SET salt = :salt, value = :value"
    engine = world.site.records.engine
    with engine.connect() as connection:
        kept = connection.execute(query, {"event": event}).mappings().one()
    erasing.erase(world.site, event, "texts", WHY)
    with engine.connect() as connection:
        unprotected(connection)
        own = "WHERE event_id = :event AND part = 'texts'"
        connection.execute(text(f"{back} {own}"), {**kept, "event": event})
        connection.commit()
    assert [one.code for one in looked(world.site).findings] == ["erasure_undone"]


def test_a_dropped_practice_is_erased_from_as_well(world: World) -> None:
    world.cycle(practice=True)
    world.open("up1")
    world.drop()
    rows = METADATA.tables["event"]
    query = rows.select().where(rows.c.kind == "cycle_dropped")
    [told] = world.site.records.read(lambda tx: tx.connection.execute(query).all())
    assert erasing.erase(world.site, told.id, "texts", WHY).count == 1
    Sequencer.of(world.site).advance()
    assert looked(world.site).findings == []
