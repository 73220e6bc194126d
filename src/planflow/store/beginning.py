"""How a unit of work begins on PostgreSQL: in whose role, and within whose places (section 7).

The scope is set by the first statement, sent together with BEGIN: no way leads around it, and it
costs no round trip of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from planflow.errors import Fault
from planflow.store.driver import carried

APPLICATION: Final = "planflow_application"  # acts for somebody, within their places
RECORDS: Final = "planflow_records"  # sequencer, audit, jobs: all of history
_UNKNOWN = ("22023", "42704")  # no such role: the schema has not been made yet
_NOT_A_MEMBER = "42501"


@dataclass(frozen=True, slots=True)
class Within:
    """Whose plans a unit of work may touch: those at and below some units' places in one cycle.

    PostgreSQL holds to it by itself (`store.row_security`); without it no plan is there at all.
    """

    units: Sequence[str]
    cycle: str


def begin(connection: Connection, how: str, within: Within | None) -> None:
    """Begin a unit of work whose connection is new to it. Raises `DBAPIError`."""
    module = connection.dialect.loaded_dbapi

    def work(cursor: Any) -> None:
        wire = cursor.connection.pgconn
        quote = module.pq.Escaping(wire).escape_literal
        sql = how if within is None else f"{how}; {_entering(within, quote)}"
        # In the wire's simple form, which takes several statements at once.
        result = wire.exec_(sql.encode())
        if result.status not in (module.pq.ExecStatus.COMMAND_OK, module.pq.ExecStatus.TUPLES_OK):
            error = module.errors.error_from_result(result)
            gone = wire.status != module.pq.ConnStatus.OK
            raise module.OperationalError(str(error)) if gone else error

    carried(connection, work)


def take_role(role: str) -> Callable[[Any, Any], None]:
    """What gives each new connection its role, whoever it signed in as."""

    def take(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        try:
            connection.execute(f"SET ROLE {role}")
        except Exception as error:
            state = getattr(error, "sqlstate", None)
            if state == _NOT_A_MEMBER:
                raise Fault("role_missing", {"role": role}) from error
            if state not in _UNKNOWN:  # a schema that was never made is told of as such later
                raise
        connection.autocommit = False

    return take


def role_of(connection: Connection) -> str:
    """The role that a connection acts in."""
    return str(connection.exec_driver_sql("SELECT current_user").scalar_one())


def _entering(within: Within, quote: Callable[[bytes], bytes]) -> str:
    units = ",".join(within.units)
    # What cannot be a text there is no cycle's name: it is looked for, and told of, later.
    cycle = "" if "\0" in within.cycle else within.cycle
    texts = (quote(one.encode("utf-8", "replace")).decode() for one in (units, cycle))
    return f"SELECT planflow_enter({', '.join(texts)})"
