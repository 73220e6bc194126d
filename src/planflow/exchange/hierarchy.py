"""Units in an order in which each finds its parent already there (N1)."""

from collections.abc import Mapping

from planflow.domain.units import UnitRow
from planflow.exchange.findings import RowFindings

_SHOWN = 20


def parents_first(
    units: Mapping[str, UnitRow], rows: Mapping[str, int], findings: RowFindings
) -> list[UnitRow]:
    """Return units by code as a list, parents before children, otherwise in their order.

    Each cycle becomes one finding, at the first of its rows.
    """
    placed: dict[str, UnitRow] = {}
    for start, unit in units.items():
        if unit.parent in placed:
            placed[start] = unit
            continue
        climbed: dict[str, UnitRow] = {}
        code = start
        while code in units and code not in placed:
            if code in climbed:
                _report_cycle(list(climbed), code, rows, findings)
                break
            climbed[code] = units[code]
            code = units[code].parent
        # those on a cycle are placed too, so that it is found only once
        placed.update((code, climbed[code]) for code in reversed(climbed))
    return list(placed.values())


def _report_cycle(
    climbed: list[str], start: str, rows: Mapping[str, int], findings: RowFindings
) -> None:
    cycle = climbed[climbed.index(start) :]
    first = min(range(len(cycle)), key=lambda place: rows[cycle[place]])
    codes = (*cycle[first:], *cycle[:first])
    row = rows[codes[0]]
    shown = [*codes[:_SHOWN], "…"] if len(codes) > _SHOWN else [*codes, codes[0]]
    findings.add("unit_cycle", row, codes=" → ".join(shown), length=len(codes))
