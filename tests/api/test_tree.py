"""N1 over HTTP: the tree of a cycle changed by an act with a document number, and read at any time."""

from __future__ import annotations

from tests.api.conftest import World

RENAME = {"rename": {"unit": "450225", "name": "融水县"}}
BODY = {"document_no": "桂民复〔2019〕12号", "changes": [RENAME]}


def names(world: World, who: str, path: str) -> dict[str, str]:
    """Names by code, page by page."""
    found: dict[str, str] = {}
    cursor = ""
    while True:
        page = world.get(who, f"{path}{cursor}").json()
        found |= {one["unit"]: one["name"] for one in page["items"]}
        if page["next"] is None:
            return found
        joint = "&" if "?" in path else "?"
        cursor = f"{joint}cursor={page['next']}"


def test_a_tree_is_changed_and_read_over_http(world: World) -> None:
    cycle = world.new_cycle()
    path = f"/cycles/{cycle}/tree"
    before = world.get("city", f"/cycles/{cycle}").json()
    made = world.ask("city", "POST", path, json=BODY)
    assert made.status_code == 200, made.text
    assert (made.json()["tree"], made.json()["version"]) == (2, 2)
    assert made.json()["event"]
    assert made.json()["chain"]
    assert before["tree"] == 1
    now = names(world, "city", path + "?limit=2")
    assert now["450225"] == "融水县"
    assert len(now) == 4
    assert names(world, "rongshui", path) == {"450225": "融水县"}
    old = world.get("city", path + "?as_of=2001-01-01T00:00:00Z").json()
    assert old == {"items": [], "next": None}
    assert world.get("city", path + "?as_of=monday").status_code == 422


def test_refusals_stand_in_the_contracts_order(world: World, cycle: str) -> None:
    path = f"/cycles/{cycle}/tree"
    assert world.ask(None, "POST", path, json=BODY).status_code == 401
    assert world.ask("city", "POST", "/cycles/none/tree", json=BODY).status_code == 404
    assert world.ask("clerk", "POST", path, json={}).status_code == 403
    lacking = world.ask("city", "POST", path, json={"changes": [RENAME]})
    assert lacking.status_code == 422
    assert [(one["code"], one["field"]) for one in lacking.json()["errors"]] == [
        ("missing", "document_no")
    ]
    heirs = [{"unit": "450202", "weight": 1}, {"unit": "450299", "weight": 1}]
    body = {**BODY, "changes": [{"split": {"unit": "450224", "into": heirs}}]}
    wrong = world.ask("city", "POST", path, json=body).json()
    assert [(one["code"], one["field"]) for one in wrong["errors"]] == [
        ("unit_in_tree", "changes.0.split.into.0.unit"),
        ("unknown_unit", "changes.0.split.into.1.unit"),
    ]
