"""What a command looks at, from this machine's database or over HTTP: the same answers either way."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from planflow.cli.desk import Desk
from planflow.cli.entering import looking
from planflow.cli.review import all_pages, moment
from planflow.errors import Refusal

if TYPE_CHECKING:
    from planflow.client import Client
    from planflow.services.between import End
    from planflow.services.people import Reader
    from planflow.services.site import Site

Answer = dict[str, Any]
Ends = Mapping[str, str]  # `from` and `to`, or `from_at`, `from_seq`, `to_at`, `to_seq`


class Sight(Protocol):
    """One cycle as one person sees it, now or, with `as_of`, then."""

    def cycle(self, as_of: str | None) -> Answer:
        """Its terms and the standing of its rounds."""

    def protocol(self, name: str) -> Answer:
        """A protocol."""

    def plan(self, unit: str, as_of: str | None) -> Answer:
        """A unit's plan."""

    def plans(self, as_of: str | None, **part: str | None) -> list[Answer]:
        """Plans: children of a `parent`, those at and below a `unit`, those in a `state`."""

    def diff(self, unit: str, ends: Ends) -> Answer:
        """What differs in a plan between two rounds, times or events."""

    def treatment(self, unit: str, name: str) -> Answer:
        """What all units below one asked and were issued in a round."""

    def documents(self, number: str) -> Answer:
        """A document with what it cites and what cites it."""


@contextmanager
def sight(
    desk: Desk, unit: str, cycle: str | None, name: str | None, url: str | None, token: str | None
) -> Iterator[Sight]:
    """A cycle of a unit, from wherever the options say. Raises `Refusal` where one is missing."""
    if not url:
        with looking(desk, cycle, name, unit) as (site, reader, seen):
            yield _Here(site, reader, seen)
        return
    from planflow.client import Client

    if not cycle:
        raise Refusal("cycle_needed")
    if not token:
        raise Refusal("token_needed")
    with Client(url, token=token, lang=desk.lang) as client:
        yield _There(client, cycle)


class _There:
    """Over HTTP."""

    def __init__(self, client: "Client", cycle: str) -> None:
        self._client, self._cycle = client, cycle

    def cycle(self, as_of: str | None) -> Answer:
        return self._client.cycle(self._cycle, as_of=as_of)

    def protocol(self, name: str) -> Answer:
        return self._client.protocol(name)

    def plan(self, unit: str, as_of: str | None) -> Answer:
        return self._client.plan(self._cycle, unit, as_of=as_of)

    def plans(self, as_of: str | None, **part: str | None) -> list[Answer]:
        return list(self._client.plans(self._cycle, as_of=as_of, **part))

    def diff(self, unit: str, ends: Ends) -> Answer:
        return self._client.between(self._cycle, unit, **ends)

    def treatment(self, unit: str, name: str) -> Answer:
        return self._client.treatment(self._cycle, unit, name)

    def documents(self, number: str) -> Answer:
        return self._client.documents(self._cycle, number)


class _Here:
    """This machine's database."""

    def __init__(self, site: "Site", reader: "Reader", cycle: str) -> None:
        self._site, self._reader, self._cycle = site, reader, cycle

    def cycle(self, as_of: str | None) -> Answer:
        from planflow.services import boards, cycles

        at = moment("as_of", as_of)
        if at is None:
            return _told(cycles.get_cycle(self._site, self._reader, self._cycle))
        return _told(boards.cycle_then(self._site, self._reader, self._cycle, at))

    def protocol(self, name: str) -> Answer:
        from planflow.services import protocols

        return _told(protocols.get_protocol(self._site.protocols, name, self._reader.lang))

    def plan(self, unit: str, as_of: str | None) -> Answer:
        from planflow.services import plans

        at = moment("as_of", as_of)
        return _told(plans.get_plan(self._site, self._reader, self._cycle, unit, at))

    def plans(self, as_of: str | None, **part: str | None) -> list[Answer]:
        from planflow.services import boards, plans
        from planflow.services.boards import Part

        own, at = Part(**part), moment("as_of", as_of)
        around = (self._site, self._reader, self._cycle)

        def page(cursor: str | None) -> Any:
            if at is not None:
                return boards.list_then(*around, at, own, cursor)
            return plans.list_plans(*around, own.parent, own.state, cursor, unit=own.unit)

        return list(all_pages(page))

    def diff(self, unit: str, ends: Ends) -> Answer:
        from planflow.services import plans
        from planflow.services.between import between

        around = (self._site, self._reader, self._cycle, unit)
        if "from" in ends:
            return _told(plans.diff(*around, ends["from"], ends["to"]))
        return _told(between(*around, _end("from", ends), _end("to", ends)))

    def treatment(self, unit: str, name: str) -> Answer:
        from planflow.services.treating import treatments

        return _told(treatments(self._site, self._reader, self._cycle, unit, name))

    def documents(self, number: str) -> Answer:
        from planflow.services.citing import chain

        return _told(chain(self._site, self._reader, self._cycle, number))


def _told(view: Any) -> Answer:
    told: Answer = view.model_dump(mode="json", by_alias=True)
    return told


def _end(side: str, ends: Ends) -> "End":
    from planflow.services.between import End

    if f"{side}_seq" in ends:
        return End(f"{side}_seq", seq=int(ends[f"{side}_seq"]))
    return End(f"{side}_at", moment(side, ends[f"{side}_at"]))
