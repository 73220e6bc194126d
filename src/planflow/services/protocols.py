"""The protocols of a site and their diagrams."""

from collections.abc import Mapping

from planflow.config import Settings
from planflow.engine.machine import Negotiation, compile_protocol, mermaid
from planflow.errors import Refusal
from planflow.protocol import loader
from planflow.protocol.shelf import shelf
from planflow.services.site import Site
from planflow.services.views import ProtocolItem, ProtocolView


def list_protocols(site: Site) -> list[ProtocolItem]:
    """All protocols that a cycle may be opened with."""
    found = [compile_protocol(text).protocol for text in site.protocols.values()]
    return [
        ProtocolItem(name=one.name, version=one.version, title=one.title.model_dump())
        for one in found
    ]


def get_protocol(site: Site, name: str, lang: str) -> ProtocolView:
    """A protocol's definition and state diagram. Raises `Refusal` `not_found`."""
    return _view(site.protocols, name, lang)


def draw_protocol(settings: Settings, name: str, lang: str) -> str:
    """A protocol's state diagram, without a database. Raises `Refusal` `not_found` or `Fault`."""
    return _view(shelf(settings.protocols), name, lang).diagram


def check_protocol(text: bytes) -> Negotiation:
    """Load and lint a protocol's text. Raises `Refusal` `protocol_invalid` with lines."""
    return Negotiation(loader.load(text), loader.digest(text))


def _view(texts: Mapping[str, str], name: str, lang: str) -> ProtocolView:
    if name not in texts:
        raise Refusal("not_found", {"kind": "protocol", "name": name})
    negotiation = compile_protocol(texts[name])
    protocol = negotiation.protocol
    return ProtocolView(
        name=protocol.name,
        version=protocol.version,
        digest=negotiation.digest,
        definition=protocol.model_dump(mode="json"),
        diagram=mermaid(negotiation, lang),
    )
