"""The equal-treatment report: what the units below one asked and were issued in a round (N15)."""

from fractions import Fraction

from planflow.engine import silence, treated
from planflow.engine.scene import Seat
from planflow.engine.treated import Answer
from planflow.errors import Finding, invalid
from planflow.protocol.models import Protocol
from planflow.quota.treatment import POINTS, Pair, Treatment, treatment
from planflow.services import apart, sights
from planflow.services.people import Reader
from planflow.services.review_views import TreatedView, TreatmentsView, TreatmentView
from planflow.services.site import Site
from planflow.store import trees
from planflow.store.seats import seats_of
from planflow.store.transaction import Tx

NO_ANSWER = Answer(Pair(None, None))


def treatments(
    site: Site, reader: Reader, cycle: str, unit: str, round_name: str | None
) -> TreatmentsView:
    """All units below one that take part in a round, side by side. Raises `Refusal`."""

    def work(tx: Tx) -> TreatmentsView:
        seen = sights.of_cycle(site, tx, reader, cycle)
        head, place = seen.head, sights.place(site, tx, seen, unit)
        protocol = head.negotiation.protocol
        name, up = _round(protocol, round_name)
        below = trees.below(site.database, tx, head.tree, [place], head.taking(name))[unit]
        seats = list(seats_of(tx, head, below, "none", {}).values())
        now, answers = site.clock(), {}
        for seat in seats:
            around = (head.negotiation, head.state, seat.unit, seat.plan)
            plan = silence.catch_up(*around, now)
            answers[seat.unit.code] = treated.answers(protocol, plan, name)
        said = [
            one for one in protocol.indicators_by_name if any(one in a for a in answers.values())
        ]
        return TreatmentsView(
            cycle=cycle,
            unit=unit,
            round=name,
            asked_in=up,
            indicators={
                one: _by_indicator(seats, {c: a.get(one, NO_ANSWER) for c, a in answers.items()})
                for one in said
            },
        )

    return site.database.read(work, reader.within(cycle))


def _round(protocol: Protocol, name: str | None) -> tuple[str, str]:
    if name is None:
        raise invalid(Finding("missing", {"field": "round"}, "round"))
    up = treated.asked_in(protocol, name)
    if not up:
        known = [one for one in protocol.rounds_by_name if treated.asked_in(protocol, one)]
        params = {"round": name[:64], "known": ", ".join(known)}
        raise invalid(Finding("unknown_round", params, "round"))
    return name, up


def _by_indicator(seats: list[Seat], answers: dict[str, Answer]) -> TreatmentView:
    found = treatment({code: one.pair for code, one in answers.items()})
    return TreatmentView(
        median=None if found.median is None else str(found.median),
        threshold=str(POINTS),
        siblings=[_sibling(seat, answers[seat.unit.code], found) for seat in seats],
    )


def _sibling(seat: Seat, answer: Answer, found: Treatment) -> TreatedView:
    pair, code = answer.pair, seat.unit.code
    distance = found.distances.get(code)
    known = pair.cut is not None and pair.asked is not None
    return TreatedView(
        unit=code,
        name=seat.unit.name,
        asked=pair.asked,
        issued=pair.issued,
        cut=pair.cut,
        percent=apart.percent(pair.cut or 0, pair.asked or 0) if known else None,
        reason_code=answer.reason_code or None,
        distance=None if distance is None else str(distance),
        outlier=found.apart(code),
        arithmetic=_arithmetic(answer, found.median, distance),
    )


def _arithmetic(answer: Answer, median: Fraction | None, distance: Fraction | None) -> str | None:
    """How a cut and its distance come about, in figures alone."""
    pair = answer.pair
    if pair.percent is None:
        return None
    told = f"({pair.asked} − {pair.issued}) × 100 ÷ {pair.asked} = {pair.percent}"
    if distance is None:
        return told
    sign = ">" if distance > POINTS else "≤"
    return f"{told}; |{pair.percent} − {median}| = {distance} {sign} {POINTS}"
