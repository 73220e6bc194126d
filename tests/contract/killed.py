"""Processes that play on until they are killed: `python -m tests.contract.killed`, a job a line.

A job's process opens its site, lets the sequencer run beside it, and walks through a cycle. Before
each act it writes down what it asks, before each unit of work whose it is, and after each commit
which events were acknowledged to it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

from planflow.errors import PlanflowError
from planflow.services import acting, keys
from planflow.services.calls import Call
from planflow.services.people import Reader
from planflow.services.sequencing import Running
from planflow.services.site import Site, open_site
from planflow.store import appending
from planflow.store.beginning import Within
from planflow.store.transaction import Database, Tx
from tests.contract.walk import Walk
from tests.databases import settings
from tests.world import USERS, World

Job = dict[str, Any]


def main() -> None:
    """Carry out jobs: a process for each, killed within the unit of work that the job tells."""
    for line in sys.stdin:
        job: Job = json.loads(line)
        begun, told = os.pipe()
        child = os.fork()
        if not child:
            os.close(begun)
            _play(job, told)
        os.close(told)
        units = 0
        while units <= job["unit"] and (some := os.read(begun, 1)):
            units += len(some)
        time.sleep(job["seconds"])
        os.close(begun)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        ended = "failed" if os.WEXITSTATUS(status) else "finished"
        print("killed" if os.WIFSIGNALED(status) else ended, flush=True)


def _play(job: Job, told: int) -> None:
    """Walk until the end; never comes back."""
    code = 1
    try:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        page = os.open(job["page"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        site = open_site(settings(job["url"], ledger_folder=Path(job["folder"])))
        keys.ready(site)
        _noting(page, told)
        world = World(site)
        for name, (role, unit) in USERS.items():
            world.enter(name, role, unit, job["tokens"][name])
        with Running(site):
            Walk(world, Random(job["seed"])).whole()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _noting(page: int, told: int) -> None:
    """Write down what is asked and what is acknowledged, each line at once."""
    here = threading.local()
    write, record, act = Database.write, appending.record, acting.act
    count = iter(range(10**9))

    def noted_record(*arguments: Any, **named: Any) -> appending.Recorded:
        done = record(*arguments, **named)
        here.events.append(done.event.id)
        return done

    def noted_write(
        database: Database, work: Callable[[Tx], Any], within: Within | None = None
    ) -> Any:
        events: list[str] = []
        # The use case: work is a function within it.
        with suppress(OSError):  # nobody counts any more
            os.write(told, b"u")
        os.write(page, f"do {work.__qualname__.partition('.<locals>')[0]}\n".encode())

        def once(tx: Tx) -> Any:
            events.clear()
            here.events = events
            return work(tx)

        answer = write(database, once, within)
        if events:
            os.write(page, f"ack {' '.join(events)}\n".encode())
        return answer

    def noted_act(site: Site, reader: Reader, call: Call, *where: str) -> Any:
        call = call if call.key else replace(call, key=f"killed-{next(count)}")
        fields = asdict(call) | {"body": call.body.decode()}
        asked = {"who": reader.name, "call": fields, "where": where}
        os.write(page, f"ask {json.dumps(asked)}\n".encode())
        try:
            return act(site, reader, call, *where)
        except PlanflowError:
            os.write(page, b"no -\n")
            raise

    Database.write = noted_write  # type: ignore[method-assign, assignment]
    appending.record = noted_record
    acting.act = noted_act  # type: ignore[assignment]


if __name__ == "__main__":
    main()
