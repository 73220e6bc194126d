"""Named conditions of acts that take two persons: corrections, confirmed issues, papers (N13, N14)."""

from collections.abc import Iterable, Iterator, Mapping

from planflow.engine import issuing, numbers
from planflow.engine.coverage import Wanted, coverage, forbidden
from planflow.engine.hand import Hands
from planflow.engine.scene import Scene, takes_part
from planflow.engine.state import Paper, Proposal, Split
from planflow.errors import Finding

# What a parent on paper does in a kind of round.
PAPER_ACTS = {"up": "accepted", "adjust": "accepted", "down": "issued"}


def correctable(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """There is a closed round in which the unit has figures: only those are corrected (N13)."""
    found = [list(not_correctable(scene, name)) for name in scene.cycle.rounds]
    if not any(not faults for faults in found):
        unit = scene.own.unit.code
        yield next(
            (one for faults in found for one in faults), Finding("correctable", {"unit": unit})
        )


def not_correctable(scene: Scene, name: str) -> Iterator[Finding]:
    """Why the unit's figures in a round cannot be corrected; nothing where they can."""
    unit, rounds = scene.own.unit, scene.cycle.rounds
    if rounds.get(name) != "closed" or not takes_part(scene.negotiation, unit, name):
        yield Finding("correctable", {"unit": unit.code, "round": name})


def nothing_proposed(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """No correction of the unit waits for a decision: one at a time (N13)."""
    waiting = scene.own.plan.proposal
    if waiting is not None:
        yield Finding("nothing_proposed", {"unit": scene.own.unit.code, "round": waiting.round})


def holds_proposal(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A correction of the unit waits for a decision (N13)."""
    if scene.own.plan.proposal is None:
        yield Finding("holds_proposal", {"unit": scene.own.unit.code})


def other_hands(scene: Scene, hands: Hands) -> Iterator[Finding]:
    """Nobody approves what they proposed, typed, submitted, settled or issued (N14)."""
    waiting = scene.own.plan.proposal
    if waiting is not None and not hands.isdisjoint(waiting.hands):
        yield Finding("separate_hands", {})


def still_correctable(scene: Scene, hands: Hands) -> Iterator[Finding]:
    """The proposed correction can be carried through all levels as things stand now (N13)."""
    waiting, ground = scene.own.plan.proposal, scene.ground
    if waiting is None or ground is None:
        return
    closed = list(not_correctable(scene, waiting.round)) or list(_moved(scene, waiting))
    if closed:
        yield from closed
        return
    wanted = wanted_by(waiting)
    covered = coverage(scene, ground, wanted)
    if not hands.isdisjoint(covered.hands):  # also of what was corrected since it was proposed
        yield Finding("separate_hands", {})
    yield from covered.faults or forbidden(scene, ground, covered, wanted)


def wanted_by(proposal: Proposal) -> Wanted:
    """What a proposal asks for."""
    return Wanted(proposal.figures, proposal.reserve, proposal.amends)


def holds_pending(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """An issue of the open round waits for a second person (N14)."""
    pending, name = scene.own.plan.pending, scene.round
    here = (name, scene.cycle.runs.get(name, 0))
    if pending is None or (pending.round, pending.run) != here:
        yield Finding("holds_pending", {"unit": scene.own.unit.code})


def not_who_issued(scene: Scene, hands: Hands) -> Iterator[Finding]:
    """Who proposed an issue does not confirm it (N14)."""
    pending = scene.own.plan.pending
    if pending is not None and not hands.isdisjoint(pending.hands):
        yield Finding("separate_hands", {})


def still_splits(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """What waits could still be issued as it is (N5)."""
    pending = scene.own.plan.pending
    if pending is not None:
        yield from issuing.all_faults(scene, issuing.restored(scene, pending))


def only_root(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """Only the root has a parent outside the tree, on paper (N14)."""
    if not scene.own.unit.is_root:
        yield Finding("only_root", {"unit": scene.own.unit.code})


def paper_round(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A round is open in which a parent issues or accepts (N14)."""
    one = scene.negotiation.protocol.rounds_by_name.get(scene.round)
    if one is None or one.kind not in PAPER_ACTS:
        yield Finding("paper_round", {})


def holds_paper(scene: Scene, _hands: Hands) -> Iterator[Finding]:
    """A paper of the open round waits to be confirmed (N14)."""
    if _waiting(scene) is None:
        yield Finding("holds_paper", {"unit": scene.own.unit.code})


def not_who_recorded(scene: Scene, hands: Hands) -> Iterator[Finding]:
    """Who recorded a paper does not confirm it (N14)."""
    waiting = _waiting(scene)
    if waiting is not None and not hands.isdisjoint(waiting.hands):
        yield Finding("separate_hands", {})


def _waiting(scene: Scene) -> Paper | None:
    found = (one for one in scene.own.plan.papers if one.status == "recorded")
    return next((one for one in found if one.round == scene.round), None)


def _moved(scene: Scene, waiting: Proposal) -> Iterator[Finding]:
    """Figures that are no longer what they were when the correction was proposed."""
    if scene.ground is None:
        return
    for code, named in waiting.figures.items():
        plan = scene.ground.seats[code].plan
        now = numbers.in_force(scene.negotiation.protocol, plan, waiting.round)
        yield from _differing(code, named, waiting.was.get(code, {}), now)
    for code, held in waiting.held.items():
        split = scene.ground.seats[code].plan.record(waiting.round).split
        yield from _differing(code, held, held, dict.fromkeys(held, 0) | _held(split))


def _held(split: Split | None) -> dict[str, int]:
    return split.held if split else {}


def _differing(
    code: str, names: Iterable[str], was: Mapping[str, int], now: Mapping[str, int]
) -> Iterator[Finding]:
    for name in names:
        if was.get(name) != now.get(name):
            params = {"unit": code, "indicator": name}
            got = {"expected": was.get(name), "got": now.get(name)}
            yield Finding("figures_moved", {**params, **got})
