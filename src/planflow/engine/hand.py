"""Who acts, by which grant, and where new ids come from."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hand:
    """The actor of a command. `mint` makes event ids: the core itself makes none (F2)."""

    actor: str
    grant: str
    mint: Callable[[], str]
    via: str = ""  # the event by which the shell gave the token used, if it did (F9)
