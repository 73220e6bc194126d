"""The ledger over HTTP: checkpoints, tiles and receipts prove themselves with the site's key alone."""

from __future__ import annotations

import base64
import time
from typing import Any

from planflow.exchange import bundle
from planflow.ledger import checkpoint, evidence, merkle, note, proofs, tiles
from planflow.ledger.tiles import Nodes, Tile
from tests.api.conftest import RONGAN, World

PATIENCE = 30.0


def receipt(world: World, event: str) -> dict[str, Any]:
    """An event's receipt, as soon as a checkpoint covers it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = world.get("rongan", f"/ledger/events/{event}/proof")
        if answer.status_code == 200:
            told: dict[str, Any] = answer.json()
            return told
        assert (answer.status_code, answer.json()["code"]) == (409, "receipt_pending")
        assert answer.headers["Retry-After"] == "1"
        time.sleep(0.05)
    raise AssertionError("no checkpoint")


def test_an_acts_event_has_a_receipt(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    act = world.act("rongan", cycle, "450224", "submit").json()
    told = receipt(world, act["event"])
    key = note.read_key(world.get("rongan", "/ledger/key").text)
    leaf = base64.b64decode(told["leaf"])
    head = checkpoint.check_receipt(told["receipt"], leaf, key)
    assert (head.log, told["epoch"]) == (told["log"], 1)
    assert head.log == f"{key.name}/cycle/{cycle}"
    assert act["event"].encode() in leaf
    for who in ("rongshui", "system"):
        answer = world.get(who, f"/ledger/events/{act['event']}/proof")
        assert answer.status_code == 404
    assert world.get(None, f"/ledger/events/{act['event']}/proof").status_code == 401


def test_a_log_is_checked_from_its_tiles(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    receipt(world, world.act("rongan", cycle, "450224", "submit").json()["event"])
    key = note.read_key(world.get("auditor", "/ledger/key").text)
    for log in ("site", cycle, f"cycle/{cycle}"):
        answer = world.get("auditor", "/ledger/checkpoint", params={"log": log})
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        head = checkpoint.read_checkpoint(answer.text, key)

        def fetch(tile: Tile, log: str = log) -> bytes:
            got = world.get("auditor", f"/ledger/tile/{tile.path}", params={"log": log})
            assert got.status_code == 200, got.text
            assert got.headers["Content-Type"] == "application/octet-stream"
            return got.content

        assert proofs.tree_root(head.size, Nodes(head.size, fetch)) == head.root
        leaves = tiles.leaves_of(fetch(tiles.tile_of(tiles.ENTRIES, 0, head.size)))
        assert merkle.root([merkle.leaf_hash(leaf) for leaf in leaves]) == head.root


def test_leaves_of_a_cycle_are_for_those_who_see_all_its_plans(world: World, cycle: str) -> None:
    """They tell who acted when in which plan; hashes tell nothing, and are all that a witness needs."""
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    receipt(world, world.act("rongan", cycle, "450224", "submit").json()["event"])
    own = {"log": cycle}
    for who, found in (("rongan", 404), ("rongshui", 404), ("auditor", 200)):
        assert world.get(who, "/ledger/tile/entries/000.p/2", params=own).status_code == found
        assert world.get(who, "/ledger/tile/entries/000.p/1", params=own).status_code == found
        assert world.get(who, "/ledger/tile/0/000.p/2", params=own).status_code == 200
        assert (
            world.get(who, "/ledger/tile/entries/000.p/1", params={"log": "site"}).status_code
            == 200
        )


def test_what_is_not_there_is_not_found(world: World, cycle: str) -> None:
    for path in (
        "checkpoint?log=none",
        "checkpoint?epoch=2",
        f"tile/0/999?log={cycle}",
        "tile/x",
        "tile/0/000.p/255",
        "events/none/proof",
    ):
        answer = world.get("auditor", f"/ledger/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert world.get("system", f"/ledger/checkpoint?log={cycle}").status_code == 404
    assert world.get("auditor", "/ledger/checkpoint?epoch=x").status_code == 422
    assert world.get(None, "/ledger/key").status_code == 401


def test_bundles_are_files_that_prove_themselves(world: World, cycle: str) -> None:
    world.act("rongan", cycle, "450224", "draft", {"figures": RONGAN})
    receipt(world, world.act("rongan", cycle, "450224", "submit").json()["event"])
    vkey = world.get("rongan", "/ledger/key").text
    for path in ("plans/450224/bundle", "rounds/up1/bundle", "rounds/up1/bundle?unit=450224"):
        answer = world.get("rongan", f"/cycles/{cycle}/{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
        content, protocol = bundle.unpack(answer.content)
        done = evidence.check(evidence.read(content), protocol, vkey)
        bundle.whole(answer.content, content, protocol)
        assert done.pinned
        assert done.events >= 3
    for who, path in (
        ("rongshui", "plans/450224/bundle"),
        ("system", "rounds/up1/bundle"),
        ("rongan", "rounds/up1/bundle?unit=450225"),
    ):
        assert world.get(who, f"/cycles/{cycle}/{path}").status_code == 404
    assert world.get("rongan", f"/cycles/{cycle}/rounds/none/bundle").status_code == 422
    assert world.get(None, f"/cycles/{cycle}/plans/450224/bundle").status_code == 401
