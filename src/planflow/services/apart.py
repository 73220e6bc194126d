"""What lies between two numbers of one plan: changes, markups, shares of a hundred (N5, N7)."""

from decimal import ROUND_HALF_EVEN, Decimal

from planflow.engine import lines
from planflow.engine.scene import Seat
from planflow.engine.state import Markup, Record
from planflow.services.views import ApartView, ChangeView, MarkupView

_TENTH = Decimal("0.1")


def percent(part: int, whole: int) -> float | None:
    """A part as so many of a hundred, to one decimal; none of nothing."""
    if not whole:
        return None
    return float((Decimal(part) * 100 / abs(whole)).quantize(_TENTH, ROUND_HALF_EVEN))


def apart(before: dict[str, int], after: dict[str, int]) -> dict[str, ApartView]:
    """Numbers that differ between two rounds, by indicator."""
    found = {}
    for name, pair in lines.changes({"": before}, {"": after}).get("", {}).items():
        start, end = pair["from"], pair["to"]
        known = start is not None and end is not None
        difference = (end or 0) - (start or 0) if known else None
        share = None if difference is None else percent(difference, start or 0)
        found[name] = ApartView(**pair, difference=difference, percent=share)
    return found


def changed(own: Seat) -> dict[str, dict[str, ChangeView]]:
    """What a unit's last report changed since it was returned, by basis and indicator."""
    record = own.plan.record(own.plan.round)
    return {
        basis: {name: ChangeView(**pair) for name, pair in pairs.items()}
        for basis, pairs in lines.answered(record).items()
    }


def markups(own: Seat) -> list[MarkupView]:
    """What the levels above and the unit itself added on top of what they were issued."""
    found = []
    for name, record in own.plan.rounds.items():
        found += [_markup(name, one) for one in record.markups]
        found += [_markup(name, one, _reason(record, one)) for one in _own(own, record)]
    return found


def _own(own: Seat, record: Record) -> list[Markup]:
    if record.split is None:
        return []
    place = {"unit": own.unit.code, "level": own.unit.level}
    return [
        Markup(**place, basis=basis, indicator=name, issued=one.total.get(name, 0), added=added)
        for basis, one in record.split.portions().items()
        for name, added in one.markup.items()
    ]


def _markup(name: str, one: Markup, reason: str = "") -> MarkupView:
    return MarkupView(
        **one.model_dump(),
        round=name,
        percent=percent(one.added, one.issued),
        reason_code=reason or None,
    )


def _reason(record: Record, one: Markup) -> str:
    return record.split.markup_reasons.get(one.indicator, "") if record.split else ""
