"""Who acts, by which grant, in whose place, and where new ids come from."""

from collections.abc import Callable
from dataclasses import dataclass

Hands = frozenset[str]  # everybody whose hand an act is


@dataclass(frozen=True, slots=True)
class Hand:
    """The actor of a command. `mint` makes event ids: the core itself makes none (F2)."""

    actor: str
    grant: str
    mint: Callable[[], str]
    via: str = ""  # the event by which the shell gave the token used, if it did (F9)
    delegators: tuple[str, ...] = ()  # whose grant it was, and who passed it on, in order (F9)

    @property
    def people(self) -> Hands:
        """The actor and everybody in whose place they act: one hand in every review (N14)."""
        return frozenset({self.actor, *self.delegators})
