"""A small client of the HTTP service, for the demo, the command line and people's own programs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from planflow.connection import Answer, Body, Connection, ProblemError

__all__ = ["Answer", "Body", "Client", "ProblemError"]


@dataclass(frozen=True, slots=True)
class _Act:
    """An act as a method of the client; those on a commitment, correction or paper name it."""

    name: str
    method: str = "POST"
    below: str = "commitments"
    client: "Client | None" = None

    def __get__(self, client: "Client", _: type | None = None) -> "_Act":
        return replace(self, client=client)

    def __call__(
        self,
        cycle: str,
        unit: str,
        body: Body = None,
        *,
        version: int | None = None,
        key: str | None = None,
        commitment: str | None = None,
        about: str | None = None,
    ) -> Answer:
        """Do it: the body as the contract has it, on the version given or seen last.

        `about` is the id of the commitment, correction or paper; `commitment` is the same.
        """
        if self.client is None:
            raise TypeError("an act needs a client")
        subject = about or commitment
        below = (self.below, subject) if subject else ()
        path = ("cycles", cycle, "plans", unit, *below, self.name)
        on = self.client.version(cycle, unit) if version is None else version
        plan = self.client._send(self.method, *path, body=body, version=on, key=key)
        return self.client.seen(plan)


class _Register(Connection):
    """What a site holds beside its cycles: units, and the rules they may negotiate by."""

    def units(self, parent: str | None = None) -> Iterator[Answer]:
        """The units in sight, or the children of one of them."""
        return self._pages("units", parent=parent)

    def unit(self, code: str) -> Answer:
        """One unit."""
        return self._get("units", code)

    def protocols(self) -> Iterator[Answer]:
        """The protocols a cycle may be opened with."""
        return self._pages("protocols")

    def protocol(self, name: str) -> Answer:
        """A protocol: its definition and its state diagram."""
        return self._get("protocols", name)


class _Standing(Connection):
    """Standing in for each other."""

    def delegate(self, body: Body) -> Answer:
        """Let somebody act in one's place at a unit, until a day."""
        return self._send("POST", "delegations", body=body)

    def delegations(self) -> Iterator[Answer]:
        """What one has delegated, what rests on it, and what was delegated to one."""
        return self._pages("delegations")

    def end_delegation(self, delegation: str, body: Body = None) -> Answer:
        """End a delegation before its time."""
        return self._send("POST", "delegations", delegation, "end", body=body)


class _Ledger(Connection):
    """The provable record: what proves itself once it is fetched."""

    def ledger_key(self) -> str:
        """The key that signs all checkpoints, as a vkey."""
        return self._fetch("ledger", "key").text

    def checkpoint(self, log: str | None = None, epoch: int | None = None) -> str:
        """The last signed checkpoint of the site's log, or of a cycle's."""
        return self._fetch("ledger", "checkpoint", log=log, epoch=epoch).text

    def tile(self, path: str, log: str | None = None, epoch: int | None = None) -> bytes:
        """A tile of a log, or a bundle of its leaves."""
        return self._fetch("ledger", "tile", *path.split("/"), log=log, epoch=epoch).content

    def plan_bundle(self, cycle: str, unit: str) -> bytes:
        """A plan's evidence bundle."""
        return self._fetch("cycles", cycle, "plans", unit, "bundle").content

    def round_bundle(self, cycle: str, name: str, unit: str | None = None) -> bytes:
        """A round's evidence bundle, in one's scope or at and below a unit."""
        return self._fetch("cycles", cycle, "rounds", name, "bundle", unit=unit).content

    def proof(self, event: str) -> Answer:
        """An event's receipt; waits a moment where it is not there yet."""
        return self._get("ledger", "events", event, "proof")


class _Review(Connection):
    """What happened in a cycle, looked for and taken along."""

    def events(self, cycle: str, **wanted: str | None) -> Iterator[Answer]:
        """Events by `unit`, `actor`, `round`, `kind`, `from`, `to`, `document_no`, oldest first."""
        return self._pages("cycles", cycle, "events", **wanted)

    def events_file(self, cycle: str, form: str, **wanted: str | None) -> bytes:
        """The same as one file: `csv` or `jsonl`."""
        return self._fetch("cycles", cycle, "events", format=form, **wanted).content

    def access_records(self, **wanted: str | None) -> Iterator[Answer]:
        """Who read what, by `actor`, `cycle`, `unit`, `kind`, `since`, `until`, oldest first."""
        return self._pages("access-records", **wanted)

    def access_records_file(self, form: str, **wanted: str | None) -> bytes:
        """The same as one file: `csv` or `jsonl`."""
        return self._fetch("access-records", format=form, **wanted).content

    def between(self, cycle: str, unit: str, **ends: str) -> Answer:
        """What differs between two times (`from_at`, `to_at`) or events (`from_seq`, `to_seq`)."""
        return self._get("cycles", cycle, "plans", unit, "diff", **ends)

    def documents(self, cycle: str, document_no: str) -> Answer:
        """A document with what it cites and what cites it."""
        return self._get("cycles", cycle, "documents", document_no=document_no)

    def treatment(self, cycle: str, unit: str, name: str) -> Answer:
        """What all units below one asked and were issued in a round."""
        return self._get("cycles", cycle, "plans", unit, "treatment", round=name)


class Client(_Register, _Standing, _Ledger, _Review):
    """One person's way to a planflow service, by a name and a password or by a token.

    An act names the version of the plan that was seen last, or the one given; a plan that has moved
    on since refuses it with `stale_version`: look at it again. Every act carries a key of its own,
    so that one sent again happens once.
    """

    draft = _Act("draft", "PUT")
    submit = _Act("submit")
    withdraw = _Act("withdraw")
    accept = _Act("accept")
    return_ = _Act("return")
    issue = _Act("issue")
    acknowledge = _Act("acknowledge")
    present = _Act("present")
    decide = _Act("decide")
    extend = _Act("extensions")
    promise = _Act("commitments")
    distribute = _Act("distribute")
    fulfil = _Act("fulfil")
    waive = _Act("waive")
    headline = _Act("headline", "PUT")
    correct = _Act("corrections")
    approve = _Act("approve", below="corrections")
    reject = _Act("reject", below="corrections")
    paper = _Act("paper")
    attest = _Act("attest", below="paper")

    def confirm(
        self, cycle: str, unit: str, *, version: int | None = None, key: str | None = None
    ) -> Answer:
        """Let an issue that a colleague proposed take effect."""
        on = self.version(cycle, unit) if version is None else version
        path = ("cycles", cycle, "plans", unit, "issue", "confirm")
        return self.seen(self._send("POST", *path, body=None, version=on, key=key))

    def create_cycle(self, body: Body) -> Answer:
        """Open a cycle."""
        return self._send("POST", "cycles", body=body)

    def cycles(self) -> Iterator[Answer]:
        """The cycles in sight."""
        return self._pages("cycles")

    def drop_cycle(self, cycle: str, body: Body = None) -> Answer:
        """Drop a practice cycle."""
        return self._send("DELETE", "cycles", cycle, body=body)

    def cycle(self, cycle: str, *, as_of: str | None = None) -> Answer:
        """A cycle and the standing of its rounds, now or at a time."""
        return self._get("cycles", cycle, as_of=as_of)

    def change_tree(self, cycle: str, body: Body, *, key: str | None = None) -> Answer:
        """Change the cycle's tree, by a document."""
        return self._send("POST", "cycles", cycle, "tree", body=body, key=key)

    def tree(self, cycle: str, *, as_of: str | None = None) -> Iterator[Answer]:
        """The cycle's tree in sight, now or as it stood at a time."""
        return self._pages("cycles", cycle, "tree", as_of=as_of)

    def open_round(self, cycle: str, name: str, body: Body = None) -> Answer:
        """Open a round."""
        return self._send("POST", "cycles", cycle, "rounds", name, "open", body=body)

    def close_round(self, cycle: str, name: str, body: Body = None) -> Answer:
        """Close a round."""
        return self._send("POST", "cycles", cycle, "rounds", name, "close", body=body)

    def plans(
        self,
        cycle: str,
        *,
        parent: str | None = None,
        state: str | None = None,
        as_of: str | None = None,
        unit: str | None = None,
    ) -> Iterator[Answer]:
        """The plans in sight, now or as they stood at a time; `unit`: at and below it, then."""
        then = {"as_of": as_of, "unit": unit}
        return self._pages("cycles", cycle, "plans", parent=parent, state=state, **then)

    def plan(self, cycle: str, unit: str, *, as_of: str | None = None) -> Answer:
        """A plan now, or as it stood at a time."""
        plan = self._get("cycles", cycle, "plans", unit, as_of=as_of)
        return plan if as_of else self.seen(plan)

    def diff(self, cycle: str, unit: str, before: str, after: str) -> Answer:
        """What differs between two rounds of a plan."""
        query = {"from": before, "to": after}
        return self._get("cycles", cycle, "plans", unit, "diff", **query)

    def history(self, cycle: str, unit: str) -> Iterator[Answer]:
        """What happened to a plan, oldest first."""
        return self._pages("cycles", cycle, "plans", unit, "history")

    def version(self, cycle: str, unit: str) -> int:
        """The version of a plan as it was seen last; looks where it was not."""
        seen = self._versions.get((cycle, unit))
        return int(self.plan(cycle, unit)["version"]) if seen is None else seen

    def seen(self, plan: Answer) -> Answer:
        """Remember the version of a plan."""
        self._versions[plan["cycle"], plan["unit"]] = plan["version"]
        return plan
