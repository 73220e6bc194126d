"""Random protocols that the lint accepts, and random trees over a protocol's levels.

A protocol is proposed as plain data, with links drawn from what came before and could fit, and is
taken when it loads: whether it is valid the lint says.
"""

from __future__ import annotations

from random import Random
from typing import Any

import yaml

from planflow.errors import Refusal
from planflow.protocol import loader
from tests.board import Line
from tests.properties.oracle_rules import Rules

LEVELS = ("crown", "duchy", "march", "hundred", "parish", "hearth", "guild", "ward")
INDICATORS = ("barley", "salt", "timber", "silver", "toll", "levy")
MARKS = ("walled", "coastal")
ROUNDS = ("call", "plea", "writ", "answer", "moot", "charter", "audit", "tally", "seal", "mend")
CODES = ("frost", "flood", "wolves", "custom", "error")
PURPOSES = ("return", "settle", "reconcile", "issue", "adjust")
KINDS = ("up", "up", "up", "down", "down", "down", "adjust", "adjust", "adjust", "decision")
Plain = dict[str, Any]


def protocol(seed: int) -> str:
    """A valid protocol's text: 1 to 3 indicators, 2 to 4 levels, 3 to 8 rounds of any kinds."""
    rng = Random(seed)
    while True:
        text = yaml.safe_dump(_proposal(rng, seed), sort_keys=False)
        try:
            loader.load(text)
        except Refusal:
            continue
        return text


def _title(word: str) -> Plain:
    return {"zh": word, "en": word}


def _proposal(rng: Random, seed: int) -> Plain:
    levels = rng.sample(LEVELS, rng.randint(2, 4))
    words = rng.sample(ROUNDS, rng.randint(3, 8))
    indicators = _indicators(rng, levels)
    rounds: list[Plain] = []
    for word in words:
        rounds.append(_round(rng, word, levels, indicators, rounds))
    first, *others = indicators
    acting = [one["name"] for one in rounds if one["kind"] != "adjust"]
    first["required_in"] = acting  # something is negotiated in every round
    for one in others:
        one["required_in"] = [name for name in words if rng.random() < 0.3]
    codes = rng.sample(CODES, rng.randint(2, 4))
    given = {code: [one for one in PURPOSES if rng.random() < 0.5] for code in codes}
    given[codes[0]] = list(PURPOSES)
    limited = any("ceiling" in one for one in rounds)
    return {
        "name": f"made-{seed % 10**9}",
        "version": 1,
        "title": _title("made"),
        "levels": [{"name": one, "title": _title(one)} for one in levels],
        "indicators": indicators,
        "rounds": rounds,
        "reason_codes": [
            {"name": code, "title": _title(code), "purposes": purposes or ["return"]}
            for code, purposes in given.items()
        ],
        "markup": "forbid" if limited or rng.random() < 0.7 else "allow",
    }


def _indicators(rng: Random, levels: list[str]) -> list[Plain]:
    made = []
    for place, word in enumerate(rng.sample(INDICATORS, rng.randint(1, 3))):
        one: Plain = {"name": word, "title": _title(word), "rollup": "sum"}
        one["unit"] = _title(rng.choice(("cart", "cart", "coin")))
        if rng.random() < 0.3:
            one["minimum"] = -1000
        if place and rng.random() < 0.6:
            one["entry_level"] = rng.choice(levels[1:])
            if rng.random() < 0.6:
                one["applies_to"] = rng.choice(MARKS)
            if rng.random() < 0.5:
                one["maximum"] = rng.randint(1, 9)
        made.append(one)
    return made


def _round(
    rng: Random, word: str, levels: list[str], indicators: list[Plain], before: list[Plain]
) -> Plain:
    binding = [earlier for earlier in before if earlier.get("binding")]
    once = [earlier for earlier in before if earlier["kind"] == "adjust"]
    kinds = [kind for kind in KINDS if kind in ("up", "down") or before]
    kinds = [kind for kind in kinds if kind != "adjust" or (binding and not once)]
    one: Plain = {"name": word, "title": _title(word), "kind": rng.choice(kinds)}
    able = levels if one["kind"] != "adjust" else binding[-1].get("levels", levels)
    if one["kind"] == "adjust" and able != levels:
        one["levels"] = able  # a level left out would take along what it holds back
    elif one["kind"] not in ("decision", "adjust") and rng.random() < 0.4:
        taking = [level for level in able[1:] if rng.random() < 0.6]
        one["levels"] = [levels[0], *(taking or able[1:])]
    taking = one.get("levels", levels)
    downs = {b["name"]: b.get("levels", levels) for b in before if b["kind"] == "down"}
    if one["kind"] == "up":
        over = [name for name, issued in downs.items() if set(taking) <= set(issued)]
        _up(rng, one, list(downs), over, indicators)
    elif one["kind"] == "down":
        _down(rng, one, before)
    elif one["kind"] == "adjust":
        _adjust(rng, one, binding[-1], indicators, taking)
    else:
        last = next(at for at in range(len(before), 0, -1) if before[at - 1]["kind"] != "decision")
        one["reopens"] = rng.choice(before[last - 1 :])["name"]
    _terms(rng, one, taking, [name for name, issued in downs.items() if len(issued) > 1])
    return one


def _up(
    rng: Random, one: Plain, downs: list[str], over: list[str], indicators: list[Plain]
) -> None:
    if downs and rng.random() < 0.5:
        one["answers"] = rng.choice(downs)
    if over and rng.random() < 0.6:
        one["ceiling"] = {"round": rng.choice(over)}
        units = [str(each["unit"]) for each in indicators]
        if len(set(units)) < len(units):
            one["ceiling"]["also_sum"] = rng.random() < 0.7


def _down(rng: Random, one: Plain, before: list[Plain]) -> None:
    one["binding"] = rng.random() < 0.6
    if rng.random() < 0.4:
        one["second_person"] = True
    decisions = [each["name"] for each in before if each["kind"] == "decision"]
    if decisions and rng.random() < 0.7:
        one["total_from"] = decisions[-1]
    asked = [each["name"] for each in before if each["kind"] != "decision"]
    if asked and rng.random() < 0.5:
        one["reason_against"] = rng.choice(asked)


def _adjust(
    rng: Random, one: Plain, base: Plain, indicators: list[Plain], levels: list[str]
) -> None:
    one["base"] = base["name"]
    bounded = [each["name"] for each in indicators[1:] if rng.random() < 0.7]
    bounds = {
        name: {"percent": rng.randint(0, 20), "absolute": rng.randint(0, 30)}
        for name in [indicators[0]["name"], *bounded]
    }
    one["bounds"] = {"level": rng.choice(levels), "indicators": bounds}


def _terms(rng: Random, one: Plain, levels: list[str], issued: list[str]) -> None:
    """Some time for some levels, and what it means when it passes."""
    timed = [level for level in levels if rng.random() < 0.25]
    if timed:
        one["durations"] = {level: rng.randint(5, 40) for level in timed}
    rules = {"up": ["zero", "stay_open"], "down": [f"received_after_{rng.randint(1, 9)}"]}.get(
        one["kind"], ["stay_open"]
    )
    if issued and one["kind"] in ("up", "adjust"):
        rules.append("last_issued")
    silent = [level for level in timed if rng.random() < 0.5]
    if silent:
        one["silence"] = {level: rng.choice(rules) for level in silent}


def tree(text: str, seed: int) -> tuple[Line, ...]:
    """A ragged tree for a protocol: levels left out, units without task, attributes here and there.

    In every round somebody below the root takes part: another tree can never close its rounds.
    """
    rng, rules = Random(seed), Rules(text)
    while True:
        lines = _tree(rng, rules)
        taking = {level for _, level, parent, _, idle in lines if parent and not idle}
        if all(taking & set(rules.levels_in(name)) for name in rules.names):
            return lines


def _tree(rng: Random, rules: Rules) -> tuple[Line, ...]:
    levels = rules.levels
    named = any(one.get("levels") for one in rules.rounds.values())
    # A cycle may start below the highest level, where every round takes all levels.
    top = 1 if len(levels) > 2 and not named and rng.random() < 0.2 else 0
    marks = sorted({one["applies_to"] for one in rules.indicators.values() if "applies_to" in one})
    lines: list[Line] = [("U0", levels[top], "", "", False)]
    wanted, place = rng.randint(4, 10), 0
    while place < len(lines):
        parent, level, _, _, parent_idle = lines[place]
        lower = levels[levels.index(level) + 1 :]
        for _ in range(rng.randint(1, 3) if lower else 0):
            if len(lines) >= wanted:
                break
            own = lower[0] if rng.random() < 0.75 else rng.choice(lower)
            idle = parent_idle or rng.random() < 0.1
            has = ";".join(mark for mark in marks if rng.random() < 0.6)
            lines.append((f"U{len(lines)}", own, parent, has, idle))
        place += 1
    return tuple(lines)
