"""The chain of documents (文号): what one rests on, and what rests on it, in the reader's scope."""

from dataclasses import dataclass, field

from planflow.errors import Finding, Refusal, invalid
from planflow.services import reads, searching, sights
from planflow.services.people import Reader
from planflow.services.review_views import ChainView, DocumentView
from planflow.services.site import Site
from planflow.store import documents
from planflow.store.accesses import Access
from planflow.store.documents import Link, Named
from planflow.store.searches import Search
from planflow.store.transaction import Tx

MOST_DOCUMENTS = 200
NAMED_AT_MOST = 20  # events that name a document; the rest are found by a search


@dataclass(slots=True)
class _Chain:
    """Documents by how far they lie from the one asked for, and the links between them."""

    places: dict[str, int]
    links: set[Link] = field(default_factory=set)
    whole: bool = True

    def follow(self, tx: Tx, cycle: str, scope: Search, start: str, *, up: bool) -> None:
        """Go one way, link by link, until nothing new comes."""
        edge, step = {start}, 0
        while edge:
            step += -1 if up else 1
            found = documents.links(tx, cycle, scope, edge, up=up)
            self.links |= found
            new = {link[0] if up else link[1] for link in found} - self.places.keys()
            room = MOST_DOCUMENTS - len(self.places)
            self.whole = self.whole and len(new) <= room
            edge = set(sorted(new)[:room])
            self.places |= dict.fromkeys(edge, step)


def chain(site: Site, reader: Reader, cycle: str, document_no: str | None) -> ChainView:
    """A document with all that it cites and all that cites it. Raises `Refusal`."""

    def work(tx: Tx) -> tuple[ChainView, list[Access]]:
        seen = sights.of_cycle(site, tx, reader, cycle)
        if not document_no:
            raise invalid(Finding("missing", {"field": "document_no"}, "document_no"))
        scope = Search(seen.scope)
        found = _Chain({document_no: 0})
        found.follow(tx, cycle, scope, document_no, up=False)
        found.follow(tx, cycle, scope, document_no, up=True)
        named = documents.named(tx, cycle, scope, sorted(found.places), NAMED_AT_MOST)
        if document_no not in named:
            raise Refusal("not_found", {"kind": "document", "name": document_no[:100]})
        ordered = sorted(named, key=lambda one: (found.places[one], one))
        links = {link for link in found.links if set(link) <= named.keys()}
        shown = [named[one] for one in ordered]
        view = ChainView(
            cycle=cycle,
            document_no=document_no,
            whole=found.whole,
            documents=[_document(one, named[one], found.places[one], links) for one in ordered],
        )
        paths = {each.id: each.path for one in shown for each in one.first if each.unit}
        asked = {"document_no": document_no}
        return view, reads.of_others(
            "documents", reader, seen.standings, paths.values(), cycle=cycle, asked=asked
        )

    return reads.answered(site, reader.user_id, work, reader.within(cycle))


def _document(number: str, named: Named, distance: int, links: set[Link]) -> DocumentView:
    return DocumentView(
        document_no=number,
        distance=distance,
        cites=sorted(cited for by, cited in links if by == number),
        cited_by=sorted(by for by, cited in links if cited == number),
        carried=named.carried,
        cited=named.cited,
        events=[searching.view(each) for each in named.first],
    )
