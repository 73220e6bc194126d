"""What a figure or a reason must be to be taken at all: known, whole, in range, explained (N3)."""

from collections.abc import Iterable, Iterator, Mapping

from planflow.domain.commands import Reasons
from planflow.domain.figures import FUNDED, LARGEST, TASK, Reason
from planflow.domain.units import UnitNode
from planflow.errors import Finding
from planflow.protocol.models import Indicator, Protocol, Purpose


def applies(protocol: Protocol, indicator: Indicator, unit: UnitNode) -> bool:
    """Whether a unit has a figure for an indicator: above its entry level always, at it by attribute."""
    if indicator.entry_level is None:
        return True
    own, entry = protocol.level_order[unit.level], protocol.level_order[indicator.entry_level]
    if own != entry:
        return own < entry
    return indicator.applies_to is None or indicator.applies_to in unit.attributes


def carried(protocol: Protocol, units: Iterable[UnitNode]) -> frozenset[str]:
    """Indicators that some of these units may have by their level: only those can be added up."""
    order = protocol.level_order
    highest = min((order[unit.level] for unit in units), default=len(order))
    return frozenset(
        one.name
        for one in protocol.indicators
        if one.entry_level is None or highest <= order[one.entry_level]
    )


def summed(protocol: Protocol, unit: UnitNode, children: Iterable[UnitNode]) -> frozenset[str]:
    """Indicators of which a unit's number is its children's sum, and nothing it enters itself (N4).

    Above an indicator's entry level it always is, 0 where no unit below may have any.
    """
    order, below = protocol.level_order, list(children)
    if not below:
        return frozenset()
    above = (
        one.name
        for one in protocol.indicators
        if one.entry_level is not None and order[unit.level] < order[one.entry_level]
    )
    return carried(protocol, below).union(above)


def indicators(protocol: Protocol, names: Iterable[str], where: str) -> Iterator[Finding]:
    """Names in a list that are no indicator's."""
    known = ", ".join(protocol.indicators_by_name)
    for at, name in enumerate(names):
        if name not in protocol.indicators_by_name:
            yield Finding("unknown_indicator", {"indicator": name, "known": known}, f"{where}.{at}")


def figures(
    protocol: Protocol, unit: UnitNode, given: Mapping[str, int], where: str
) -> Iterator[Finding]:
    """Faults of figures given for one unit; `where` is the field they stand in."""
    for name, value in given.items():
        field = f"{where}.{name}"
        indicator = protocol.indicators_by_name.get(name)
        if indicator is None:
            known = ", ".join(protocol.indicators_by_name)
            yield Finding("unknown_indicator", {"indicator": name, "known": known}, field)
        elif not applies(protocol, indicator, unit):
            if value != 0:
                yield Finding(
                    "not_applicable", {"indicator": name, "unit": unit.code, "got": value}, field
                )
        else:
            yield from _limits(indicator, unit, value, field)


def amounts(protocol: Protocol, given: Mapping[str, int], where: str) -> Iterator[Finding]:
    """Faults of a reserve: known indicators, nothing below zero."""
    for name, value in given.items():
        if name not in protocol.indicators_by_name:
            known = ", ".join(protocol.indicators_by_name)
            yield Finding(
                "unknown_indicator", {"indicator": name, "known": known}, f"{where}.{name}"
            )
        elif value < 0:
            yield Finding(
                "below_minimum", {"indicator": name, "got": value, "minimum": 0}, f"{where}.{name}"
            )


def bases(
    also: Iterable[str], where: str, but: tuple[str, ...] = (TASK, FUNDED)
) -> Iterator[Finding]:
    """Names of further numbers a target may hold. Which number money follows is said from above."""
    for name in also:
        if name in but or not (name.isascii() and name.isidentifier()):
            yield Finding("bad_basis", {"basis": name}, f"{where}.{name}")


def missing(
    protocol: Protocol, unit: UnitNode, round_name: str, given: Mapping[str, int], where: str
) -> Iterator[Finding]:
    """Figures the round requires of this unit and that are not given: never taken as zero."""
    for indicator in protocol.indicators:
        required = round_name in indicator.required_in and applies(protocol, indicator, unit)
        if required and indicator.name not in given:
            params = {"indicator": indicator.name, "unit": unit.code}
            yield Finding("missing_figure", params, f"{where}.{indicator.name}")


def reasons(
    protocol: Protocol, given: Reasons, purpose: Purpose | None, where: str
) -> Iterator[Finding]:
    """Reasons that name an unknown indicator or a code the act does not allow."""
    for name, reason in given.items():
        if name not in protocol.indicators_by_name:
            known = ", ".join(protocol.indicators_by_name)
            yield Finding(
                "unknown_indicator", {"indicator": name, "known": known}, f"{where}.{name}"
            )
        if isinstance(reason, Reason) and reason.reason_code is not None:
            yield from reason_code(protocol, reason.reason_code, purpose, f"{where}.{name}")


def reason_code(
    protocol: Protocol, code: str, purpose: Purpose | None, where: str
) -> Iterator[Finding]:
    """A code that the protocol does not declare for this act."""
    known = (
        protocol.reason_names(purpose) if purpose else tuple(c.name for c in protocol.reason_codes)
    )
    if code not in known:
        yield Finding("unknown_reason_code", {"code": code, "known": ", ".join(known)}, where)


def coded(protocol: Protocol, given: Reasons, purpose: Purpose | None) -> dict[str, str]:
    """Reason codes by indicator. A bare string is a code where the protocol knows it, else a text."""
    known = (
        protocol.reason_names(purpose) if purpose else tuple(c.name for c in protocol.reason_codes)
    )
    codes = {}
    for name, reason in given.items():
        code = reason.reason_code if isinstance(reason, Reason) else reason
        if code in known:
            codes[name] = code
    return codes


def texts(given: Reasons, codes: Mapping[str, str]) -> dict[str, str]:
    """Free texts by indicator: what is left of the reasons once their codes are taken."""
    found = {}
    for name, reason in given.items():
        text = reason.text if isinstance(reason, Reason) else reason
        if text and codes.get(name) != text:
            found[name] = text
    return found


def said(given: Reasons, name: str) -> bool:
    """Whether a reason is given for an indicator: a code, or words."""
    reason = given.get(name, "")
    spoken = [reason.reason_code, reason.text] if isinstance(reason, Reason) else [reason]
    return any(one and one.strip() for one in spoken)


def unexplained(
    changed: Iterable[str], codes: Mapping[str, str], known: str, where: str
) -> Iterator[Finding]:
    """Indicators that changed without a reason code."""
    for name in changed:
        if name not in codes:
            yield Finding("missing_reason", {"indicator": name, "known": known}, f"{where}.{name}")


def too_large(given: Mapping[str, int], where: str) -> Iterator[Finding]:
    """Sums beyond what a figure may be; single figures were refused when they were read (F2)."""
    for name, value in given.items():
        if abs(value) > LARGEST:
            yield Finding("out_of_range", {"field": name, "limit": LARGEST}, f"{where}.{name}")


def _limits(indicator: Indicator, unit: UnitNode, value: int, field: str) -> Iterator[Finding]:
    if value < indicator.minimum:
        params = {"indicator": indicator.name, "got": value, "minimum": indicator.minimum}
        yield Finding("below_minimum", params, field)
    # A sum over many units may exceed what one unit may have: the maximum holds where it is entered.
    entered_here = indicator.entry_level in (None, unit.level)
    if indicator.maximum is not None and entered_here and value > indicator.maximum:
        params = {"indicator": indicator.name, "got": value, "maximum": indicator.maximum}
        yield Finding("above_maximum", params, field)
