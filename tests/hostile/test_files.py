"""Hostile files: lists of units, past years and protocols; and what is taken along is safe to open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from planflow.errors import Refusal
from planflow.exchange import export
from planflow.protocol import loader
from planflow.services import keys
from planflow.services.past import import_history
from planflow.services.protocols import check_protocol
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from planflow.services.units import import_units
from tests.api.conftest import UNITS, settings
from tests.world import difference, snapshot

HEAD = b"code,name,level,parent\n"
PAST = b"unit,year,indicator,plan,outcome\n"
SOUND = loader.find("exit-plan")


@dataclass(frozen=True)
class Bad:
    """A file and the code of the first thing that is wrong with it."""

    name: str
    data: bytes
    found: str


def laughs() -> bytes:
    """A billion laughs."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines).encode()


UNIT_FILES = (
    Bad("empty", b"", "empty_file"),
    Bad("blank", b"\n\n \n", "empty_file"),
    Bad("a header alone", HEAD, "empty_file"),
    Bad("no header", b"450200,x,city,\n", "unknown_column"),
    Bad("a column twice", b"code,code,name,level,parent\n", "duplicate_column"),
    Bad("a new workbook", b"PK\x03\x04\x14\0" + b"x" * 50, "no_table"),
    Bad("an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1" + b"x" * 50, "no_table"),
    Bad("compressed", b"\x1f\x8b\x08" + HEAD, "no_table"),
    Bad("a page", b"%PDF-1.7\n" + HEAD, "no_table"),
    Bad("a program", b"\x7fELF" + HEAD, "no_table"),
    Bad("UTF-16", (HEAD + b"1,x,city,\n").decode().encode("utf-16"), "broken_encoding"),
    Bad("a zero", HEAD + b"1,x\0y,city,\n", "broken_encoding"),
    Bad("bytes of nothing", HEAD + b"1,\xff\xfe,city,\n", "broken_encoding"),
    Bad("a quote left open", HEAD + b'1,"x,city,\n2,y,city,\n', "malformed_quote"),
    Bad("a cell without end", HEAD + b"1," + b"x" * 200_000 + b",city,\n", "too_long"),
    Bad("columns without end", b"code,name,level,parent" + b"," * 50_000 + b"\n", "unknown_column"),
    Bad("cells without end", HEAD + b"," * 100_000 + b"x\n", "row_shape"),
    Bad("a formula for a code", HEAD + b"=1+1,x,city,\n", "bad_name"),
    Bad("a path for a code", HEAD + b"../x,x,city,\n", "bad_name"),
    Bad("full width for a code", HEAD + "４５,x,city,\n".encode(), "bad_name"),
    Bad("right to left in a name", HEAD + "1,\u202e柳州,city,\n".encode(), "bad_text"),
    Bad("no width in a name", HEAD + "1,柳\u200b州,city,\n".encode(), "bad_text"),
    Bad("an isolate in a name", HEAD + "1,\u2066柳州,city,\n".encode(), "bad_text"),
    Bad("an escape in a name", HEAD + b"1,\x1b[31mx,city,\n", "bad_text"),
    Bad("a name too long", HEAD + b"1," + b"x" * 300 + b",city,\n", "too_long"),
    Bad("above itself", HEAD + b"1,x,city,1\n", "unit_cycle"),
    Bad("in a circle of many", HEAD + b"".join(b"u%d,x,city,u%d\n" % (n, (n + 1) % 5000) for n in range(5000)), "unit_cycle"),
    Bad("nothing but faults", HEAD + b"?,,,\n" * 50_000, "bad_name"),
)  # fmt: skip
PAST_FILES = (
    Bad("a power", PAST + b"450224,2019,persons,1e9,1\n", "not_whole"),
    Bad("not a number", PAST + b"450224,2019,persons,NaN,1\n", "not_whole"),
    Bad("a formula", PAST + b"450224,2019,persons,=1+1,1\n", "not_whole"),
    Bad(
        "a number without end", PAST + b"450224,2019,persons," + b"9" * 5000 + b",1\n", "not_whole"
    ),
    Bad("beyond 2^53", PAST + b"450224,2019,persons,9007199254740993,1\n", "out_of_range"),
    Bad("digits of another script", PAST + "450224,２０１９,persons,1,1\n".encode(), "bad_year"),
    Bad("an indicator of the machine", PAST + b"450224,2019,__class__,1,1\n", "unknown_indicator"),
    Bad("somebody else's unit", PAST + b"'; --,2019,persons,1,1\n", "unknown_unit"),
)
PROTOCOLS = (
    Bad("a billion laughs", laughs(), "anchor_refused"),
    Bad("a tag of python", b"!!python/object/apply:os.system [id]", "tag_refused"),
    Bad("a tag of its own", b"name: !x y", "tag_refused"),
    Bad("an alias of itself", b"&a [*a]", "anchor_refused"),
    Bad("a merge", b"a: &x {b: c}\nd:\n  <<: *x\n", "anchor_refused"),
    Bad("two documents", SOUND.encode() + b"\n---\n" + SOUND.encode(), "several_documents"),
    Bad("too deep", b"[" * 5000, "too_deep"),
    Bad("too deep by indents", "\n".join(" " * n + "a:" for n in range(200)).encode(), "too_deep"),
    Bad("too large", b"#" * (1 << 20), "too_large"),
    Bad("no text", b"\xff\xfe\x00", "not_utf8"),
    Bad("a zero", b"name: a\0b", "bad_character"),
    Bad("right to left", b'name: "\\u202ex"', "bad_character"),
    Bad("no width", b'name: "a\\u200bb"', "bad_character"),
    Bad("half a character", b'name: "\\ud800"', "bad_character"),
    Bad("a character that is none", b'name: "\\UFFFFFFFF"', "malformed_yaml"),
    Bad("a number of a million digits", b"name: 1" + b"0" * 100_000, "out_of_range"),
    Bad("a key twice", SOUND.encode() + b"\nname: x\n", "duplicate_key"),
    Bad("a list as a key", b"? [a]\n: b\n", "key_not_text"),
    Bad("a workbook", b"PK\x03\x04\xff\xff", "not_utf8"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(settings(tmp_path_factory.mktemp("files")), migrate=True)
    keys.ready(opened)
    import_units(opened, UNITS.encode())
    Sequencer.of(opened).advance()
    yield opened
    opened.close()


def first(refusal: Refusal) -> str:
    return refusal.findings[0].code


@pytest.mark.parametrize("bad", UNIT_FILES, ids=lambda bad: bad.name)
def test_a_list_of_units_that_is_none_imports_nothing(site: Site, bad: Bad) -> None:
    before = snapshot(site)
    with pytest.raises(Refusal) as refused:
        import_units(site, bad.data)
    assert (refused.value.code, first(refused.value)) == ("units_invalid", bad.found)
    assert len(refused.value.findings) <= 100
    assert difference(before, snapshot(site)) == {}


@pytest.mark.parametrize("bad", PAST_FILES, ids=lambda bad: bad.name)
def test_past_years_that_are_none_import_nothing(site: Site, bad: Bad) -> None:
    before = snapshot(site)
    with pytest.raises(Refusal) as refused:
        import_history(site, bad.data)
    assert (refused.value.code, first(refused.value)) == ("history_invalid", bad.found)
    assert difference(before, snapshot(site)) == {}


@pytest.mark.parametrize("bad", PROTOCOLS, ids=lambda bad: bad.name)
def test_a_protocol_that_is_none_is_given_up_early(bad: Bad) -> None:
    with pytest.raises(Refusal) as refused:
        check_protocol(bad.data)
    assert refused.value.code == "protocol_invalid"
    assert bad.found in {one.code for one in refused.value.findings}
    assert len(refused.value.findings) <= loader.MOST_FINDINGS


def test_the_limit_of_a_file_is_the_sites(site: Site) -> None:
    from dataclasses import replace

    small = replace(site, settings=site.settings.model_copy(update={"file_limit": 1}))
    before = snapshot(site)
    for act in (import_units, import_history):
        with pytest.raises(Refusal) as refused:
            act(small, HEAD + b"1,x,city,\n" * 150_000)
        assert [one.code for one in refused.value.findings] == ["too_large"]
        assert refused.value.findings[0].params == {"limit": "1 MiB"}
    assert difference(before, snapshot(site)) == {}


FORMULAS = (
    '=HYPERLINK("http://x","y")', "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1",
    "=cmd|' /C calc'!A0", "＝1+1", "＋1", "－1", "＠x", "\u3000=1", "\u00a0=1", "x;=1+1", "x\t=1", "x\r\n=1",
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_taken_along_is_a_formula(text: str, delimiter: str) -> None:
    data = export.as_csv(["a", "b"], [{"a": text, "b": [text, "x"]}]).decode("utf-8-sig")
    for row in list(csv.reader(io.StringIO(data, newline=""), delimiter=delimiter))[1:]:
        for cell in row:
            # A spreadsheet told to part at another sign still finds no cell that begins like one.
            assert cell.lstrip().strip('"')[:1] not in set("=+-@＝＋－＠"), cell
