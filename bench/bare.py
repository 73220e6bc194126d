"""The floor over HTTP: FastAPI and asyncpg, with the rows of one step and of one look-up of a token.

BENCH_URL=postgresql://… uvicorn bench.bare:app
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, Request, Response

from bench.floors import QUEUE, READS, TABLES, UPDATE, WRITTEN
from bench.worlds import CYCLE

TOKEN = (
    "SELECT a.id, a.name, t.via, g.id, g.role, g.unit_id FROM token t "  # noqa: S105 - SQL
    "JOIN account a ON a.id = t.account_id LEFT JOIN access_grant g ON g.account_id = a.id "
    "WHERE t.digest = $1 ORDER BY g.id"
)


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["BENCH_URL"], min_size=8, max_size=18)
    async with app.state.pool.acquire() as connection:
        for statement in QUEUE:
            await connection.execute(statement)
        app.state.plans = await _rows(connection)
        app.state.digest = await connection.fetchval("SELECT digest FROM token LIMIT 1")
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=_life)


@app.post("/step/{code}")
async def step(request: Request, code: str) -> Response:
    """Look the token up, then one step as `bench.floors` has it, and answer with the plan's body."""
    await request.body()
    plan = app.state.plans[code]
    async with app.state.pool.acquire() as connection:
        await connection.fetch(TOKEN, app.state.digest)
        async with connection.transaction():
            row = await _read(connection, plan)
            event, seq = str(uuid.uuid4()), plan["position"] + 1
            await _write(connection, plan, row["version"], seq, event)
    plan["position"] = seq
    answer = {"version": row["version"] + 1, "event": event, "body": json.loads(plan["head"][3])}
    return Response(json.dumps(answer).encode(), media_type="application/json")


async def _read(connection: Any, plan: dict[str, Any]) -> Any:
    arguments = ([CYCLE], [CYCLE, plan["parent"]], [CYCLE, plan["unit"]])
    for query, given in zip(READS, arguments, strict=True):
        sql = query.format("$1", "$2", "$2", share="FOR SHARE", update="FOR UPDATE")
        row = await connection.fetchrow(sql, *given)
    return row


async def _write(connection: Any, plan: dict[str, Any], version: int, seq: int, event: str) -> None:
    fresh = {"id": event, "event_id": event, "seq": seq, "position": seq}
    for table in TABLES:
        names, rows = plan["columns"][table], plan["rows"][table]
        marks = [f"${at}" for at in range(1, len(names) + 1)]
        sql = f"INSERT INTO {WRITTEN[table]} VALUES ({', '.join(marks)})"  # noqa: S608 - our own tables
        given = [
            [fresh.get(name, value) for name, value in zip(names, row, strict=True)] for row in rows
        ]
        if len(given) == 1:
            await connection.execute(sql, *given[0])
        elif given:
            await connection.executemany(sql, given)
    head = [version + 1, seq, *plan["head"], CYCLE, plan["unit"]]
    await connection.execute(UPDATE.format(*(f"${at}" for at in range(1, 11))), *head)


async def _rows(connection: Any) -> dict[str, dict[str, Any]]:
    """The last step of every plan that has one, by unit code."""
    found = {}
    parent = await connection.fetchval(
        "SELECT unit_id FROM cycle_unit WHERE cycle_id = $1 AND parent_code IS NULL", CYCLE
    )
    query = (
        "SELECT u.code, p.* FROM plan p JOIN cycle_unit u USING (cycle_id, unit_id) "
        "WHERE p.cycle_id = $1 AND p.position > 0"
    )
    for row in await connection.fetch(query, CYCLE):
        kept = ("state", "chain", "recorded_at", "body", "draft_round", "typists")
        plan = {"unit": row["unit_id"], "parent": parent, "position": row["position"]}
        plan |= {"head": [row[name] for name in kept], "columns": {}, "rows": {}}
        stream, seq = f"plan/{CYCLE}/{row['unit_id']}", row["position"]
        event = await connection.fetchval(
            "SELECT id FROM event WHERE stream = $1 AND seq = $2", stream, seq
        )
        for table in TABLES:
            named = dict.fromkeys(("event_part", "ledger_queue"), "event_id = $1")
            named["event"] = "id = $1"
            where = named.get(table, "cycle_id = $1 AND unit_id = $2 AND position = $3")
            given = [event] if table in named else [CYCLE, row["unit_id"], seq]
            rows = await connection.fetch(f"SELECT * FROM {table} WHERE {where}", *given)  # noqa: S608 - our own tables
            plan["columns"][table] = list(rows[0].keys()) if rows else []
            plan["rows"][table] = [list(one.values()) for one in rows]
        found[row["code"]] = plan
    return found
