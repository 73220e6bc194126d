"""`planflow demo`: the case replayed, with progress on the way and the result as tables."""

import signal
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from planflow.cli import tables
from planflow.cli.desk import Desk, of, read_file
from planflow.cli.titles import Titles
from planflow.messages import sentence, title

if TYPE_CHECKING:
    from planflow.demo.case import Case
    from planflow.demo.replay import Outcome, Step
    from planflow.demo.staging import Stage, User

_DOT = " · "


def demo(
    context: typer.Context,
    leave: Annotated[bool, typer.Option("--exit")] = False,
    case_file: Annotated[str | None, typer.Option("--case", metavar="FILE")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535)] = 0,
    database_url: Annotated[str | None, typer.Option(metavar="URL")] = None,
) -> None:
    """Play, print, and go on serving."""
    from planflow.demo.case import carried, read
    from planflow.demo.replay import Company, Replay
    from planflow.demo.staging import staged

    desk = of(context)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order, as by Ctrl-C
    case = read(read_file(case_file) if case_file else carried())
    teller = Teller(desk, case)
    teller.start()
    with staged(case, desk.lang, port, database_url) as stage:
        teller.line("", teller.word("started", url=stage.server.url))
        with Company(stage, case.cycle) as people:
            outcome = Replay(case, people, teller.step).play()
        teller.result(outcome)
        if desk.as_json:
            desk.put("", _plain(outcome, stage, case))
        if not leave:
            teller.invite(stage)
            _wait(stage)
            teller.line("", teller.word("stopped"))


class Teller:
    """What the demonstration shows."""

    def __init__(self, desk: Desk, case: "Case") -> None:
        from planflow.demo.replay import PROTOCOL
        from planflow.protocol.loader import bundled
        from planflow.services.protocols import get_protocol

        self._desk = desk
        self._case = case
        self._shown = ""
        # Where data is wanted, standard output holds nothing else.
        self._console = desk.console(aside=desk.as_json)
        marks = {name: self.word(mark) for name, mark in case.marks().items()}
        protocol = get_protocol(bundled(), PROTOCOL, desk.lang).model_dump(mode="json")
        idle = [{"unit": one.code} for one in case.idle]
        cycle = {"id": case.cycle, "root": case.region.code, "no_task": idle}
        self._titles = Titles(desk, cycle, protocol, marks)
        self._width = max(cell_len(self._titles.round(one.round)) for one in case.rounds)

    def word(self, code: str, **params: Any) -> str:
        """A word of the demonstration."""
        return sentence(f"demo.{code}", params, self._desk.lang)

    def start(self) -> None:
        """Say what is played, and where its figures are from."""
        self._console.print(Text(self._case.title, style="bold"))
        self._console.print(Text(self.word("source", source=self._case.source), style="dim"))
        self._console.print()
        self.line("", self.word("preparing"))

    def step(self, step: "Step") -> None:
        """Show one step of the negotiation on a line."""
        params = dict(step.params)
        indicator = params.get("indicator")
        if indicator:
            params["indicator"] = self._titles.indicator(indicator)
        figures = [self._titles.with_unit(name, n) for name, n in step.figures.items()]
        text = Text.assemble(self.word(step.code, **params))
        figures += step.reached
        if figures:
            text.append(f"  {_DOT.join(figures)}", "bold")
        if step.mark:
            text.append(f"  {self.word(step.mark)}", "italic yellow")
        fresh = step.round != self._shown
        self._shown = step.round
        self.line(self._titles.round(step.round) if fresh else "", text)

    def line(self, head: str, text: str | Text) -> None:
        """Print a line that keeps clear of the column of rounds."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=self._width, style="bold cyan")
        grid.add_column()
        grid.add_row(head, text)
        self._console.print(grid)

    def result(self, outcome: "Outcome") -> None:
        """Show what stands in the end, as it was read back."""
        titles, city, counties = self._titles, outcome.city, outcome.counties
        below = tables.below(titles, counties, outcome.region)
        below.caption = self.word("county_note")
        figures = []
        for name in titles.among(city["headline"]):
            amount = titles.with_unit(name, city["headline"][name]["value"])
            figures.append(f"{titles.indicator(name)} {titles.goal(name, counties) or amount}")
        for part in (tables.rounds(titles, city, counties), below):
            self._console.print()
            self._console.print(part)
        self._console.print()
        text = self.word("result", figures=_DOT.join(figures))
        self._console.print(Text(text, style="bold green"))

    def invite(self, stage: "Stage") -> None:
        """Say how to go on by oneself."""
        url, show = stage.server.url, self._console.print
        show()
        show(Text(self.word("addresses", url=url)))
        show()
        show(Text(self.word("logins", password=stage.password)))
        show(Padding(self._users(stage.users), (0, 0, 0, 2)))
        show()
        form = f"username={stage.users[0].name}&password={stage.password}"
        show(Text(self.word("example")))
        show(Text(f"  curl -d '{form}' {url}/api/v1/auth/token"), soft_wrap=True)
        show()
        show(Text(self.word("going_on"), style="bold"))

    def _users(self, users: tuple["User", ...]) -> Table:
        places = [self._case.region, self._case.city, *self._case.counties]
        names = {one.code: one.name for one in places}
        grid = Table.grid(padding=(0, 2))
        for user in users:
            role = title(user.role, self._desk.lang, "role")
            grid.add_row(Text(user.name, style="cyan"), names[user.unit], role)
        return grid


def _wait(stage: "Stage") -> None:
    """Go on until Ctrl-C, or until the server ends by itself."""
    try:
        while True:
            stage.server.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


def _plain(outcome: "Outcome", stage: "Stage", case: "Case") -> dict[str, Any]:
    users = [asdict(user) for user in stage.users]
    found: dict[str, Any] = {"case": case.id, "marks": case.marks(), "counties_mark": "made_up"}
    found |= {"plan": outcome.city, "counties": outcome.counties, "cycle": outcome.cycle}
    found |= {"issued_here": outcome.region["figures"]}
    return found | {"url": stage.server.url, "users": users, "password": stage.password}
