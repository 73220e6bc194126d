"""§4: a well-formed protocol is linted; each fault has its code and its line (N2, N6, N11)."""

import pytest

from tests.unit.protocol.spoilt import TEXT, findings, only, spoil

Change = tuple[str, str]

REGION = "  - {name: region, title: {zh: 自治区, en: Region}}\n"
COUNTY_EXIT = "  - name: county_exit\n"
OTHER = "  - {name: other, "
ENTRY = "    entry_level: county\n"
APPLIES = "    applies_to: poor_county\n"
MAXIMUM = "    maximum: 1\n"
COUNT = "    roster: {kind: households, measure: count}\n"

UP_1 = "en: First up}\n    kind: up\n"
DOWN_1 = "en: First down}\n    kind: down\n"
UP_2 = "en: Second up}\n    kind: up\n"
DOWN_2 = "en: Second down}\n    kind: down\n"
ADJUST = "    kind: adjust\n"
ANSWERS = "    answers: down1\n"
BINDING = "    binding: true\n"
AGAINST = "    reason_against: up2\n"
BASE = "    base: down2\n"
LEVEL = "      level: city\n"
BOUND = "        households: {percent: 5, absolute: 20}\n"
BOUNDS = TEXT[TEXT.index("    bounds:\n") : TEXT.index("\nreason_codes:")]
BOUNDED = TEXT[TEXT.index("      indicators:\n") : TEXT.index("\nreason_codes:")]


def after(block: str, line: str) -> Change:
    return block, f"{block}    {line}\n"


def marked(block: str) -> Change:
    return block, f"{block[:-1]} # here\n"


def marked_as(indicator: str) -> Change:
    return BOUND, f"{BOUND[:-1]} # here\n".replace("households", indicator)


def test_the_bundled_protocol_has_no_findings() -> None:
    assert findings(TEXT) == ()


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("duplicate_level", after(REGION, "# x\n" + REGION[:-1] + " # here")),
        ("duplicate_indicator", (COUNTY_EXIT, "  - name: villages # here\n")),
        ("duplicate_reason_code", (OTHER, "  - {name: incomplete, # here\n    ")),
        ("duplicate_entry", after(DOWN_1, "levels: [region, city, city] # here")),
        ("duplicate_entry", after(ENTRY, "required_in: [up1, up1] # here")),
        ("unknown_level", (ENTRY, "    entry_level: shire # here\n")),
        ("unknown_level", after(DOWN_1, "levels: [region, town] # here")),
        ("unknown_level", after(DOWN_1, "acts: {shire: {zh: a, en: a}} # here")),
        ("unknown_level", (LEVEL, "      level: cities # here\n")),
        ("unknown_round", after(ENTRY, "required_in: [up1, down3] # here")),
        ("unknown_round", (ANSWERS, "    answers: down0 # here\n")),
        ("unknown_round", (AGAINST, "    reason_against: up9 # here\n")),
        ("unknown_round", (BASE, "    base: down9 # here\n")),
        ("unknown_indicator", marked_as("houses")),
        ("entry_level_missing", (ENTRY + APPLIES, APPLIES[:-1] + " # here\n")),
        ("minimum_above_maximum", (MAXIMUM, MAXIMUM + "    minimum: 2 # here\n")),
        ("minimum_above_maximum", (MAXIMUM, "    maximum: -1 # here\n")),
    ],
)
def test_names_and_indicators(code: str, change: Change) -> None:
    assert only(spoil(change)).code == code


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("unreachable_round", [(ANSWERS, "    answers: down2 # here\n")]),
        ("unreachable_round", [after(DOWN_1, "reason_against: up2 # here")]),
        ("unreachable_round", [after(DOWN_1, "reason_against: down1 # here")]),
        ("answers_not_down", [(ANSWERS, "    answers: up1 # here\n")]),
        ("binding_not_down", [after(UP_1, "binding: true # here")]),
        ("binding_not_down", [after(ADJUST, "binding: true # here")]),
        ("adjust_only", [after(DOWN_2, "base: down1 # here")]),
        ("adjust_only", [after(UP_2, "bounds: {level: city, indicators: {}} # here")]),
        ("level_without_reviewer", [after(DOWN_1, "levels: [city, county] # here")]),
        ("level_without_reviewer", [
            after(UP_1, "levels: [village, township, county, city] # here")]),
        ("only_highest_level", [after(DOWN_1, "levels: [region] # here")]),
        ("act_outside_round", [
            after(DOWN_1, "levels: [region, city]\n    acts: {county: {zh: a, en: a}} # here")]),
        ("level_without_base", [
            after(DOWN_2, "levels: [region, city, county, village]"), marked(BASE)]),
        ("bound_level_outside_round", [after(ADJUST, "levels: [region, county]"), marked(LEVEL)]),
        ("bound_below_entry", [after(COUNT, "entry_level: region"), marked(BOUND)]),
        ("base_missing", [("  - name: adjust\n", "  - name: adjust # here\n"), (BASE, "")]),
        ("wrong_base", [(BASE, "    base: down1 # here\n")]),
        ("wrong_base", [after(DOWN_1, "binding: true"), (BASE, "    base: down1 # here\n")]),
        ("bound_missing", [("  - name: adjust\n", "  - name: adjust # here\n"), (BOUNDS, "")]),
        ("bound_missing", [
            ("    bounds:\n", "    bounds: # here\n"), (BOUNDED, "      indicators: {}\n")]),
        ("adjust_before_binding", [(BINDING, ""), marked(ADJUST)]),
    ],
)  # fmt: skip
def test_rounds(code: str, changes: list[Change]) -> None:
    assert only(spoil(*changes)).code == code


@pytest.mark.parametrize(
    ("change", "params"),
    [
        ((ENTRY, "    entry_level: conty # here\n"), {"level": "conty", "suggestion": "county"}),
        ((ENTRY, "    entry_level: zzz # here\n"), {"level": "zzz", "suggestion": ""}),
        ((BASE, "    base: down9 # here\n"), {"field": "rounds.4.base", "suggestion": "down2"}),
        (
            marked_as("person"),
            {
                "suggestion": "persons",
                "known": "persons, villages, county_exit, households",
            },
        ),
        (
            after(DOWN_1, "levels: [city, county] # here"),
            {"round": "down1", "name": "city", "missing": "region"},
        ),
        ((BASE, "    base: down1 # here\n"), {"name": "down1", "expected": "down2"}),
        (
            (MAXIMUM, MAXIMUM + "    minimum: 2 # here\n"),
            {"name": "county_exit", "minimum": 2, "maximum": 1},
        ),
    ],
)
def test_findings_say_what_is_wrong_and_what_is_known(
    change: Change, params: dict[str, object]
) -> None:
    assert params.items() <= only(spoil(change)).params.items()


# Rounds in another order

FRONT, _, REST = TEXT.partition("rounds:\n")
MIDDLE, _, BACK = REST.partition("\nreason_codes:\n")
FIRST_UP, FIRST_DOWN, SECOND_UP, SECOND_DOWN, THE_ADJUST = (
    f"  - name: {block}" for block in MIDDLE.split("  - name: ")[1:]
)


def ordered(*rounds: str) -> str:
    return f"{FRONT}rounds:\n{''.join(rounds)}\nreason_codes:\n{BACK}"


def test_the_blocks_are_the_bundled_protocol() -> None:
    assert ordered(FIRST_UP, FIRST_DOWN, SECOND_UP, SECOND_DOWN, THE_ADJUST) == TEXT


def test_a_round_declared_twice_names_the_first() -> None:
    again = FIRST_UP.replace("name: up1", "name: up1 # here")
    found = only(ordered(FIRST_UP, FIRST_DOWN, SECOND_UP, SECOND_DOWN, THE_ADJUST, again))
    assert found.code == "duplicate_round"
    assert found.params["first"] == FRONT.count("\n") + 2


def test_there_is_one_adjust_only() -> None:
    again = THE_ADJUST.replace("name: adjust", "name: again").replace(
        "kind: adjust", "kind: adjust # here"
    )
    found = only(ordered(FIRST_UP, FIRST_DOWN, SECOND_UP, SECOND_DOWN, THE_ADJUST, again))
    assert (found.code, found.params["first"]) == ("second_adjust", "adjust")


def test_an_adjust_stands_after_a_binding_round() -> None:
    early = THE_ADJUST.replace("base: down2", "base: down1").replace(
        "kind: adjust", "kind: adjust # here"
    )
    found = only(ordered(FIRST_UP, FIRST_DOWN, early, SECOND_UP, SECOND_DOWN))
    assert found.code == "adjust_before_binding"


def test_an_adjust_is_never_first() -> None:
    text = ordered(THE_ADJUST, FIRST_UP, FIRST_DOWN, SECOND_UP, SECOND_DOWN)
    kind = FRONT.count("\n") + 4
    assert [(one.code, one.params["line"]) for one in findings(text)] == [
        ("adjust_first", kind),
        ("unreachable_round", kind + 1),
    ]


# Reasons that acts must be able to give


@pytest.mark.parametrize("purpose", ["return", "settle", "adjust"])
def test_every_act_that_needs_a_reason_has_one(purpose: str) -> None:
    text = TEXT.replace("reason_codes:", "reason_codes: # here")
    for comma in (f", {purpose}", f"{purpose}, ", purpose):
        head, codes, back = text.partition("reason_codes:")
        text = head + codes + back.replace(comma, "issue" if comma == purpose else "")
    found = only(text)
    assert (found.code, found.params["purpose"]) == ("purpose_without_reason", purpose)


def test_a_protocol_that_never_adjusts_needs_no_reason_for_it() -> None:
    text = ordered(FIRST_UP, FIRST_DOWN, SECOND_UP, SECOND_DOWN).replace(", adjust]", "]")
    assert findings(text) == ()
