"""Evidence bundles: a plan or a round with the proofs of its events, to be checked offline (F10).

A reader's own part is shown whole. Of events beyond it that theirs rest on, the leaf and what is
addressed to their units; the other values are withheld, and their digests stand for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from planflow.access.scope import Scope
from planflow.domain.events import cycle_stream, plan_stream
from planflow.errors import Finding, Refusal, invalid
from planflow.exchange import bundle
from planflow.ledger import evidence as proofs_of
from planflow.ledger.chain import Stored, fields_of
from planflow.ledger.evidence import Evidence, Proven, Run, Value
from planflow.ledger.leaf import SINGLE, Entry
from planflow.ledger.note import encode
from planflow.ledger.proofs import inclusion
from planflow.services import keys, reads, sights
from planflow.services.addressing import PUBLISHED, unit_of
from planflow.services.people import Reader
from planflow.services.site import Site
from planflow.store import evidence, ledger
from planflow.store.accesses import Access
from planflow.store.seats import CycleHead
from planflow.store.transaction import Tx

MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Sight:
    """A cycle as a reader sees it, and what the bundle shows whole."""

    head: CycleHead
    scope: Scope
    codes: frozenset[str]
    events: frozenset[str]

    @property
    def whole(self) -> bool:
        """Whether the reader sees the root, and so every unit."""
        return self.scope.has(self.head.state.root)

    def shows(self, entry: Entry, *, of_cycle: bool) -> bool:
        """Whether an entry of an event beyond the reader's plans is theirs to see."""
        if entry.value is None or self.whole:
            return entry.value is not None
        if of_cycle and entry.number == SINGLE:
            return True
        told = orjson.loads(entry.value)
        if not isinstance(told, dict):
            return False
        return told.get("unit") in self.codes or told.get("event") in self.events


def plan_bundle(site: Site, reader: Reader, cycle: str, unit: str) -> bytes:
    """One plan from its first event to its last. Raises `Refusal`: `not_found`, `receipt_pending`,
    `too_large`.
    """

    def work(tx: Tx) -> tuple[bytes, list[Access]]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        place = sights.place(site, tx, seen, unit)
        own = evidence.of_stream(tx, plan_stream(cycle, place.id), MOST_EVENTS + 1)
        sight = Sight(seen.head, seen.scope, frozenset({unit}), frozenset(own))
        made, paths = _bundle(site, tx, sight, own)
        shown = reads.of_others("bundle", reader, seen.standings, paths, cycle=cycle, unit=place)
        return made, shown

    return reads.answered(site, reader.user_id, work, reader.within(cycle))


def round_bundle(site: Site, reader: Reader, cycle: str, name: str, unit: str | None) -> bytes:
    """A round in the reader's scope, or at and below a unit in it. Raises the same."""

    def work(tx: Tx) -> tuple[bytes, list[Access]]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        about = sights.place(site, tx, seen, unit) if unit else None
        scope = Scope((about.path,)) if about else seen.scope
        rounds = seen.head.negotiation.protocol.rounds_by_name
        if name not in rounds:
            known = ", ".join(rounds)
            raise invalid(Finding("unknown_round", {"round": name[:64], "known": known}, "round"))
        own = evidence.of_round(tx, cycle, scope, name, MOST_EVENTS + 1)
        codes = frozenset(path.rpartition("/")[2] for path in scope.paths)
        sight = Sight(seen.head, seen.scope, codes, frozenset(own))
        made, paths = _bundle(site, tx, sight, own)
        asked = {"round": name}
        return made, reads.of_others(
            "bundle", reader, seen.standings, paths, cycle=cycle, unit=about, asked=asked
        )

    return reads.answered(site, reader.user_id, work, reader.within(cycle))


def _bundle(site: Site, tx: Tx, sight: Sight, own: list[str]) -> tuple[bytes, list[str]]:
    """The file, and the place of the plan of each event that it shows whole."""
    cycle = sight.head.state.id
    ids = [*own, *evidence.of_stream(tx, cycle_stream(cycle), MOST_EVENTS + 1)]
    found = {one.id: one for one in evidence.events(tx, ids)}
    cited = _cited(found[one] for one in own if one in found)
    found |= {one.id: one for one in evidence.events(tx, [*cited - found.keys()], cited=True)}
    if len(found) > MOST_EVENTS:
        raise Refusal("too_large", {"limit": MOST_EVENTS})
    streams = {one.stream for one in found.values()} - {cycle_stream(cycle)}
    paths = evidence.paths(tx, cycle, streams)
    readable = {one for one, path in paths.items() if sight.scope.has(path)}
    entries = [one for each in found.values() if each.stream in readable for one in each.entries]
    named = {code for one in entries if (code := _unit_of(one))}
    beyond = sights.beyond(tx, sight.head, sight.scope, named)
    places, notes = evidence.standings(tx, list(found))
    if found.keys() - places.keys():
        raise Refusal("receipt_pending")
    trees = list(notes)
    nodes = [ledger.nodes(tx, tree, evidence.size_of(notes[tree])) for tree in trees]

    def proven(one: Stored) -> Proven:
        place = places[one.id]
        at = trees.index(place.tree)
        proof = inclusion(place.position, nodes[at].size, nodes[at])
        return Proven(
            leaf=one.leaf.decode(),
            chain=one.chain.hex(),
            tree=at,
            position=place.position,
            proof=[encode(step) for step in proof],
            values=[_value(sight, one, entry, readable, beyond) for entry in one.entries],
        )

    content = Evidence(
        format="planflow-bundle/1",
        key=str(keys.signer(site).key),
        trees=[notes[tree] for tree in trees],
        runs=[
            Run(
                stream=run[0].stream,
                before=evidence.before(tx, run[0].stream, run[0].seq).hex(),
                events=[proven(one) for one in run],
            )
            for run in _runs(found.values(), cycle_stream(cycle))
        ],
    )
    text = evidence.protocol_text(tx, sight.head.negotiation.digest)
    shown = [paths[one.stream] for one in found.values() if one.stream in readable]
    return bundle.pack(proofs_of.written(content), text.encode()), shown


def _cited(events: Iterable[Stored]) -> set[str]:
    return {cited for one in events for cited in (fields_of(one.leaf) or {"cites": []})["cites"]}


def _unit_of(entry: Entry) -> str:
    """The unit that an entry of a reader's plan is about, where it is not published (N5)."""
    if entry.number == SINGLE or entry.value is None or entry.part in PUBLISHED:
        return ""
    return unit_of(orjson.loads(entry.value))


def _value(
    sight: Sight, event: Stored, entry: Entry, readable: set[str], beyond: frozenset[str]
) -> Value:
    of_cycle = event.stream == cycle_stream(sight.head.state.id)
    mine = event.stream in readable and _unit_of(entry) not in beyond
    shown = mine or sight.shows(entry, of_cycle=of_cycle)
    if not shown or entry.salt is None or entry.value is None:
        return Value(part=entry.part, number=entry.number, digest=entry.digest.hex())
    salt, value = entry.salt.hex(), entry.value.decode()
    return Value(part=entry.part, number=entry.number, salt=salt, value=value)


def _runs(events: Iterable[Stored], first: str) -> list[Sequence[Stored]]:
    """Events of one stream that follow each other; the cycle's own come first."""
    runs: list[list[Stored]] = []
    for one in sorted(events, key=lambda one: (one.stream != first, one.stream, one.seq)):
        last = runs[-1][-1] if runs else None
        if last and (last.stream, last.seq + 1) == (one.stream, one.seq):
            runs[-1].append(one)
        else:
            runs.append([one])
    return list(runs)
