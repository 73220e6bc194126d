"""§4: a protocol is data, checked by models, and every fault names its line."""

import hashlib

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planflow.errors import Refusal
from planflow.protocol.loader import MOST_FINDINGS, bundled, digest, find, load
from planflow.protocol.source import DEEPEST, LARGEST_FILE
from tests.unit.protocol.spoilt import TEXT, findings, only, spoil

HEAD = "version: 1\n"


@pytest.mark.parametrize("name", sorted(bundled()))
def test_bundled_protocols_are_sound(name: str) -> None:
    assert load(find(name)).name == name


def test_bytes_and_a_byte_order_mark_are_read() -> None:
    assert load(b"\xef\xbb\xbf" + TEXT.encode()) == load(TEXT)


def test_windows_line_ends_are_read_and_counted() -> None:
    text = spoil(("kind: adjust", "kind: adjusted # here")).replace("\n", "\r\n")
    assert only(text).code == "unknown_choice"


def test_the_digest_is_that_of_the_exact_bytes() -> None:
    raw = TEXT.encode()
    assert digest(TEXT) == digest(raw) == hashlib.sha256(raw).hexdigest()
    assert digest(TEXT + "\n") != digest(TEXT)


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(Refusal) as caught:
        find("no-such-plan")
    assert caught.value.code == "not_found"
    assert caught.value.params == {"kind": "protocol", "name": "no-such-plan"}


# The text itself


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "empty_file", 1),
        ("# only a comment\n", "empty_file", 2),
        ("---\n~\n", "empty_file", 2),
        (TEXT.encode("gb18030"), "not_utf8", 5),
        (TEXT.encode("utf-16"), "not_utf8", 1),
        ("a: 1\nb: \ud800\n", "not_utf8", 2),
        ("#" * (LARGEST_FILE + 1), "too_large", 1),
        ("a: 1\nb: \x00\n", "bad_character", 2),
        ("a: [1\nb: 2\n", "malformed_yaml", 2),
        ("a: 1\n\tb: 2\n", "malformed_yaml", 2),
        ('a: 1\nb: "\\UFFFFFFFF"\n', "malformed_yaml", 2),
        ("a: 1\n" + "b: " + "[" * DEEPEST, "too_deep", 2),
        ("a: 1\n" + "{" * 200_000, "malformed_yaml", 2),
        ("- 1\n---\n- 2\n", "several_documents", 2),
        ("- 1\n", "not_mapping", 1),
        ("word\n", "not_mapping", 1),
    ],
)
def test_a_text_that_is_no_protocol(text: str | bytes, code: str, line: int) -> None:
    found = findings(text)
    assert [(one.code, one.params["line"], one.where) for one in found] == [
        (code, line, f"line {line}")
    ]


def test_the_largest_file_is_still_read() -> None:
    text = TEXT + "#" * (LARGEST_FILE - len(TEXT.encode()))
    assert load(text).version == 1


def test_a_second_document_is_refused_where_it_begins() -> None:
    assert only(f"{TEXT}--- # here\na: 1\n").code == "several_documents"


@pytest.mark.parametrize(
    ("new", "code", "params"),
    [
        ("version: &one 1 # here\n", "anchor_refused", {"field": "version"}),
        ("version: !!int 1 # here\n", "tag_refused", {"field": "version"}),
        ("version: !!python/name:os.system 1 # here\n", "tag_refused", {}),
        ("version: ! 1 # here\n", "tag_refused", {}),
        ("version: 1\nversion: 2 # here\n", "duplicate_key", {"field": "version", "first": 4}),
        ("version: 99999999999999999 # here\n", "out_of_range", {"field": "version"}),
        (f"version: {'9' * 5000} # here\n", "out_of_range", {"field": "version"}),
        ('version: 1\nnote: {zh: "\\a", en: a} # here\n', "bad_character", {"field": "note.zh"}),
        ("version: 1\n7: seven # here\n", "key_not_text", {"field": "?"}),
        ("version: 1\n? [a, b] # here\n: 1\n", "key_not_text", {"field": "?"}),
        ("version: 1\ntrue: a # here\n", "key_not_text", {}),
    ],
)
def test_what_yaml_may_not_say_here(new: str, code: str, params: dict[str, object]) -> None:
    found = only(spoil((HEAD, new)))
    assert found.code == code
    assert params.items() <= found.params.items()


def test_an_alias_is_refused_beside_its_anchor() -> None:
    text = spoil((HEAD, "version: &one 1\nnote: *one\n"))
    assert [(one.code, one.params["line"]) for one in findings(text)] == [
        ("anchor_refused", 4),
        ("alias_refused", 5),
    ]


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "2019-07-12", "1_000", "1:30"])
def test_words_are_texts(word: str) -> None:
    """YAML 1.1 would make truths, dates and numbers of these."""
    assert load(spoil(("en: Poverty exit plan", f"en: {word}"))).title.en == word
    found = only(spoil(("    binding: true", f"    binding: {word} # here")))
    assert (found.code, found.params["field"]) == ("not_boolean", "rounds.3.binding")


@pytest.mark.parametrize("word", ["true", "True", "TRUE"])
def test_only_true_is_true(word: str) -> None:
    assert load(spoil(("    binding: true", f"    binding: {word}"))).rounds[3].binding is True


@pytest.mark.parametrize(("word", "number"), [("7", 7), ("0o17", 15), ("0x1F", 31), ("+7", 7)])
def test_whole_numbers_are_read_by_the_core_rules(word: str, number: int) -> None:
    assert load(spoil((HEAD, f"version: {word}\n"))).version == number


# The models

TITLE = "en: Poverty exit plan}"
COUNTED_TWICE = "en: Counted twice}, purposes: [settle, reconcile]}"
VILLAGES = "    required_in: [up1, down1, up2, down2]\n    roster: {kind: villages"
FIRST_ACT = "    kind: up\n    acts:\n      village: {zh: 村级商议, en: Village deliberation}\n"


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        (HEAD, "version: '1' # here\n", "not_whole", "version"),
        (HEAD, "version: 1.5 # here\n", "not_whole", "version"),
        (HEAD, "version: .inf # here\n", "not_whole", "version"),
        (HEAD, "version: true # here\n", "not_whole", "version"),
        (HEAD, "version: ~ # here\n", "not_whole", "version"),
        (HEAD, "version: 0 # here\n", "out_of_range", "version"),
        (HEAD, "version: 1\nnote: text # here\n", "not_mapping", "note"),
        (TITLE, "en: 7} # here", "not_text", "title.en"),
        (TITLE, "en: ''} # here", "empty", "title.en"),
        (TITLE, f"en: {'a' * 201}}} # here", "too_long", "title.en"),
        (f", {TITLE}", "} # here", "missing", "title.en"),
        ("name: exit-plan", "name: Exit plan # here", "bad_name", "name"),
        ("measure: sum(members)}", "measure: total} # here", "bad_measure", ""),
        (VILLAGES, VILLAGES.replace("[up1, down1, up2, down2]", "up1 # here"), "not_list", ""),
        (COUNTED_TWICE, "en: Counted twice}, purposes: []} # here", "too_few", ""),
        (FIRST_ACT, FIRST_ACT.replace("village:", "Village: # here\n       "), "bad_name", ""),
        ("    maximum: 1\n", "    maximum: many # here\n", "not_whole", "indicators.2.maximum"),
        ("    maximum: 1\n", "    scale: 7 # here\n", "out_of_range", "indicators.2.scale"),
        ("markup: forbid", "markup: allowed # here", "unknown_choice", "markup"),
    ],
)
def test_what_the_models_refuse(old: str, new: str, code: str, field: str) -> None:
    found = only(spoil((old, new)))
    assert found.code == code
    assert not field or found.params["field"] == field


def test_an_indicator_without_rollup_has_a_code_of_its_own() -> None:
    found = only(
        spoil(
            ("  - name: county_exit\n", "  - name: county_exit # here\n"),
            ("    rollup: sum\n    entry_level", "    entry_level"),
        )
    )
    assert found.code == "indicator_without_rollup"
    assert found.params["field"] == "indicators.2.rollup"


@pytest.mark.parametrize(
    ("old", "new", "field", "suggestion"),
    [
        ("markup: forbid", "markup: forbid\nmarkups: 1 # here", "markups", "markup"),
        ("    base: down2", "    base: down2\n    basis: 1 # here", "rounds.4.basis", "base"),
        (
            "persons: {percent: 5, absolute: 50}",
            "persons: {percent: 5, absolute: 50, percents: 1} # here",
            "rounds.4.bounds.indicators.persons.percents",
            "percent",
        ),
        (TITLE, "en: Poverty exit plan, zzz: 1} # here", "title.zzz", ""),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_known(
    old: str, new: str, field: str, suggestion: str
) -> None:
    found = only(spoil((old, new)))
    assert found.code == ("misspelt_field" if suggestion else "unknown_field")
    assert (found.params["field"], found.params["suggestion"]) == (field, suggestion)
    assert suggestion in ("", *found.params["known"].split(", "))


def test_an_unknown_choice_is_named_with_the_known_ones() -> None:
    found = only(spoil(("kind: adjust", "kind: adjusted # here")))
    assert found.params["name"] == "adjusted"
    assert found.params["suggestion"] == "adjust"
    assert found.params["known"] == "up, down, adjust, decision"


def test_all_faults_are_told_in_the_order_of_their_lines() -> None:
    text = spoil(
        (HEAD, "version: one\n"),
        ("    binding: true", "    binding: 1\n    colour: red"),
        ("markup: forbid", "markup: forbid\nmarkup: allow"),
        ("    maximum: 1\n", "    maximum: !!int 1\n"),
    )
    found = findings(text)
    assert [one.code for one in found] == [
        "not_whole",
        "tag_refused",
        "not_boolean",
        "unknown_field",
        "duplicate_key",
    ]
    lines = [one.params["line"] for one in found]
    assert lines == sorted(lines)


def test_lint_also_speaks_beside_faults_of_the_text() -> None:
    text = spoil((TITLE, f"{TITLE[:3]} !!str a}}"), ("    base: down2", "    base: down9"))
    assert [one.code for one in findings(text)] == ["tag_refused", "unknown_round"]


def test_a_file_of_nothing_but_mistakes_is_counted_and_cut() -> None:
    with pytest.raises(Refusal) as caught:
        load(TEXT + "".join(f"wrong{number}: 1\n" for number in range(2 * MOST_FINDINGS)))
    assert caught.value.params == {"count": 2 * MOST_FINDINGS}
    assert len(caught.value.findings) == MOST_FINDINGS


def test_long_names_are_cut_in_findings() -> None:
    found = only(spoil((HEAD, f"version: 1\n{'a' * 900}: 1 # here\n")))
    assert len(found.params["field"]) < 100


def test_many_unknown_names_are_told_quickly() -> None:
    names = ", ".join(f"n{number}" for number in range(30_000))
    text = spoil(("    base: down2", f"    levels: [{names}]\n    base: down2"))
    assert {one.code for one in findings(text)} == {"unknown_level"}


# Whatever the text is, the answer is a protocol or a refusal

CORPUS = st.text(alphabet=" \n\t:-?{}[]&*!|>'\"#%\\1~,a.")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.text() | st.binary() | CORPUS)
def test_any_text_is_answered(text: str | bytes) -> None:
    assert findings(text)


@settings(deadline=None)
@given(PLAIN)
def test_any_yaml_is_answered(plain: object) -> None:
    assert findings(yaml.safe_dump(plain, allow_unicode=True))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50, deadline=None)
@given(st.data())
def test_any_part_of_a_protocol_may_be_anything(data: st.DataObject) -> None:
    """A value somewhere in the bundled file is replaced by any other."""
    whole = yaml.safe_load(TEXT)
    at = whole
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(PLAIN | st.sampled_from(["down1", "county", [], {}]))
    findings(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
