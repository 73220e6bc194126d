"""§4: protocols of a site's folder beside the bundled ones; a wrong file stops the site from opening."""

from __future__ import annotations

from pathlib import Path

import pytest

from planflow.errors import Fault
from planflow.protocol.loader import bundled, digest, load
from planflow.protocol.shelf import shelf
from planflow.services.protocols import get_protocol
from planflow.services.site import open_site
from tests.databases import settings

FOREIGN = Path(__file__).parents[2] / "data/protocols"


def test_bundled_protocols_are_filed_under_their_own_names() -> None:
    assert {load(text).name: text for text in bundled().values()} == bundled()
    assert list(bundled()) == ["department-budget", "exit-plan"]


def test_without_a_folder_there_are_the_bundled_ones() -> None:
    assert shelf(None) == bundled()


def test_a_folder_adds_its_files_word_for_word() -> None:
    found = shelf(FOREIGN)
    assert set(found) == {*bundled(), "group-targets", "land-quota"}
    for file in FOREIGN.iterdir():
        assert digest(found[file.stem]) == digest(file.read_bytes())


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no protocol")
    assert shelf(tmp_path) == bundled()


def fault(folder: Path) -> Fault:
    with pytest.raises(Fault) as raised:
        shelf(folder)
    return raised.value


def test_a_wrong_file_is_named_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("name: own\nversion: one\n")
    found = fault(tmp_path)
    assert found.code == "protocol_unusable"
    assert found.params == {"path": str(file), "count": len(found.findings)}
    assert "not_whole" in [one.code for one in found.findings]
    assert all(one.params["line"] for one in found.findings)


@pytest.mark.parametrize("names", [("exit-plan",), ("land-quota", "land-quota")])
def test_two_protocols_cannot_have_one_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    text = (FOREIGN / "land-quota.yaml").read_text("utf-8")
    for place, name in enumerate(names):
        own = text.replace("name: land-quota", f"name: {name}")
        (tmp_path / f"{place}.yaml").write_text(own, "utf-8")
    found = fault(tmp_path)
    assert found.code == "protocol_name_taken"
    assert found.params["name"] == names[0]
    assert found.params["path"] == str(tmp_path / f"{len(names) - 1}.yaml")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path / "none")
    assert found.code == "protocols_unreadable"
    assert found.params["path"] == str(tmp_path / "none")
    (tmp_path / "folder.yaml").mkdir()
    assert fault(tmp_path).params["path"] == str(tmp_path / "folder.yaml")


def test_a_protocol_of_the_folder_is_drawn_without_a_database() -> None:
    diagram = get_protocol(shelf(FOREIGN), "group-targets", "en").diagram
    assert "board --> rebid : rejected" in diagram
    assert "board_awaiting --> board_presented : present" in diagram
    assert "Counter-offer" in diagram
    assert "审定" in get_protocol(shelf(FOREIGN), "group-targets", "zh").diagram


def test_a_site_with_a_wrong_file_does_not_open(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\n")
    place = settings(f"sqlite:///{tmp_path / 'planflow.db'}", protocols=tmp_path)
    with pytest.raises(Fault) as raised:
        open_site(place)
    assert raised.value.code == "protocol_unusable"
    assert not (tmp_path / "planflow.db").exists()
