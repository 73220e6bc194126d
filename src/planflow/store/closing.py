"""Who keeps a round from closing, and whom declared silence settles instead (N6, N9)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, and_, exists, func, literal, not_, or_, select

from planflow.domain.events import plan_stream
from planflow.engine.machine import START_OF_KIND, Negotiation, lapses
from planflow.engine.rounds import NAMED_AT_MOST, Unfinished
from planflow.engine.silence import Silences
from planflow.protocol.models import Round
from planflow.store.surveys import EVENTS, PLANS, UNITS, same_plan, standing
from planflow.store.tables import ExtensionRow, table
from planflow.store.transaction import Tx
from planflow.store.trees import Taking

EXTENSIONS = table(ExtensionRow)
_PAGE = 20_000
_DONE = {
    "up": ("accepted",),
    "adjust": ("drafting", "accepted"),
    "down": ("distributed", "acknowledged"),
    "decision": ("decided",),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Conditions on the units of a cycle in a round: who is not done, who of them is silent."""

    state: ColumnElement[str]
    unfinished: ColumnElement[bool]
    silent: ColumnElement[bool]

    def first(self, tx: Tx, which: ColumnElement[bool]) -> tuple[list[Unfinished], int]:
        """The first few units of which something holds, and how many there are."""
        source = UNITS.outerjoin(PLANS, same_plan())
        count = tx.connection.execute(
            select(func.count()).select_from(source).where(which)
        ).scalar_one()
        rows = tx.connection.execute(
            select(UNITS.c.code, UNITS.c.name, UNITS.c.level, self.state.label("standing"))
            .select_from(source)
            .where(which)
            .order_by(UNITS.c.path)
            .limit(NAMED_AT_MOST)
        )
        found = [Unfinished(row.code, row.name, row.standing, row.level) for row in rows]
        return found, count

    def codes(self, tx: Tx, which: ColumnElement[bool]) -> Iterator[str]:
        """Codes of all units of which something holds, page by page."""
        after = ""
        while True:
            rows = tx.connection.execute(
                select(UNITS.c.code, UNITS.c.path)
                .select_from(UNITS.outerjoin(PLANS, same_plan()))
                .where(which, UNITS.c.path > after)
                .order_by(UNITS.c.path)
                .limit(_PAGE)
            ).all()
            yield from (row.code for row in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].path


def standing_at_close(
    negotiation: Negotiation, cycle: str, round_name: str, silences: Silences
) -> Standing:
    """Who is not done in a round, and who of them is settled by declared silence."""
    one = negotiation.protocol.rounds_by_name[round_name]
    levels = negotiation.protocol.levels_of(round_name)
    state = standing(round_name, START_OF_KIND[one.kind])
    done: ColumnElement[bool] = state.in_([f"{round_name}.{name}" for name in _DONE[one.kind]])
    taking = Taking(levels, negotiation.protocol.place_of(round_name))
    skipped = len(negotiation.protocol.levels) - len(levels)
    has_children = _has_children(UNITS, taking, skipped)
    if one.kind == "down":
        # Signing is the end for a unit with nobody below to issue to; any other must issue on.
        issued_on = state == f"{round_name}.distributed"
        done = or_(issued_on, and_(done, not_(has_children)))
    waiting = and_(
        UNITS.c.cycle_id == cycle,
        UNITS.c.level.in_(levels),
        UNITS.c.since <= taking.place,
        UNITS.c.no_task.is_(False),
        *_concerned(one.kind),
        not_(done),
    )
    silent = and_(
        state.in_([f"{round_name}.{name}" for name in lapses(one.kind)]),
        _time_over(one, cycle, silences),
        _not_extended(cycle, round_name, silences.now),
    )
    if one.kind == "down":
        silent = and_(silent, not_(has_children))
    return Standing(state, and_(waiting, not_(silent)), and_(waiting, silent))


def _concerned(kind: str) -> tuple[ColumnElement[bool], ...]:
    """Whose act a kind of round waits for: the root has no up act, and alone decides (N2)."""
    root = UNITS.c.parent_code.is_(None)
    return {"down": (), "decision": (root,)}.get(kind, (not_(root),))


def _time_over(one: Round, cycle: str, silences: Silences) -> ColumnElement[bool]:
    """Levels whose time is over; of those with a term of receipt, units issued to before it."""
    levels = [level for level in silences.rules if level not in silences.received]
    issued = (
        and_(UNITS.c.level == level, not_(_issued_after(one.name, cycle, latest)))
        for level, latest in silences.received.items()
    )
    return or_(UNITS.c.level.in_(levels), *issued)


def _issued_after(round_name: str, cycle: str, latest: dt.datetime) -> ColumnElement[bool]:
    return exists().where(
        EVENTS.c.stream == literal(plan_stream(cycle, "")) + UNITS.c.unit_id,
        EVENTS.c.kind == "issued",
        EVENTS.c.round == round_name,
        EVENTS.c.recorded_at > latest,
    )


def _not_extended(cycle: str, round_name: str, now: dt.datetime) -> ColumnElement[bool]:
    return not_(
        exists().where(
            EXTENSIONS.c.cycle_id == cycle,
            EXTENSIONS.c.unit_id == UNITS.c.unit_id,
            EXTENSIONS.c.round == round_name,
            EXTENSIONS.c.due_at >= now,
        )
    )


def _has_children(unit: FromClause, taking: Taking, skipped: int) -> ColumnElement[bool]:
    """Whether a unit has a participating unit below; `skipped` levels may lie between."""
    child = UNITS.alias()
    found: ColumnElement[bool] = and_(
        child.c.level.in_(taking.levels), child.c.since <= taking.place
    )
    if skipped:
        found = or_(found, _has_children(child, taking, skipped - 1))
    return exists().where(
        child.c.cycle_id == unit.c.cycle_id,
        child.c.parent_code == unit.c.code,
        child.c.no_task.is_(False),
        found,
    )
