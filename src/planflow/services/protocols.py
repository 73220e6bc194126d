"""Bundled protocols and their diagrams."""

from planflow.engine.machine import Negotiation, compile_protocol, mermaid
from planflow.protocol import loader
from planflow.services.views import ProtocolItem, ProtocolView


def list_protocols() -> list[ProtocolItem]:
    """All bundled protocols."""
    found = [compile_protocol(text).protocol for text in loader.bundled().values()]
    return [
        ProtocolItem(name=one.name, version=one.version, title=one.title.model_dump())
        for one in found
    ]


def get_protocol(name: str, lang: str) -> ProtocolView:
    """A bundled protocol's definition and state diagram. Raises `Refusal` `not_found`."""
    negotiation = compile_protocol(loader.find(name))
    protocol = negotiation.protocol
    return ProtocolView(
        name=protocol.name,
        version=protocol.version,
        digest=negotiation.digest,
        definition=protocol.model_dump(mode="json"),
        diagram=mermaid(negotiation, lang),
    )


def check_protocol(text: bytes) -> Negotiation:
    """Load and lint a protocol's text. Raises `Refusal` `protocol_invalid` with lines."""
    return Negotiation(loader.load(text), loader.digest(text))
