"""Codes and parameters to sentences. The sentences themselves are in `zh.toml` and `en.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("zh", "en")
TITLED = ("state", "action", "role")  # parameters that hold a word of ours


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All sentences of one language by code."""
    text = resources.files(__package__).joinpath(f"{lang}.toml").read_text("utf-8")
    entries: dict[str, str] = {}
    for section, sentences in tomllib.loads(text).items():
        entries |= {
            (f"{section}.{code}" if section == "titles" else code): s
            for code, s in sentences.items()
        }
    return entries


def sentence(code: str, params: Mapping[str, Any], lang: str) -> str:
    """The sentence of a refusal or fault, with its parameters filled in.

    A parameter that is itself a word of ours (a state, an action) is shown by its title.
    """
    words = {
        name: title(value, lang) if name in TITLED else _shown(value)
        for name, value in params.items()
    }
    return catalogue(lang)[code].format_map(words)


def title(word: str, lang: str) -> str:
    """The title of a stage, an action or a role on screen; any other word as it is."""
    round_name, dot, stage = word.rpartition(".")
    known = catalogue(lang).get(f"titles.{stage}")
    return f"{round_name}{dot}{known}" if known else word


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
