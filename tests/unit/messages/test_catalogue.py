"""F11: every code that reaches a person has a sentence in both languages, which names what was passed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, get_args

import pytest

from planflow.access.table import ACTS, ROLES
from planflow.engine.machine import MOVES, SETTLED, START_OF_KIND, WAITING
from planflow.errors import Terms
from planflow.messages.catalogue import (
    GROUP,
    LANGUAGES,
    TITLED,
    catalogue,
    placeholders,
    sentence,
    title,
)
from planflow.protocol.models import Purpose
from planflow_api.errors import STATUS
from tests.unit.messages.raised import codes, params_of, raised

OURS = (
    "refusals",
    "guards",
    "warnings",
    "faults",
    "protocol",
    "units",
    "history",
    "ledger",
    "shell",
)
WORDS = TITLED - {"field", "column"}  # a field is a name of the contract, and may have a title
BOTH = pytest.mark.parametrize("lang", LANGUAGES)


def sections(lang: str) -> dict[str, dict[str, Any]]:
    text = resources.files("planflow.messages").joinpath(f"{lang}.toml").read_text("utf-8")
    return tomllib.loads(text)


def ours(lang: str) -> dict[str, str]:
    return {code: text for part in OURS for code, text in sections(lang)[part].items()}


def leaves(entries: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, entry in entries.items():
        if isinstance(entry, dict):
            yield from leaves(entry, f"{above}{name}.")
        else:
            yield above + name


def grouped(template: str) -> set[str]:
    return {name for part in GROUP.findall(template) for name in placeholders(part)}


# Codes and sentences


def test_the_collection_finds_codes_of_every_form() -> None:
    wanted = {"sums_exact", "not_found", "disk_full", "not_whole", "orphan_unit", "units_invalid"}
    wanted |= {"unknown_level", "duplicate_level", "misspelt_field", "bad_measure", "alias_refused"}
    wanted |= {"role_needs_unit", "too_large", "internal", "base_missing", "wrong_shape"}
    assert wanted <= codes()


@BOTH
def test_every_code_has_a_sentence(lang: str) -> None:
    assert codes() | set(STATUS) <= set(ours(lang))


@BOTH
def test_every_sentence_has_a_use(lang: str) -> None:
    assert set(ours(lang)) <= codes()


@BOTH
def test_a_code_stands_in_one_section(lang: str) -> None:
    flat = [code for name, part in sections(lang).items() for code in leaves(part, f"{name}.")]
    known = set(catalogue(lang))
    assert len(flat) == len(known)


def test_both_languages_have_the_same_entries() -> None:
    assert list(leaves(sections("zh"))) == list(leaves(sections("en")))


@pytest.mark.parametrize("code", sorted(catalogue("zh")))
def test_both_languages_name_the_same_parameters(code: str) -> None:
    zh, en = (catalogue(lang)[code] for lang in ("zh", "en"))
    assert placeholders(zh) == placeholders(en)
    assert grouped(zh) == grouped(en)


@BOTH
@pytest.mark.parametrize("code", sorted(codes()))
def test_a_sentence_names_only_what_is_passed(code: str, lang: str) -> None:
    template = catalogue(lang)[code]
    always, sometimes = params_of(code)
    assert placeholders(GROUP.sub("", template)) <= always
    assert grouped(template) <= sometimes


@pytest.mark.parametrize("code", sorted(codes()))
def test_a_figure_that_is_off_is_named_with_what_it_should_be(code: str) -> None:
    always, _ = params_of(code)
    named = always & {"expected", "got", "difference", "unit", "indicator", "limit", "minimum"}
    assert named <= placeholders(catalogue("zh")[code])


# Words of ours


@BOTH
def test_a_word_that_a_refusal_names_has_a_title(lang: str) -> None:
    words = [(of, word) for one in raised() for of, word in one.literals.items() if of in WORDS]
    assert words
    assert [(of, word) for of, word in words if f"titles.{of}.{word}" not in catalogue(lang)] == []


@BOTH
def test_every_stage_action_role_and_purpose_has_a_title(lang: str) -> None:
    stages = {WAITING, SETTLED, *START_OF_KIND.values(), "open", "closed"}
    stages |= {target for moves in MOVES.values() for _, _, target in moves}
    stages |= {"fulfilled", "waived", "passed_on"}
    words = {"state": stages, "action": set(ACTS) | {"open", "close", "open_cycle"}}
    words |= {"role": set(ROLES), "purpose": set(get_args(Purpose))}
    known = catalogue(lang)
    assert [w for of, many in words.items() for w in many if f"titles.{of}.{w}" not in known] == []


def test_titles() -> None:
    assert title("submitted", "zh") == "已上报"
    assert title("up1.submitted", "zh") == "up1 已上报"
    assert title("admin", "en") == "admin"
    assert title("open", "zh") == "进行中"
    assert title("open", "zh", "action") == "开启轮次"
    assert title("open", "zh", "status") == "待兑现"
    assert title("persons", "zh") == "persons"
    assert title("name", "zh") == "name"


# Sentences


def test_numbers_have_separators() -> None:
    off = {"indicator": "人口", "expected": 85253, "got": 84997, "difference": -256}
    assert "下级合计（含调整项）85,253，本级填报 84,997，相差 -256。" in sentence(
        "sums_exact", off, "zh"
    )
    assert "85,253" in sentence("sums_exact", off, "en")


def test_a_version_and_a_row_have_none() -> None:
    assert 'If-Match: "1234"' in sentence("version_required", {"version": 1234}, "en")
    params = {"row": 70001, "code": "450224", "first": 12345}
    assert sentence("duplicate_code", params, "zh").startswith("第 70001 行：")
    assert "12345" in sentence("duplicate_code", params, "zh")


def test_words_of_ours_are_shown_by_their_titles() -> None:
    params = {"action": "open", "state": "up1.closed"}
    text = sentence("illegal_transition", params, "zh")
    assert "“开启轮次”" in text
    assert "“up1 已结束”" in text
    assert "角色“审计员”" in sentence("role_needs_unit", {"role": "auditor"}, "zh")
    assert "单位“450299”" in sentence("not_found", {"kind": "unit", "name": "450299"}, "zh")
    assert "登录已经失效" in sentence("unauthorized", {"why": "token"}, "zh")


def test_a_column_of_a_file_is_shown_by_its_title_and_a_field_as_it_is_written() -> None:
    assert "代码（code）" in sentence("missing_value", {"row": 2, "field": "code"}, "zh")
    missing = sentence("missing", {"line": 2, "field": "name"}, "zh")
    assert missing == "第 2 行：name：没有填写。请补上。"


def test_a_part_in_brackets_is_shown_only_with_its_parameters() -> None:
    bare = sentence("not_found", {}, "zh")
    assert bare == "没有找到，也可能不在您的查看范围内。请核对代码后再查。"
    alone = sentence("unknown_unit", {"unit": "1", "parent": ""}, "en")
    assert alone == "There is no unit 1. Check the unit's code."
    limits = sentence("out_of_range", {"field": "year", "ge": 1900}, "en")
    assert "not below 1,900" in limits
    assert "above" not in limits
    assert 'pip install "planflow[postgres]"' in sentence(
        "driver_missing", {"extra": "postgres"}, "zh"
    )


def test_zero_is_a_value() -> None:
    assert "not below 0" in sentence("out_of_range", {"field": "x", "ge": 0}, "en")


@BOTH
def test_what_a_person_typed_is_never_a_template(lang: str) -> None:
    text = sentence("missing_child", {"unit": "1", "name": "{unit} [[x]] {0.__class__}"}, lang)
    assert "{unit} [[x]] {0.__class__}" in text


@BOTH
def test_a_sentence_never_fails(lang: str) -> None:
    with pytest.raises(KeyError):
        catalogue(lang)["no_such_code"]
    assert sentence("no_such_code", {"x": 1}, lang) == "no_such_code"
    for code in catalogue(lang):
        assert sentence(code, {}, lang)
        assert sentence(code, dict.fromkeys(TITLED | {"row", "expected"}, None), lang)
    assert "…" in sentence("stale_version", {"expected": 2}, lang)


@BOTH
def test_a_catalogue_cannot_be_changed(lang: str) -> None:
    with pytest.raises(TypeError):
        catalogue(lang)["invalid"] = "x"  # type: ignore[index]


# Style


@pytest.mark.parametrize(("code", "text"), sorted(ours("zh").items()))
def test_chinese_is_punctuated_in_full_width(code: str, text: str) -> None:
    plain = re.sub(r"\[\[|\]\]", "", text)
    assert not re.search("[\u4e00-\u9fff）”}] ?[,;:?!(]|[,;:?!)] ?[\u4e00-\u9fff（“]", plain)
    assert not re.search(
        '[\u4e00-\u9fff]\\.|[，。；：？！]{2}| [，。；：？！]|[\u4e00-\u9fff]"', plain
    )
    assert text.endswith("。")
    assert "您" in text or "请" in text


@pytest.mark.parametrize(("code", "text"), sorted(ours("en").items()))
def test_english_is_plain(code: str, text: str) -> None:
    assert text.isascii()
    assert text.endswith(".")
    assert "  " not in text
    assert not re.search(r"\b(payload|null|endpoint|invalid|malformed|string|integer)\b", text)


@pytest.mark.parametrize(("code", "text"), [*ours("zh").items(), *ours("en").items()])
def test_brackets_are_in_pairs(code: str, text: str) -> None:
    left = GROUP.sub("", text)
    assert "[[" not in left
    assert "]]" not in left
    assert all(placeholders(part) for part in GROUP.findall(text))


def test_a_figure_that_is_missing_or_held_back_is_money_all_the_same() -> None:
    """N3, N5: where there was no figure, the sentence leaves it out."""
    terms = Terms(scales={"basic": 2})
    params = {"indicator": "basic", "known": "project"}
    told = sentence("line_locked", {**params, "expected": 1050}, "en", terms)
    assert "as it was sent: 10.50. " in told
    assert "as it was sent. " in sentence("line_locked", {**params, "expected": None}, "en", terms)
    over = {"expected": 100, "got": 150, "difference": 50, "reserve": 20}
    told = sentence("markup_over_reserve", {"indicator": "basic", **over}, "en", terms)
    assert "a reserve of 0.20 is held" in told
