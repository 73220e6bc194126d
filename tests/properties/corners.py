"""Every action in every stage of every protocol: what was met there, and what is to be met yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from planflow.protocol import loader
from tests.properties.oracle import ACTS
from tests.properties.oracle_rules import Rules
from tests.properties.watched import Cell, Seen

FOREIGN = Path(__file__).parents[1] / "data" / "protocols"
GENERATED = "generated"
PLACES = {
    "up": ("drafting", "submitted", "accepted", "returned"),
    "down": ("awaiting", "issued", "acknowledged", "distributed"),
    "decision": ("awaiting", "presented", "decided"),
}
PLACES["adjust"] = PLACES["up"]
# Where each act of a round is taken at all, by kind of round (N2, N4 to N7, N9).
ROUND_ACTS = {
    "up": {
        "draft": ("drafting", "returned"),
        "submit": ("drafting", "returned"),
        "withdraw": ("submitted",),
        "accept": ("submitted",),
        "return": ("submitted", "accepted"),
        "extensions": PLACES["up"],
    },
    "down": {
        "issue": ("awaiting", "acknowledged", "distributed"),
        "acknowledge": ("issued",),
        "extensions": PLACES["down"],
    },
    "decision": {
        "present": ("awaiting",),
        "decide": ("awaiting", "presented"),
        "extensions": PLACES["decision"],
    },
}
ROUND_ACTS["adjust"] = {**ROUND_ACTS["up"], "fulfil": ("drafting", "returned")}


@cache
def protocols() -> dict[str, str]:
    """Protocols that are not generated: those that come with planflow, and those of others."""
    found = {name: loader.find(name) for name in loader.bundled()}
    return found | {path.stem: path.read_text("utf-8") for path in sorted(FOREIGN.glob("*.yaml"))}


# What figures, sums, splits, bounds, ceilings, reasons, promises, hands and times are refused by: a run
# that never meets these has only seen who may do what.
TELLING = (
    "above_maximum", "below_minimum", "bounded", "children_done", "due_passed",
    "duplicate_unit", "figures_moved", "figures_not_amended", "from_in_force", "has_draft",
    "holds_paper", "holds_pending", "level_exact", "line_locked", "no_reserve", "nothing_corrected",
    "rests_on_it", "total_on_paper", "typed_on_behalf",
    "markup_over_reserve", "missing_child", "missing_figure", "missing_markup_reason",
    "missing_reason", "never_issued", "no_change", "no_extension", "no_sum_to_reconcile",
    "not_applicable", "nothing_amended", "one_open_promise", "parent_open", "part_of_another",
    "previous_round_closed", "promise_open", "promises_settled", "separate_hands",
    "silence_applied", "split_exact", "sum_stands", "sums_exact", "superseding", "total_decided",
    "total_not_root", "units_done", "unknown_indicator", "unknown_number", "unknown_reason_code",
    "unknown_silence", "unknown_unit", "untouched", "window_open", "within_ceiling",
)  # fmt: skip
Corners = frozenset[tuple[str, str]]  # action and place


@lru_cache(maxsize=512)
def corners(text: str) -> Corners:
    """Every action in every stage that a protocol's plans can be in."""
    rules = Rules(text)
    places = {f"{kind}.{at}" for kind in map(rules.kind, rules.names) for at in PLACES[kind]}
    return frozenset((act, place) for act in ACTS for place in {*places, "waiting", "settled"})


@lru_cache(maxsize=512)
def reachable(text: str) -> Corners:
    """Actions in stages where the rules let them be taken."""
    rules = Rules(text)
    found: set[tuple[str, str]] = set()
    for name in rules.names:
        kind, inner = rules.kind(name), len(rules.levels_in(name)) > 2
        found |= {
            (action, f"{kind}.{at}")
            for action, stages in ROUND_ACTS[kind].items()
            for at in stages
            if inner or (action, at) != ("issue", "acknowledged")
        }
        # before the round's own first number there may be none to choose
        told = [at for at in PLACES[kind] if at not in ("drafting", "awaiting")]
        found |= {("headline", f"{kind}.{at}") for at in told}
        # the root's own stages, while its parent's acts are recorded
        papers = {"up": ("drafting",), "adjust": ("drafting",), "down": ("awaiting", "distributed")}
        found |= {(a, f"{kind}.{at}") for at in papers.get(kind, ()) for a in ("paper", "attest")}
        if rules.said(name, "second_person"):
            stages = ("awaiting", "distributed", *["acknowledged"] * inner)
            found |= {("confirm", f"down.{at}") for at in stages}
    return frozenset(found | set(_of_promises(rules)) | set(_of_corrections(rules)))


def _of_corrections(rules: Rules) -> Iterator[tuple[str, str]]:
    """Once a round is closed its figures are corrected, in whatever stage a plan is then."""
    later = {f"{kind}.{at}" for kind in map(rules.kind, rules.names[1:]) for at in PLACES[kind]}
    for place in {*later, "settled"}:
        yield from ((action, place) for action in ("corrections", "approve", "reject"))


def _of_promises(rules: Rules) -> Iterator[tuple[str, str]]:
    """From the issue that binds until the settling round closes, promises are made and passed on."""
    if not rules.adjust or rules.adjust not in rules.names[1:]:
        return
    base = rules.said(rules.adjust, "base")
    inner = len(rules.levels_in(base)) > 2
    holding = ["down.issued", "down.acknowledged", *["down.distributed"] * inner]
    for place in [*holding, *(f"adjust.{at}" for at in PLACES["adjust"])]:
        yield "commitments", place
        yield "waive", place
    if inner:
        yield "distribute", "down.distributed"
    if len(rules.levels_in(rules.adjust)) > 2:
        yield "distribute", "adjust.drafting"


@dataclass
class Aim:
    """How often each corner is to be tried and, where it can be, taken; by protocol."""

    goal: int
    seen: Seen = field(default_factory=Seen)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def meet(self, label: str, text: str) -> None:
        """A protocol is in the run."""
        self.texts.setdefault(label, []).append(text)

    def short(self, label: str, corner: tuple[str, str], *, possible: bool) -> int:
        """How many more times a corner must be seen."""
        cell = (label, *corner)
        lack = self.goal - self.seen.tried[cell]
        return max(0, lack, self.goal - self.seen.taken[cell] if possible else 0)

    def missing(self, label: str, texts: Iterable[str], kind: str = "") -> dict[Cell, int]:
        """Corners seen too seldom, of one kind of round or of all, and by how much."""
        texts = list(texts)
        every = frozenset().union(*map(corners, texts))
        able = frozenset().union(*map(reachable, texts))
        short = {
            (label, *one): self.short(label, one, possible=one in able)
            for one in every
            if one[1].startswith(kind)
        }
        return {cell: lack for cell, lack in short.items() if lack}

    def rare(self, least: int) -> set[str]:
        """Rules of figures by which too few commands were refused."""
        return {code for code in TELLING if self.seen.refused[code] < least}

    def all_missing(self) -> dict[Cell, int]:
        """The same of all protocols in the run."""
        found: dict[Cell, int] = {}
        for label, texts in self.texts.items():
            found |= self.missing(label, dict.fromkeys(texts))
        return found

    def neediest(self) -> str:
        """The protocol of which most is missing; one that was not met yet comes first."""
        labels = [*protocols(), GENERATED]
        if new := [label for label in labels if label not in self.texts]:
            return new[0]
        lacks = {one: sum(self.missing(one, set(self.texts[one])).values()) for one in labels}
        return max(labels, key=lambda one: (lacks[one], -len(self.texts[one])))


def possible(action: str, place: str) -> bool:
    return (action, place) in POSSIBLE or action in ANYWHERE


ANYWHERE = {"headline", "commitments", "distribute", "waive", "corrections", "approve", "reject",
    "confirm", "paper", "attest"}  # fmt: skip
POSSIBLE = {
    (action, f"{kind}.{at}")
    for kind, acts in ROUND_ACTS.items()
    for action, stages in acts.items()
    for at in stages
}
