"""Codes and parameters to sentences. The sentences themselves are in `zh.toml` and `en.toml`.

A part in double brackets is shown only where each of its parameters has a value; a finding in a
file begins with its row or line.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib import resources
from string import Formatter
from types import MappingProxyType
from typing import Any

from planflow.errors import NO_TERMS, Terms

LANGUAGES = ("zh", "en")
TITLES = "titles"
PLACES = "places"
# parameters that hold a word of ours
TITLED = frozenset({"state", "action", "role", "kind", "purpose", "why", "field", "column", "rule"})
_PLAIN = ("state", "action", "role", "kind")  # where a bare word is looked for, in this order
# parameters that hold a protocol's name under another word than its noun, and those that hold figures
_NOUNS = {"answers": "round", "previous": "round", "settle_in": "round", "above": "level"}
_FIGURES = frozenset({"expected", "got", "difference", "limit", "minimum", "maximum", "reserve"})
GROUP = re.compile(r"\[\[(.*?)\]\]")
UNKNOWN = "…"


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All sentences of one language by code; titles as `titles.<of>.<word>`."""
    text = resources.files(__package__).joinpath(f"{lang}.toml").read_text("utf-8")
    entries: dict[str, str] = {}
    for section, sentences in tomllib.loads(text).items():
        prefix = f"{section}." if section in (TITLES, PLACES) else ""
        entries |= {prefix + code: sentence for code, sentence in _flat(sentences)}
    return MappingProxyType(entries)


def sentence(code: str, params: Mapping[str, Any], lang: str, terms: Terms = NO_TERMS) -> str:
    """The sentence of a refusal, a finding or a fault, with its parameters filled in.

    `terms` puts a protocol's titles in place of its names, and the decimals of its money.
    An answer to a person never fails: an unknown code stands for itself, an absent parameter is "…".
    """
    named = {name: _named(name, value, params, lang, terms) for name, value in params.items()}
    words = {name: _word(name, value, params, lang) for name, value in named.items()}
    known = catalogue(lang)
    places = (known[f"{PLACES}.{name}"] for name in ("row", "line") if name in params)
    template = "".join([*places, known.get(code, code)])
    return _WORDS.vformat(GROUP.sub(lambda found: _group(found[1], params), template), (), words)


def title(word: str, lang: str, of: str | None = None) -> str:
    """The title of a word of ours; any other word as it is. A state keeps its round before it.

    `of` says what it names, one of `TITLED` or "status" (of a commitment): "open" is several things.
    """
    round_name, _, stage = word.rpartition(".")
    known = catalogue(lang)
    for one in _PLAIN if of is None else (of,):
        found = known.get(f"{TITLES}.{one}.{stage if one == 'state' else word}")
        if found:
            return f"{round_name} {found}" if round_name and one == "state" else found
    return word


def placeholders(template: str) -> set[str]:
    """Names of the parameters of a sentence or a part of one."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


class _Words(Formatter):
    """Fills in numbers with separators (plain where the sentence says `:d`) and all else as text."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A parameter, or a sign that it is missing."""
        del args
        return kwargs.get(str(key), UNKNOWN)

    def format_field(self, value: Any, format_spec: str) -> str:
        """A parameter as text."""
        if isinstance(value, int) and not isinstance(value, bool):
            return format(value, format_spec or ",")
        return str(value)


_WORDS = _Words()


def _group(part: str, params: Mapping[str, Any]) -> str:
    there = all(params.get(name) not in (None, "") for name in placeholders(part))
    return part if there else ""


def _word(name: str, value: Any, params: Mapping[str, Any], lang: str) -> Any:
    if name not in TITLED or not isinstance(value, str):
        return value
    # a field of a file with rows is a column
    return title(value, lang, "column" if name == "field" and "row" in params else name)


def _named(name: str, value: Any, params: Mapping[str, Any], lang: str, terms: Terms) -> Any:
    """A protocol's name by its title; a figure of an indicator with its decimals."""
    if isinstance(value, str):
        if name == "state" and "." in value:
            round_name, _, stage = value.rpartition(".")
            return f"{terms.title('round', round_name, lang)}.{stage}"
        return terms.title(_NOUNS.get(name, name), value, lang)
    scale = terms.scales.get(str(params.get("indicator")), 0)
    if scale and name in _FIGURES and value is not None:
        return f"{Decimal(value).scaleb(-scale):,}"
    return value


def _flat(entries: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, entry in entries.items():
        if isinstance(entry, str):
            yield name, entry
        else:
            yield from ((f"{name}.{inner}", text) for inner, text in _flat(entry))
