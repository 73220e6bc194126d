"""F7, F10: a process killed at any moment loses no write it acknowledged, and doubles none.

Afterwards the audit is clean, the sequencer goes on, and what was asked last can be asked again with
its key: it happens once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from planflow.errors import PlanflowError
from planflow.services import acting, audit, people
from planflow.services.calls import Call
from planflow.services.sequencing import Sequencer
from planflow.services.site import Site, open_site
from tests.architecture import house
from tests.conftest import peopled
from tests.contract.test_ledger import alone
from tests.databases import Databases, Files, settings
from tests.world import PASSWORD, World

SEED = int(os.environ.get("PLANFLOW_SOAK_SEED", "1"))
KILLS = int(os.environ.get("PLANFLOW_SOAK_KILLS", "1000"))
UNITS = 280  # units of work of a whole walk, about
WITHIN = 0.02  # seconds: longer than most units of work take


@contextmanager
def killer() -> Iterator[subprocess.Popen[str]]:
    """The program that starts processes and kills them."""
    command = [sys.executable, "-m", "tests.contract.killed"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=house.ROOT) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def nobody_in(databases: Databases, url: str) -> None:
    """Wait until the server has noticed that its client is gone."""
    if isinstance(databases, Files):
        return
    others = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with alone(url) as connection:
        for _ in range(200):
            if not connection.execute(others).scalar_one():
                return
            connection.rollback()
            time.sleep(0.05)
    raise AssertionError("somebody is still there")


def events(site: Site) -> list[str]:
    with site.records.engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM event")).scalars())


def again(world: World, asked: dict[str, Any]) -> str:
    """Ask once more what was asked; how it ended."""
    fields = asked["call"] | {"body": asked["call"]["body"].encode()}
    try:
        acting.act(world.site, world.readers[asked["who"]], Call(**fields), *asked["where"])
    except PlanflowError as error:
        return error.code
    return "done"


def check(databases: Databases, url: str, folder: Path, page: Path, told: Counter[str]) -> None:
    """Everything that must hold once a process was killed."""
    nobody_in(databases, url)
    noted = [line.split(" ", 1) for line in page.read_text("utf-8").splitlines()]
    lines = [line for line in noted if line[0] != "do"]
    acknowledged = [one for word, rest in lines if word == "ack" for one in rest.split()]
    site = open_site(settings(url, ledger_folder=folder))
    try:
        there = events(site)
        assert set(acknowledged) <= set(there), "an acknowledged write was lost"
        assert len(set(acknowledged)) == len(acknowledged)
        told["events acknowledged"] += len(acknowledged)
        assert audit.audit(site, lambda _what, _count: None).findings == []
        Sequencer.of(site).advance()
        asks = [at for at, (word, _) in enumerate(lines) if word == "ask"]
        if asks:
            world = peopled(site, databases)
            asked = json.loads(lines[asks[-1]][1])
            if asked["who"] not in world.readers:  # somebody who came in on the walk
                who = asked["who"]
                token = people.sign_in(site, who, PASSWORD).access_token
                world.enter(who, "", None, token)
            was_told = [word for word, _ in lines[asks[-1] + 1 :]][:1] == ["ack"]
            first = again(world, asked)
            between = events(site)
            assert again(world, asked) == first
            assert events(site) == between, "asked again, it happened again"
            if was_told:
                assert len(between) == len(there)
            told[f"asked again{', told before' if was_told else ''}: {first}"] += 1
        Sequencer.of(site).advance()
        done = audit.audit(site, lambda _what, _count: None)
        assert done.findings == []
        assert done.counts["leaves"] == done.counts["events"]
    finally:
        site.close()


def at_work(page: Path) -> str:
    """The use case that was begun last; the sequencer's own work goes on beside each."""
    lines = page.read_text("utf-8").splitlines()
    begun = [line.removeprefix("do ") for line in lines if line.startswith("do ")]
    return next((name for name in reversed(begun) if not name.startswith("Sequencer")), "opening")


def kill_many(databases: Databases, folder: Path, number: int) -> None:
    """Kill as many processes as told; one that finished before it was killed does not count."""
    chance, told = Random(SEED), Counter[str]()
    with killer() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while told["killed"] < number:
            url, own = databases.peopled(), folder / f"{told['killed'] + told['finished']}"
            own.mkdir()
            job = {
                "url": url,
                "folder": str(own / "kept"),
                "page": str(own / "page"),
                "tokens": databases.tokens,
                "seed": chance.randrange(2**32),
                "unit": chance.randrange(UNITS),
                "seconds": chance.uniform(0, WITHIN),
            }
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            ended = process.stdout.readline().strip()
            assert ended in ("killed", "finished"), "a walk failed by itself"
            told[ended] += 1
            if ended == "killed":
                told[f"killed in {at_work(own / 'page')}"] += 1
            check(databases, url, own / "kept", own / "page", told)
            databases.drop(url)
            shutil.rmtree(own)
            if told["killed"] % 100 == 0 and ended == "killed":
                print(dict(sorted(told.items())), flush=True)
    print(dict(sorted(told.items())))
    # A walk that ends before its unit of work comes is rare: else little was killed of what it is about.
    assert told["finished"] <= number // 2
    assert told["killed in act"] >= number // 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed")
def test_a_killed_process_loses_and_doubles_nothing(databases: Databases, tmp_path: Path) -> None:
    kill_many(databases, tmp_path, 12)


@pytest.mark.soak
def test_a_thousand_killed_processes_lose_and_double_nothing(
    databases: Databases, tmp_path: Path
) -> None:
    kill_many(databases, tmp_path, KILLS)
