"""The second line on PostgreSQL: the database itself keeps plans from whoever is out of place.

A unit of work of the application tells first whose plans it is about (`store.beginning`); from then on
every statement of it finds, adds and changes rows of those units and the units below them, and no
others, whatever the statement asks for. Four functions lead to rows beyond: they are the owner's, and
give no more than what the rules of the negotiation rest on.

What is not guarded: the tree (codes, names and levels are no plan content, and the rules of every act
walk it), and leaves of events, which the ledger publishes to everybody who reads the cycle.
"""

from typing import Any

from sqlalchemy import Connection, TableValuedAlias, column, func, inspect, text
from sqlmodel import SQLModel

from planflow.store.beginning import APPLICATION, RECORDS
from planflow.store.tables import METADATA, EventPartRow, EventRow, PlanRow, table

_SETTING = "(SELECT nullif(current_setting('planflow.{}', true), ''))"
_CYCLE, _WHOLE = _SETTING.format("cycle"), _SETTING.format("whole")
_PATHS = "unnest(string_to_array(current_setting('planflow.paths', true), chr(10)))"


def _within(path: str) -> str:
    """At or below one of the places."""
    same_or_below = f"{path} = mine OR starts_with({path}, mine || '/')"
    return f"EXISTS (SELECT 1 FROM {_PATHS} AS mine WHERE {same_or_below})"  # ours  # nosec B608


def _along(path: str) -> str:
    """The same, or above one of them."""
    above = (
        f"EXISTS (SELECT 1 FROM {_PATHS} AS mine WHERE starts_with(mine, {path} || '/'))"  # ours  # nosec B608
    )
    return f"({_within(path)} OR {above})"


def _placed(unit: str, where: str) -> str:
    """Where a unit stands today: codes and paths change, identities do not (N1)."""
    return (
        f"EXISTS (SELECT 1 FROM cycle_unit AS place WHERE place.cycle_id = {_CYCLE}"  # ours  # nosec B608
        f" AND place.unit_id = {unit} AND {where})"
    )


def _seen(table: str) -> str:
    """Rows of a plan within. Whoever sees the root sees the cycle whole, by one comparison."""
    mine = f"{table}.cycle_id = {_CYCLE} AND {_placed(f'{table}.unit_id', _within('place.path'))}"
    return f"({table}.cycle_id = {_WHOLE} OR ({mine}))"


_EVENT = f"(event.unit_id = '' OR {_seen('event')})"
_OF_EVENT = "EXISTS (SELECT 1 FROM event WHERE event.id = {}.event_id{})"
_OF_CYCLE = " AND event.cycle_id <> ''"
# A program's token and a delegation bear the id of their event: what it is called, why it was given.
_SAID = (
    "event_part.part = 'name' AND EXISTS"
    " (SELECT 1 FROM token_family WHERE token_family.id = event_part.event_id)"
    " OR event_part.part = 'texts' AND EXISTS"
    " (SELECT 1 FROM access_grant WHERE access_grant.id = event_part.event_id)"
)
_ALONG = _placed("plan.unit_id", _along("place.path"))
# An act holds the plan above its own, also before anything was done there: it is begun as an empty row.
_BEGUN = f"(plan.position = 0 AND plan.version = 0 AND plan.cycle_id = {_CYCLE} AND {_ALONG})"

_PAST = _placed("past_year.unit_id", _within("place.path"))

# For each table: what is found and changed, and what may be added.
_POLICIES: dict[str, tuple[str, str]] = {
    "plan": (_seen("plan"), f"{_seen('plan')} OR {_BEGUN}"),
    **{
        name: (_seen(name), _seen(name))
        for name in ("plan_state", "figure", "commitment", "extension")
    },
    "event": (_EVENT, _EVENT),
    # Of the site's own events nobody reads more through here: names of people are among their values.
    "event_part": (f"({_OF_EVENT.format('event_part', _OF_CYCLE)} OR {_SAID})", "true"),
    "citation": (_OF_EVENT.format("citation", ""), "true"),
    "past_year": (_PAST, _PAST),
}
GUARDED = tuple(_POLICIES)
_NAMES = ("within", "adding", "all_of_it")

_ENTER = """planflow_enter(units text, one_cycle text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE places text;
BEGIN
  SELECT string_agg(path, chr(10)) INTO places FROM cycle_unit
  WHERE cycle_id = one_cycle AND unit_id = ANY (string_to_array(units, ','));
  PERFORM set_config('planflow.cycle', one_cycle, true),
    set_config('planflow.paths', coalesce(places, ''), true),
    set_config('planflow.whole', CASE WHEN EXISTS (
      SELECT 1 FROM unnest(string_to_array(places, chr(10))) AS mine WHERE strpos(mine, '/') = 0
    ) THEN one_cycle ELSE '' END, true);
END $$"""

# Volatile: each of its queries sees what was committed while its caller waited for a lock.
_LAPSED = """planflow_lapsed(told text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE rests CONSTANT jsonb := told::jsonb;
BEGIN
  RETURN EXISTS (SELECT 1 FROM grant_end
      WHERE grant_id IN (SELECT jsonb_array_elements_text(rests -> 'grants')))
    OR EXISTS (SELECT 1 FROM account
      WHERE id IN (SELECT jsonb_array_elements_text(rests -> 'accounts')) AND disabled)
    OR EXISTS (SELECT 1 FROM token_end WHERE family = rests ->> 'family');
END $$"""

_OWNERS = "SECURITY DEFINER SET search_path FROM CURRENT AS $$"
_HELD = f"""SELECT plan.* FROM plan JOIN cycle_unit AS place USING (cycle_id, unit_id)
    WHERE plan.cycle_id = {_CYCLE} AND plan.unit_id = ANY (units) AND {_along("place.path")}
    ORDER BY plan.path COLLATE "C\""""  # ours  # nosec B608
# Plans that an act within the places rests on: those, and the ones above them.
_AROUND = f"""planflow_around(units text[], lock text) RETURNS SETOF plan LANGUAGE plpgsql {_OWNERS}
BEGIN
  IF lock = 'update' THEN RETURN QUERY {_HELD} FOR UPDATE OF plan;
  ELSIF lock = 'share' THEN RETURN QUERY {_HELD} FOR SHARE OF plan;
  ELSE RETURN QUERY {_HELD};
  END IF;
END $$"""
# Events of the cycle by their ids: their leaves, as the ledger publishes them.
_LEAVES = f"""planflow_leaves(ids text[]) RETURNS SETOF event LANGUAGE sql STABLE {_OWNERS}
SELECT * FROM event WHERE id = ANY (ids) AND cycle_id = {_CYCLE}
$$"""  # ours  # nosec B608
# The chain of an event of the cycle: a hash, which the bundle of the event after it goes on from.
_CHAIN = f"""planflow_chain(of_stream text, of_seq integer) RETURNS bytea LANGUAGE sql STABLE {_OWNERS}
SELECT chain FROM event WHERE stream = of_stream AND seq = of_seq AND cycle_id = {_CYCLE}
$$"""  # ours  # nosec B608
_TOLD = (
    "CASE WHEN substr(part.value, 1, 1) = '{{'"
    " THEN convert_from(part.value, 'UTF8')::jsonb ->> '{}' END"
)
_TO_A_UNIT = f"""EXISTS (SELECT 1 FROM cycle_unit AS place WHERE place.cycle_id = {_CYCLE}
    AND place.code = {_TOLD.format("unit")} AND {_within("place.path")})"""  # ours  # nosec B608
_ON_AN_EVENT = f"""EXISTS (SELECT 1 FROM event AS about JOIN cycle_unit AS place USING (cycle_id, unit_id)
    WHERE about.id = {_TOLD.format("event")} AND about.cycle_id = {_CYCLE}
    AND {_within("place.path")})"""  # ours  # nosec B608
# Digests of their values; a value itself where it is addressed to a unit within.
_ADDRESSED = f"""planflow_addressed(ids text[]) RETURNS TABLE (event_id varchar, part varchar,
  number integer, digest bytea, salt bytea, value bytea) LANGUAGE sql STABLE {_OWNERS}
SELECT part.event_id, part.part, part.number, part.digest,
  CASE WHEN told.it THEN part.salt END, CASE WHEN told.it THEN part.value END
FROM event_part AS part JOIN event ON event.id = part.event_id,
  LATERAL (SELECT {_EVENT} OR {_TO_A_UNIT} OR {_ON_AN_EVENT}) AS told (it)
WHERE part.event_id = ANY (ids) AND event.cycle_id = {_CYCLE}
$$"""  # ours  # nosec B608
_WAYS = {
    "planflow_around(text[], text)": _AROUND,
    "planflow_leaves(text[])": _LEAVES,
    "planflow_addressed(text[])": _ADDRESSED,
    "planflow_chain(text, integer)": _CHAIN,
}


def lift(connection: Connection) -> None:
    """Take it all away, for a migration that changes tables; nothing on SQLite.

    In the migration's own unit of work: nobody else ever sees a table without its guard.
    """
    if connection.dialect.name != "postgresql":
        return
    for guarded in GUARDED:
        for name in _NAMES:
            connection.execute(text(f'DROP POLICY IF EXISTS {name} ON "{guarded}"'))
        for how in ("NO FORCE", "DISABLE"):
            connection.execute(text(f'ALTER TABLE IF EXISTS "{guarded}" {how} ROW LEVEL SECURITY'))
    for signature in _WAYS:
        connection.execute(text(f"DROP FUNCTION IF EXISTS {signature}"))


def guard(connection: Connection) -> None:
    """Put every policy and function in place, once they were lifted; nothing on SQLite."""
    there = set(inspect(connection).get_table_names())
    if connection.dialect.name != "postgresql" or not there.issuperset(METADATA.tables):
        return  # an older schema, on the way to this one
    for each in (_ENTER, _LAPSED):
        connection.execute(text(f"CREATE OR REPLACE FUNCTION {each}"))
    for signature, way in _WAYS.items():
        connection.execute(text(f"CREATE OR REPLACE FUNCTION {way}"))
        connection.execute(text(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC"))
        connection.execute(text(f"GRANT EXECUTE ON FUNCTION {signature} TO {APPLICATION}"))
    for guarded, (found, added) in _POLICIES.items():
        for how in ("ENABLE", "FORCE"):  # forced: what the owner sees, a policy says too
            connection.execute(text(f'ALTER TABLE "{guarded}" {how} ROW LEVEL SECURITY'))
        whole = f"{RECORDS}, CURRENT_USER"
        for name, rest in (
            ("within", f"TO {APPLICATION} USING ({found})"),
            ("adding", f"FOR INSERT TO {APPLICATION} WITH CHECK ({added})"),
            ("all_of_it", f"TO {whole} USING (true) WITH CHECK (true)"),
        ):
            connection.execute(text(f'CREATE POLICY {name} ON "{guarded}" {rest}'))


def around(units: Any, lock: Any) -> TableValuedAlias:
    """Plans of some units that the rules of an act rest on: within its places and above them."""
    return _rows(func.planflow_around(units, lock), PlanRow)


def leaves(ids: Any) -> TableValuedAlias:
    """Events of the cycle, as the ledger publishes them."""
    return _rows(func.planflow_leaves(ids), EventRow)


def addressed(ids: Any) -> TableValuedAlias:
    """What those events commit to: digests, and the values that are addressed to a unit within."""
    return _rows(func.planflow_addressed(ids), EventPartRow)


def chain(stream: str, seq: int) -> Any:
    """The chain of an event of the cycle."""
    return func.planflow_chain(stream, seq)


def _rows(call: Any, kind: type[SQLModel]) -> TableValuedAlias:
    columns = (column(one.name, one.type) for one in table(kind).c)
    found: TableValuedAlias = call.table_valued(*columns)
    return found
