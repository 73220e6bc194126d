"""F10: an evidence bundle proves itself, shows nothing that is not its reader's, and bears no change.

Two checkers that share no code, planflow's and the page's, agree on every bundle and every change.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from planflow.errors import Refusal
from planflow.exchange import bundle
from planflow.ledger import evidence, note
from planflow.ledger.evidence import Checked
from planflow.messages import sentence
from planflow.services import bundles, keys
from planflow.services.sequencing import Sequencer
from planflow.services.site import open_site
from tests.conftest import Park, peopled
from tests.databases import Databases, settings
from tests.world import World

SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
SCRIPT = Path(__file__).parents[2] / "docs/how-to/verify_bundle.py"


def the_page() -> Any:
    """The second checker, as the page has it."""
    spec = importlib.util.spec_from_file_location("verify_bundle", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECOND = the_page()


def verified(raw: bytes, key: str | None) -> Checked:
    """Planflow's own."""
    content, protocol = bundle.unpack(raw)
    done = evidence.check(evidence.read(content), protocol, key)
    bundle.whole(raw, content, protocol)
    return done


def verify(raw: bytes, key: str | None = None) -> Checked:
    """Both checkers, which must count the same."""
    done = verified(raw, key)
    told = SECOND.verify(raw, key)
    assert told == {name: getattr(done, name) for name in told}
    return done


def refused(raw: bytes, key: str | None = None) -> tuple[str, str]:
    """The sentences of both, each of which must refuse."""
    with pytest.raises(Refusal) as ours:
        verified(raw, key)
    with pytest.raises(ValueError, match=r".") as theirs:
        SECOND.verify(raw, key)
    error = ours.value
    told = [sentence(error.code, error.params, "en")]
    told += [sentence(one.code, one.params, "en") for one in error.findings]
    assert "…" not in " ".join(told)
    return " ".join(told), str(theirs.value)


def vkey(world: World) -> str:
    return str(keys.signer(world.site).key)


@pytest.fixture
def world(databases: Databases, tmp_path: Path) -> Iterator[World]:
    """A site with a key and a folder of its own: copies of a database are one site elsewhere."""
    site = open_site(settings(databases.peopled(), ledger_folder=tmp_path))
    keys.ready(site)
    yield peopled(site, databases)
    site.close()


def signed(world: World) -> World:
    Sequencer.of(world.site).advance()
    return world


def plan(world: World, who: str, unit: str) -> bytes:
    return bundles.plan_bundle(world.site, world.readers[who], world.name, unit)


def of_round(world: World, who: str, name: str, unit: str | None = None) -> bytes:
    return bundles.round_bundle(world.site, world.readers[who], world.name, name, unit)


def test_every_readers_bundles_hold(world: World) -> None:
    world.play_all()
    signed(world)
    key = vkey(world)
    done = verify(plan(world, "a", "A"), key)
    assert done.pinned
    assert not verify(plan(world, "a", "A")).pinned
    own = next(run for run in done.runs if run[0].startswith("plan/"))
    history = world.history("A", "a")
    mine = [run for run in done.runs if run[1:] == (1, len(history))]
    assert mine, own
    assert done.links >= len(history)
    assert done.withheld
    assert verify(plan(world, "region", "R"), key).withheld == 0
    for name in ("up1", "down1", "up2", "down2", "adjust"):
        whole = verify(of_round(world, "auditor", name), key)
        part = verify(of_round(world, "auditor", name, "A"), key)
        assert 0 < part.events <= whole.events
        print(name, whole.events, part.events, whole.shown, part.withheld)


def test_a_bundle_shows_no_other_units_content(world: World) -> None:
    """What B reported, was issued and gave as reasons is in A's bundle by its digests alone."""
    world.play_until("down1")
    signed(world)
    mine = plan(world, "a", "A") + of_round(world, "a", "up1") + of_round(world, "a", "down1")
    shown = set(re.findall(r'\\"unit\\":\\"(.*?)\\"', mine.decode("latin-1")))
    assert shown <= {"A"}
    for one in world.history("B", "region"):
        assert one.id.encode() not in mine
        for part in one.parts.values():
            text = json.dumps(part, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            if "40" in text:
                assert json.dumps(text).encode() not in mine
    assert "乙县".encode() not in mine


def test_what_is_not_ones_own_is_not_found(world: World) -> None:
    world.cycle()
    world.open("up1")
    signed(world)
    hidden: list[Callable[[], bytes]] = [
        lambda: plan(world, "a", "B"),
        lambda: plan(world, "a", "none"),
        lambda: of_round(world, "a", "up1", "C"),
        lambda: bundles.plan_bundle(world.site, world.readers["a"], "none", "A"),
        lambda: plan(world, "system", "A"),
    ]
    for work in hidden:
        with pytest.raises(Refusal) as told:
            work()
        assert told.value.code == "not_found"
    with pytest.raises(Refusal) as told:
        of_round(world, "a", "none")
    assert told.value.findings[0].code == "unknown_round"


def test_what_no_checkpoint_covers_has_no_bundle_yet(world: World) -> None:
    world.cycle()
    world.open("up1")
    with pytest.raises(Refusal) as told:
        plan(world, "a", "A")
    assert told.value.code == "receipt_pending"
    assert verify(plan(signed(world), "a", "A")).events >= 2


def test_a_bundle_has_its_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.cycle()
    world.open("up1")
    signed(world)
    monkeypatch.setattr(bundles, "MOST_EVENTS", 1)
    with pytest.raises(Refusal) as told:
        plan(world, "a", "A")
    assert told.value.code == "too_large"


def test_what_was_erased_is_a_digest(world: World) -> None:
    from sqlalchemy import text

    world.play_until("down1")
    signed(world)
    before = verify(plan(world, "region", "A"))
    with world.site.records.engine.begin() as connection:
        connection.execute(
            text("UPDATE event_part SET salt = NULL, value = NULL WHERE part = 'figures'")
        )
    after = verify(plan(world, "region", "A"))
    assert (before.withheld, after.events) == (0, before.events)
    assert after.withheld > 0


# Changes


@pytest.fixture(scope="module")
def made(
    park: Park, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[bytes, str, World]]:
    """A bundle of a whole cycle, on SQLite: the bytes do not know where they come from."""
    folder = tmp_path_factory.mktemp("kept")
    site = open_site(settings(park["sqlite"].peopled(), ledger_folder=folder))
    keys.ready(site)
    world = peopled(site, park["sqlite"])
    world.play_all()
    signed(world)
    yield plan(world, "a", "A"), vkey(world), world
    site.close()


def changed_bytes(raw: bytes, key: str, places: list[int], chance: Random) -> Counter[str]:
    """Change one byte at each place, alone; both must refuse and name the place."""
    found: Counter[str] = Counter()
    for at in places:
        bent = bytearray(raw)
        bent[at] ^= 1 << chance.randrange(8)
        ours, theirs = refused(bytes(bent), chance.choice([key, None]))
        assert re.search(r"[Ee]vent|checkpoint|bundle|protocol|byte|key", ours), ours
        assert re.search(r"event|checkpoint|bundle|protocol|byte|archive|key", theirs), theirs
        found[re.sub(r"\d.*|plan/.*|cycle/.*", "", ours)[:60]] += 1
    print(f"{found.total()} changed bytes of {len(raw)}, all refused: {dict(found)}")
    return found


def test_one_changed_byte_anywhere_is_refused(made: tuple[bytes, str, World]) -> None:
    raw, key, _ = made
    chance = Random(SEED)
    edges = [*range(80), *range(len(raw) - 200, len(raw))]
    assert changed_bytes(raw, key, edges + chance.sample(range(len(raw)), 300), chance).total()


@pytest.mark.soak
def test_any_changed_byte_is_refused(made: tuple[bytes, str, World]) -> None:
    raw, key, _ = made
    changed_bytes(raw, key, list(range(len(raw))), Random(SEED))


def test_a_cut_or_longer_file_is_refused(made: tuple[bytes, str, World]) -> None:
    raw, key, _ = made
    for bent in (b"", b"x", raw[:100], raw[:-1], raw + b"x", b"x" + raw):
        refused(bent, key)


Bend = Callable[[dict[str, Any]], None]


def rebuilt(raw: bytes, bend: Bend) -> bytes:
    """The same bundle with its content changed by somebody who writes a good file again."""
    content, protocol = bundle.unpack(raw)
    told = json.loads(content)
    bend(told)
    again = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return bundle.pack(again.encode(), protocol)


def own_run(told: dict[str, Any]) -> Any:
    return max((run for run in told["runs"] if run["stream"].startswith("plan/")), key=len_of)


def len_of(run: Any) -> int:
    return len(run["events"])


@pytest.mark.parametrize(
    ("bend", "named"),
    [
        (lambda told: told.update(runs=[]), "nothing was checked"),
        (lambda told: own_run(told)["events"].pop(2), "event 3 of plan/"),
        (lambda told: own_run(told)["events"].pop(0), "event 2 of plan/"),
        (
            lambda told: own_run(told)["events"].insert(1, own_run(told)["events"][0]),
            "event 2 of plan/",
        ),
        (lambda told: own_run(told)["events"][1].update(position=0), "event 2 of plan/"),
        (lambda told: own_run(told)["events"][1]["values"].pop(), "event 2 of plan/"),
        (lambda told: own_run(told)["events"][1]["proof"].pop(), "event 2 of plan/"),
        (lambda told: own_run(told)["events"][1]["proof"].append("AA=="), "event 2 of plan/"),
        (lambda told: own_run(told)["events"][1].update(tree=7), "event 2 of plan/"),
    ],
)
def test_a_file_written_again_is_refused_at_its_event(
    made: tuple[bytes, str, World], bend: Bend, named: str
) -> None:
    ours, theirs = refused(rebuilt(made[0], bend), made[1])
    assert named in ours.replace("Event", "event")
    assert named in theirs


def test_another_protocol_is_refused(made: tuple[bytes, str, World]) -> None:
    content, protocol = bundle.unpack(made[0])
    ours, theirs = refused(bundle.pack(content, protocol + b"\n"), made[1])
    assert "protocol" in ours
    assert "protocol" in theirs


def test_a_wholly_forged_bundle_is_refused_under_the_key_alone(
    made: tuple[bytes, str, World],
) -> None:
    """Who has the database makes a bundle that is whole; only who pins the key sees it."""
    raw, key, world = made
    seed = note.encode(Random(SEED).randbytes(32))
    site = world.site
    forging = replace(
        site, settings=site.settings.model_copy(update={"ledger_key": SecretStr(seed)})
    )
    other = str(keys.signer(forging).key)

    def forge(told: dict[str, Any]) -> None:
        told["key"] = other
        texts = [one.rpartition("\n\n")[0] + "\n" for one in told["trees"]]
        told["trees"] = [f"{text}\n{keys.signer(forging).sign(text)}" for text in texts]

    forged = rebuilt(raw, forge)
    assert not verify(forged).pinned
    ours, theirs = refused(forged, key)
    assert other in ours
    assert other in theirs
    assert verify(forged, other).pinned
    with pytest.raises(Refusal) as told:
        evidence.check(evidence.read(bundle.unpack(raw)[0]), bundle.unpack(raw)[1], "x")
    assert told.value.code == "vkey_malformed"


def test_the_second_checker_is_short_and_stands_alone() -> None:
    text = SCRIPT.read_text("utf-8")
    assert len(text.splitlines()) < 150
    assert "import planflow" not in text
    assert "from planflow" not in text
