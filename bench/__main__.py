"""Measure, print, and on request write the page: `python -m bench [PART …] [--full] [--write FILE]`.

Ratios hold on any machine; rates are this machine's. Nothing here is a test: no time is asserted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import http, large, proving, steps
from bench.worlds import counties, negotiating, sqlite_url

CLIENTS = 8
HTTP_CLIENTS = 32


@dataclass
class Machine:
    """A PostgreSQL server from a wheel, and a folder."""

    uri: str
    binaries: Path
    folder: Path
    full: bool
    made: int = 0
    version: str = ""

    def postgresql(self) -> str:
        """The address of an empty database."""
        self.made += 1
        name = f"bench_{self.made}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return re.sub(r"/postgres(?=\?|$)", f"/{name}", self.uri).replace(
            "postgresql://", "postgresql+psycopg://"
        )

    def sqlite(self) -> str:
        """The address of a file that is not there yet."""
        self.made += 1
        return sqlite_url(self.folder, f"bench_{self.made}")


def in_process(at: Machine) -> Iterator[str]:
    """One durable step on both databases."""
    times = 400 if at.full else 100
    url = at.postgresql()
    with negotiating(url, 2 * CLIENTS, actors=2 * CLIENTS) as bench:
        yield from steps.postgresql(bench, url, CLIENTS, times)
    with negotiating(at.sqlite(), 2, actors=2) as bench:
        yield from steps.sqlite(bench, 4 * times)


def over_http(at: Machine) -> Iterator[str]:
    """The same over HTTP."""
    url = at.postgresql()
    with negotiating(url, 2 * HTTP_CLIENTS, actors=2 * HTTP_CLIENTS) as bench:
        yield from http.step(bench, url, HTTP_CLIENTS, 60 if at.full else 40)


def pgbench(at: Machine) -> Iterator[str]:
    """The floor beside PostgreSQL's own measure, with as many clients."""
    program, url = at.binaries / "pgbench", at.postgresql()
    with negotiating(url, CLIENTS, actors=CLIENTS) as bench:
        floors = [steps.settled_floor(bench, url, unit) for unit in counties(CLIENTS)]
        floor = steps.rate([one.step for one in floors], 300)
        for one in floors:
            one.close()
    plain = at.postgresql().replace("+psycopg", "")
    subprocess.run([str(program), "-i", "-q", plain], check=True, capture_output=True)  # noqa: S603 - our own program
    call = [str(program), "-c", str(CLIENTS), "-j", "2", "-T", "5", "-n", plain]
    told = subprocess.run(call, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own program
    found = re.search(r"tps = ([\d.]+)", told)
    base = float(found[1]) if found else 0.0
    yield (
        f"the floor itself, {CLIENTS} clients, against pgbench (TPC-B, 5 statements): "
        f"{floor / base:.2f} ({floor:,.0f}/s against {base:,.0f}/s)"
    )


def growth(at: Machine) -> Iterator[str]:
    """Long histories, pages, wide parents, whole regions."""
    with negotiating(at.postgresql(), 120, actors=2) as bench:
        yield from large.long_history(bench, 10_000 if at.full else 1_000)
        yield from large.page(bench, 100)
    yield "issuing to children in one act:"
    for children in (750, 1_500, 3_000):
        with negotiating(at.postgresql(), children, actors=0, opened=False) as bench:
            yield from large.wide_issue(bench, children)
    yield "a round over a whole region:"
    for count in (100, 300, 1_000) if at.full else (10, 30, 100):
        url = at.postgresql()
        with negotiating(url, count, villages=699, actors=0, opened=False) as bench:
            yield from large.whole_round(bench)


def then(at: Machine) -> Iterator[str]:
    """A whole board as of an instant, on both databases."""
    yield "a board of an earlier time:"
    for url in (at.postgresql(), at.sqlite()):
        with negotiating(url, 3_000, actors=0, opened=False) as bench:
            for _ in large.wide_issue(bench, 3_000):
                yield from large.board(bench)


def crowd(at: Machine) -> Iterator[str]:
    """Everybody in the last minute."""
    count, url = 3_000 if at.full else 300, at.postgresql()
    with negotiating(url, count, actors=0) as bench:
        bench.lend(counties(count))
        yield from http.crowd(bench, url, count)


def ledger(at: Machine) -> Iterator[str]:
    """What is provable, and what that costs."""
    yield "the whole audit of a database, as `planflow audit`:"
    url = at.postgresql()
    with negotiating(url, CLIENTS, actors=CLIENTS) as bench:
        sizes = (10_000, 40_000, 160_000) if at.full else (1_000, 4_000)
        yield from proving.whole(bench, url, CLIENTS, sizes)
    with negotiating(at.postgresql(), CLIENTS, actors=CLIENTS) as bench:
        yield from proving.step(bench, CLIENTS, 100)
        yield from proving.auditing(bench, 1_000_000 if at.full else 100_000)
    yield from proving.proof(200)


PARTS: dict[str, Callable[[Machine], Iterator[str]]] = {
    "in-process": in_process,
    "pgbench": pgbench,
    "http": over_http,
    "growth": growth,
    "then": then,
    "crowd": crowd,
    "ledger": ledger,
}
HEAD = """\
# Speed / 速度

Measured by `{call}` on {machine}. A ratio compares planflow with a floor that reads
and writes the same rows in the same run; rates are this machine's alone.

在上述机器上由 `{call}` 测得。比值是与读写同样的行的底线程序在同一次运行中相比。

```text
{lines}
```
"""


def main() -> None:
    """Run the parts that were asked for."""
    asked = argparse.ArgumentParser(prog="bench", description=__doc__)
    asked.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    asked.add_argument("--full", action="store_true", help="the sizes of the published page")
    asked.add_argument("--write", type=Path, help="write the page here")
    given = asked.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver: Any = importlib.import_module("pgserver")  # it warns where it has no home

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            os.environ["PLANFLOW_LEDGER_FOLDER"] = str(folder / "ledger")
            server = pgserver.get_server(Path(tempfile.mkdtemp(prefix="planflow-bench-")))
            try:
                binaries = Path(pgserver.__file__).parent / "pginstall" / "bin"
                at = Machine(server.get_uri(), binaries, folder, given.full)
                with psycopg.connect(at.uri) as connection:
                    at.version = str(connection.info.server_version // 10_000)
                lines = list(_told(at, given.parts or list(PARTS)))
            finally:
                server.cleanup()
                shutil.rmtree(server.pgdata, ignore_errors=True)
    if given.write:
        call = "make bench ARGS=--full" if given.full else "make bench"
        given.write.write_text(
            HEAD.format(call=call, machine=_machine(at), lines="\n".join(lines)), "utf-8"
        )


def _told(at: Machine, parts: list[str]) -> Iterator[str]:
    for part in parts:
        for line in PARTS[part](at):
            print(line, flush=True)
            yield line


def _machine(at: Machine) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    size = f"{os.cpu_count()} cores, {memory} GiB"
    return f"{size}, Python {platform.python_version()}, PostgreSQL {at.version}"


if __name__ == "__main__":
    main()
