"""Every code that our code raises, found in its syntax, with the parameters it passes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.architecture import house

Names = frozenset[str]
NONE: Names = frozenset()

# What makes a finding, a refusal or a fault, or a sentence straight away.
PLAIN = {"Finding", "Refusal", "Fault", "sentence"}
# What makes a finding with a place → the parameters it adds by itself.
PLACED = frozenset({"line", "field"})
ADDING: dict[str, Names] = {
    "here.finding": PLACED | {"round"},
    "self._fault": PLACED,
    "self._give_up": PLACED,
    "located": PLACED,
    "findings.add": frozenset({"row"}),
    "findings.refusal": frozenset({"count"}),
}
PROTOCOL_FILES = "src/planflow/protocol/"

# Parameters that are not written out where they are passed.
SPREAD: dict[str, Names] = {
    "_fields(off)": frozenset({"indicator", "expected", "got", "difference"}),
    "findings[0].params": frozenset({"action", "state"}),
    "nearest": frozenset({"suggestion", "known"}),
}
# Limits that pydantic's findings hold, by their kind.
LIMITS = frozenset({"ge", "le", "max_length", "min_length"})
# What some codes of pydantic's tables bring along: a limit always with these, more in protocol files.
LIMITED: dict[str, Names] = {
    "too_few": frozenset({"min_length"}),
    "too_many": frozenset({"max_length"}),
    "too_long": frozenset({"max_length"}),
}
SUGGESTED: dict[str, Names] = {
    "misspelt_field": SPREAD["nearest"],
    "unknown_field": SPREAD["nearest"],
    "unknown_choice": SPREAD["nearest"] | {"name"},
}


@dataclass(frozen=True)
class Made:
    """Codes of a place that computes them: values of dictionaries of its module, and others."""

    tables: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    suggested: dict[str, Names] = field(default_factory=dict)


PASSED_ON = Made()  # its callers name the code
COMPUTED = {
    ("src/planflow/domain/parsing.py", "_finding"): Made(("_CODES",), ("wrong_shape",)),
    ("src/planflow/exchange/findings.py", "add"): PASSED_ON,
    ("src/planflow/exchange/findings.py", "refusal"): PASSED_ON,
    ("src/planflow/exchange/history_csv.py", "read_history"): Made(codes=("history_invalid",)),
    ("src/planflow/exchange/sheet.py", "check_file"): Made(
        codes=("units_invalid", "history_invalid")
    ),
    ("src/planflow/exchange/units_csv.py", "read_units"): Made(codes=("units_invalid",)),
    ("src/planflow/ledger/chain.py", "finding"): Made(("_CODES",)),
    ("src/planflow/protocol/lint_names.py", "unknown_names"): Made(
        codes=("unknown_level", "unknown_round", "unknown_indicator")
    ),
    ("src/planflow/protocol/lint_names.py", "_repeated"): Made(
        ("_DECLARED",), ("duplicate_entry",)
    ),
    ("src/planflow/protocol/lint_rounds.py", "finding"): PASSED_ON,
    ("src/planflow/protocol/lint_terms.py", "_term"): PASSED_ON,
    ("src/planflow/engine/windows.py", "_silence_faults"): PASSED_ON,
    ("src/planflow/protocol/loader.py", "_model_finding"): Made(
        ("_CODES", "_OWN_CODES"), ("wrong_shape", "misspelt_field"), SUGGESTED
    ),
    ("src/planflow/protocol/source.py", "finding"): PASSED_ON,
    ("src/planflow/protocol/source.py", "located"): PASSED_ON,
    ("src/planflow/protocol/source.py", "_fault"): PASSED_ON,
    ("src/planflow/protocol/source.py", "_give_up"): PASSED_ON,
    ("src/planflow/services/people.py", "account_faults"): Made(
        codes=("role_needs_unit", "role_without_unit")
    ),
    ("src/planflow/store/audit/erasures.py", "_finding"): Made(
        codes=("erasure_unrecorded", "erasure_undone")
    ),
    ("src/planflow/store/faults.py", "fault_of"): Made(("_POSTGRESQL", "_SQLITE")),
}
# The noun of a computed code is a parameter of its own name.
NOUN = "unknown_"


@dataclass(frozen=True)
class Raised:
    """A code where it is raised, and the parameters that always and sometimes come with it."""

    code: str
    place: str
    always: Names
    sometimes: Names = NONE
    literals: dict[str, str] = field(default_factory=dict)


@cache
def raised() -> tuple[Raised, ...]:
    return tuple(
        one
        for name, path in house.modules(house.ROOT)
        for one in _in(name, path.read_text("utf-8"))
    )


def codes() -> set[str]:
    return {one.code for one in raised()}


def params_of(code: str) -> tuple[set[str], set[str]]:
    """The parameters that always come with a code, and those that may."""
    sites = [one for one in raised() if one.code == code]
    always = set.intersection(*(set(one.always) for one in sites))
    return always, set().union(*(one.always | one.sometimes for one in sites))


def _in(name: str, text: str) -> Iterator[Raised]:
    module = ast.parse(text, name)
    tables = {
        target.id: _strings(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for function in [module, *(n for n in ast.walk(module) if isinstance(n, house.Function))]:
        for call in _calls(function):
            adds = _adds(name, call)
            if adds is not None:
                yield from _site(name, function, call, adds, tables)


def _calls(function: ast.AST) -> Iterator[ast.Call]:
    """Calls in a function, not in those inside it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, house.Function):
            if isinstance(node, ast.Call):
                yield node
            yield from _calls(node)


def _adds(name: str, call: ast.Call) -> Names | None:
    """The parameters that a maker adds by itself; None for any other call."""
    called = ast.unparse(call.func)
    if called == "sentence":  # of a code alone: a word of a screen has its place in its name
        first = ast.literal_eval(call.args[0]) if isinstance(call.args[0], ast.Constant) else "."
        return None if "." in first else NONE
    if called in PLAIN:
        return NONE
    if called == "located" and not name.startswith(PROTOCOL_FILES):
        return None
    return ADDING.get(called, PLACED if called.endswith(".finding") else None)


def _site(
    name: str, function: ast.AST, call: ast.Call, adds: Names, tables: dict[str, list[str]]
) -> Iterator[Raised]:
    place = f"{name}:{call.lineno}"
    always, sometimes, literals = _params(function, call, adds)
    first = call.args[0]
    if isinstance(first, ast.Constant):
        yield Raised(str(first.value), place, always, sometimes, literals)
    if isinstance(first, ast.Constant) or ast.unparse(first).endswith(".code"):  # raised again
        return
    made = COMPUTED.get((name, getattr(function, "name", "")))
    assert made, f"{place}: say in COMPUTED which codes {ast.unparse(first)} may be"
    for code in [*made.codes, *(code for table in made.tables for code in tables[table])]:
        more = set(LIMITED.get(code, NONE)) if made.tables else set()
        more |= made.suggested.get(code, NONE)
        if isinstance(first, ast.JoinedStr):
            more.add(code.removeprefix(NOUN))
        yield Raised(code, place, always | more, sometimes, literals)


def _params(function: ast.AST, call: ast.Call, adds: Names) -> tuple[Names, Names, dict[str, str]]:
    found = _Params(function, call.lineno)
    if isinstance(call.func, ast.Name) and call.func.id in PLAIN:
        for argument in call.args[1:2]:
            found.take(argument)
    else:
        found.always |= adds
        for keyword in call.keywords:
            if keyword.arg is None:
                found.take(keyword.value)
            else:
                found.always.add(keyword.arg)
    return frozenset(found.always), frozenset(found.sometimes), found.literals


class _Params:
    """Keys of an expression that is a dictionary, as far as they can be read."""

    def __init__(self, function: ast.AST, before: int) -> None:
        self.always: set[str] = set()
        self.sometimes: set[str] = set()
        self.literals: dict[str, str] = {}
        self._function, self._before = function, before

    def take(self, node: ast.expr) -> None:
        match node:
            case ast.Dict():
                self._dict(node)
            case ast.DictComp():
                self.sometimes |= LIMITS
            case ast.Name(id=name) if (value := self._assigned(name)) is not None:
                self.take(value)
            case ast.Call(func=ast.Name(id="nearest")):
                self.always |= SPREAD["nearest"]
            case _:
                self.always |= SPREAD.get(ast.unparse(node), NONE)

    def _dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self.take(value)
            elif isinstance(key, ast.Constant):
                self.always.add(str(key.value))
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    self.literals[str(key.value)] = value.value

    def _assigned(self, name: str) -> ast.expr | None:
        """What the name was given last before the call."""
        found = [
            node
            for node in ast.walk(self._function)
            if isinstance(node, ast.Assign)
            and node.lineno <= self._before
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        return max(found, key=lambda node: node.lineno).value if found else None


def _strings(node: ast.Dict) -> list[str]:
    values = (value.value for value in node.values if isinstance(value, ast.Constant))
    return [value for value in values if isinstance(value, str)]
