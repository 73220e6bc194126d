"""The protocols of a site and their diagrams."""

from collections.abc import Mapping

from planflow.engine.machine import Negotiation, compile_protocol, mermaid
from planflow.errors import Refusal
from planflow.protocol import loader
from planflow.services.views import ProtocolItem, ProtocolView


def list_protocols(texts: Mapping[str, str]) -> list[ProtocolItem]:
    """Some protocols by name, version and title; those of a site are what a cycle may run."""
    found = [compile_protocol(text).protocol for text in texts.values()]
    return [
        ProtocolItem(name=one.name, version=one.version, title=one.title.model_dump())
        for one in found
    ]


def get_protocol(texts: Mapping[str, str], name: str, lang: str) -> ProtocolView:
    """The definition and state diagram of one of some protocols. Raises `Refusal` `not_found`."""
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


def check_protocol(text: bytes) -> Negotiation:
    """Load and lint a protocol's text. Raises `Refusal` `protocol_invalid` with lines."""
    return Negotiation(loader.load(text), loader.digest(text))
