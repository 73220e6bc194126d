"""The case's rounds, played over HTTP by the users of its units, each with an own token."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from planflow.client import Answer, Body, Client
from planflow.demo import numbers
from planflow.demo.case import GOAL, MADE_UP, NOTE, Case, Played, Promised
from planflow.demo.numbers import Figures, Shares
from planflow.demo.staging import AUDITOR, CITY, CITY_PLANNER, COUNTY_LEVEL, REGION, Stage, county

PROTOCOL = "exit-plan"
# Why an issued number is not the one reported, and why a number is adjusted: codes of the protocol.
BALANCE, NOT_MET = "overall_balance", "criteria_not_met"
SPREADING = ("issue", "distribute", "fulfil")  # acts that write in the plans below, too
PROMISED = {"indicator", "from_", "to", "settle_in"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step done: a code of the catalogue's section `demo`, the round, and what to tell.

    `mark` says why its numbers are none that were published, `made_up` or `foreseen`; `reached` are
    the units that reach the goal.
    """

    code: str
    round: str
    figures: Mapping[str, int] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""
    reached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands in the end, read back over HTTP by the auditor."""

    cycle: Answer
    protocol: Answer
    region: Answer
    city: Answer
    counties: list[Answer]


class Company:
    """Everybody who takes part, each signed in; the end of the `with` block lets them go."""

    def __init__(self, stage: Stage, cycle: str) -> None:
        self._cycle = cycle
        self._open = ExitStack()
        self._people = {user.name: self._sign_in(stage, user.name) for user in stage.users}
        self._versions: dict[str, int] = {}

    def _sign_in(self, stage: Stage, name: str) -> Client:
        url, password = stage.server.url, stage.password
        client = Client(url, username=name, password=password, lang=stage.lang)
        return self._open.enter_context(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __getitem__(self, name: str) -> Client:
        return self._people[name]

    def plan(self, code: str) -> Answer:
        """A plan as the auditor sees it."""
        return self._people[AUDITOR].plan(self._cycle, code)

    def act(
        self, who: str, unit: str, name: str, body: Body = None, commitment: str | None = None
    ) -> Answer:
        """Act on a plan as it stands now, whoever acted on it last."""
        version = self._versions.get(unit)
        if version is None:
            version = self.plan(unit)["version"]
        act = getattr(self._people[who], name)
        answer: Answer = act(self._cycle, unit, body, commitment=commitment, version=version)
        if name in SPREADING:
            self._versions.clear()
        self._versions[unit] = answer["version"]
        return answer


class Replay:
    """One run of a case."""

    def __init__(self, case: Case, people: Company, tell: Callable[[Step], None]) -> None:
        self._case = case
        self._people = people
        self._act = people.act
        self._tell = tell
        self._protocol: Answer = {}
        self._marks = case.marks()
        self._promises: list[tuple[Promised, str]] = []  # with the commitment's id

    def play(self) -> Outcome:
        """Play all rounds and read the result back. Raises `ProblemError` where one is refused."""
        case, region = self._case, self._people[REGION]
        idle = [{"unit": one.code, "reason": one.why} for one in case.idle]
        terms = {"id": case.cycle, "protocol": PROTOCOL, "year": case.year, "no_task": idle}
        region.create_cycle({**terms, "root": case.region.code, "leaf_level": COUNTY_LEVEL})
        self._protocol = region.protocol(PROTOCOL)
        acts = {"up": self._up, "down": self._down, "adjust": self._adjust}
        for place, one in enumerate(case.rounds):
            region.open_round(case.cycle, one.round)
            acts[one.direction](place, one)
            region.close_round(case.cycle, one.round)
        return self._read()

    # Up

    def _up(self, place: int, one: Played) -> None:
        figures = numbers.reported(self._case, place)
        self._report(one, numbers.shares(self._case, one, figures), figures)

    def _report(self, one: Played, shares: Shares, figures: Figures) -> None:
        """Counties report, the city accepts, sums up and reports, the region accepts."""
        for code, own in shares.items():
            self._hand_in(county(code), code, own, one)
            self._act(CITY, code, "accept")
        self._tell(Step("reported", one.round, {}, {"count": len(shares)}, MADE_UP))
        self._hand_in(CITY_PLANNER, self._case.city.code, figures, one)
        self._act(REGION, self._case.city.code, "accept")
        self._say("summed_up", one, figures)

    def _hand_in(self, who: str, unit: str, figures: Figures, one: Played) -> None:
        body: dict[str, Any] = {"figures": figures}
        if one.direction == "adjust":
            body["reasons"] = dict.fromkeys(figures, NOT_MET)
        self._act(who, unit, "draft", body)
        made_up = unit != self._case.city.code or one.figures is None
        self._act(who, unit, "submit", {"note": NOTE} if made_up else None)

    # Down

    def _down(self, _: int, one: Played) -> None:
        """The region issues, the city signs and splits, the counties sign."""
        region, city, figures = self._case.region.code, self._case.city.code, one.total
        body = {"allocations": [self._allocation(one, city, figures)], "total": figures}
        if one.issued_on:
            body["dated"] = one.issued_on.isoformat()
        self._act(REGION, region, "issue", body)
        self._act(CITY, city, "acknowledge")
        self._say("issued", one, figures)
        shares = numbers.shares(self._case, one, figures)
        split = [self._allocation(one, code, own) for code, own in shares.items()]
        self._act(CITY, city, "issue", {"allocations": split, "reason": NOTE})
        for code in shares:
            self._act(county(code), code, "acknowledge")
        self._tell(Step("split", one.round, {}, {"count": len(shares)}, MADE_UP))
        if one.commitment:
            self._promise(one, one.commitment)

    def _allocation(self, one: Played, code: str, figures: Figures) -> dict[str, Any]:
        """A unit's figures, with a reason where the protocol asks for one against another round."""
        rounds = {each["name"]: each for each in self._protocol["definition"]["rounds"]}
        against = rounds.get(one.round, {}).get("reason_against")
        asked = self._people.plan(code)["figures"].get(against, {})
        differs = [name for name, n in figures.items() if asked.get(name, n) != n]
        return {"unit": code, "figures": figures, "reasons": dict.fromkeys(differs, BALANCE)}

    # Commitments

    def _promise(self, one: Played, promised: Promised) -> None:
        """The region promises another figure; the city passes the change on to its counties."""
        city = self._case.city.code
        terms = promised.model_dump(by_alias=True, include=PROMISED)
        terms |= {"funded": promised.funded, "reason": promised.text}
        plan = self._act(REGION, city, "promise", terms)
        [made] = [each["id"] for each in plan["commitments"] if each["status"] == "open"]
        self._promises.append((promised, made))
        told = {"from": promised.from_, "to": promised.to, "indicator": promised.indicator}
        self._tell(Step("funded" if promised.funded else "promised", one.round, {}, told))
        has = {code: figures.get(promised.indicator, 0) for code, figures in self._bases().items()}
        parts = numbers.passed_on(has, promised.to - promised.from_)
        split = [{"unit": code, "amount": part} for code, part in parts.items() if part]
        self._act(CITY, city, "distribute", {"allocations": split}, made)
        told = {"count": len(split), "amount": promised.to - promised.from_}
        self._tell(Step("passed_on", one.round, {}, told, MADE_UP))

    def _adjust(self, _: int, one: Played) -> None:
        """Settle what was promised; move to other figures only where such were published."""
        for promised, made in self._promises:
            if promised.settle_in == one.round:
                self._act(REGION, self._case.city.code, "fulfil", None, made)
                told = {"to": promised.to, "indicator": promised.indicator}
                self._tell(Step("fulfilled", one.round, {}, told, self._marks.get(one.round, "")))
        if one.figures is not None:
            changes = numbers.moved(self._bases(), one.figures)
            self._report(one, {code: own for code, own in changes.items() if own}, one.figures)

    # Everything

    def _bases(self) -> dict[str, Figures]:
        """What binds each county now."""
        return {
            one.code: {
                name: n["value"] for name, n in self._people.plan(one.code)["headline"].items()
            }
            for one in self._case.counties
        }

    def _say(self, code: str, one: Played, figures: Figures) -> None:
        names = {"region": self._case.region.name, "city": self._case.city.name}
        counted = {name: n for name, n in figures.items() if name != GOAL}
        reached = tuple(each.name for each in self._case.counties if each.code in one.reached)
        self._tell(Step(code, one.round, counted, names, self._marks.get(one.round, ""), reached))

    def _read(self) -> Outcome:
        cycle, auditor = self._case.cycle, self._people[AUDITOR]
        return Outcome(
            cycle=auditor.cycle(cycle),
            protocol=auditor.protocol(PROTOCOL),
            region=self._people.plan(self._case.region.code),
            city=self._people.plan(self._case.city.code),
            counties=list(auditor.plans(cycle, parent=self._case.city.code)),
        )
