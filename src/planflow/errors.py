"""Every refusal and every fault, as (code, parameters); `planflow.messages` makes the sentences (F11)."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its code, the parameters of its sentence, and where it stands.

    `where` is a field path (`figures.persons`), a row (`row 7`) or a line of a file; empty when the
    whole command is meant.
    """

    code: str
    params: Params = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True, slots=True, eq=False)  # one per protocol: it is itself a key
class Terms:
    """What a protocol calls its own names: noun → name → language → title; and implied decimals.

    Codes and parameters stay as they are for programs; only the sentences use these.
    """

    titles: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    scales: Mapping[str, int] = field(default_factory=dict)

    def title(self, noun: str, name: str, lang: str) -> str:
        """The title of a round, level or indicator; the name itself where it has none."""
        return self.titles.get(noun, {}).get(name, {}).get(lang, name)


NO_TERMS = Terms()


class PlanflowError(Exception):
    """The parent of all errors planflow raises on purpose."""

    def __init__(
        self, code: str, params: Params | None = None, *, findings: Iterable[Finding] = ()
    ) -> None:
        self.code = code
        self.params: Params = dict(params or {})
        self.findings = tuple(findings)
        self.terms = NO_TERMS
        super().__init__(code)

    def __str__(self) -> str:
        # Codes only: parameters may hold what must not reach a log.
        return " ".join([self.code, *(finding.code for finding in self.findings)])


@contextmanager
def in_terms(terms: Terms) -> Iterator[None]:
    """Let what is refused inside be told in a protocol's own titles."""
    try:
        yield
    except PlanflowError as error:
        error.terms = terms
        raise


class Refusal(PlanflowError):
    """A request that is not carried out; nothing was written."""


class Fault(PlanflowError):
    """Something outside the request is wrong: the database, the disk, a setting."""


def invalid(*findings: Finding) -> Refusal:
    """422: a shape, an unknown name, a figure that is none, something missing."""
    return Refusal("invalid", findings=findings)


def guard_failed(*findings: Finding) -> Refusal:
    """409: the act is known and well formed, but a rule of the negotiation forbids it now."""
    return Refusal("guard_failed", findings=findings)
