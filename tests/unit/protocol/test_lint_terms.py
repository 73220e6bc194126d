"""§4, N9: durations and silence are for levels that take part, and mean something there."""

import pytest

from planflow.protocol.loader import find
from tests.unit.protocol.spoilt import findings, only, spoil
from tests.unit.protocol.test_lint import ADJUST, DOWN_1, UP_1, UP_2, after


def test_the_bundled_protocol_as_it_is_has_no_findings() -> None:
    assert "durations:" in find("exit-plan")
    assert findings(find("exit-plan")) == ()


@pytest.mark.parametrize(
    ("code", "block", "line"),
    [
        ("unknown_level", UP_1, "durations: {shire: 5} # here"),
        ("unknown_level", UP_1, "silence: {shire: zero} # here"),
        ("out_of_range", UP_1, "durations: {county: 0} # here"),
        ("out_of_range", UP_1, "durations: {county: 251} # here"),
        ("not_whole", UP_1, "durations: {county: five} # here"),
        ("nothing_issued_before", UP_1, "silence: {county: last_issued} # here"),
        ("unknown_silence", UP_1, "silence: {county: maybe} # here"),
        ("unknown_silence", UP_1, "silence: {county: received_after_3} # here"),
        ("unknown_silence", DOWN_1, "silence: {county: zero} # here"),
        ("unknown_silence", DOWN_1, "silence: {county: received_after_0} # here"),
        ("unknown_silence", ADJUST, "silence: {county: zero} # here"),
        (
            "term_outside_round",
            DOWN_1,
            "levels: [region, city]\n    durations: {county: 3} # here",
        ),
        (
            "term_outside_round",
            DOWN_1,
            "levels: [region, city]\n    silence: {county: received_after_3} # here",
        ),
    ],
)
def test_terms(code: str, block: str, line: str) -> None:
    assert only(spoil(after(block, line))).code == code


@pytest.mark.parametrize(
    ("block", "line"),
    [
        (UP_1, "silence: {county: zero, city: stay_open}"),
        (UP_2, "silence: {county: last_issued}"),
        (DOWN_1, "silence: {county: received_after_3}"),
        (ADJUST, "silence: {county: last_issued}"),
    ],
)
def test_terms_that_make_sense(block: str, line: str) -> None:
    assert findings(spoil(after(block, line))) == ()


def test_what_is_only_issued_to_others_is_no_last_figure() -> None:
    narrow = after(DOWN_1, "levels: [region, city]")
    line = "silence: {city: last_issued, county: last_issued} # here"
    found = findings(spoil(narrow, after(UP_2, line)))
    assert [(one.code, one.params["level"]) for one in found] == [
        ("nothing_issued_before", "county")
    ]
